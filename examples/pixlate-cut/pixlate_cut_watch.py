"""A viewer that measures what the losses of CUT alone do not show."""

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from pixlate.plugins import hookimpl

if TYPE_CHECKING:
    from pixlate.plugins import Progress, Run
    from torch import Tensor

FILE = "cut_watch.jsonl"
COPY = 2 / 255  # a smaller mean difference, as a share of the range, is a copy


class CutWatch:
    """Writes two measures to cut_watch.jsonl in the run's folder, and warns once if G copies its input.

    - confusion: exp(NCE / lambda_NCE), the perplexity of the patch classification. At 1 every patch is recognised; at
      `--num_patches` they are guessed: the output has lost the input's content.
    - change: the mean absolute difference of fake_B and real_A, as a share of the range. At 0 the output is a copy:
      the patch loss is minimal and nothing is translated.
    """

    def __init__(self) -> None:
        self._change = math.inf
        self._warned = False

    @hookimpl
    def run_started(self, run: "Run") -> None:
        """Open the log at once, so that every saved state records its length."""
        if _is_cut(run):
            run.open_log(FILE)

    @hookimpl
    def losses_logged(self, run: "Run", progress: "Progress", losses: Mapping[str, float]) -> None:
        """Write the confusion."""
        weight = run.options.get("lambda_NCE", 0)
        if _is_cut(run) and weight and math.isfinite(losses["NCE"]):
            _write(run, progress, confusion=round(math.exp(losses["NCE"] / weight), 3))

    @hookimpl
    def images_shown(self, run: "Run", progress: "Progress", images: Mapping[str, "Tensor"]) -> None:
        """Write the change."""
        if _is_cut(run):
            self._change = float((images["fake_B"] - images["real_A"]).abs().mean()) / 2
            _write(run, progress, change=round(self._change, 5))

    @hookimpl
    def epoch_ended(self, run: "Run", progress: "Progress") -> None:
        """Warn of a copy, once per process."""
        if self._change < COPY and not self._warned:
            self._warned = True
            click.echo(
                f"warning: in epoch {progress.epoch} the generator copies its input (fake_B differs from real_A by "
                f"{self._change:.2%} of the range): a smaller --lambda_NCE lets it change more",
                err=True,
            )


def _is_cut(run: "Run") -> bool:
    return run.options.get("model") in ("cut", "fastcut")


def _write(run: "Run", progress: "Progress", **measure: Any) -> None:
    run.open_log(FILE).write(json.dumps({"epoch": progress.epoch, "images": progress.images, **measure}))
