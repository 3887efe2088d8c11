"""Galleries for tests, with images that tell what they are of."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from pixlate.runs.results.gallery import Gallery
from pixlate.runs.results.result_page import ResultPage

#: Grey levels in [-1, 1] by label, which tell the images of a comparison apart.
LEVELS = {"real_A": -0.5, "fake_B": 0.0, "real_B": 0.5}


def write_gallery(
    folder: Path,
    results: Mapping[str, Mapping[str, float]] | Iterable[str],
    *,
    labels: Mapping[str, float] = LEVELS,
    size: tuple[int, int] = (16, 16),
    worst_first: str = "",
    higher_is_better: Mapping[str, bool] | None = None,
    width: int = 256,
) -> Path:
    """Write a gallery; returns its page.

    - results: the metrics of each input by its path, or paths alone.
    - size: height and width of images; worst_first: the metric that orders them.
    """
    measured = results if isinstance(results, Mapping) else {path: {} for path in results}
    better = {"ssim": True, "l1": False} if higher_is_better is None else higher_is_better
    content = ResultPage("Experiment = a, Phase = test, Epoch = latest", higher_is_better=better, width=width)
    with Gallery(folder, content) as gallery:
        for path, metrics in measured.items():
            gallery.add(path, {label: torch.full((3, *size), level) for label, level in labels.items()}, metrics)
        if worst_first:
            gallery.sort(worst_first)
    return gallery.page
