"""Files that are whole or absent."""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pixlate.errors import DataError
from pixlate.util.files import atomic_link, atomic_write, cannot_write, open_regular, write_whole


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


@pytest.mark.parametrize("plant", [Path.symlink_to, Path.hardlink_to])
def test_a_link_planted_at_the_temporary_name_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[Path, Path], None]
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda size: "guessed")
    target = tmp_path / "mine"
    target.write_bytes(b"mine")
    plant(tmp_path / f".part-{os.getpid()}-guessed", target)
    with pytest.raises(DataError, match="file' cannot be written: File exists"):
        write_whole(tmp_path / "file", b"new")
    assert target.read_bytes() == b"mine"
    assert not (tmp_path / "file").exists()


def test_temporary_names_cannot_be_guessed(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        with atomic_write(tmp_path / "file"):
            names |= {path.name for path in tmp_path.glob(".part-*")}
    assert len(names) == 2


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    if kind == "link":
        path.symlink_to(tmp_path / "other")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    for flags in (os.O_WRONLY | os.O_CREAT | os.O_APPEND, os.O_RDONLY):
        with pytest.raises(OSError):  # noqa: PT011
            open_regular(path, flags)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("refused", ["file", "folder", "both"])
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_file_system_that_cannot_flush_does_not_make_a_write_fail_but_a_failing_disk_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, number: int
) -> None:
    def refuse(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        if refused in (kind, "both"):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    if number == errno.EIO:
        with pytest.raises(DataError, match="cannot be written"):
            write_whole(tmp_path / "file", b"new", durable=True)
    else:
        write_whole(tmp_path / "file", b"new", durable=True)
        assert (tmp_path / "file").read_bytes() == b"new"
    assert not list(tmp_path.glob(".part-*"))


def test_a_file_that_another_process_has_open_on_windows_is_replaced_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [32, 5, 32]
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if refusals:
            error = PermissionError(errno.EACCES, "in use")
            error.winerror = refusals.pop()  # type: ignore[attr-defined]
            raise error
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert refusals == []


def test_the_sentence_says_what_can_be_done(tmp_path: Path) -> None:
    for number, advice in ((errno.ENOSPC, "Free some space"), (errno.EROFS, "that you may write to"), (errno.EIO, "")):
        message = str(cannot_write(tmp_path, OSError(number, os.strerror(number))))
        assert message.startswith(f"'{tmp_path}' cannot be written: {os.strerror(number)}.")
        assert advice in message
