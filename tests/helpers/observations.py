"""What options lead to, from a command line to plain values: networks, batches, files, pages, text on the console."""

import contextlib
import hashlib
import io
import multiprocessing
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pixlate import get_plugins
from pixlate import test as test_command
from pixlate import train as train_command
from pixlate.data.create import make_dataset
from pixlate.data.loading import BatchLoader
from pixlate.entry import run_and_exit
from pixlate.models.context import ModelContext
from pixlate.models.create import make_model
from pixlate.models.execution.device import choose_device
from pixlate.options.command.resolve import resolve
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.shared import DataOptions
from pixlate.util.randomness import reseed

Observation = dict[str, Any]
CLOCK = re.compile(r"time: [\d.]+|data: [\d.]+|Time Taken: \d+|\([\d.]+ a second\)")


def resolved(words: str) -> ResolvedOptions:
    """The options of a command line such as "train --lr 1"."""
    command, *rest = words.split()
    return resolve(command, rest, get_plugins())


def digest(value: Tensor) -> str:
    """A name for a tensor's values."""
    content = value.detach().float().contiguous().numpy().tobytes()
    return f"{tuple(value.shape)} {hashlib.sha256(content).hexdigest()[:12]}"


def place(words: str) -> Observation:
    """Where a run is, and which components it has."""
    options = resolved(words)
    parts = {name: str(part.load()) for name, part in options.components.items()}
    return {"folder": str(options.folder), "model": parts["model"], "data": parts["dataset_mode"]}


def device(words: str) -> Observation:
    """The device, on a machine with two GPUs."""
    values = resolved(words).values
    available = mock.patch("torch.cuda.is_available", return_value=True)
    with available, mock.patch("torch.cuda.device_count", return_value=2):
        return {"device": str(choose_device(values["device"], values["gpu_ids"]))}


def model(words: str) -> Observation:
    """A model's networks, rates and averages, and the losses of three steps."""
    options = resolved(words)
    compiled: list[torch.nn.Module] = []

    def compile_(module: torch.nn.Module, **how: Any) -> torch.nn.Module:
        compiled.append(module)
        return module

    with mock.patch("torch.compile", compile_):
        built = make_model(
            options.components["model"], options.values, ModelContext(torch.device("cpu"), True, options.components)
        )
    shared = built.shared
    layers = {name: [str(part) for part in net.modules()] for name, net in built.networks.items()}
    initial = {name: digest(next(net.parameters())) for name, net in built.networks.items()}
    calls: list[int] = []
    next(iter(built.networks.values())).register_forward_pre_hook(lambda *_: calls.append(1))
    rates, losses, images = [], [], []
    noise = torch.Generator().manual_seed(0)
    channels = (
        (shared.input_nc, shared.output_nc) if shared.direction == "AtoB" else (shared.output_nc, shared.input_nc)
    )
    for epoch in range(1, 4):
        built.start_epoch(epoch)
        rates.append([group["lr"] for optimizer in built.optimizers.values() for group in optimizer.param_groups])
        reseed(shared.seed, epoch)
        A, B = (torch.rand(1, count, 32, 32, generator=noise) * 2 - 1 for count in channels)
        result = built.training_step({"A": A, "B": B, "A_paths": ["a"], "B_paths": ["b"]})
        losses.append({name: float(value) for name, value in result.losses.items()})
        images.append({name: digest(image) for name, image in result.images.items()})
        built.end_epoch()
    averages = {name: digest(next(net.parameters())) for name, net in built.averages.items()}
    return {
        "layers": layers,
        "initial": initial,
        "rates": rates,
        "losses": losses,
        "images": images,
        "averages": averages,
        "calls": len(calls),
        "compiled": len(compiled),
    }


def batches(words: str) -> Observation:
    """The batches of two epochs, how they are loaded, and what is cached; or the error."""
    options = resolved(words)
    data = options.options(DataOptions)
    seen: list[Any] = []
    try:
        dataset = make_dataset(options.components["dataset_mode"], options.values)
        with BatchLoader(dataset, data, epochs=2) as loader:
            for epoch in (1, 2):
                for batch in loader.epoch(epoch):
                    images = [digest(batch[side]) for side in "AB" if side in batch]
                    seen.append((images, [Path(path).name for path in batch["A_paths"]]))
            processes = len(multiprocessing.active_children())
            cache = getattr(dataset, "cache", None)
            folders = [len(list(folder.path.glob("*.npy"))) for folder in cache.folders] if cache else None
            here = len(list(Path().rglob("*.npy")))
            bad = sorted(Path(path).name for path in loader.bad_images)
    except Exception as error:
        return {"error": str(error)}
    return {"batches": seen, "processes": processes, "cached": folders, "here": here, "bad": bad}


def training(words: str) -> Observation:
    """What a training leaves in its folder, and prints."""
    return _command(train_command.command, words)


def translating(words: str) -> Observation:
    """What a test leaves in the folder of results, and prints."""
    return _command(test_command.command, words)


def _command(command: Callable[[list[str]], object], words: str) -> Observation:
    """Run a command in the current folder; the files that it leaves or changes in ./checkpoints and ./results."""
    before = {path: path.stat().st_mtime_ns for path in _files()}
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), contextlib.suppress(SystemExit):
        run_and_exit(command, words.split()[1:])
    contents = {str(path): _content(path) for path in _files() if before.get(path) != path.stat().st_mtime_ns}
    # Sorted: saves are reported when they have finished, which may be a step sooner or later.
    lines = sorted(CLOCK.sub("", line).rstrip() for line in (output.getvalue() + errors.getvalue()).splitlines())
    return {"files": contents, "lines": lines}


def _files() -> Iterator[Path]:
    for folder in ("checkpoints", "results", "elsewhere"):
        yield from (path for path in sorted(Path(folder).rglob("*")) if path.is_file())


def _content(path: Path) -> str:
    """What of a file is compared: pixels, losses, a page's widths; of others that it is there."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            return f"{image.size} {hashlib.sha256(np.asarray(image).tobytes()).hexdigest()[:12]}"
    if path.name == "losses.jsonl":
        return path.read_text("utf-8")
    if path.name == "index.html":
        return " ".join(re.findall(r"--width: \d+px", path.read_text("utf-8")))
    return "file"
