"""Masks, further inputs of a model, and carried files."""

import json
import os
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from image_files import noise_image, write
from PIL import Image
from translations import lines_of, pixels, save_run, translate

from pixlate.data.reading import DEFAULT
from pixlate.errors import OptionError
from pixlate.inference.translating.companions import FurtherInputs
from pixlate.inference.translating.inputs import Source
from pixlate.inference.translating.masking import composite
from pixlate.inference.translating.one_image import ImageTranslation
from pixlate.plugins.field import Field

Output = pytest.CaptureFixture[str]
SIZE = (24, 16)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("checkpoints") / "tiny")


def half_mask(path: Path, level: int = 255) -> Path:
    """A mask that is white, or grey, in its left half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = Image.new("L", SIZE)
    mask.paste(level, (0, 0, SIZE[0] // 2, SIZE[1]))
    mask.save(path)
    return path


def test_a_mask_shows_the_output_over_the_input(model: Path, tmp_path: Path) -> None:
    photo, mask = write(tmp_path / "a.png", SIZE), half_mask(tmp_path / "mask.png")
    assert translate(photo, "-o", tmp_path / "whole.png", model=model) == 0
    assert translate(photo, "-o", tmp_path / "out.png", "--mask", mask, model=model) == 0
    whole, out, before = (pixels(tmp_path / name) for name in ("whole.png", "out.png", "a.png"))
    middle = SIZE[0] // 2
    assert np.array_equal(out[:, :middle], whole[:, :middle])
    assert np.array_equal(out[:, middle:], before[:, middle:])
    assert not np.array_equal(whole, before)


def test_feathered_edges_blend(model: Path, tmp_path: Path) -> None:
    photo, mask = write(tmp_path / "a.png", SIZE), half_mask(tmp_path / "mask.png")
    for name, feather in (("sharp.png", "0"), ("soft.png", "2")):
        assert translate(photo, "-o", tmp_path / name, "--mask", mask, "--feather", feather, model=model) == 0
    differs = (pixels(tmp_path / "sharp.png") != pixels(tmp_path / "soft.png")).any(axis=(0, 2))
    assert differs[SIZE[0] // 2 - 2 : SIZE[0] // 2 + 2].all()
    assert not differs[0]
    assert not differs[-1]


def test_masks_of_a_folder_have_the_places_or_the_names_of_inputs(model: Path, tmp_path: Path, capsys: Output) -> None:
    for place in ("a.jpg", "night/b.png", "night/c.png"):
        write(tmp_path / "in" / place, SIZE)
    half_mask(tmp_path / "masks" / "a.png", 0)
    half_mask(tmp_path / "masks" / "night" / "b.png", 0)
    half_mask(tmp_path / "masks" / "night" / "b.webp")
    half_mask(tmp_path / "masks" / "c.png", 0)
    arguments = (tmp_path / "in", "-o", tmp_path / "out", "--mask", tmp_path / "masks")
    assert translate(*arguments, model=model) == 1
    error = capsys.readouterr().err
    assert "b.png' and " in error
    assert "have its name" in error
    (tmp_path / "masks" / "night" / "b.webp").unlink()
    assert translate(*arguments, "--resume", model=model) == 0
    assert np.array_equal(pixels(tmp_path / "out" / "night" / "c.png"), pixels(tmp_path / "in" / "night" / "c.png"))
    record = next(line for line in lines_of(tmp_path / "out") if line.get("output") == "night/c.png")
    assert record["companions"]["mask of the output"]["path"] == str(tmp_path / "masks" / "c.png")


@pytest.mark.parametrize("mask", ["small.png", "text.png", "gone.png", "empty"])
def test_masks_that_cannot_be(mask: str, model: Path, tmp_path: Path, capsys: Output) -> None:
    photo = write(tmp_path / "a.png", SIZE)
    write(tmp_path / "small.png", (8, 8))
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "empty").mkdir()
    assert translate(photo, "-o", tmp_path / "out", "--mask", tmp_path / mask, model=model) == 1
    assert f"{mask}'" in capsys.readouterr().err.splitlines()[0]
    assert not list((tmp_path / "out").glob("*.png"))


@given(
    arrays.arrays(np.uint8, (4, 3, 3)),
    arrays.arrays(np.uint8, (4, 3, 3)),
    arrays.arrays(np.uint8, (4, 3)),
    st.booleans(),
)
def test_a_blend_lies_between_its_images(output: np.ndarray, before: np.ndarray, mask: np.ndarray, deep: bool) -> None:
    if deep:  # of 16 bits
        output, before = (values.astype(np.uint16) * 257 for values in (output, before))
        blended = composite(output, before, Image.fromarray(mask))
    else:
        blended = np.asarray(composite(Image.fromarray(output), Image.fromarray(before), Image.fromarray(mask)))
    assert blended.dtype == output.dtype
    assert np.array_equal(blended[mask == 255], output[mask == 255])
    assert np.array_equal(blended[mask == 0], before[mask == 0])
    assert (np.minimum(output, before) <= blended).all()
    assert (blended <= np.maximum(output, before)).all()


# --- further inputs -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def masked_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pix2pix with `--composite`: it shows its input where the field `mask` is black."""
    fields = {
        "A": Field(),
        "B": Field(),
        "mask": Field("mask"),
        "age": Field("category", classes=2, names=("old", "new")),
    }
    return save_run(tmp_path_factory.mktemp("checkpoints") / "masked", fields=fields, composite=True)


