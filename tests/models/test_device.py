"""Which device `--device` and `--gpu_ids` choose, on machines with and without GPUs."""

from collections.abc import Callable

import pytest
import torch

from pixlate.errors import OptionError
from pixlate.models.execution.device import choose_device

Machine = Callable[[int], None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A function that makes this a machine with so many CUDA GPUs, and without MPS."""

    def with_gpus(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    return with_gpus


@pytest.mark.parametrize(
    ("gpus", "device", "gpu_ids", "chosen"),
    [
        (0, "auto", "", "cpu"),
        (0, "auto", "0", "cpu"),
        (0, "auto", "-1", "cpu"),
        (2, "auto", "", "cuda"),
        (2, "auto", "0", "cuda:0"),
        (2, "auto", "1,0", "cuda:1"),
        (2, "auto", "-1", "cpu"),
        (2, "cpu", "1", "cpu"),
        (2, "cuda:1", "", "cuda:1"),
    ],
)
def test_the_device(gpus: int, device: str, gpu_ids: str, chosen: str, machine: Machine) -> None:
    machine(gpus)
    assert str(choose_device(device, gpu_ids)) == chosen


@pytest.mark.parametrize(("gpus", "device"), [(0, "cuda"), (0, "cuda:0"), (1, "cuda:1"), (2, "mps")])
def test_a_device_that_the_machine_lacks(gpus: int, device: str, machine: Machine) -> None:
    machine(gpus)
    with pytest.raises(OptionError, match="not on this machine"):
        choose_device(device)
