"""Tiny trainings in processes of their own: started, killed, resumed and compared."""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).parent
SMALL = (
    *("--ngf", "2", "--ndf", "2", "--load_size", "36", "--crop_size", "32", "--device", "cpu"),
    *("--n_epochs", "2", "--n_epochs_decay", "1", "--batch_size", "2", "--print_freq", "2", "--display_freq", "8"),
    *("--save_latest_freq", "4", "--save_epoch_freq", "1", "--num_threads", "0", "--display_id", "0"),
)
PIX2PIX = ("--model", "pix2pix", "--netG", "resnet_6blocks", *SMALL)  # with dropout and batch norm
CYCLE_GAN = ("--model", "cycle_gan", "--netG", "resnet_6blocks", "--pool_size", "3", *SMALL)
#: What runs first in a training that is to be killed after so many images.
KILL_AT = """
import os, signal
from pixlate.runs.training import Trainer
end_step = Trainer.end_step
def dying(self, *step):
    progress = end_step(self, *step)
    if progress.images >= {images}:
        os.kill(os.getpid(), signal.SIGKILL)
    return progress
Trainer.end_step = dying
"""
IMAGES = 9  # an odd number: the last batch of an epoch is short


def make_images(folder: Path, count: int = IMAGES) -> Path:
    """Write a folder of images for both pix2pix and CycleGAN."""
    rng = np.random.default_rng(0)
    for phase, width, number in (
        ("train", 80, count),
        ("val", 80, 2),
        ("trainA", 40, count - 2),
        ("trainB", 40, count),
    ):
        (folder / phase).mkdir(parents=True)
        for i in range(number):
            pixels = rng.integers(0, 255, (40, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / phase / f"{i:02}.png")
    return folder


class Server:
    """Forks commands from a process that has imported PyTorch once."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PIXLATE_PLUGINS": ""}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fork_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        atexit.register(self.close)

    def ask(self, order: Mapping[str, Any]) -> Any:
        """Send one order and read its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@functools.cache
def server() -> Server:
    """The one server of this test run, started when first needed."""
    return Server()


@dataclass
class Command:
    """A pixlate command, running or ended."""

    number: int
    out: Path
    code: int | None = field(default=None)

    def wait(self, seconds: float = 120) -> int | None:
        """Its exit status, negative where a signal killed it; None where it still runs."""
        if self.code is None:
            self.code = server().ask({"wait": self.number, "seconds": seconds})
        return self.code

    def send(self, number: int) -> None:
        """Send it a signal."""
        if self.code is None:
            os.kill(self.number, number)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.send(signal.SIGKILL)
        self.wait()

    @property
    def output(self) -> str:
        """What it wrote to stdout and stderr."""
        return self.out.read_text(errors="replace")


def start(*args: str | Path, before: str = "", cwd: Path | None = None, **environment: str) -> Command:
    """Start a command; `before` is Python that runs first in its process."""
    descriptor, out = tempfile.mkstemp(prefix="pixlate-", suffix=".txt")
    os.close(descriptor)
    atexit.register(Path(out).unlink, missing_ok=True)
    order = {"args": list(map(str, args)), "before": before, "out": out, "environment": environment}
    return Command(server().ask({**order, "cwd": str(cwd or Path(out).parent)}), Path(out))


def run(*args: str | Path, before: str = "", seconds: float = 240, cwd: Path | None = None) -> Command:
    """Run a command to its end."""
    command = start(*args, before=before, cwd=cwd)
    if command.wait(seconds) is None:
        command.kill()
        raise AssertionError(f"it did not end:\n{command.output}")
    return command


def train(folder: Path, *args: str | Path, before: str = "", expect: int = 0) -> Command:
    """Train in `folder`/run, with the images in `folder`/../images, to the end."""
    command = run("train", *place(folder), *args, before=before)
    assert command.code == expect, command.output
    return command


def place(folder: Path) -> tuple[str, ...]:
    """The options for the images, the folder of runs and the name of the run."""
    return ("--dataroot", str(folder.parent / "images"), "--checkpoints_dir", str(folder), "--name", "run")


def until(command: Command, true: Any, seconds: float = 60) -> None:
    """Wait until something is true of a running command."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, command.output
        assert command.wait(0.01) is None, command.output


def state_of(folder: Path) -> dict[str, Any]:
    """The state of a run, without what the clock and the machine write into it."""
    state: dict[str, Any] = torch.load(folder / "latest_state.pt", weights_only=True)
    state["logs"] = {"losses.jsonl": state["logs"]["losses.jsonl"]}
    return state


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside nested ones, with its path."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, f"{name}/{key}")
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from leaves(part, f"{name}/{i}")
    else:
        yield name, value


def differences(one: Path, other: Path) -> list[str]:
    """What is not exactly equal in two runs: values of the state, network files, logged losses."""
    a, b = dict(leaves(state_of(one))), dict(leaves(state_of(other)))
    unequal = [name for name in a | b if name not in a or name not in b or not same(a[name], b[name])]
    if (one / "losses.jsonl").read_bytes() != (other / "losses.jsonl").read_bytes():
        unequal.append("losses.jsonl")
    names = {path.name for folder in (one, other) for path in folder.glob("*_net_*.pth")}
    for name in sorted(names):
        if not ((one / name).exists() and (other / name).exists()):
            unequal.append(f"{name} is missing")
        elif not all(same(x, y) for x, y in zip(weights_of(one / name), weights_of(other / name), strict=True)):
            unequal.append(name)
    return unequal


def weights_of(path: Path) -> list[Any]:
    """The values of a network file."""
    return [value for _, value in leaves(torch.load(path, weights_only=True))]


def same(x: Any, y: Any) -> bool:
    """Whether two values are equal to the last bit."""
    if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor):
        return x.dtype == y.dtype and x.shape == y.shape and torch.equal(x, y)
    return type(x) is type(y) and x == y
