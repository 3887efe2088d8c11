"""Which files of a folder are images, and what is left out, by reason."""

import os
import socket
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import noise_image, write

from pixlate import create_dataset
from pixlate.data.folders import find_images, survey
from pixlate.data.formats import EXTENSIONS, FORMATS, image_format
from pixlate.data.inventory import shown
from pixlate.data.reading import image_size
from pixlate.runs.results.gallery import Gallery
from pixlate.runs.results.result_page import ResultPage


def left_out(folder: Path) -> dict[str, int]:
    """How many files are left out, by reason."""
    return {part.reason.one: part.count for part in survey(folder).left_out.counts()}


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder)]


def test_hidden_files_and_those_of_operating_systems_are_left_out(tmp_path: Path) -> None:
    hidden = [".a.png", "._1.png", ".ipynb_checkpoints/1.png", ".Trash-1000/files/1.png", "deep/.thumbnails/x/1.png"]
    system = ["__MACOSX/._1.png", "__MACOSX/1.png", "@eaDir/1.png", "$RECYCLE.BIN/1.png"]
    for name in ("1.png", "deep/2.png", *hidden, *system):
        write(tmp_path / name)
    (tmp_path / "Thumbs.db").write_bytes(b"no image")
    (tmp_path / "desktop.ini").write_bytes(b"no image")
    assert names(tmp_path) == ["1.png", "deep/2.png"]
    assert left_out(tmp_path) == {"hidden file": 2, "hidden folder": 3, "file or folder of the operating system": 5}


def test_a_hidden_folder_is_read_when_it_is_named(tmp_path: Path) -> None:
    write(tmp_path / ".data" / "1.png")
    assert names(tmp_path / ".data") == ["1.png"]
    assert names(tmp_path) == []


def test_links_pipes_and_files_that_are_no_images_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "1.png"), write(tmp_path / "more" / "2.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    (tmp_path / "linked.png").symlink_to(tmp_path / "1.png")
    (tmp_path / "zloop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket.png"))
    (tmp_path / "notes.txt").write_text("P5 is not a picture")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("1.png~", "1.png.bak", "2.png.crdownload"):
        (tmp_path / name).write_bytes((tmp_path / "1.png").read_bytes())
    assert names(tmp_path) == ["1.png", "linked.png", "more/2.png"]
    assert left_out(tmp_path) == {
        "link that leads nowhere": 2,
        "pipe or device": 2,
        "file of no supported image format": 2,
        "backup or temporary file": 3,
        "link to a folder that is read already": 1,
    }


def test_images_are_recognised_by_their_content(tmp_path: Path) -> None:
    """Every format that is read, under a name without extension, with a foreign one, and with its own."""
    for form in FORMATS:
        noise_image((24, 16)).save(tmp_path / "whole", form)
        content = (tmp_path / "whole").read_bytes()
        assert image_format(content[:64]) == form
        for name in (f"{form}-plain", f"{form}.0001", f"{form}.dat"):
            (tmp_path / name).write_bytes(content)
    (tmp_path / "whole").unlink()
    found = find_images(tmp_path)
    assert len(found) == 3 * len(FORMATS)
    assert {image_size(path) for path in found} == {(24, 16)}


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_known_extensions_are_not_opened(tmp_path: Path, extension: str) -> None:
    """Their content is checked later, when the headers are read, so that a damaged image is an error and no stray."""
    (tmp_path / f"a{extension.upper()}").write_bytes(b"damaged")
    assert len(find_images(tmp_path)) == 1


@given(st.binary(max_size=64))
def test_no_bytes_upset_the_recognition(prefix: bytes) -> None:
    assert image_format(prefix) in (*FORMATS, "")


@pytest.mark.parametrize(
    "text", ["BM is a brand", "P1 and P2", "RIFF\0\0\0\0WAVE", "II, a numeral", "\0\0\0\x18ftypheic"]
)
def test_files_that_start_like_images_are_no_images(text: str) -> None:
    assert image_format(text.encode("latin-1").ljust(64, b" ")) == ""


def test_camera_files_are_not_read_as_their_thumbnails(tmp_path: Path) -> None:
    noise_image((24, 16)).save(tmp_path / "a.NEF", "TIFF")
    assert names(tmp_path) == []


