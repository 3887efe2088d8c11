"""The data set that stops cropping."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pixlate.options.shared import DataOptions

from pixlate_cut import FinetuneConfig
from pixlate_cut_data import FinetuneDataset


@pytest.fixture
def dataset(tmp_path: Path) -> FinetuneDataset:
    draw = np.random.default_rng(0)
    for side in "AB":
        (tmp_path / f"train{side}").mkdir()
        for i in range(2):
            pixels = draw.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"train{side}" / f"{i}.png")
    return FinetuneDataset(
        FinetuneConfig(finetune_after=2), DataOptions(dataroot=str(tmp_path), load_size=40, crop_size=32)
    )


def crops_of(dataset: Any, epoch: int) -> torch.Tensor:
    """The images of an epoch."""
    return torch.stack([dataset[epoch, i]["A"] for i in range(2)])


def test_images_are_cropped_at_first_and_whole_later(dataset: FinetuneDataset) -> None:
    whole = torch.stack([dataset.whole[1, i]["A"] for i in range(2)])

    def is_whole(images: torch.Tensor) -> bool:
        return all(
            torch.equal(one, other) or torch.equal(one.flip(2), other) for one, other in zip(images, whole, strict=True)
        )

    assert [is_whole(crops_of(dataset, epoch)) for epoch in (1, 2, 3, 4)] == [False, False, True, True]


def test_items_repeat(dataset: FinetuneDataset) -> None:
    for key in ((1, 0), (3, 1)):
        first, again = dataset[key], dataset[key]
        assert torch.equal(first["A"], again["A"])
        assert first["B_paths"] == again["B_paths"]
    assert dataset[1]["A"].shape == (3, 32, 32)
    assert len(dataset.files()) == 4
