"""Errors of the memory are told from others, and training memory is counted."""

import pytest
import torch

import pixlate
from pixlate.runs.memory import MIB, is_out_of_memory, report


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("not enough memory: you tried to allocate 1 byte"), True),
        (RuntimeError("Cannot allocate memory"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("not enough memory"), False),
        (OSError("Cannot allocate memory"), False),
    ],
)
def test_a_lack_of_memory_is_recognised(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_the_report_adds_up() -> None:
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=32, ndf=8, ema=True)
    image = torch.zeros(1, 3, 32, 32)
    batch = {"A": image, "B": image, "A_paths": ["a"], "B_paths": ["a"]}
    model.prepare_once(model.directed(batch))
    title, *lines = report(model, batch, 3).splitlines()
    assert title == "Memory of a training step with batches of 3:"
    sizes = {line.rsplit(None, 2)[0].strip(): int(line.split()[-2].replace(",", "")) for line in lines}
    weights = sum(weight.numel() for net in model.networks.values() for weight in net.parameters()) * 4
    assert sizes["parameters"] == sizes["gradients"] == round(weights / MIB)
    assert sizes["optimizer states"] == round(2 * weights / MIB)
    assert 0 < sizes["running averages"] <= sizes["parameters"]
    assert abs(sum(value for name, value in sizes.items() if name != "total") - sizes["total"]) <= 3