def test_results_and_runs_inside_the_data_are_left_out(tmp_path: Path) -> None:
    """The pages and images that pixlate writes, wherever --results_dir and --checkpoints_dir put them."""
    write(tmp_path / "1.png")
    for folder in (tmp_path / "results" / "run" / "test_latest", tmp_path / "run" / "web"):
        with Gallery(folder, ResultPage("Experiment = run, Phase = test, Epoch = latest")) as gallery:
            gallery.add("1.png", {"fake_B": torch.zeros(3, 8, 8)})
    write(tmp_path / "run" / "samples.png")
    (tmp_path / "run" / "train_opt.txt").write_text("")
    reference = tmp_path / "old"
    write(reference / "images" / "1_fake_B.png")
    (reference / "index.html").write_text("<!DOCTYPE html>\n<html>\n  <head>\n    <title>Experiment = x, Phase = test")
    assert names(tmp_path) == ["1.png"]
    assert left_out(tmp_path) == {"folder of results or of a run": 3}
    assert names(reference) == ["images/1_fake_B.png"]  # named by the user, it is read


def test_a_page_of_photographs_is_no_result(tmp_path: Path) -> None:
    write(tmp_path / "album" / "images" / "1.png")
    (tmp_path / "album" / "index.html").write_text("<html><title>Holiday</title>")
    assert names(tmp_path) == ["album/images/1.png"]


def test_what_is_said(tmp_path: Path) -> None:
    write(tmp_path / "1.png"), write(tmp_path / ".2.png"), write(tmp_path / ".3.png")
    (tmp_path / "notes.txt").write_text("text")
    assert str(create_dataset("single", dataroot=tmp_path).inventory) == (
        f"1 image in {shown(tmp_path)}; left out: 2 hidden files, 1 file of no supported image format (notes.txt)"
    )
    for number in range(200):
        (tmp_path / f"{number:03}.json").write_text("{}")
    text = str(create_dataset("single", dataroot=tmp_path).inventory)
    assert text.endswith("201 files of no supported image format (000.json, 001.json and 199 more)")


def test_what_is_said_of_two_sides(tmp_path: Path) -> None:
    write(tmp_path / "trainA" / "1.png"), write(tmp_path / "trainB" / "1.png"), write(tmp_path / "trainB" / ".2.png")
    (tmp_path / "trainA" / "notes.txt").write_text("text")
    said = str(create_dataset("unaligned", dataroot=tmp_path).inventory)
    assert "1 hidden file" in said
    assert "notes.txt" in said


NAMES = st.sampled_from(
    ["a", "b", "é", "e\u0301", "학점", ".h", "._x", "x\n", "__MACOSX", "Thumbs.db", "\udcff", "1", "train", "A"]
)
KINDS = st.sampled_from(["png", "text", "bare", "dead link", "link", "copy"])


@given(st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), KINDS), max_size=9))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_is_counted_whole(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[str], str]]
) -> None:
    """Every file is an image or is left out for a reason; what is found is never hidden, and is really an image."""
    root = tmp_path_factory.mktemp("tree")
    image = write(tmp_path_factory.mktemp("image") / "1.png").read_bytes()
    endings = {"png": ".png", "text": ".txt", "bare": "", "dead link": ".jpg", "link": ".tif", "copy": ".png~"}
    for parts, kind in files:
        path = root.joinpath(*parts[:-1], parts[-1] + endings[kind])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind in ("link", "dead link"):
                path.symlink_to(root / "nowhere" if kind == "dead link" else root)
            else:
                path.write_bytes(b"text" if kind == "text" else image)
        except OSError:
            continue  # a file where a folder is wanted, or the other way round
    found = survey(root)
    assert len(set(found.images)) == len(found.images)
    assert [str(path) for path in found.images] == sorted(str(path) for path in found.images)
    for path in found.images:
        inner = path.relative_to(root).parts
        assert not any(part.startswith(".") or part.lower() in ("__macosx", "thumbs.db") for part in inner)
        assert image_size(path) == (40, 30)
    reasons = {part.reason.one: part.count for part in found.left_out.counts()}
    foreign = ("__macosx", "thumbs.db")
    visible = [
        path
        for path in root.rglob("*")
        if not any(part[0] == "." or part.lower() in foreign for part in path.relative_to(root).parts)
    ]
    assert len(found.images) == len([path for path in visible if path.is_file() and path.suffix in (".png", "")])
    assert reasons.get("link that leads nowhere", 0) == len([p for p in visible if p.is_symlink() and not p.exists()])
