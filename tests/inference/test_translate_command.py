"""`pixlate translate`: files through a trained model, beside what test.py makes of them."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from image_files import noise_image, write
from PIL import Image
from trainings import CYCLE_GAN, PIX2PIX, make_images
from translations import opened, run, save_run, translate

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two images, one of them in a sub-folder, and what is no image."""
    folder = tmp_path / "photos"
    write(folder / "a.png", (24, 16), 1)
    write(folder / "night" / "b.png", (20, 28), 2)
    write(folder / ".hidden" / "c.png", (8, 8), 3)
    (folder / "notes.txt").write_text("notes")
    return folder


# --- which files, and what their outputs are called ----------------------------------------------------------------


def test_a_folder_keeps_its_sub_folders(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    assert translate(photos, "-o", tmp_path / "out", model=model) == 0
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert made == ["a.png", "night/b.png", "pixlate_files.txt", "provenance.jsonl"]
    assert opened(tmp_path / "out" / "night" / "b.png").size == (20, 28)
    output = capsys.readouterr()
    assert "left out: 1 hidden folder, 1 file of no supported image format (notes.txt)" in output.out
    assert output.out.splitlines()[-1].startswith("2 images translated in ")
    assert output.err == ""


def test_files_folders_and_patterns_together(photos: Path, model: Path, tmp_path: Path) -> None:
    single = write(tmp_path / "other" / "x[1].jpg")
    assert translate(photos / "*.png", single, photos / "night", "-o", tmp_path / "out", model=model) == 0
    assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {"a.png", "x[1].png", "b.png"}


def test_a_pattern_keeps_the_folders_below_its_fixed_part(photos: Path, model: Path, tmp_path: Path) -> None:
    assert translate(f"{photos}/**/*.png", "-o", tmp_path / "out", "--no_provenance", model=model) == 0
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert made == ["a.png", "night/b.png"]


def test_two_inputs_of_one_output_are_refused(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    write(photos / "a.jpg")
    assert translate(photos, "-o", tmp_path / "out", model=model) == 1
    assert "would both become 'a.png'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert translate(photos, "-o", tmp_path / "out", "--format", "same", model=model) == 0
    assert opened(tmp_path / "out" / "a.jpg").format == "JPEG"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_one_file_into_another(photos: Path, model: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    assert translate(photos / "a.png", "-o", out, model=model) == 0
    assert opened(out).size == (24, 16)
    assert sorted(os.listdir(tmp_path)) == [out.name, "photos"]


def test_an_input_is_never_replaced(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    before = (photos / "a.png").read_bytes()
    (tmp_path / "link").symlink_to(photos)
    for out in (photos / "a.png", photos, tmp_path / "link" / "a.png", tmp_path / "link"):
        assert translate(photos / "a.png", "-o", out, "--overwrite", model=model) == 1
        assert "would replace an input" in capsys.readouterr().err
    assert translate(photos, "-o", tmp_path / "link", "--overwrite", model=model) == 1
    assert "is the folder of the inputs" in capsys.readouterr().err
    assert (photos / "a.png").read_bytes() == before


def test_outputs_inside_of_the_folder_of_inputs_are_no_inputs(photos: Path, model: Path) -> None:
    for _ in range(2):
        assert translate(photos, "-o", photos / "out", "--overwrite", model=model) == 0
    assert not (photos / "out" / "out").exists()


def test_existing_outputs_are_not_replaced_unasked(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    out = write(tmp_path / "out" / "a.png")
    before = out.read_bytes()
    assert translate(photos, "-o", out.parent, model=model) == 1
    assert "--overwrite replaces outputs" in capsys.readouterr().err
    assert translate(photos, "-o", out.parent, "--resume", model=model) == 1
    assert "was not written by pixlate" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert translate(photos, "-o", out.parent, "--overwrite", model=model) == 0
    assert out.read_bytes() != before


def test_nothing_is_written_through_links(photos: Path, model: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "night").symlink_to(tmp_path / "elsewhere")
    assert translate(photos, "-o", tmp_path / "out", model=model) == 1
    assert "is a link" in capsys.readouterr().err
    assert list((tmp_path / "elsewhere").iterdir()) == []


# --- stdin and stdout -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("-o", "-"), ("-o", "-", "--format", "webp")])
def test_stdin_becomes_stdout(
    photos: Path,
    model: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    data = (photos / "a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert translate("-", *arguments, model=model) == 0
    output = capsysbinary.readouterr()
    image = Image.open(io.BytesIO(output.out))
    assert (image.size, image.format) == ((24, 16), "WEBP" if "webp" in arguments else "PNG")
    assert output.err == b""


def test_stdin_that_is_no_image(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text")))
    assert translate("-", model=model) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("Error: cannot read stdin as an image: it has none of the formats")


def test_stdout_takes_one_image(photos: Path, model: Path, capsys: Output) -> None:
    assert translate(photos, "-o", "-", model=model) == 2
    assert "stdout takes one image" in capsys.readouterr().err
    assert translate(photos, model=model) == 2
    assert "-o is missing" in capsys.readouterr().err


# --- what cannot be translated --------------------------------------------------------------------------------------


def test_bad_inputs_are_a_sentence_each_and_the_others_are_translated(
    photos: Path, model: Path, tmp_path: Path, capsys: Output
) -> None:
    (photos / "text.png").write_text("hello")
    (photos / "cut.png").write_bytes((photos / "a.png").read_bytes()[:500])
    (photos / "bomb.ppm").write_bytes(b"P5 20000 20000 255 ")
    np.save(photos / "bands.npy", np.zeros((4, 4, 5)))
    (tmp_path / "empty").mkdir()
    code = translate(photos, tmp_path / "empty", tmp_path / "gone.png", "-o", tmp_path / "out", model=model)
    assert code == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    for name in ("text.png", "cut.png", "bomb.ppm", "bands.npy", "empty", "gone.png"):
        assert sum(f"{name}'" in line and line.startswith("Error: ") for line in lines) == 1, name
    assert lines[-1] == "Error: 6 inputs could not be translated."
    assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {"a.png", "b.png"}


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_of_several_frames_the_first_is_translated(suffix: str, model: Path, tmp_path: Path, capsys: Output) -> None:
    frames = [noise_image((16, 8), number) for number in range(3)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    assert translate(tmp_path / f"a.{suffix}", "-o", tmp_path / "out.png", model=model) == 0
    assert f"a.{suffix}' has several frames or pages" in capsys.readouterr().err
    with Image.open(tmp_path / "out.png") as image:
        assert not image.is_animated  # type: ignore[attr-defined]


def test_the_first_bad_input_can_be_the_end(photos: Path, model: Path, tmp_path: Path) -> None:
    (photos / "0.png").write_text("hello")
    for number in range(20):
        write(photos / "z" / f"{number}.png", (8, 8))
    assert translate(photos, "-o", tmp_path / "out", "--on_bad_image", "stop", model=model) == 1
    assert len(list((tmp_path / "out").rglob("*.png"))) < 10


@pytest.mark.parametrize(
    "arguments",
    [
        ("--resume", "--overwrite"),
        ("--resume", "--no_provenance"),
        ("--feather", "2"),
        ("--format", "gif"),
        ("--input", "mask"),
        ("--direction", "atob"),
        ("--epoch", "../x"),
    ],
    ids=" ".join,
)
def test_options_that_cannot_be(photos: Path, model: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert translate(photos, "-o", tmp_path / "out", *arguments, model=model) == 2
    assert not (tmp_path / "out").exists()


def test_a_run_that_there_is_not(photos: Path, tmp_path: Path, capsys: Output) -> None:
    assert translate(photos, "-o", tmp_path / "out", model=tmp_path / "gone") == 1
    assert capsys.readouterr().err.count("\n") == 1


# --- the same images as test.py ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two trained runs, pix2pix and cycle_gan, beside the folder of their images."""
    root = tmp_path_factory.mktemp("trained")
    make_images(root / "images", 3)
    for number in range(2):
        write(root / "photos" / f"{number}.png", (40, 32), number)
    for name, options in (("pix2pix", PIX2PIX), ("cycle_gan", CYCLE_GAN)):
        place = ("--dataroot", root / "images", "--checkpoints_dir", root / "checkpoints", "--name", name)
        assert run("train", *place, *options, "--n_epochs", "1", "--n_epochs_decay", "0", "--no_html") == 0
    return root


@pytest.mark.parametrize(
    ("name", "arguments"), [("pix2pix", ()), ("pix2pix", ("--eval",)), ("cycle_gan", ()), ("cycle_gan", ("--eval",))]
)
def test_outputs_are_those_of_test_py(trained: Path, name: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Byte for byte; dropout is drawn by the names of the files."""
    photos = trained / "photos"
    place = ("--checkpoints_dir", trained / "checkpoints", "--name", name, "--results_dir", tmp_path / "results")
    single = ("--model", "test", "--model_suffix", "_A", "--no_dropout") if name == "cycle_gan" else ()
    tested = (*place, *single, "--dataset_mode", "single", "--dataroot", photos, "--preprocess", "none", *arguments)
    assert run("test", *tested, "--device", "cpu", "--num_threads", "0") == 0
    out = tmp_path / "out"
    assert translate(photos, "-o", out, "--no_provenance", *arguments, model=trained / "checkpoints" / name) == 0
    images = next((tmp_path / "results").rglob("images"))
    for path in photos.iterdir():
        fake = images / f"{path.stem}_{'fake' if single else 'fake_B'}.png"
        assert (out / path.name).read_bytes() == fake.read_bytes()
