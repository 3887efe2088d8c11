"""`--augment`: random changes of training images."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import write_pairs, write_sides
from PIL import Image
from torch import Tensor

import pixlate
from pixlate.data.augmentation import PLACES, VALUES, Augmentation, parse
from pixlate.data.create import make_dataset
from pixlate.default_plugins import get_plugins
from pixlate.errors import OptionError
from pixlate.options.command.resolve import resolve
from pixlate.plugins import Field
from pixlate.runs.held_out import held_out_dataset
from pixlate.util.randomness import reseed

FIELDS = {"A": Field(), "B": Field("labels", classes=3), "C": Field("mask", scale=2)}
PHOTO = {"preprocess": "none", "no_flip": True}


def sample(height: int, width: int) -> dict[str, Tensor]:
    """A smooth image, labels and a mask that follow from it: of twice its size."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    A = torch.stack([x, y, x * y]).contiguous() * 0.8
    classes = (x > -0.3).long() + (x > 0.4).long()
    B = 2.0 * torch.nn.functional.one_hot(classes, 3).permute(2, 0, 1) - 1
    C = torch.where(x > 0, 1.0, -1.0)[None].repeat_interleave(2, 1).repeat_interleave(2, 2)
    return {"A": A, "B": B.contiguous(), "C": C}


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(sorted(PLACES)),
    share=st.floats(0.1, 1),
    height=st.sampled_from([1, 8, 31, 40]),
    width=st.sampled_from([8, 40]),
    seed=st.integers(0, 1000),
)
def test_fields_keep_their_size_and_kind(name: str, share: float, height: int, width: int, seed: int) -> None:
    augmentation = Augmentation(parse([f"{name}={share * PLACES[name]:.3f}"], "A"), FIELDS)
    item = sample(height, width)
    changed = augmentation(item, random.Random(seed))
    for field, value in item.items():
        assert changed[field].shape == value.shape
    assert float(changed["A"].abs().max()) <= 0.8 + 1e-5  # nothing comes in from beyond the border
    assert bool((changed["B"].sum(0) == -1).all())  # one class for each pixel
    assert set(changed["C"].unique().tolist()) <= {-1.0, 1.0}
    again = augmentation(item, random.Random(seed))
    assert all(torch.equal(changed[field], again[field]) for field in item)


@pytest.mark.parametrize("change", ["rotation=20", "zoom=0.3", "vertical_flip=1", "quarter_turns=1"])
def test_all_fields_are_changed_together(change: str) -> None:
    """After the change the labels and the mask still follow from the image."""
    augmentation = Augmentation(parse([change], "A"), FIELDS)
    for seed in range(5):
        changed = augmentation(sample(64, 64), random.Random(seed))
        x = changed["A"][0] / 0.8
        expected = (x > -0.3).long() + (x > 0.4).long()
        assert float((changed["B"].argmax(0) == expected).float().mean()) > 0.96
        right = changed["C"][0, ::2, ::2] > 0
        assert float((right == (x > 0)).float().mean()) > 0.96
    assert not torch.equal(changed["A"], sample(64, 64)["A"])


def test_a_rotation_is_by_the_degrees_that_are_drawn() -> None:
    augmentation = Augmentation(parse(["rotation=40"], "A"), {"A": Field()})
    angles = []
    for seed in range(200):
        A = augmentation(sample(65, 65), random.Random(seed))["A"]
        angles.append(float(torch.rad2deg(torch.atan2(A[0, 40, 32] - A[0, 24, 32], A[0, 32, 40] - A[0, 32, 24]))))
    assert -40.5 < min(angles) < -35
    assert 35 < max(angles) < 40.5


