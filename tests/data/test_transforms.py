"""Preprocessing gives the reference's tensors, bit for bit."""

import json
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import noise_image
from paths import GOLDEN
from PIL import Image
from torchvision.transforms import functional as F

from pixlate.data.transforms import Transform, Window, preprocess, size_of
from pixlate.errors import OptionError
from pixlate.options.preprocess_modes import MODES, preprocess_mode

STORED = GOLDEN / "transforms.npz"
sides = st.integers(4, 70)
modes = st.sampled_from(MODES)
positions = st.tuples(st.integers(-9, 80), st.integers(-9, 80))


def golden_cases() -> list[tuple[int, dict[str, Any]]]:
    with np.load(STORED) as stored:
        return list(enumerate(json.loads(str(stored["meta"]))))


@pytest.mark.parametrize(("number", "case"), golden_cases())
def test_golden_tensors(number: int, case: dict[str, Any]) -> None:
    with np.load(STORED) as stored:
        image, expected = Image.fromarray(stored[f"{number}/image"]), stored[f"{number}/tensor"]
    options = {**case["options"], "crop_pos": tuple(case["options"]["crop_pos"])}
    tensor = preprocess(image, **options, grayscale=case["grayscale"])
    assert list(tensor.shape) == case["shape"]
    assert torch.equal(tensor, _normalised(torch.from_numpy(expected)))


def _normalised(values: torch.Tensor) -> torch.Tensor:
    channels = values.shape[0]
    return F.normalize(values.float().div(255), [0.5] * channels, [0.5] * channels)


def by_torchvision(image: Image.Image, transform: Transform, window: Window, grayscale: bool) -> torch.Tensor:
    """The same with torchvision and Pillow, step by step."""
    image = F.to_grayscale(image) if grayscale else image
    size = transform.resized(image.size)
    image = F.resize(image, [size[1], size[0]], F.InterpolationMode.BICUBIC)
    if transform.crops and max(image.size) > transform.crop_size:
        image = F.crop(image, window.y, window.x, transform.crop_size, transform.crop_size)
    image = F.hflip(image) if window.flip else image
    tensor = F.to_tensor(image)
    return F.normalize(tensor, [0.5] * len(tensor), [0.5] * len(tensor))


@settings(deadline=None)
@given(
    sides, sides, modes, sides, sides, st.tuples(st.integers(-9, 80), st.integers(-9, 80)), st.booleans(), st.booleans()
)
def test_any_size_and_window_is_torchvisions(
    width: int,
    height: int,
    mode: str,
    load_size: int,
    crop_size: int,
    crop_pos: tuple[int, int],
    flip: bool,
    grayscale: bool,
) -> None:
    image = noise_image((width, height))
    ours = preprocess(
        image,
        preprocess=mode,
        load_size=load_size,
        crop_size=crop_size,
        crop_pos=crop_pos,
        flip=flip,
        grayscale=grayscale,
    )
    transform = Transform(mode, load_size, crop_size)
    assert torch.equal(ours, by_torchvision(image, transform, Window(*crop_pos, flip=flip), grayscale))
    assert (ours.shape[2], ours.shape[1]) == transform.final(image.size)
    assert ours.shape[0] == (1 if grayscale else 3)
    assert ours.is_contiguous()


@pytest.mark.parametrize(
    ("mode", "size", "resized"),
    [
        ("resize_and_crop", (100, 80), (72, 72)),
        ("crop", (100, 80), (100, 80)),
        ("scale_width", (144, 200), (72, 100)),
        ("scale_width", (200, 100), (72, 64)),
        ("scale_width", (72, 64), (72, 64)),
        ("scale_width_and_crop", (100, 333), (72, 239)),
        ("none", (101, 83), (100, 84)),
        ("none", (102, 86), (104, 88)),
        ("none", (98, 90), (96, 88)),
    ],
)
def test_sizes(mode: str, size: tuple[int, int], resized: tuple[int, int]) -> None:
    assert Transform(mode, 72, 64).resized(size) == resized


@settings(deadline=None)
@given(sides, sides, st.integers(0, 2**32))
def test_draws_x_then_y_then_flip(width: int, height: int, seed: int) -> None:
    window = Transform("crop", 72, 20).draw((width, height), random.Random(seed))
    rng = random.Random(seed)
    x, y = (rng.randint(0, max(0, side - 20)) for side in (width, height))
    assert window == Window(x, y, rng.random() > 0.5)


def test_no_flip_does_not_shift_the_draws() -> None:
    drawn = [
        [Transform("crop", 72, 20, flip).draw((60, 60), rng) for _ in range(20)]
        for flip, rng in ((True, random.Random(3)), (False, random.Random(3)))
    ]
    assert {window.flip for window in drawn[0]} == {True, False}
    assert drawn[1] == [Window(window.x, window.y, False) for window in drawn[0]]


def test_fits_refers_to_the_resized_image() -> None:
    assert Transform("resize_and_crop", 72, 64).fits((3, 3))
    assert not Transform("crop", 72, 64).fits((100, 63))
    assert Transform("scale_width_and_crop", 72, 64).fits((300, 10))
    assert Transform("none", 72, 64).fits((8, 8))


def test_a_resized_image_can_be_cropped_several_times() -> None:
    transform = Transform("resize_and_crop", 48, 32)
    pixels = transform.resize(noise_image((90, 70)))
    before = pixels.copy()
    assert size_of(pixels) == (48, 48)
    for flip in (False, True):
        cropped = transform.finish(pixels, Window(3, 9, flip))
        whole = preprocess(
            noise_image((90, 70)), preprocess="resize_and_crop", load_size=48, crop_size=32, crop_pos=(3, 9), flip=flip
        )
        assert torch.equal(cropped, whole)
    assert np.array_equal(pixels, before)


def test_invalid_options_are_errors_of_one_sentence() -> None:
    with pytest.raises(OptionError, match="'scale_width'"):
        preprocess(noise_image((8, 8)), preprocess="scale_with", load_size=8, crop_size=8)
    with pytest.raises(OptionError, match="crop_size must be 1 or more"):
        preprocess(noise_image((8, 8)), preprocess="crop", load_size=8, crop_size=0)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        *((mode, mode) for mode in MODES),
        ("resize_only", "resize"),
        ("resize_crop", "resize_and_crop"),
        ("crop_after_scale_width", "scale_width_and_crop"),
        ("centre_crop", "crop"),
        ("None", None),
        ("nothing", None),
        ("", None),
    ],
)
def test_the_words_of_a_text_choose_the_mode(text: str, mode: str | None) -> None:
    assert preprocess_mode(text) == mode
    if mode is not None:
        image = noise_image((30, 22))
        one, other = (preprocess(image, preprocess=t, load_size=20, crop_size=16) for t in (text, mode))
        assert torch.equal(one, other)


def test_resize_is_resize_and_crop_without_the_crop() -> None:
    image = noise_image((30, 22))
    resized = preprocess(image, preprocess="resize", load_size=20, crop_size=16)
    assert torch.equal(resized, preprocess(image, preprocess="resize_and_crop", load_size=20, crop_size=20))
