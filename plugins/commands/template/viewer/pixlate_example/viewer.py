"""The viewer."""

from collections.abc import Sequence

from pixlate.plugins import Progress, Run, Sample, hookimpl

from . import ExampleOptions


class ExampleViewer:
    """Reports the mean absolute error of held-out pairs, from 0 to 1, and saves the best state under "best"."""

    def __init__(self, config: ExampleOptions) -> None:
        self.config = config
        self.best: tuple[float, int] | None = None  # the smallest error, and its epoch

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Called at every display with a few translated held-out images."""
        pairs = [sample.images for sample in samples if {"fake_B", "real_B"} <= sample.images.keys()]
        if not pairs:
            return
        error = sum(float((pair["fake_B"] - pair["real_B"]).abs().mean()) for pair in pairs) / len(pairs) / 2
        run.report({"error": error})
        if self.best is None or error < self.best[0]:
            self.best = error, progress.epoch
            run.save("best")
        elif self.config.example_patience and progress.epoch - self.best[1] >= self.config.example_patience:
            run.stop(f"the error has not fallen for {self.config.example_patience} epochs")
