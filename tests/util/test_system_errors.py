"""What the system refuses is said in a sentence; a fault of the program is not."""

import errno
import os
import threading
from pathlib import Path

import pytest

from pixlate.entry import run_and_exit
from pixlate.util.system_errors import refusal


def os_error(number: int, name: object = None) -> OSError:
    return OSError(number, os.strerror(number), name)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (os_error(errno.EACCES, "/data"), "'/data' cannot be used: Permission denied. Name a folder"),
        (
            os_error(errno.ENAMETOOLONG, b"x\n\xff"),
            r"'x\n\udcff' cannot be used: File name too long. Give it a shorter",
        ),
        (
            os_error(errno.EMFILE, Path("a")),
            "'a' cannot be used: Too many open files. Allow more open files (ulimit -n)",
        ),
        (os_error(errno.EAGAIN), "the system refuses: Resource temporarily unavailable. Allow more processes"),
        (os_error(errno.EIO), "the system refuses: Input/output error."),
        (OSError("a library's words"), "the system refuses: a library's words."),
        (RuntimeError("can't start new thread"), "the system starts no more threads. Allow more processes"),
    ],
)
def test_the_cause_and_what_can_be_done(error: Exception, sentence: str) -> None:
    assert (refusal(error) or "").startswith(sentence)


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), KeyError("x")])
def test_faults_of_the_program_are_no_refusals(error: Exception) -> None:
    assert refusal(error) is None


def test_an_unknown_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(RuntimeError) as caught:
        Path("~/x").expanduser()
    assert "the home folder" in (refusal(caught.value) or "")


def test_a_current_folder_that_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gone").mkdir()
    before = Path.cwd()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    try:
        with pytest.raises(SystemExit) as exit_request:
            run_and_exit(lambda args: os.getcwd(), [])
    finally:
        os.chdir(before)
    assert exit_request.value.code == 1
    assert capsys.readouterr().err == "Error: the current folder no longer exists: change to another folder.\n"


def test_a_command_ends_in_a_sentence_when_no_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(SystemExit) as exit_request:
        run_and_exit(lambda args: threading.Thread().start(), [])
    assert exit_request.value.code == 1
    assert capsys.readouterr().err.startswith("Error: the system starts no more threads.")
