"""What a side does: each function prepares the work that a spec describes and returns it.

What the work returns, if it can be called, is called after the round, outside of its time.
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
    """A batch of noise."""
    generator = torch.Generator().manual_seed(0)
    A, B = (torch.rand(size, 3, pixels, pixels, generator=generator) * 2 - 1 for _ in "AB")
    return {"A": A, "B": B, "A_paths": ["a"] * size, "B_paths": ["b"] * size}


def training(spec: Spec) -> Work:
    """A training step; on a GPU as many as ten, waited for at the end."""
    batch = batch_of(spec["batch"])
    take: Work
    if spec["side"] == "reference":
        model = Reference(Path(spec["reference"])).model("--model", spec["model"])
        take = lambda: step(model, batch)  # noqa: E731
    else:
        from pixlate.models.execution.plan import keep_freed_memory

        keep_freed_memory()
        ours = made(spec)
        take = lambda: ours.training_step(batch)  # noqa: E731
    return take if DEVICE == "cpu" else lambda: _ten(take)


def made(spec: Spec) -> Any:
    """Our model for a spec."""
    import pixlate

    options = {name: spec[name] for name in ("precision", "compile", "checkpoint_gradients") if name in spec}
    return pixlate.create_model(spec["model"], train=spec.get("train", True), device=DEVICE, **options)


def translation(spec: Spec) -> Work:
    """The generator alone on a batch, no gradient."""
    batch = batch_of(spec["batch"])
    if spec["side"] == "reference":
        model = Reference(Path(spec["reference"])).model("--model", spec["model"])
        model.set_input(batch)
        return lambda: model.test()
    ours = made({**spec, "train": False})
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
    """Forward and backward of one convolution, ours or torch's."""
    made_layer, shape = layers.made(spec["layer"], ours=spec["side"] != layers.TORCH)
    x = torch.randn(shape, requires_grad=True)
    bf16 = spec["precision"] == "bf16"

    def take() -> None:
        for _ in range(10):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                y = made_layer(x)
            y.backward(torch.ones_like(y))
            made_layer.zero_grad()
            x.grad = None

    return take


def saving(spec: Spec) -> Work:
    """What a training waits for when it saves: the reference writes meanwhile, pixlate in the background."""
    folder = Path(tempfile.mkdtemp())
    if spec["side"] == "reference":
        model = Reference(Path(spec["reference"])).model("--model", spec["model"])
        model.save_dir = folder
        step(model, batch_of(1))
        return lambda: model.save_networks("latest")
    from pixlate.plugins.run import Progress
    from pixlate.runs.checkpoints.store import CheckpointStore
    from pixlate.runs.logs import RunLogs

    ours = made(spec)
    ours.training_step(batch_of(1))
    checkpoints = CheckpointStore(folder, ours, facts={})

    def save() -> object:
        checkpoints.save(Progress(epoch=1), RunLogs(folder))
        if spec["side"] != "until written":
            return checkpoints.wait
        return checkpoints.wait()

    return save


def _ten(take: Work) -> None:
    for _ in range(10):
        take()
    torch.cuda.synchronize()
