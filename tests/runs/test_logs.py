"""The logs of a run: whole lines, cut back on resume, kept in memory while the disk refuses them."""

from pathlib import Path

import pytest

from pixlate.errors import DataError
from pixlate.runs.logs import RunLog, RunLogs


def test_logs_are_cut_back_to_the_sizes_of_a_state(tmp_path: Path) -> None:
    for name in ("old.txt", "new.txt", "earlier.txt"):
        (tmp_path / name).write_text("one\ntwo\n")
    logs = RunLogs(tmp_path, {"old.txt": 4, "earlier.txt": 8})
    assert logs.open("old.txt") is logs.open("old.txt")
    logs.open("old.txt").write("zwei")
    logs.open("new.txt")
    assert logs.sizes() == {"old.txt": 9, "new.txt": 0, "earlier.txt": 8}
    logs.close()
    assert (tmp_path / "old.txt").read_text() == "one\nzwei\n"
    assert (tmp_path / "new.txt").read_text() == ""


def test_a_log_is_cut_back_to_what_the_state_had_seen(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("one\ntwo\nthr")
    RunLog(path).close()
    assert path.read_text() == "one\ntwo\n"
    log = RunLog(path, 4)
    log.write("zwei")
    log.close()
    assert path.read_text() == "one\nzwei\n"


def test_a_log_shorter_than_it_was_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "log.txt").write_text("one\ntw")
    RunLog(tmp_path / "log.txt", 8).close()
    assert (tmp_path / "log.txt").read_text() == "one\n"
    assert "is shorter than" in caplog.messages[0]


def test_lines_that_the_disk_refuses_wait(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = RunLog(tmp_path / "log.txt")
    log.write("one")
    real, log._file = log._file, open("/dev/full", "ab", buffering=0)  # noqa: SIM115
    log.write("two")
    log.write("three")
    assert len(caplog.messages) == 1
    assert "No space left on device" in caplog.messages[0]
    with pytest.raises(DataError, match="No space left"):
        log.flush()
    log._file.close()
    log._file = real
    log.write("four")
    log.close()
    assert (tmp_path / "log.txt").read_text() == "one\ntwo\nthree\nfour\n"


def test_a_log_is_no_way_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine\n")
    (tmp_path / "log.txt").symlink_to(tmp_path / "outside")
    with pytest.raises(DataError, match=r"log\.txt"):
        RunLog(tmp_path / "log.txt", 0)
    assert (tmp_path / "outside").read_text() == "mine\n"
