"""Photographs with holes, and the model that fills them."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from image_files import write
from PIL import Image

import pixlate
from pixlate.__main__ import main
from pixlate.data.holes import HOLES
from pixlate.errors import DataError, OptionError
from pixlate.plugins import Field

SIZES = {"load_size": 48, "crop_size": 48}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for phase in ("train", "test"):
        for number in range(3):
            write(tmp_path / "photos" / phase / f"{number}.png", (60, 60), number)
    return tmp_path / "photos"


@given(
    shape=st.sampled_from(sorted(HOLES)),
    width=st.integers(8, 90),
    height=st.integers(8, 90),
    area=st.floats(0.05, 0.9),
    seed=st.integers(0, 99),
)
def test_a_hole_has_about_the_area_that_is_asked_for(
    shape: str, width: int, height: int, area: float, seed: int
) -> None:
    image = HOLES[shape]((width, height), area, random.Random(seed))
    assert image.size == (width, height)
    assert set(np.unique(image)) <= {0, 255}
    share = np.asarray(image).mean() / 255
    if shape == "center":
        assert abs(share - area) < 0.2
    elif shape == "box":  # it is cut where it is longer than the image
        assert 0.4 * area - 0.1 < share < area + 0.15
    else:
        assert share > area or area > 0.6
    assert np.array_equal(image, HOLES[shape]((width, height), area, random.Random(seed)))


@pytest.mark.parametrize("hole", sorted(HOLES))
def test_the_input_is_the_photograph_without_the_hole(photos: Path, hole: str) -> None:
    dataset = pixlate.create_dataset("inpainting", dataroot=photos, hole=hole, **SIZES)
    assert dataset.fields == {"A": Field(), "B": Field(), "mask": Field("mask")}
    item = dataset[1, 0]
    inside = item["mask"][0] == 1
    assert 0.02 < float(inside.float().mean()) < 0.6
    assert bool((item["A"][:, inside] == 0).all())
    assert torch.equal(item["A"][:, ~inside], item["B"][:, ~inside])
    assert torch.equal(item["mask"], dataset[1, 0]["mask"])
    assert hole == "center" or not torch.equal(item["mask"], dataset[2, 0]["mask"])


def test_a_phase_that_is_missing_is_not_replaced_by_others(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'val'") as caught:
        pixlate.create_dataset("inpainting", dataroot=photos, phase="val")
    assert "train" in str(caught.value)
    write(photos / "beside.png", (60, 60))
    with pytest.raises(DataError, match="'val'"):
        pixlate.create_dataset("inpainting", dataroot=photos, phase="val")
    flat = write(tmp_path / "flat" / "a.png", (60, 60)).parent  # a folder of photographs is read whatever the phase
    assert len(pixlate.create_dataset("inpainting", dataroot=flat, phase="val")) == 1


def test_holes_are_those_of_images(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "holes").mkdir()
    mask = np.zeros((30, 30), np.uint8)
    mask[:10] = 255
    Image.fromarray(mask).save(tmp_path / "holes" / "top.png")
    dataset = pixlate.create_dataset("inpainting", dataroot=photos, hole_masks=str(tmp_path / "holes"), **SIZES)
    found = dataset[0]["mask"][0]
    assert bool((found[:16] == 1).all())
    assert bool((found[16:] == -1).all())
    with pytest.raises(DataError, match="--hole_masks must be a folder"):
        pixlate.create_dataset("inpainting", dataroot=photos, hole_masks=str(tmp_path / "none"))


@pytest.mark.parametrize("options", [{"direction": "BtoA"}, {"input_nc": 1, "output_nc": 3}])
def test_what_inpainting_cannot_do_is_an_error(photos: Path, options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="--dataset_mode inpainting"):
        pixlate.create_dataset("inpainting", dataroot=photos, **options)


def test_from_photographs_to_filled_ones(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    small = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 48 --crop_size 48 --num_threads 0 --display_id 0"
    train = f"train --model pix2pix --dataset_mode inpainting --dataroot photos --composite --lambda_mask 5 {small}"
    for words in (f"{train} --n_epochs 1 --n_epochs_decay 0 --device cpu", "test --device cpu"):
        with pytest.raises(SystemExit) as ended:
            main(words.split())
        assert ended.value.code == 0
    images = photos.parent / "results" / "photos_pix2pix" / "test_latest" / "images"
    real_A, fake_B, real_B = (
        np.asarray(Image.open(images / f"1_{label}.png")).astype(int) for label in ("real_A", "fake_B", "real_B")
    )
    hole = (real_A == 127).all(-1)
    assert np.abs(fake_B - real_B)[~hole].max() <= 1
    assert np.abs(fake_B - real_B)[hole].max() > 1
    translate = pixlate.load("photos_pix2pix", device="cpu")
    filled = translate(Image.fromarray(real_A.astype(np.uint8)), mask=Image.fromarray((hole * 255).astype(np.uint8)))
    assert np.abs(np.asarray(filled).astype(int) - real_B)[~hole].max() <= 1
