"""Measures the time that saves cost the training loop, on full-size pix2pix (U-Net 256, ngf 64, 256 pixels).

    python -m benchmarks.stall --every 100 --saves 5

Prints how long the loop waited for each save, how long it took until the save was written, and the duration of steps
during a save and otherwise.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


class Timer:
    """Measures a training's steps and saves."""

    def __init__(self) -> None:
        self.stalls: list[float] = []
        self.computing: list[float] = []
        self.written: list[float] = []
        self.steps: dict[bool, list[float]] = {True: [], False: []}
        self._save_time = 0.0
        self._step_time = 0.0
        self._size = 0

    def attach(self) -> None:
        """Measure every save and every step of trainings in this process, by replacing methods of their classes."""
        from pixlate.runs.checkpoints.store import CheckpointStore
        from pixlate.runs.training import Trainer

        save, end_step, write = Trainer.save, Trainer.end_step, CheckpointStore._write

        def timed_save(trainer: Trainer, *args: Any) -> None:
            start_time, cpu_start = time.perf_counter(), time.thread_time()
            self._save_time = start_time
            save(trainer, *args)
            self.computing.append(time.thread_time() - cpu_start)
            self._step_time = time.perf_counter()
            self.stalls.append(self._step_time - start_time)

        def timed_write(checkpoints: CheckpointStore, *args: Any) -> Any:
            result = write(checkpoints, *args)
            self.written.append(time.perf_counter() - self._save_time)
            self._size = (checkpoints.folder / "latest_state.pt").stat().st_size
            return result

        def timed_step(trainer: Trainer, *args: Any) -> Any:
            result = end_step(trainer, *args)
            now = time.perf_counter()
            if self._step_time:
                self.steps[len(self.written) < len(self.stalls)].append(now - self._step_time)
            self._step_time = now
            return result

        setattr(Trainer, "save", timed_save)  # noqa: B010
        setattr(Trainer, "end_step", timed_step)  # noqa: B010
        setattr(CheckpointStore, "_write", timed_write)  # noqa: B010

    def report(self) -> None:
        """Print the figures."""
        first, *later = self.stalls
        click.echo(f"state: {self._size / 1e6:.0f} MB; saves: {len(self.stalls)}")
        click.echo(f"loop waited: first {first:.3f} s, then median {statistics.median(later):.3f} s")
        click.echo(f"of this, its own processor time: median {statistics.median(self.computing[1:]):.3f} s")
        click.echo(f"longest wait: {max(later):.3f} s; written after {statistics.median(self.written):.1f} s")
        for writing, name in ((False, "otherwise"), (True, "while a save is written")):
            steps = self.steps[writing]
            if steps:
                click.echo(f"a step {name}: median {statistics.median(steps):.3f} s of {len(steps)}")


@click.command()
@click.option("--every", default=100, help="steps between saves")
@click.option("--saves", default=5, help="number of saves")
def main(every: int, saves: int) -> None:
    """Train full-size pix2pix on noise and measure it."""
    from pixlate.train import main as train

    timer = Timer()
    timer.attach()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "images" / "train"
        folder.mkdir(parents=True)
        rng = np.random.default_rng(0)
        for i in range(every * saves + 1):
            pixels = rng.integers(0, 255, (32, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((512, 256)).save(folder / f"{i:05}.png")
        location = ["--dataroot", str(folder.parent), "--checkpoints_dir", root, "--name", "run", "--no_html"]
        schedule = ["--save_latest_freq", str(every), "--n_epochs", "1", "--n_epochs_decay", "0", "--display_id", "0"]
        try:
            train(["--model", "pix2pix", *location, *schedule, "--num_threads", "1", "--save_epoch_freq", "1000"])
        except SystemExit:
            timer.report()


if __name__ == "__main__":
    main()