def test_a_further_input_of_a_folder(masked_model: Path, tmp_path: Path) -> None:
    photo = write(tmp_path / "in" / "a.png", SIZE)
    half_mask(tmp_path / "masks" / "a.png")
    further = ("--input", f"mask={tmp_path / 'masks'}", "--input", "age=new")
    assert translate(photo, "-o", tmp_path / "out", *further, model=masked_model) == 0
    middle = SIZE[0] // 2
    out, before = pixels(tmp_path / "out" / "a.png").astype(int), pixels(photo).astype(int)
    assert abs(out[:, middle:] - before[:, middle:]).max() <= 1
    assert abs(out[:, :middle] - before[:, :middle]).max() > 10
    start, record = lines_of(tmp_path / "out")
    assert start["options"]["inputs"] == {"age": 1}
    assert record["companions"].keys() == {"mask"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mask", "must be NAME=VALUE"),
        ("masks=x", "Did you mean 'mask'?"),
        ("mask=gone", "there is no file or folder"),
        ("age=older", "one of old, new"),
        ("age=2", "the numbers 0 to 1"),
        ("B=1", "no such input"),
    ],
    ids=str,
)
def test_further_inputs_that_cannot_be(
    text: str, problem: str, masked_model: Path, tmp_path: Path, capsys: Output
) -> None:
    photo = write(tmp_path / "a.png", SIZE)
    assert translate(photo, "-o", tmp_path / "out", "--input", text, model=masked_model) == 2
    assert problem in capsys.readouterr().err


def test_a_further_input_of_another_size_is_a_sentence(masked_model: Path, tmp_path: Path, capsys: Output) -> None:
    write(tmp_path / "mask.png", (8, 8))
    photo = write(tmp_path / "a.png", SIZE)
    arguments = (photo, "-o", tmp_path / "out", "--input", f"mask={tmp_path / 'mask.png'}")
    assert translate(*arguments, model=masked_model) == 1
    assert "mask.png' has 8 x 8 pixels, and its image 24 x 16." in capsys.readouterr().err


def test_what_a_model_needs_is_asked_for(tmp_path: Path) -> None:
    def translate_to(image: Path, **others: int) -> Image.Image:
        return Image.new("RGB", SIZE, (others["age"], 0, 0))

    source = Source(write(tmp_path / "a.png", SIZE), PurePath("a.png"), tmp_path)
    fields = {"A": Field(), "age": Field("category", classes=2)}
    assert ImageTranslation(translate_to, DEFAULT, FurtherInputs(["age=1"], fields))(source).size == SIZE
    with pytest.raises(OptionError, match="--input age="):
        ImageTranslation(translate_to, DEFAULT, FurtherInputs([], fields))(source)


# --- carried files --------------------------------------------------------------------------------------------------


