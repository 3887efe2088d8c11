"""A run's folder: locked by one process at a time, cleaned of stale files, removed when nothing was kept in it."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from trainings import run

from pixlate.errors import DataError
from pixlate.runs.folder import claimed_folder
from pixlate.util.stale_files import remove_stale_files

#: Holds a run's folder, with a forked child that outlives it; prints the child's number and waits.
HOLDER = """
import os, sys, time
from pathlib import Path
from pixlate.runs.folder import claimed_folder
with claimed_folder(Path(sys.argv[1])):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
"""
WITHOUT_FCNTL = """
import sys, warnings
sys.modules["fcntl"] = None
warnings.simplefilter("ignore")  # filelock's, about its kind of lock
from pathlib import Path
from pixlate.errors import DataError
from pixlate.runs.folder import claimed_folder
with claimed_folder(Path(sys.argv[1])):
    try:
        with claimed_folder(Path(sys.argv[1])):
            print("twice")
    except DataError as error:
        print(error)
"""


def python(source: str, folder: Path) -> "subprocess.Popen[str]":
    """A process that runs a source with the folder as its argument."""
    return subprocess.Popen([sys.executable, "-c", source, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def claim(folder: Path) -> None:
    """Hold the folder for a moment."""
    with claimed_folder(folder):
        pass


def test_a_killed_process_releases_the_lock_though_its_forked_child_lives(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").touch()
    holder = python(HOLDER, tmp_path)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(DataError, match=f"in use by process {holder.pid}:"):
            claim(tmp_path)
        holder.kill()
        holder.wait()
        os.kill(child, 0)  # still there
        claim(tmp_path)
    finally:
        os.kill(child, 9)
        holder.stdout.close()


def test_the_same_process_cannot_claim_a_folder_twice(tmp_path: Path) -> None:
    with claimed_folder(tmp_path / "run"), pytest.raises(DataError, match=f"in use by process {os.getpid()}:"):
        claim(tmp_path / "run")


def test_a_file_system_without_locks_is_warned_about_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with claimed_folder(tmp_path / "run"):
        (tmp_path / "run" / "kept.txt").touch()
    (message,) = caplog.messages
    assert "has no locks" in message
    assert "no other process trains 'run'" in message


def test_without_fcntl_a_folder_is_still_locked(tmp_path: Path) -> None:
    process = python(WITHOUT_FCNTL, tmp_path)
    assert f"in use by process {process.pid}:" in process.communicate()[0]
    assert process.returncode == 0


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "mine.txt"
    target.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(target)
    with pytest.raises(DataError, match=r"\.lock' cannot be written"):
        claim(tmp_path / "run")
    assert target.read_text() == "mine"


def test_a_folder_that_stays_empty_is_removed_and_one_with_files_is_not(tmp_path: Path) -> None:
    claim(tmp_path / "empty")
    assert not (tmp_path / "empty").exists()
    with claimed_folder(tmp_path / "full"):
        (tmp_path / "full" / "options.json").touch()
    assert {path.name for path in (tmp_path / "full").iterdir()} == {"options.json"}


def test_a_persons_empty_folder_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    claim(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_unfinished_files_go_and_those_of_living_processes_and_of_others_stay(tmp_path: Path) -> None:
    dead, living, mine = run("--help").number, os.getppid(), (".part-latest_state.pt", ".part-7-video.mp4")
    for folder in (tmp_path, tmp_path / "web" / "images"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in (f".part-{dead}-0123abcd", f".part-{living}-0123abcd", *mine):
            (folder / name).touch()
    remove_stale_files(tmp_path)
    assert {path.name for path in tmp_path.rglob(".part-*")} == {f".part-{living}-0123abcd", *mine}
