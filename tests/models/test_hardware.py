"""What is chosen for hardware that this machine may not have, seen through torch's own questions about it."""

import ctypes
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from pixlate.models.execution import plan
from pixlate.models.execution.device import autocast_dtype, has_bf16
from pixlate.models.execution.net import Net
from pixlate.models.execution.plan import Execution, keep_freed_memory


@pytest.mark.parametrize(("capability", "native"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_gpus_from_ampere_on_multiply_bfloat16(
    capability: tuple[int, int], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    device = torch.device("cuda")
    assert has_bf16(device) is native
    assert autocast_dtype("auto", device) == (torch.bfloat16 if native else None)


def test_images_change_their_memory_layout_and_other_inputs_do_not() -> None:
    class Layouts(nn.Module):
        def forward(self, image: Tensor, condition: Tensor) -> Tensor:
            seen.extend([image.is_contiguous(memory_format=torch.channels_last), condition.is_contiguous()])
            return image

    seen: list[bool] = []
    Net(Layouts(), Execution(torch.device("cpu"), channels_last=True))(torch.rand(1, 3, 8, 8), torch.rand(1, 7))
    assert seen == [True, True]


def test_the_allocator_keeps_blocks_of_up_to_a_gigabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda name, value: calls.append((name, value)) or 1)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(plan.sys, "platform", "linux")
    for name in plan.ALLOCATOR_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert keep_freed_memory()
    assert calls == [(-3, 2**30), (-1, 2**31 - 1)]
