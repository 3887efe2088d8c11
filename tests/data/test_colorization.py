"""Lightness and colours: the data set and the model of colourization, from a folder of photographs to its results."""

from pathlib import Path

import numpy as np
import pytest
import torch
from image_files import noise_image, write
from numpy.typing import NDArray
from PIL import Image

import pixlate
from pixlate.__main__ import main
from pixlate.errors import OptionError
from pixlate.plugins import Field
from pixlate.plugins.testing import check_dataset, check_model
from pixlate.util import optional

pytest.importorskip("kornia", reason="needs the extra 'color'")

SIZES = {"preprocess": "none", "no_flip": True}


def lab_by_definition(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB of sRGB under D65, by the definitions of the CIE and of IEC 61966-2-1."""
    c = rgb / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    xyz = linear @ to_xyz.T / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def test_samples_are_lightness_and_colours_scaled_as_in_the_reference(tmp_path: Path) -> None:
    path = write(tmp_path / "train" / "a.png", (40, 32))
    item = pixlate.create_dataset("colorization", dataroot=tmp_path, **SIZES)[0]
    lab = lab_by_definition(np.asarray(Image.open(path)))
    np.testing.assert_allclose(item["A"].numpy()[0], lab[..., 0] / 50 - 1, atol=1e-3)
    np.testing.assert_allclose(item["B"].numpy().transpose(1, 2, 0), lab[..., 1:] / 110, atol=2e-3)
    assert item["A_paths"] == item["B_paths"] == str(path)


def test_a_grey_photograph_has_no_colours(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    noise_image((40, 32), mode="L").save(tmp_path / "train" / "grey.png")
    item = pixlate.create_dataset("colorization", dataroot=tmp_path, **SIZES)[0]
    assert float(item["B"].abs().max()) < 1e-3
    assert float(item["A"].std()) > 0.1


def test_the_phase_s_folders_are_read_and_others_are_not(tmp_path: Path) -> None:
    for name in ("trainA/a", "trainB/b", "test/c", "d"):
        write(tmp_path / f"{name}.png")
    found = pixlate.create_dataset("colorization", dataroot=tmp_path).files()
    assert sorted(path.stem for path in found) == ["a", "b"]
    elsewhere = pixlate.create_dataset("colorization", dataroot=tmp_path / "test").files()
    assert [path.stem for path in elsewhere] == ["c"]


@pytest.mark.parametrize("options", [{"direction": "BtoA"}, {"input_nc": 3}, {"output_nc": 3}])
def test_what_colourization_cannot_do_is_an_error(tmp_path: Path, options: dict[str, object]) -> None:
    write(tmp_path / "train" / "a.png")
    with pytest.raises(OptionError, match="--dataset_mode colorization"):
        pixlate.create_dataset("colorization", dataroot=tmp_path, **options)


def test_the_contracts_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "train" / "a.png", (80, 80))
    write(tmp_path / "train" / "b.png", (80, 80), 1)
    check_dataset("colorization", tmp_path)
    check_model("colorization", netG="resnet_6blocks")


def test_a_translation_keeps_the_lightness() -> None:
    model = pixlate.create_model("colorization", train=False, netG="resnet_6blocks", ngf=4)
    images = model.translate({"A": torch.linspace(-0.9, 0.9, 32 * 32).reshape(1, 1, 32, 32), "A_paths": ["a"]})
    assert list(images) == ["real_A", "fake_B_rgb"]
    levels = ((images["fake_B_rgb"][0].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
    lightness = lab_by_definition(levels)[..., 0]
    difference = np.abs(lightness - np.linspace(5, 95, 32 * 32).reshape(32, 32))
    assert np.median(difference) < 1  # colours outside of sRGB become other ones


def test_from_a_folder_to_results_and_back_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for phase in ("train", "test"):
        for number in range(2):
            write(tmp_path / "photos" / phase / f"{number}.png", (40, 40), number)
    small = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"
    preview = "--preview photos/test/0.png --display_freq 1"
    for words in (
        f"train --model colorization --dataroot photos {small} {preview} --n_epochs 1 --n_epochs_decay 0 --device cpu",
        "test --device cpu",
    ):
        with pytest.raises(SystemExit) as ended:
            main(words.split())
        assert ended.value.code == 0
    images = tmp_path / "results" / "photos_colorization" / "test_latest" / "images"
    labels = ("real_A", "real_B_rgb", "fake_B_rgb")
    shapes = [np.asarray(Image.open(images / f"0_{label}.png")).shape for label in labels]
    assert shapes == [(32, 32), (32, 32, 3), (32, 32, 3)]
    translate = pixlate.load("photos_colorization", device="cpu")
    photograph = noise_image((40, 36))
    coloured = translate(photograph)
    assert (coloured.mode, coloured.size) == ("RGB", (40, 36))
    # Any photograph is taken: its lightness is the input.
    found = lab_by_definition(np.asarray(coloured))[..., 0]
    expected = lab_by_definition(np.asarray(photograph))[..., 0]
    assert float(np.abs(found - expected).mean()) < 3


def test_a_field_has_the_channels_of_its_colour_space() -> None:
    field = Field(channels=2, space="a*b*")
    assert Field.from_json(field.to_json()) == field
    with pytest.raises(ValueError, match="colour space"):
        Field(channels=3, space="L*")


def test_without_kornia_both_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "find_spec", lambda name: None)
    write(tmp_path / "train" / "a.png")
    with pytest.raises(OptionError, match=r"--dataset_mode colorization needs kornia: pip install 'pixlate\[color\]'"):
        pixlate.create_dataset("colorization", dataroot=tmp_path)
    with pytest.raises(OptionError, match="--model colorization needs kornia"):
        pixlate.create_model("colorization")
