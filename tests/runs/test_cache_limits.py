"""The report of memory before a training, and the sentence when there was too little."""

from typing import Any

import pytest
import torch

import pixlate
from pixlate.entry import run_and_exit
from pixlate.runs.memory import peak_of_activations, report

SIZES = {"pix2pix": 128, "cycle_gan": 32}
NETS = {"pix2pix": "unet_128", "cycle_gan": "resnet_6blocks"}


def batch(size: int, n: int = 1) -> dict[str, Any]:
    images = {side: torch.zeros(n, 3, size, size) for side in "AB"}
    return {**images, "A_paths": ["a.png"] * n, "B_paths": ["b.png"] * n}


@pytest.mark.parametrize("name", SIZES)
def test_the_report_lists_weights_states_and_activations_and_changes_nothing(name: str) -> None:
    model = pixlate.create_model(name, netG=NETS[name], ngf=4, ndf=4)
    before = {key: value.clone() for net in model.networks.values() for key, value in net.state_dict().items()}
    lines = report(model, batch(SIZES[name]), 2).splitlines()
    assert "batches of 2" in lines[0]
    assert [line.split("  ")[1].strip() for line in lines[1:]] == [
        "parameters",
        "gradients",
        "optimizer states",
        "activations kept",
        "total",
    ]
    after = {key: value for net in model.networks.values() for key, value in net.state_dict().items()}
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(weight.grad is None for net in model.networks.values() for weight in net.parameters())
    assert not any(optimizer.state for optimizer in model.optimizers.values())
    model.training_step(batch(SIZES[name]))


def test_activations_are_those_of_a_real_step() -> None:
    """An independent count: the storages that one generator pass saves are less than, and part of, the step's."""
    model = pixlate.create_model("pix2pix", netG="unet_128", ngf=4, ndf=4)
    images = batch(128, 2)
    saved: dict[int, Any] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage
        return tensor

    weights = {weight.untyped_storage().data_ptr() for weight in model.networks["G"].parameters()}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model.nets["G"](images["A"])
    assert output.requires_grad
    one_pass = sum(storage.nbytes() for address, storage in saved.items() if address not in weights)
    step = peak_of_activations(model, batch(128), 2)
    assert one_pass < step < 3 * one_pass


def test_activations_grow_with_the_batch_and_shrink_when_recomputed() -> None:
    options = {"netG": "resnet_6blocks", "ngf": 4, "ndf": 4}
    storing = pixlate.create_model("cycle_gan", **options)
    one, four = (peak_of_activations(storing, batch(32), size) for size in (1, 4))
    assert 3 * one < four <= 4 * one
    recomputing = pixlate.create_model("cycle_gan", checkpoint_gradients=True, **options)
    assert peak_of_activations(recomputing, batch(32), 1) < one / 2


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_too_little_memory_is_one_sentence(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def work(_: list[str]) -> None:
        raise error

    with pytest.raises(SystemExit) as exit_info:
        run_and_exit(work, [])
    assert exit_info.value.code == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "--batch_size" in message
    assert "--checkpoint_gradients" in message


def test_a_real_lack_of_memory_is_recognised() -> None:
    with pytest.raises(SystemExit) as exit_info:
        run_and_exit(lambda _: torch.empty(1 << 60, dtype=torch.uint8), [])
    assert exit_info.value.code == 1


def test_other_errors_are_not_hidden() -> None:
    def work(_: list[str]) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_and_exit(work, [])
