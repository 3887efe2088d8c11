"""The data set of several domains, and numbers in batches."""

from pathlib import Path

import pytest
import torch
from image_files import noise_image

import pixlate
from pixlate.data.batches import collate
from pixlate.errors import DataError
from pixlate.plugins import Field

SIZES = {"load_size": 36, "crop_size": 32}


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    for domain, count in (("cat", 3), ("dog", 2), ("fox", 1)):
        for phase in ("train", "test"):
            (tmp_path / phase / domain).mkdir(parents=True)
            for number in range(count):
                noise_image((40, 40)).save(tmp_path / phase / domain / f"{domain}{number}.png")
    (tmp_path / "train" / "empty").mkdir()
    return tmp_path


def test_every_image_has_its_domain_and_a_random_target(animals: Path) -> None:
    dataset = pixlate.create_dataset("domains", dataroot=animals, **SIZES)
    assert len(dataset) == 6
    items = [dataset[1, index] for index in range(6)]
    assert [(Path(item["A_paths"]).stem[:3], item["class"]) for item in items] == [
        *[("cat", 0)] * 3, *[("dog", 1)] * 2, ("fox", 2),
    ]  # fmt: skip
    assert {item["A"].shape for item in items} == {(3, 32, 32)}
    targets = [dataset[epoch, 0]["target"] for epoch in range(1, 60)]
    assert set(targets) == {0, 1, 2}
    assert "3 domains: 3 in" in dataset.describe()


def test_its_fields_are_known_before_a_sample_is_read(animals: Path) -> None:
    fields = pixlate.create_dataset("domains", dataroot=animals, **SIZES).fields
    domain = Field("category", classes=3, names=("cat", "dog", "fox"))
    assert fields == {"A": Field(), "class": domain, "target": domain}


def test_the_limit_is_of_each_domain(animals: Path) -> None:
    dataset = pixlate.create_dataset("domains", dataroot=animals, max_dataset_size=1, **SIZES)
    assert [dataset[0, index]["class"] for index in range(len(dataset))] == [0, 1, 2]


@pytest.mark.parametrize("kept", [["cat"], []])
def test_fewer_than_two_domains_are_an_error_that_names_what_is_there(tmp_path: Path, kept: list[str]) -> None:
    (tmp_path / "train").mkdir()
    for domain in kept:
        (tmp_path / "train" / domain).mkdir()
        noise_image((40, 40)).save(tmp_path / "train" / domain / "a.png")
    with pytest.raises(DataError, match="'cat'" if kept else "it has none") as caught:
        pixlate.create_dataset("domains", dataroot=tmp_path)
    assert "two or more" in str(caught.value)


def test_numbers_become_tensors_and_texts_a_list() -> None:
    batch = collate([{"n": 3, "x": 0.5, "on": True, "t": torch.ones(2), "name": "a"}] * 2)
    assert batch["n"].dtype == torch.int64
    assert batch["x"].dtype == torch.float32
    assert batch["on"].dtype == torch.bool
    assert batch["t"].shape == (2, 2)
    assert batch["name"] == ["a", "a"]


class TestField:
    @pytest.mark.parametrize(
        "field",
        [
            Field(),
            Field(channels=8, value_range=(-1000.0, 3000.5), dtype="int16", display=(3, 2, 1)),
            Field("labels", classes=2, names=("sky", "road"), palette=((0, 0, 0), (255, 1, 2))),
            Field("category", classes=5),
            Field("mask", scale=2),
            Field("scalar"),
        ],
    )
    def test_it_is_stored_as_plain_values(self, field: Field) -> None:
        import json

        assert Field.from_json(json.loads(json.dumps(field.to_json()))) == field

    @pytest.mark.parametrize(
        "values",
        [{"kind": "sound"}, {"kind": "labels"}, {"kind": "category", "classes": 0}, {"channels": 0}, {"scale": 0},
         {"kind": "category", "classes": 2, "names": ("a",)}],
        ids=str,
    )  # fmt: skip
    def test_impossible_ones_are_refused(self, values: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"field|classes|channel"):
            Field(**values)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "values",
        [{"value_range": [3, 1]}, {"channels": "3"}, {"palette": [[1, 2]]}, {"palette": [[0, 0, 300]]},
         {"scale": "1/0"}, {"value_range": [0, float("inf")]}],
        ids=str,
    )  # fmt: skip
    def test_damaged_stored_values_are_refused(self, values: dict[str, object]) -> None:
        with pytest.raises((ValueError, ZeroDivisionError)):
            Field.from_json(values)

    def test_tensors_have_a_channel_for_each_class(self) -> None:
        kinds = [
            Field(channels=5),
            Field("labels", classes=7),
            Field("mask"),
            Field("scalar"),
            Field("category", classes=4),
        ]
        assert [field.tensor_channels for field in kinds] == [5, 7, 1, 0, 0]
        assert [field.is_spatial for field in kinds] == [True, True, True, False, False]
