"""One process at a time holds a lock file."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from paths import ROOT

from pixlate.util.locks import InUseError, acquire

HOLDER = """
import sys, time
from pathlib import Path
from pixlate.util.locks import acquire
lock = acquire(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_is_released_by_a_kill_and_names_its_process_until_then(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InUseError) as caught:
            acquire(path)
        assert caught.value.process == str(holder.pid)
    finally:
        holder.kill()
        holder.communicate()
    lock = acquire(path)
    assert lock is not None
    lock.release()


def test_a_lock_can_be_waited_for(tmp_path: Path) -> None:
    first = acquire(tmp_path / ".lock")
    assert first is not None
    timer = threading.Timer(0.2, first.release)
    timer.start()
    start = time.monotonic()
    second = acquire(tmp_path / ".lock", timeout=60)
    timer.join()
    assert second is not None
    assert time.monotonic() - start >= 0.2
    second.release()


def test_a_fifo_in_place_of_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    lock = acquire(tmp_path / ".lock")
    if lock is not None:
        lock.release()
