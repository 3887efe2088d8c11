"""Files that are whole or absent."""

import errno
import os
from pathlib import Path

import pytest

from pixlate.errors import DataError
from pixlate.util.files import atomic_link, atomic_write, cannot_write, write_whole


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_write(path, durable=durable) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), DataError, "No space left on device.*Free some space"),
        (DataError("a sentence of its own"), DataError, "a sentence of its own"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
    ],
    ids=["OSError", "DataError", "KeyboardInterrupt"],
)
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException, raised: type[BaseException], message: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write() -> None:
        with atomic_write(path) as file:
            file.write(b"a part")
            raise error

    with pytest.raises(raised, match=message):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "mine", tmp_path / "file"
    target.write_bytes(b"mine")
    path.symlink_to(target)
    write_whole(path, b"new")
    assert target.read_bytes() == b"mine"
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without hard links"])
def test_a_second_name_has_the_same_content_and_outlives_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*names: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path, name = tmp_path / "file", tmp_path / "second"
    path.write_bytes(b"content")
    name.write_bytes(b"old")
    for _ in range(2):  # the second time both names are of one file already
        atomic_link(path, name)
        assert os.path.samefile(path, name) == links
    write_whole(path, b"new")
    assert name.read_bytes() == b"content"
    assert sorted(tmp_path.iterdir()) == [path, name]


def test_the_sentence_says_what_can_be_done(tmp_path: Path) -> None:
    for number, advice in ((errno.ENOSPC, "Free some space"), (errno.EROFS, "that you may write to"), (errno.EIO, "")):
        message = str(cannot_write(tmp_path, OSError(number, os.strerror(number))))
        assert message.startswith(f"'{tmp_path}' cannot be written: {os.strerror(number)}.")
        assert advice in message
