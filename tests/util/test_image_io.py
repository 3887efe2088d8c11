"""Tensors become the images that the reference writes, in files that are whole or absent."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import size_of
from PIL import Image

from pixlate.errors import DataError
from pixlate.util.image_io import ImageWriter, save_image, to_image

GREY = np.full((4, 6, 3), 128, np.uint8)


def test_values_are_truncated_not_rounded() -> None:
    tensor = torch.linspace(-1, 1, 1024).reshape(1, 1, 32, 32)
    expected = ((np.tile(tensor[0].numpy(), (3, 1, 1)).transpose(1, 2, 0) + 1) / 2.0 * 255.0).astype(np.uint8)
    assert np.array_equal(to_image(tensor), expected)
    assert to_image(torch.full((3, 1, 1), 0.9999))[0, 0, 0] == 254


def test_the_first_of_a_batch_is_shown() -> None:
    batch = torch.stack([torch.full((3, 2, 2), -1.0), torch.full((3, 2, 2), 1.0)])
    assert to_image(batch).max() == 0


@pytest.mark.parametrize(("channels", "blue"), [(1, 127), (2, 0), (5, 127)])
def test_any_number_of_channels_gives_three(channels: int, blue: int) -> None:
    assert to_image(torch.zeros(1, channels, 2, 2))[0, 0].tolist() == [127, 127, blue]


def test_values_outside_the_range_do_not_wrap_around() -> None:
    tensor = torch.tensor([1.5, -1.5, float("nan"), float("inf")]).reshape(1, 1, 1, 4).bfloat16()
    assert to_image(tensor)[0, :, 0].tolist() == [255, 0, 0, 255]


@pytest.mark.parametrize(("ratio", "size"), [(1.0, (6, 4)), (2.0, (6, 8)), (0.5, (12, 4))])
def test_aspect_ratio_is_height_to_width(tmp_path: Path, ratio: float, size: tuple[int, int]) -> None:
    save_image(GREY, tmp_path / "a.png", aspect_ratio=ratio)
    assert size_of(tmp_path / "a.png") == size


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(GREY, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match=r"a\.png' cannot be written: No space left on device\. Free some"):
        save_image(GREY + 1, tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_writer_finishes_every_image_and_reports_the_first_failure(tmp_path: Path) -> None:
    with ImageWriter(max_pending=2) as writer:
        for number in range(9):
            writer.write(GREY, tmp_path / f"{number}.png")
    assert len(list(tmp_path.glob("*.png"))) == 9
    writer = ImageWriter()
    writer.write(GREY, tmp_path / "missing" / "a.png")
    with pytest.raises(DataError, match="cannot be written"):
        writer.close()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_suffix_is_the_format(suffix: str, tmp_path: Path) -> None:
    image = np.linspace(0, 255, 3 * 16 * 16).astype(np.uint8).reshape(16, 16, 3)
    save_image(image, tmp_path / f"a{suffix}")
    with Image.open(tmp_path / f"a{suffix}") as found:
        levels = np.asarray(found).astype(int)
    assert found.format == {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".tif": "TIFF"}[suffix]
    difference = np.abs(levels - image)
    assert difference.max() == 0 if suffix in (".png", ".tif") else difference.mean() < 4
