"""Measures complete commands, each in its own process."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

import pixlate

from .measure import REFERENCE, Round
from .worker import ROOT

Side = Callable[[], Round]


def commands(reference: Path | None, data: Path, *, quick: bool) -> Mapping[str, Mapping[str, Side]]:
    """The commands by description, and for each the programs that are measured."""
    folders = {REFERENCE: reference, "pixlate": ROOT}
    if reference is None:
        del folders[REFERENCE]
    scratch = Path(tempfile.mkdtemp())
    run = scratch / "checkpoints" / "bench"
    run.mkdir(parents=True)
    torch.save(
        pixlate.create_generator("unet_256", input_nc=3, output_nc=3, norm="batch", use_dropout=True).state_dict(),
        run / "latest_net_G.pth",
    )
    location = ["--dataroot", str(data), "--checkpoints_dir", str(run.parent), "--model", "pix2pix"]
    images = "8" if quick else "101"
    test = [*location, "--name", "bench", "--phase", "val", "--num_test", images, "--results_dir", str(scratch / "web")]
    count = "4" if quick else "24"
    train = [*location, "--name", "new", "--max_dataset_size", count, "--n_epochs", "2", "--n_epochs_decay", "0"]
    arguments_of = {
        "train.py --help": ["train.py", "--dataroot", ".", "--help"],
        "import": ["-c", "import pixlate"],
        f"test.py, {images} images": ["test.py", *test],
        f"train.py, 2 epochs of {count} pairs": ["train.py", *train],
    }
    sides: dict[str, dict[str, Side]] = {}
    for what, common_arguments in arguments_of.items():
        sides[what] = {}
        for name, folder in folders.items():
            arguments = list(common_arguments)
            if what == "import" and name == REFERENCE:
                arguments[1] = "import models, data, options.train_options"
            if "train.py," in what and name != REFERENCE:
                arguments += ["--overwrite"]
            sides[what][name] = _command(arguments, Path(str(folder)))
            if "test.py" in what and name != REFERENCE:
                sides[what]["pixlate, bf16"] = _command([*arguments, "--precision", "bf16"], Path(str(folder)))
    return sides


def _command(arguments: list[str], folder: Path) -> Side:
    def run() -> Round:
        times_before, start_time = os.times(), time.perf_counter()
        completed = subprocess.run(
            [sys.executable, *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        wall, times_after = time.perf_counter() - start_time, os.times()
        if completed.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {completed.returncode}: {completed.stderr[-500:]}")
        cpu = sum(times_after[2:4]) - sum(times_before[2:4])  # user and system time of child processes
        return Round(wall, cpu)

    return run
