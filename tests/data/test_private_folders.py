"""Private folders end with their process, and are nobody else's to remove before."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from pixlate.data import private_folders
from pixlate.data.private_folders import PrivateFolder

KILLED = """
import os, sys
from pathlib import Path
from pixlate.data import private_folders
private_folders.SHARED_MEMORY = Path(sys.argv[1])
folder = private_folders.PrivateFolder("cache")
(folder.path / "image.npy").touch()
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shm").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(private_folders, "SHARED_MEMORY", tmp_path / "shm")
    monkeypatch.setattr(private_folders.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    return tmp_path / "shm"


def test_it_is_private_and_removed_with_its_content(memory: Path) -> None:
    folder = PrivateFolder("cache")
    assert folder.path.parent == memory
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "file").touch()
    folder.remove()
    folder.remove()
    assert os.listdir(memory) == []


def test_it_is_removed_when_it_is_forgotten(memory: Path) -> None:
    folder = PrivateFolder("cache")
    del folder
    assert os.listdir(memory) == []


def test_a_copy_does_not_own_it(memory: Path) -> None:
    folder = PrivateFolder("cache")
    copy = pickle.loads(pickle.dumps(folder))
    copy.remove()
    del copy
    assert folder.path.is_dir()
    folder.remove()


def test_the_folder_of_a_killed_process_is_removed_by_the_next_and_that_of_a_living_one_is_not(memory: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    theirs = Path(process.stdout.readline().strip())
    try:
        PrivateFolder("cache").remove()
        assert (theirs / "image.npy").exists()
    finally:
        process.kill()
        process.communicate()
    PrivateFolder("batches").remove()
    assert theirs.exists()  # another purpose
    PrivateFolder("cache").remove()
    assert os.listdir(memory) == []


@pytest.mark.parametrize("refusal", ["absent", "full", "read-only"])
def test_without_memory_it_lies_among_temporary_files(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    if refusal == "absent":
        memory.rmdir()
    else:
        make = Path.mkdir

        def refuse(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
            if path.parent == memory:
                raise OSError(28 if refusal == "full" else 30, "refused")
            make(path, mode, parents, exist_ok)

        monkeypatch.setattr(Path, "mkdir", refuse)
    folder = PrivateFolder("cache")
    assert folder.path.parent == tmp_path / "temporary"
    folder.remove()
    assert not memory.exists() or os.listdir(memory) == []


def test_no_place_at_all_is_an_oserror(memory: Path, tmp_path: Path) -> None:
    memory.rmdir()
    (tmp_path / "temporary").rmdir()
    with pytest.raises(OSError, match="no folder"):
        PrivateFolder("cache")


def test_those_of_other_users_are_left_alone(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "pixlate-cache-1").mkdir()
    (memory / "pixlate-cache-1.lock").touch()
    status = (memory / "pixlate-cache-1.lock").stat()
    with monkeypatch.context() as other_user:
        other_user.setattr(private_folders.os, "getuid", lambda: status.st_uid + 1)
        PrivateFolder("cache").remove()
    assert (memory / "pixlate-cache-1").is_dir()
    PrivateFolder("cache").remove()
    assert os.listdir(memory) == []
