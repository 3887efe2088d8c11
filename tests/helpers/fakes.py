"""A run without a training, whose events tests send to viewers by themselves."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import pixlate
from pixlate.plugins.run import Progress
from pixlate.runs.logs import RunLogs
from pixlate.runs.run import Run

LABELS = ("real_A", "fake_B", "real_B")


class DrivenRun(Run):
    """A run whose position is set by hand, and which closes its logs by itself."""

    def moved(self, progress: Progress) -> None:
        """Set the position."""
        self.progress = progress

    def log_sizes(self) -> dict[str, int]:
        """The log sizes that a state saved now would hold."""
        return self.logs.sizes()

    def close(self) -> None:
        """Close the logs."""
        self.logs.close()

    def __del__(self) -> None:
        self.close()


def make_run(
    folder: Path,
    *,
    name: str = "facades_pix2pix",
    epochs: int = 3,
    epoch_size: int = 400,
    start: Progress | None = None,
    logs: Mapping[str, int] | None = None,
    **options: Any,
) -> DrivenRun:
    """A run that is about to start, or to be resumed from a state with these log sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    return DrivenRun(
        name,
        folder,
        {"model": "pix2pix", **options},
        model=pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=1, ndf=1),
        logs=RunLogs(folder, logs),
        start=start or Progress(),
        n_epochs=epochs,
        epoch_size=epoch_size,
    )


def progress(epoch: int, epoch_images: int, epoch_size: int = 400) -> Progress:
    """A position in such a run, at batch size 1."""
    images = (epoch - 1) * epoch_size + epoch_images
    return Progress(epoch, epoch_images, images, images)


def images_by_label(*labels: str, size: int = 16, value: float = 0.0) -> dict[str, Tensor]:
    """Images of one colour by label, as a model shows them."""
    return {label: torch.full((1, 3, size, size), value) for label in labels or LABELS}


def eventually(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until a function returns a true value; returns that."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value
