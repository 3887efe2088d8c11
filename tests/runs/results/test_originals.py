"""Inputs are never overwritten or removed by results, whatever the folders, templates and links are."""

import os
from pathlib import Path

import pytest
from fakes import images_by_label

from pixlate.errors import DataError
from pixlate.runs.results.gallery import Gallery
from pixlate.runs.results.output_names import OutputNames
from pixlate.runs.results.result_page import ResultPage

NESTED = "{folder}/{stem}_{label}"


def results(folder: Path, *inputs: Path, template: str = "{stem}_{label}", known: bool = True) -> list[str]:
    """The files of a test's results, relative to the folder; `known`: the inputs are told before the first result."""
    names = OutputNames(template, folders=[path.parent.parent for path in inputs])
    with Gallery(folder, ResultPage("t"), names=names, inputs=inputs if known else ()) as gallery:
        for path in inputs:
            gallery.add(str(path), images_by_label("real_A", "fake_B"))
    return sorted(path.relative_to(folder).as_posix() for path in (folder / "images").rglob("*.png"))


def original(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"original")
    return path


def content(*paths: Path) -> set[bytes]:
    return {path.read_bytes() for path in paths}


@pytest.mark.parametrize("known", [True, False])
def test_the_results_of_a_test_are_no_inputs_of_a_later_one_into_their_folder(tmp_path: Path, known: bool) -> None:
    """They would be removed before they are read."""
    results(tmp_path / "results", original(tmp_path / "data" / "1.png"))
    inputs = sorted((tmp_path / "results" / "images").iterdir())
    before = {path: path.read_bytes() for path in inputs}
    with pytest.raises(
        DataError, match=r"the input '.*' lies in '.*', where a test replaces its results: choose another"
    ):
        results(tmp_path / "results", *inputs, known=known)
    assert {path: path.read_bytes() for path in inputs} == before
    assert results(tmp_path / "others", *inputs)


def test_nor_by_a_link_to_a_result_or_to_the_folder(tmp_path: Path) -> None:
    results(tmp_path / "results", original(tmp_path / "data" / "1.png"))
    result = tmp_path / "results" / "images" / "1_fake_B.png"
    (tmp_path / "linked.png").symlink_to(result)
    (tmp_path / "folder").symlink_to(tmp_path / "results")
    for path in (tmp_path / "linked.png", tmp_path / "folder" / "images" / "1_fake_B.png"):
        with pytest.raises(DataError, match="where a test replaces its results"):
            results(tmp_path / "results", path)
    with pytest.raises(DataError, match="where a test replaces its results"):
        results(tmp_path / "folder", result)
    assert result.is_file()


def test_a_file_of_somebody_else_under_a_result_s_name_stays(tmp_path: Path) -> None:
    data = original(tmp_path / "data" / "1.png")
    for name in ("images/1_fake_B.png", "images/data/1_fake_B.png"):
        folder = tmp_path / name.replace("/", "_")
        theirs = original(folder / name)
        with pytest.raises(DataError, match="was not written by pixlate"):
            results(folder, data, template=NESTED if "data" in name else "{stem}_{label}")
        assert content(theirs, data) == {b"original"}


def test_links_to_originals_under_results_names_are_not_written_through(tmp_path: Path) -> None:
    """Neither those that are there before a test nor those that replace the files of an earlier one."""
    data = original(tmp_path / "data" / "1.png")
    images = tmp_path / "results" / "images"
    images.mkdir(parents=True)
    for link in (images / "1_fake_B.png").symlink_to, (images / "1_fake_B.png").hardlink_to:
        link(data)
        with pytest.raises(DataError, match="was not written by pixlate"):
            results(tmp_path / "results", data)
        (images / "1_fake_B.png").unlink()
    for link in (images / "1_fake_B.png").symlink_to, (images / "1_fake_B.png").hardlink_to:
        results(tmp_path / "results", data)  # recorded
        (images / "1_fake_B.png").unlink()
        link(data)
        results(tmp_path / "results", data)
        assert content(data) == {b"original"}
        assert not (images / "1_fake_B.png").is_symlink()
        assert not (images / "1_fake_B.png").samefile(data)


def test_folders_that_lead_elsewhere_are_not_written_into(tmp_path: Path) -> None:
    data = original(tmp_path / "data" / "a" / "1.png")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "images").symlink_to(tmp_path / "data")
    with pytest.raises(DataError, match="a link that leads out of its folder"):
        results(tmp_path / "results", data)
    (tmp_path / "other" / "images").mkdir(parents=True)
    (tmp_path / "other" / "images" / "a").symlink_to(tmp_path / "data" / "a")
    with pytest.raises(DataError, match="a link that leads out of its folder"):
        results(tmp_path / "other", data, template=NESTED)
    assert [path.name for path in (tmp_path / "data").rglob("*")] == ["a", "1.png"]
    assert content(data) == {b"original"}


def test_a_folder_that_becomes_a_link_between_two_tests_is_not_emptied(tmp_path: Path) -> None:
    data = original(tmp_path / "data" / "a" / "1.png")
    results(tmp_path / "results", data, template=NESTED)
    folder = tmp_path / "results" / "images" / "a"
    elsewhere = tmp_path / "kept"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    part = elsewhere / f".part-{2**22 + 1}-0123abcd"  # of a process that has ended
    part.touch()
    with pytest.raises(DataError, match="was not written by pixlate"):
        results(tmp_path / "results", data, template=NESTED)
    assert len(list(elsewhere.iterdir())) == 3
    assert folder.is_symlink()


def test_a_record_that_lists_inputs_removes_none_of_them(tmp_path: Path) -> None:
    """Anybody may have written it."""
    data = original(tmp_path / "data" / "1.png")
    results(tmp_path / "data", original(tmp_path / "x" / "1.png"))
    with (tmp_path / "data" / "pixlate_files.txt").open("a") as record:
        record.write("1.png\n")
    with pytest.raises(DataError, match="where a test replaces its results"):
        results(tmp_path / "data", data)
    assert content(data) == {b"original"}


@pytest.mark.parametrize("first", ["{stem}_{label}", NESTED, "{label}/{index}"])
@pytest.mark.parametrize("then", ["{stem}_{label}", NESTED, "{label}/{index}"])
def test_a_later_test_leaves_no_file_of_an_earlier_one(tmp_path: Path, first: str, then: str) -> None:
    """Whatever names, images and formats they have; empty folders go too."""
    inputs = [original(tmp_path / "data" / name) for name in ("a/1.png", "b/1.png", "c/2.png")]
    results(tmp_path / "results", *inputs, template=first)
    theirs = original(tmp_path / "results" / "images" / "a" / "mine.txt")
    later = results(tmp_path / "results", inputs[1], template=then)
    assert later == results(tmp_path / "fresh", inputs[1], template=then)
    assert content(theirs) == {b"original"}
    kept = {path.parent for path in (tmp_path / "results").rglob("*") if path.is_file()}
    empty = [path for path in (tmp_path / "results").rglob("*") if path.is_dir() and not os.listdir(path)]
    assert empty == []
    assert kept >= {tmp_path / "results", tmp_path / "results" / "images" / "a"}


def test_what_a_killed_test_left_in_sub_folders_is_removed(tmp_path: Path) -> None:
    data = original(tmp_path / "data" / "a" / "1.png")
    results(tmp_path / "results", data, template=NESTED)
    part = tmp_path / "results" / "images" / "a" / f".part-{2**22 + 1}-0123abcd"  # more than the highest process number
    part.touch()
    results(tmp_path / "results", data, template=NESTED)
    assert not part.exists()
