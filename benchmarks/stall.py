"""What saving costs the training loop, on full-size pix2pix (U-Net 256, ngf 64, 256 pixels).

    python -m benchmarks.stall --every 100 --saves 5

Prints how long the loop stood still for each save, how soon the save was on the disk, and how long steps took
meanwhile and otherwise.
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


class Watch:
    """Takes the times of a training's steps and saves."""

    def __init__(self) -> None:
        self.stalls: list[float] = []
        self.computing: list[float] = []
        self.written: list[float] = []
        self.steps: dict[bool, list[float]] = {True: [], False: []}
        self._asked = 0.0
        self._last = 0.0
        self._size = 0

    def attach(self) -> None:
        """Time every save and every step of trainings in this process."""
        from pixlate.runs.checkpoints.store import CheckpointStore
        from pixlate.runs.training import Trainer

        save, end_step, write = Trainer.save, Trainer.end_step, CheckpointStore._write

        def timed_save(trainer: Trainer, *args: Any) -> None:
            began, computed = time.perf_counter(), time.thread_time()
            self._asked = began
            save(trainer, *args)
            self.computing.append(time.thread_time() - computed)
            self._last = time.perf_counter()
            self.stalls.append(self._last - began)

        def timed_write(checkpoints: CheckpointStore, *args: Any) -> Any:
            made = write(checkpoints, *args)
            self.written.append(time.perf_counter() - self._asked)
            self._size = (checkpoints.folder / "latest_state.pt").stat().st_size
            return made

        def timed_step(trainer: Trainer, *args: Any) -> Any:
            made = end_step(trainer, *args)
            now = time.perf_counter()
            if self._last:
                self.steps[len(self.written) < len(self.stalls)].append(now - self._last)
            self._last = now
            return made

        setattr(Trainer, "save", timed_save)  # noqa: B010
        setattr(Trainer, "end_step", timed_step)  # noqa: B010
        setattr(CheckpointStore, "_write", timed_write)  # noqa: B010

    def report(self) -> None:
        """Print the figures."""
        first, *later = self.stalls
        click.echo(f"state: {self._size / 1e6:.0f} MB; saves: {len(self.stalls)}")
        click.echo(f"loop stood still: first {first:.3f} s, then median {statistics.median(later):.3f} s")
        click.echo(f"of which its own processor time: median {statistics.median(self.computing[1:]):.3f} s")
        click.echo(f"longest of them: {max(later):.3f} s; on the disk after {statistics.median(self.written):.1f} s")
        for writing, name in ((False, "otherwise"), (True, "while a save is written")):
            steps = self.steps[writing]
            if steps:
                click.echo(f"a step {name}: median {statistics.median(steps):.3f} s of {len(steps)}")


@click.command()
@click.option("--every", default=100, help="steps between saves")
@click.option("--saves", default=5, help="how many")
def main(every: int, saves: int) -> None:
    """Train full-size pix2pix on noise and take the times."""
    from pixlate.train import main as train

    watch = Watch()
    watch.attach()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "images" / "train"
        folder.mkdir(parents=True)
        draw = np.random.default_rng(0)
        for i in range(every * saves + 1):
            pixels = draw.integers(0, 255, (32, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((512, 256)).save(folder / f"{i:05}.png")
        where = ["--dataroot", str(folder.parent), "--checkpoints_dir", root, "--name", "run", "--no_html"]
        often = ["--save_latest_freq", str(every), "--n_epochs", "1", "--n_epochs_decay", "0", "--display_id", "0"]
        try:
            train(["--model", "pix2pix", *where, *often, "--num_threads", "1", "--save_epoch_freq", "1000"])
        except SystemExit:
            watch.report()


if __name__ == "__main__":
    main()
