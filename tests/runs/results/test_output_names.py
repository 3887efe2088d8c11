"""The names of results: unique, inside of their folder, and as `--output_template` says."""

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixlate.errors import DataError
from pixlate.options.output_template import FIELDS, require_template
from pixlate.runs.results.output_names import OutputNames

DATA = (Path("/data/testA"), Path("/data"))
LABELS = ("real_A", "fake_B")


def names(template: str, *paths: str, labels: tuple[str, ...] = ("fake_B",)) -> list[str]:
    """The names of the results of inputs, without suffixes."""
    output = OutputNames(template, folders=DATA, values={"name": "a/b", "phase": "test", "epoch": "5"})
    return [name for path in paths for name in output.names(path, labels).files.values()]


def test_sub_folders_of_the_data_are_kept_where_the_template_says_so() -> None:
    paths = ("/data/testA/a/1.png", "/data/testA/b/1.png", "/data/testA/2.png", "/data/testA/a/c/3.png")
    assert names("{folder}/{stem}_{label}", *paths) == ["a/1_fake_B", "b/1_fake_B", "2_fake_B", "a/c/3_fake_B"]
    assert names("{stem}_{label}", *paths) == [
        "1_fake_B",
        "b_1_fake_B",
        "2_fake_B",
        "3_fake_B",
    ]  # the reference's layout
    assert names("{label}/{folder}/{stem}", *paths[:2]) == ["fake_B/a/1", "fake_B/b/1"]


def test_an_input_outside_of_the_data_has_no_folder() -> None:
    assert names("{folder}/{stem}_{label}", "/elsewhere/a/1.png") == ["1_fake_B"]
    assert names("{folder}/{stem}_{label}", "/data/valA/x/1.png") == ["valA/x/1_fake_B"]  # of the data root


def test_the_other_fields() -> None:
    assert names("{index}_{name}_{phase}_{epoch}_{label}", "/data/1.png", "/data/2.png") == [
        "00001_a_b_test_5_fake_B",
        "00002_a_b_test_5_fake_B",
    ]
    assert names("{{{stem}}}_{label}", "/data/1.png") == ["{1}_fake_B"]


def test_files_of_one_name_in_one_folder_stay_apart() -> None:
    paths = ("/data/testA/a/1.png", "/data/testA/a/1.jpg", "/data/testA/a/1.png")
    assert names("{folder}/{stem}_{label}", *paths) == ["a/1_fake_B", "a/1_jpg_fake_B", "a/1_2_fake_B"]


def test_results_whose_names_meet_by_chance_stay_apart() -> None:
    """1 of B_x and 1_B of x, say."""
    found = names("{stem}_{label}", "/data/1.png", "/data/1_B.png", labels=("x", "B_x"))
    assert found == ["1_x", "1_B_x", "1_B_2_x", "1_B_2_B_x"]
    assert names("{index}{stem}_{label}", "/data/1.png", "/data/x.png") == ["000011_fake_B", "00002x_fake_B"]


def test_labels_that_are_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="a name that is taken: separate its fields"):
        names("{stem}_{label}", "/data/1.png", labels=("a/b", "a_b"))


@pytest.mark.parametrize("stem", ["..", ".", ".hidden", "a/../..", "x" * 400, "é" * 200, "new\nline", "raw\udcff"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, stem: str) -> None:
    for template in ("{stem}/{label}", "{folder}/{stem}_{label}", "{label}/{stem}"):
        for name in names(template, f"/data/testA/{stem}.png", f"/data/testA/{stem}/1.png"):
            stays(tmp_path, name)


PIECES = st.lists(st.sampled_from([*(f"{{{field}}}" for field in FIELDS), "/", ".", "_", "{{", "x y"]), max_size=8)
TEXT = st.text(st.characters(exclude_characters="\0"), max_size=12)


@given(
    PIECES.map("".join),
    st.lists(TEXT.map("/data/testA/{}".format), max_size=6),
    st.lists(TEXT, unique=True, max_size=3),
)
def test_whatever_the_template_and_the_inputs_are_names_are_unique_and_inside(
    template: str, paths: list[str], labels: list[str]
) -> None:
    try:
        require_template(template)
        output = OutputNames(template, folders=DATA, values={"name": "n", "phase": "p", "epoch": "e"})
        found = [name for path in paths for name in output.names(path, labels).files.values()]
    except (ValueError, DataError):
        return
    assert len(set(found)) == len(found)
    for name in found:
        stays(Path("/results"), name)


def stays(folder: Path, name: str) -> None:
    """Check that a name is a plain path inside of a folder, and that file systems take it."""
    assert Path(os.path.normpath(folder / f"{name}.png")).is_relative_to(folder)
    assert PurePath(name).as_posix() == name
    for part in PurePath(name).parts:
        assert not part.startswith(".")
        assert len(os.fsencode(part)) <= 240
        assert not any(ord(character) < 32 for character in part)
