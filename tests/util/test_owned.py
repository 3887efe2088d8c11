"""The record of pixlate's own files: only what is in it is removed or replaced, whatever else it holds."""

import os
from pathlib import Path

import pytest

from pixlate.errors import DataError
from pixlate.util.owned import HEADING, RECORD, OwnFiles


def written(folder: Path, *names: str) -> OwnFiles:
    """A folder in which pixlate wrote files of these names."""
    folder.mkdir(exist_ok=True)
    files = OwnFiles(folder)
    files.claim(*names)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("ours")
    return files


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_what_was_recorded_is_removed_by_a_later_process_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path, "a.txt", "web/a b#ü.png", "web/x:y.png")
    (tmp_path / "web" / "mine.png").write_text("mine")
    (tmp_path / "mine.txt").write_text("mine")
    OwnFiles(tmp_path).remove()
    assert names_in(tmp_path) == {"mine.txt", "web/mine.png"}
    assert "a.txt" not in OwnFiles(tmp_path)


def test_a_file_that_pixlate_did_not_write_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("mine")
    files = written(tmp_path, "a.txt")
    with pytest.raises(DataError, match=r"b\.txt' was not written by pixlate"):
        files.claim("c.txt", "b.txt")
    files.claim("a.txt")  # its own may be written again
    OwnFiles(tmp_path).claim("a.txt")
    OwnFiles(tmp_path, adopt=True).claim("b.txt")
    assert "b.txt" in OwnFiles(tmp_path)


def test_foreign_files_are_found_by_pattern(tmp_path: Path) -> None:
    files = written(tmp_path, "1_net_G.pth", "web/index.html")
    assert list(files.foreign(["*_net_*.pth", "web/index.html", "absent"])) == []
    (tmp_path / "5_net_G.pth").touch()
    assert list(files.foreign(["*_net_*.pth"])) == [tmp_path / "5_net_G.pth"]


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/x", "a/../../outside.txt", "", ".", "a//b", "a\nb"])
def test_only_plain_paths_are_recorded(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="out of its folder"):
        OwnFiles(tmp_path).claim(name)
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(
    "entry", ["../outside.txt", "{outside}", "web/../../outside.txt", "link/outside.txt", "folder", "\udcff", "\0", "."]
)
def test_a_planted_or_damaged_entry_removes_nothing(tmp_path: Path, entry: str) -> None:
    outside, folder = tmp_path / "outside.txt", tmp_path / "run"
    outside.write_text("mine")
    (folder / "folder").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path)
    text = f"{HEADING}\n{entry.format(outside=outside)}\nours.txt\n"
    (folder / RECORD).write_bytes(text.encode("utf-8", "surrogateescape"))
    (folder / "ours.txt").touch()
    OwnFiles(folder).remove()
    assert outside.read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"folder", "link"}


def test_a_link_is_removed_and_its_target_stays(tmp_path: Path) -> None:
    files = written(tmp_path / "run", "a.txt")
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "run" / "a.txt").unlink()
    (tmp_path / "run" / "a.txt").symlink_to(tmp_path / "mine.txt")
    files.remove()
    assert names_in(tmp_path) == {"mine.txt"}


def test_a_folder_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "web").symlink_to(tmp_path / "site")
    with pytest.raises(DataError, match="leads out of its folder"):
        OwnFiles(tmp_path / "run").claim("web/index.html")


@pytest.mark.parametrize("content", ["mine\n", "mine", "\n", "a.txt\n" * 100])
def test_a_file_of_that_name_that_is_no_record_lists_nothing_and_stays(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD).write_text(content)
    (tmp_path / "a.txt").write_text("mine")
    files = OwnFiles(tmp_path)
    files.remove()
    with pytest.raises(DataError, match=f"{RECORD}' cannot be written: it was not written by pixlate"):
        files.claim("b.txt")
    assert (tmp_path / RECORD).read_text() == content
    assert (tmp_path / "a.txt").read_text() == "mine"


@pytest.mark.parametrize("rest", ["b.txt", HEADING, "we"])
def test_the_rest_of_a_failed_write_is_no_entry(tmp_path: Path, rest: str) -> None:
    written(tmp_path, "a.txt")
    with (tmp_path / RECORD).open("a") as record:
        record.write(rest)
    (tmp_path / rest[:5]).touch()
    OwnFiles(tmp_path).claim("c.txt")
    assert (tmp_path / RECORD).read_text().splitlines() == [HEADING, "a.txt", "c.txt"]


def test_an_unfinished_heading_is_completed(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(HEADING[:10])
    OwnFiles(tmp_path).claim("a.txt")
    assert (tmp_path / RECORD).read_text().splitlines() == [HEADING, "a.txt"]


def test_a_fifo_or_a_link_in_place_of_the_record_is_one_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / RECORD)
    with pytest.raises(DataError, match="it is no regular file"):
        OwnFiles(tmp_path)
    (tmp_path / RECORD).unlink()
    (tmp_path / "target").write_text(f"{HEADING}\nmine.txt\n")
    (tmp_path / RECORD).symlink_to(tmp_path / "target")
    with pytest.raises(DataError, match="cannot be read"):
        OwnFiles(tmp_path)