def test_annotations_are_carried_with_their_folders(model: Path, tmp_path: Path, capsys: Output) -> None:
    photos = tmp_path / "in"
    write(photos / "night" / "a.png", SIZE)
    for place in ("all.json", "night/a.json", "night/a.txt", "boxes/b.json", ".hidden/c.json", "provenance.jsonl"):
        (photos / place).parent.mkdir(exist_ok=True)
        (photos / place).write_text(json.dumps(place))
    (tmp_path / "secret.json").write_text("secret")
    (photos / "outside.json").symlink_to(tmp_path / "secret.json")
    (photos / "inside.json").symlink_to(photos / "all.json")
    arguments = (photos, "-o", tmp_path / "out", "--carry", "*.json", "--carry", "*.jsonl", "--carry", "night/*.txt")
    assert translate(*arguments, model=model) == 0
    assert "5 files carried" in capsys.readouterr().out
    carried = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    expected = {"all.json", "inside.json", "night/a.json", "night/a.txt", "boxes/b.json"}
    assert carried == expected | {"night/a.png", "provenance.jsonl", "pixlate_files.txt"}
    assert (tmp_path / "out" / "inside.json").read_text() == '"all.json"'
    assert not (tmp_path / "out" / "inside.json").is_symlink()
    (photos / "all.json").write_text("changed")
    assert translate(*arguments, "--resume", model=model) == 0
    assert (tmp_path / "out" / "all.json").read_text() == "changed"


def test_what_is_beside_a_single_input_is_carried(model: Path, tmp_path: Path) -> None:
    photo = write(tmp_path / "in" / "a.png", SIZE)
    (photo.parent / "a.json").write_text("1")
    (photo.parent / "deeper").mkdir()
    (photo.parent / "deeper" / "b.json").write_text("2")
    assert translate(photo, "-o", tmp_path / "out", "--carry", "*.json", model=model) == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["a.json", "a.png", "pixlate_files.txt", "provenance.jsonl"]


def test_no_output_is_replaced_by_a_carried_file(model: Path, tmp_path: Path, capsys: Output) -> None:
    write(tmp_path / "in" / "a.jpg", SIZE)
    noise_image(SIZE).save(tmp_path / "in" / "b.jpg")
    (tmp_path / "in" / "a.png").symlink_to(tmp_path / "in" / "b.txt")
    (tmp_path / "in" / "b.txt").write_text("text")
    assert translate(tmp_path / "in" / "a.jpg", "-o", tmp_path / "out", "--carry", "*", model=model) == 1
    assert "an output has that name" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_input_is_not_replaced_by_a_carried_file(model: Path, tmp_path: Path, capsys: Output) -> None:
    """Two folders with files of one name, of which one is the folder of outputs."""
    first, second = write(tmp_path / "one" / "a.png", SIZE), write(tmp_path / "two" / "b.png", SIZE)
    write(tmp_path / "one" / "b.png", SIZE)
    before = second.read_bytes()
    words = (first, second, "-o", tmp_path / "two", "--format", "jpg", "--carry", "*.png", "--overwrite")
    assert translate(*words, model=model) == 1
    assert "would replace an input" in capsys.readouterr().err
    assert second.read_bytes() == before


def test_an_earlier_output_is_not_replaced_by_a_carried_file(model: Path, tmp_path: Path, capsys: Output) -> None:
    photos = tmp_path / "in"
    for name in ("a.png", "b.png"):
        write(photos / name, SIZE)
    assert translate(photos, "-o", tmp_path / "out", model=model) == 0
    before = (tmp_path / "out" / "a.png").read_bytes()
    words = (photos / "b.png", "-o", tmp_path / "out", "--carry", "*.png", "--resume")
    assert translate(*words, model=model) == 1
    assert "an output of an earlier translation" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.png").read_bytes() == before


def test_names_of_carried_files_are_printable(model: Path, tmp_path: Path) -> None:
    photo = write(tmp_path / "in" / "a.png", SIZE)
    (photo.parent / "odd\nname.json").write_text("1")
    assert translate(photo, "-o", tmp_path / "out", "--carry", "*.json", model=model) == 0
    assert (tmp_path / "out" / "odd_name.json").read_text() == "1"


def test_a_transparent_input_keeps_its_colours_where_the_mask_is_black(model: Path, tmp_path: Path) -> None:
    image = noise_image(SIZE).convert("RGB")
    image.putalpha(noise_image(SIZE).convert("L"))
    (tmp_path / "in").mkdir()
    image.save(tmp_path / "in" / "a.png")
    Image.new("L", SIZE).save(tmp_path / "mask.png")
    words = (tmp_path / "in" / "a.png", "-o", tmp_path / "out.png", "--mask", tmp_path / "mask.png")
    assert translate(*words, model=model) == 0
    assert (pixels(tmp_path / "out.png") == np.asarray(image)).all()
