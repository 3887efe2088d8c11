"""The work that is measured: each function prepares what a spec describes, and returns a function that does it.

If that returns a function in turn, it is called after the round, outside of the measured time.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from . import layers
from .reference import Reference, step

Spec = Mapping[str, Any]
Work = Callable[[], object]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def batch_of(size: int, pixels: int = 256) -> dict[str, Any]:
    """A batch of noise images."""
    generator = torch.Generator().manual_seed(0)
    A, B = (torch.rand(size, 3, pixels, pixels, generator=generator) * 2 - 1 for _ in "AB")
    return {"A": A, "B": B, "A_paths": ["a"] * size, "B_paths": ["b"] * size}


def training(spec: Spec) -> Work:
    """A training step; on a GPU ten of them, with one synchronisation at the end."""
    batch = batch_of(spec["batch"])
    step_once: Work
    if spec["side"] == "reference":
        model = Reference(Path(spec["reference"])).model("--model", spec["model"])
        step_once = lambda: step(model, batch)  # noqa: E731
    else:
        from pixlate.models.execution.plan import keep_freed_memory

        keep_freed_memory()
        ours = build_model(spec)
        step_once = lambda: ours.training_step(batch)  # noqa: E731
    return step_once if DEVICE == "cpu" else lambda: _ten(step_once)


def build_model(spec: Spec) -> Any:
    """The model of pixlate for a spec."""
    import pixlate

    options = {name: spec[name] for name in ("precision", "compile", "checkpoint_gradients") if name in spec}
    return pixlate.create_model(spec["model"], train=spec.get("train", True), device=DEVICE, **options)


def translation(spec: Spec) -> Work:
    """The generator alone on a batch, without gradients."""
    batch = batch_of(spec["batch"])
    if spec["side"] == "reference":
        model = Reference(Path(spec["reference"])).model("--model", spec["model"])
        model.set_input(batch)
        return lambda: model.test()
    ours = build_model({**spec, "train": False})
    return lambda: ours.translate(batch)


def loading(spec: Spec) -> Work:
    """An epoch of images delivered to the training loop."""
    args = ["--dataroot", spec["data"], "--dataset_mode", "aligned", "--num_threads", str(spec["processes"])]
    epochs: Iterator[Any]
    if spec["side"] == "reference":
        dataset = Reference(Path(spec["reference"])).dataset(*args, "--model", "pix2pix")
        return lambda: sum(1 for _ in dataset)
    from pixlate import create_dataset
    from pixlate.data.loading import BatchLoader
    from pixlate.options.shared import DataOptions

    options = DataOptions(dataroot=spec["data"], num_threads=spec["processes"], cache_dir=tempfile.mkdtemp())
    loader = BatchLoader(create_dataset("aligned", dataroot=spec["data"], cache_dir=options.cache_dir), options)
    epochs = itertools.count(1)
    return lambda: sum(1 for _ in loader.epoch(next(epochs)))


def layer(spec: Spec) -> Work:
    """Ten forward and backward passes of one convolution, of pixlate or of torch."""
    conv, shape = layers.build_layer(spec["layer"], ours=spec["side"] != layers.TORCH)
    x = torch.randn(shape, requires_grad=True)
    bf16 = spec["precision"] == "bf16"

    def run() -> None:
        for _ in range(10):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                y = conv(x)
            y.backward(torch.ones_like(y))
            conv.zero_grad()
            x.grad = None

    return run


def saving(spec: Spec) -> Work:
    """The time that training waits for a save: pixlate writes in the background, the reference does not."""
    folder = Path(tempfile.mkdtemp())
    if spec["side"] == "reference":
        model = Reference(Path(spec["reference"])).model("--model", spec["model"])
        model.save_dir = folder
        step(model, batch_of(1))
        return lambda: model.save_networks("latest")
    from pixlate.plugins.run import Progress
    from pixlate.runs.checkpoints.store import CheckpointStore
    from pixlate.runs.logs import RunLogs

    ours = build_model(spec)
    ours.training_step(batch_of(1))
    checkpoints = CheckpointStore(folder, ours, facts={})

    def save() -> object:
        checkpoints.save(Progress(epoch=1), RunLogs(folder))
        if spec["side"] != "until written":
            return checkpoints.wait
        return checkpoints.wait()

    return save


def _ten(step_once: Work) -> None:
    for _ in range(10):
        step_once()
    torch.cuda.synchronize()
