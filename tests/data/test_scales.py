"""Fields that are larger or smaller than A, declared with `--field B=scale:2`."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from image_files import noise_image
from PIL import Image

import pixlate
from pixlate.data.check import check_dataset
from pixlate.data.declarations import declared_fields
from pixlate.data.transforms import Transform
from pixlate.errors import DataError, OptionError
from pixlate.options.preprocess_modes import MODES
from pixlate.plugins import Field
from pixlate.plugins.field import directed
from pixlate.plugins.testing import check_dataset as check_contract


def write_scaled(root: Path, factor: int, size: tuple[int, int] = (48, 40), phase: str = "train") -> Path:
    """Pairs in two folders: B is A with each pixel repeated."""
    for number in range(3):
        A = noise_image(size, number)
        for side, image in (("A", A), ("B", A.resize((size[0] * factor, size[1] * factor), Image.Resampling.NEAREST))):
            (root / phase / side).mkdir(parents=True, exist_ok=True)
            image.save(root / phase / side / f"{number}.png")
    return root


@pytest.mark.parametrize("preprocess", ["crop", "none"])
def test_a_larger_B_shares_the_window_and_the_flip(tmp_path: Path, preprocess: str) -> None:
    write_scaled(tmp_path, 2)
    options = {"field": ("B=scale:2",), "preprocess": preprocess, "load_size": 24, "crop_size": 24}
    dataset = pixlate.create_dataset("aligned", dataroot=tmp_path, **options)
    assert dataset.fields == {"A": Field(), "B": Field(scale=2)}
    for epoch in range(1, 6):
        item = dataset[epoch, 0]
        assert torch.equal(item["B"], item["A"].repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert item["A"].shape[1:] == ((24, 24) if preprocess == "crop" else (40, 48))


def test_a_smaller_B_begins_at_whole_pixels(tmp_path: Path) -> None:
    """A is the larger one here: windows are drawn at even places."""
    write_scaled(tmp_path, 2)
    folder = tmp_path / "train"
    (folder / "A").rename(folder / "small")
    (folder / "B").rename(folder / "A")
    (folder / "small").rename(folder / "B")
    options = {"field": ("B=scale:1/2",), "preprocess": "crop", "load_size": 32, "crop_size": 32}
    dataset = pixlate.create_dataset("aligned", dataroot=tmp_path, **options)
    for epoch in range(1, 8):
        item = dataset[epoch, 1]
        assert torch.equal(item["A"], item["B"].repeat_interleave(2, 1).repeat_interleave(2, 2))


@given(
    mode=st.sampled_from([mode for mode in MODES if mode != "crop"]),
    width=st.integers(8, 200),
    height=st.integers(8, 200),
    scale=st.sampled_from([2, 3, 4, Fraction(1, 2), Fraction(3, 2)]),
)
def test_the_size_of_a_field_is_that_of_A_times_its_scale(
    mode: str, width: int, height: int, scale: int | Fraction
) -> None:
    A = Transform(mode, 72, 60)
    B = Transform(mode, 72, 60, scale=scale)
    of_B = int(width * scale), int(height * scale)
    if (width * scale, height * scale) == of_B:
        expected = tuple(int(side * scale) for side in A.resized((width, height)))
        assert B.resized(of_B) == expected
        assert B.final(of_B) == tuple(int(side * scale) for side in A.final((width, height)))
        assert B.fits(of_B) == A.fits((width, height))


def test_the_contract_and_the_headers_are_checked_with_scales(tmp_path: Path) -> None:
    write_scaled(tmp_path, 2)
    check_contract("aligned", tmp_path, field=("B=scale:2",))
    options = {"preprocess": "crop", "load_size": 32, "crop_size": 32}
    right = pixlate.create_dataset("aligned", dataroot=tmp_path, field=("B=scale:2",), **options)
    assert check_dataset(right, right.shared) == []
    undeclared = pixlate.create_dataset("aligned", dataroot=tmp_path, **options)
    with pytest.raises(DataError, match=r"declare that B is larger: --field B=scale:2"):
        check_dataset(undeclared, undeclared.shared)


def test_a_scale_is_declared_beside_other_things() -> None:
    for texts in (("B=labels:5", "B=scale:2"), ("B=scale:2", "B=labels:5")):
        declared = declared_fields(texts)["B"]
        assert (declared.kind, declared.classes, declared.scale) == ("labels", 5, 2)


@pytest.mark.parametrize("text", ["B=scale", "B=scale:0", "B=scale:x", "A=scale:2", "B=scale:1/0", "B=scale:-2"])
def test_other_scales_are_errors(text: str) -> None:
    with pytest.raises(OptionError, match="B=scale:2"):
        declared_fields((text,))


def test_scales_follow_the_direction() -> None:
    fields = {"A": Field(), "B": Field(scale=2), "mask": Field("mask", scale=4)}
    scales = {name: field.scale for name, field in directed(fields, "BtoA").items()}
    assert scales == {"A": 1, "B": Fraction(1, 2), "mask": 2}
    assert directed(fields, "AtoB") == fields


def test_a_model_whose_output_has_another_size_is_refused() -> None:
    fields = {"A": Field(), "B": Field(scale=2)}
    with pytest.raises(OptionError, match="2 pixels of its target per pixel of its input, but the output of"):
        pixlate.create_model("pix2pix", fields=fields, netG="resnet_6blocks", ngf=2, ndf=2)
    pixlate.create_model("pix2pix", fields=fields, netG="resnet_6blocks", ngf=2, ndf=2, train=False)


def test_float_fields_are_scaled_too(tmp_path: Path) -> None:
    for side, factor in (("A", 1), ("B", 2)):
        (tmp_path / "train" / side).mkdir(parents=True)
        values = np.linspace(0, 1, 20 * 20, dtype=np.float32).reshape(20, 20)
        np.save(tmp_path / "train" / side / "a.npy", values.repeat(factor, 0).repeat(factor, 1))
    options = {"field": ("B=scale:2",), "preprocess": "crop", "load_size": 8, "crop_size": 8}
    item = pixlate.create_dataset("aligned", dataroot=tmp_path, **options)[3, 0]
    assert torch.equal(item["B"], item["A"].repeat_interleave(2, 1).repeat_interleave(2, 2))
