"""The pairs of a teacher as files: exact, whole, and completed after an interruption."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pixlate
from pixlate.data.base import BaseDataset, Item
from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Field
from pixlate.runs.distillation.pairs import PairFolder, declared, exact_values


class Drawn(BaseDataset[None]):
    """Samples of two fields, at random."""

    def __init__(self, A: Field, B: Field, count: int = 3) -> None:
        super().__init__(None, DataOptions(seed=0))
        self._fields, self._count = {"A": A, "B": B}, count

    @property
    def fields(self) -> dict[str, Field]:
        return self._fields

    def __len__(self) -> int:
        return self._count

    def sample(self, index: int, rng: random.Random) -> Item:
        sides = {name: random_image(field, index) for name, field in self._fields.items()}
        return {**sides, "A_paths": f"in/ä b{index}.jpg", "B_paths": f"{index}.png"}


def random_image(field: Field, seed: int) -> Tensor:
    """C×H×W in [-1, 1] of values that files of the field can hold."""
    rng = np.random.default_rng(seed)
    if field.kind == "labels":
        classes = torch.from_numpy(rng.integers(0, field.classes, (8, 12)))
        return torch.nn.functional.one_hot(classes, field.classes).permute(2, 0, 1) * 2.0 - 1
    low, high = field.value_range
    values = rng.integers(int(low), int(high) + 1, (field.tensor_channels, 8, 12))
    return torch.from_numpy(((values - low) / (high - low) * 2 - 1).astype(np.float32))


def silent(done: int, total: int) -> None:
    """No progress bar."""


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(Field(), id="colours"),
        pytest.param(Field(channels=1), id="grey"),
        pytest.param(Field("labels", classes=5), id="labels"),
        pytest.param(Field("mask"), id="mask"),
        pytest.param(Field(channels=1, dtype="uint16", value_range=(0.0, 4095.0)), id="16 bits"),
        pytest.param(Field(channels=1, dtype="int32", value_range=(-1000.0, 3071.0)), id="Hounsfield units"),
        pytest.param(Field(channels=5, dtype="uint16", value_range=(0.0, 65535.0)), id="five channels"),
    ],
)
def test_a_training_reads_what_was_translated(field: Field, tmp_path: Path) -> None:
    dataset = Drawn(field, field)
    assert PairFolder(tmp_path / "pairs", {}).write("train", dataset, "A", lambda x, *_: x, silent) == 3
    channels = {} if field.kind == "labels" else {"input_nc": field.tensor_channels, "output_nc": field.tensor_channels}
    options = {"field": list(declared(dataset.fields)), "preprocess": "none", "no_flip": True, **channels}
    read = pixlate.create_dataset("aligned", dataroot=tmp_path / "pairs", **options)
    assert len(read) == 3
    assert dict(read.fields)["A"].tensor_channels == field.tensor_channels
    for index in range(3):
        expected = dataset[index]["A"]
        for side in "AB":
            assert torch.allclose(read[index][side], expected, atol=1e-6)


def test_sizes_and_shown_bands_are_declared() -> None:
    assert list(declared({"A": Field(), "B": Field(scale=2)})) == ["B=scale:2"]
    assert list(declared({"A": Field(channels=5, display=(2, 1, 0)), "B": Field()})) == ["A=image:2,1,0"]


def test_all_levels_of_8_bits_are_exact() -> None:
    levels = np.arange(256, dtype=np.uint8)
    x = torch.from_numpy(levels.astype(np.float32) / 127.5 - 1).reshape(1, 1, 1, 256)
    assert (exact_values(x, Field())[0, :, 0] == levels).all()


@pytest.fixture
def counted() -> tuple[Callable[..., Tensor], list[str]]:
    names: list[str] = []

    def translate(x: Tensor, of: list[str], others: Any) -> Tensor:
        names.extend(of)
        return -x

    return translate, names


def test_an_interrupted_translation_is_completed(tmp_path: Path, counted: Any) -> None:
    translate, names = counted

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    dataset = Drawn(Field(), Field(), count=4)
    with pytest.raises(KeyboardInterrupt):
        PairFolder(tmp_path, {"teacher": 1}).write("train", dataset, "B", translate, stop)
    (tmp_path / "train" / "B" / "1_1.png").unlink()
    assert PairFolder(tmp_path, {"teacher": 1}).write("train", dataset, "B", translate, silent) == 3
    assert names == ["0.png", "1.png", "1.png", "2.png", "3.png"]
    assert PairFolder(tmp_path, {"teacher": 1}).write("train", dataset, "B", translate, silent) == 0
    for side in "AB":
        assert sorted(path.name for path in (tmp_path / "train" / side).iterdir()) == [f"{i}_{i}.png" for i in range(4)]


def test_pairs_of_another_teacher_are_replaced(tmp_path: Path, counted: Any) -> None:
    translate, _ = counted
    dataset = Drawn(Field(), Field())
    PairFolder(tmp_path, {"teacher": 1}).write("train", dataset, "A", translate, silent)
    (tmp_path / "train" / "A" / "mine.txt").write_text("kept")
    assert PairFolder(tmp_path, {"teacher": 2}).write("train", replaced(dataset, 2), "A", translate, silent) == 2
    assert {path.name for path in (tmp_path / "train" / "A").iterdir()} == {"0_ä-b0.png", "1_ä-b1.png", "mine.txt"}


def test_each_view_is_an_epoch_of_the_data_set(tmp_path: Path, counted: Any) -> None:
    translate, names = counted
    assert PairFolder(tmp_path, {}).write("train", Drawn(Field(), Field()), "A", translate, silent, views=4) == 12
    assert len(names) == 12
    written = sorted(path.name for path in (tmp_path / "train" / "B").iterdir())
    assert written == [f"{number:02}_ä-b{number % 3}.png" for number in range(12)]


def replaced(dataset: Drawn, count: int) -> Drawn:
    """The same data with other samples."""
    return Drawn(dataset.fields["A"], replace(dataset.fields["B"]), count)