@pytest.mark.parametrize("name", sorted(VALUES))
def test_values_are_changed_in_the_input_alone(name: str) -> None:
    fields = {"A": Field(), "B": Field()}
    item = {"A": sample(16, 16)["A"], "B": sample(16, 16)["A"], "A_paths": "a.png"}
    changed = Augmentation(parse([f"{name}=0.3"], "A"), fields)(item, random.Random(1))
    assert torch.equal(changed["B"], item["B"])
    assert not torch.equal(changed["A"], item["A"])
    assert float(changed["A"].abs().max()) <= 1
    assert changed["A_paths"] == "a.png"
    other = Augmentation(parse([f"B.{name}=0.3"], "A"), fields)(item, random.Random(1))
    assert torch.equal(other["A"], item["A"])
    assert torch.equal(other["B"], changed["A"])


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    grey = {"A": torch.zeros(3, 200, 200)}
    noisy = Augmentation(parse(["noise=0.05"], "A"), {"A": Field()})(grey, random.Random(0))["A"]
    assert float(noisy.std()) == pytest.approx(0.1, rel=0.02)  # 0.05 of the range from -1 to 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spin=3", "is not understood"),
        ("rotation", "is not understood"),
        ("rotation=-3", "is not understood"),
        ("rotation=nan", "is not understood"),
        ("B.rotation=3", "is not understood"),
        ("rotation=181", "at most 180"),
        ("noise=0", "more than 0"),
        ("C.noise=0.1", "has no image 'C'"),
        ("mask.noise=0.1", "has no image 'mask'"),
        ("deep.hue=0.1", "'deep' has 4 channels"),
    ],
)
def test_any_other_text_is_an_error_that_says_what_there_is(text: str, message: str) -> None:
    fields = {"A": Field(), "mask": Field("mask"), "deep": Field(channels=4, dtype="uint16")}
    with pytest.raises(OptionError, match=message):
        Augmentation(parse([text], "A"), fields)


def test_data_sets_change_samples_by_seed_epoch_and_index(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", size=(80, 40))
    options = {"load_size": 36, "crop_size": 32, "augment": ("rotation=20", "noise=0.1")}
    dataset, plain = (
        pixlate.create_dataset("aligned", dataroot=tmp_path / "pairs", **{**options, "augment": augment})
        for augment in (options["augment"], ())
    )
    reseed(0, "x")
    before = torch.random.get_rng_state()
    first, second = dataset[1, 0], dataset[2, 0]
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first["A"], dataset[1, 0]["A"])
    assert not torch.equal(first["A"], second["A"])
    assert not torch.equal(first["A"], plain[1, 0]["A"])


def test_with_BtoA_the_input_is_B(tmp_path: Path) -> None:
    write_sides(tmp_path, size=(40, 40))
    options = {"load_size": 36, "crop_size": 32, "augment": ("noise=0.1",), "direction": "BtoA"}
    item = pixlate.create_dataset("unaligned", dataroot=tmp_path, **options)[1, 0]
    plain = pixlate.create_dataset("unaligned", dataroot=tmp_path, **{**options, "augment": ()})[1, 0]
    assert torch.equal(item["A"], plain["A"])
    assert not torch.equal(item["B"], plain["B"])


def test_errors_come_when_the_data_set_is_made(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    with pytest.raises(OptionError, match="spin=3"):
        pixlate.create_dataset("aligned", dataroot=tmp_path, augment=("spin=3",))


def test_values_of_more_than_8_bits_are_changed_without_levels(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    values = np.linspace(0, 65535, 64 * 128).reshape(64, 128).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "train" / "a.png")
    options = {**PHOTO, "augment": ("brightness=0.1", "rotation=1")}
    A = pixlate.create_dataset("aligned", dataroot=tmp_path, pair_by="side_by_side", **options)[1, 0]["A"]
    assert A.shape == (1, 64, 64)
    assert len(A.unique()) > 3000


def test_held_out_samples_are_not_changed(tmp_path: Path) -> None:
    for phase in ("train", "val"):
        write_pairs(tmp_path, phase, 1, (64, 32))
    plugins = get_plugins()
    words = ["--model", "pix2pix", "--dataroot", str(tmp_path), "--augment", "rotation=10", "--crop_size", "32"]
    resolved = resolve("train", words, plugins)
    training_set = make_dataset(resolved.components["dataset_mode"], resolved.values, ())
    found = held_out_dataset(resolved, training_set, ())
    assert found is not None
    assert training_set.shared.augment == ("rotation=10",)
    assert found[1].shared.augment == ()
