"""Runs killed at random moments, refused writes and full disks: whatever happens, nothing that was saved is lost.

    pytest -m faults -s tests/runs/test_faults.py tests/test_bad_input.py     # the whole battery; prints its counts

The unmarked tests are a short version of it.
"""

import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from trainings import CYCLE_GAN, PIX2PIX, Command, differences, make_images, place, start, state_of, train

from pixlate.errors import CheckpointError
from pixlate.runs.checkpoints.state_file import read_state

OFTEN = ("--save_latest_freq", "2")
RUNS = {
    "pix2pix": (*PIX2PIX, *OFTEN),
    "pix2pix, 4 workers, averaged": (*PIX2PIX, *OFTEN, "--num_threads", "4", "--ema", "--keep", "1"),
    "cycle_gan": (*CYCLE_GAN, *OFTEN, "--n_epochs", "1"),
    "cycle_gan, accumulated": (*CYCLE_GAN, *OFTEN, "--n_epochs", "1", "--accumulate", "2", "--batch_size", "1"),
}
#: Every call by which a save reaches the disk, counted in one process; the one of that number does not return.
AT_CALL = """
import errno, os, pathlib, signal
class Counted:
    remaining, fault, lasting = {call}, {fault!r}, {lasting}
    def __init__(self, real):
        self.real = real
    def __get__(self, instance, owner=None):
        return self if instance is None else lambda *a, **k: self(instance, *a, **k)
    def __call__(self, *args, **more):
        Counted.remaining -= 1
        if Counted.remaining == 0 or (Counted.lasting and Counted.remaining < 0):
            if Counted.fault == "SIGKILL":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(getattr(errno, Counted.fault), os.strerror(getattr(errno, Counted.fault)))
        return self.real(*args, **more)
from pixlate.runs.checkpoints.state_file import _HashingFile
from pixlate.util import files
calls = ((os, "fsync"), (os, "link"), (pathlib.Path, "replace"), (files, "open_regular"), (_HashingFile, "write"))
for owner, name in calls:
    setattr(owner, name, Counted(getattr(owner, name)))
"""
FAULTS = ("ENOSPC", "EIO", "EROFS", "EDQUOT")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("faults")
    make_images(root / "images")
    yield root
    shutil.rmtree(root)


def whole(folder: Path, name: str) -> Path:
    """The folder of that run without faults."""
    if not (folder / name / "run").exists():
        train(folder / name, *RUNS[name])
    return folder / name / "run"


def killed_at_random(folder: Path, *options: str, after: float) -> Command:
    """A run that got SIGKILL after so many seconds."""
    command = start("train", *place(folder), *options)
    end = time.monotonic() + after
    while time.monotonic() < end and command.wait(0.005) is None:
        pass
    command.kill()
    return command


def position(folder: Path) -> int:
    """The images seen by the saved run; its state must be absent or complete."""
    try:
        state = read_state(folder / "latest_state.pt")
    except CheckpointError:
        assert not (folder / "latest_state.pt").exists()
        return 0
    return int(state["position"]["images"])


def kill_runs(folder: Path, kills: int, each: int) -> Counter[str]:
    """Kill runs, at most `each` times one, until so many kills are done; then let the last one end."""
    draw, count = random.Random(0), Counter[str]()
    while count["kills"] < kills:
        name = list(RUNS)[count["runs"] % len(RUNS)]
        unbroken = whole(folder, name)
        runs, saved_images = folder / f"killed {count['runs']}", 0
        deaths, finished = 0, False
        while not finished:
            options = (*RUNS[name], "--resume", "auto")
            if deaths >= each:
                finished = train(runs, *options).code == 0
            elif draw.random() < 0.5:
                command = killed_at_random(runs, *options, after=draw.uniform(0.2, 2.5))
                finished = command.code == 0
                count["at a random moment"] += command.code == -9
            else:
                fault = AT_CALL.format(call=draw.randint(1, 150), fault="SIGKILL", lasting=False)
                command = start("train", *place(runs), *options, before=fault)
                finished = command.wait() == 0
                count["inside a save's writing"] += command.code == -9
            deaths += not finished
            # Processes that load images make counted calls too; the run says so when one of them is killed.
            said = command.code == 1 and "a worker process that loads images was killed" in command.output
            assert finished or command.code == -9 or said, command.output
            images = position(runs / "run")
            count["went back"] += images < saved_images
            saved_images = images
        count["kills"] += deaths
        count["runs"] += 1
        unequal = differences(unbroken, runs / "run")
        count["kills in runs that ended exactly equal"] += 0 if unequal else deaths
        assert not unequal, (name, unequal)
        shutil.rmtree(runs)
    return count


def refuse_writes(folder: Path, tries: int) -> Counter[str]:
    """Let one random write fail, or all from that one on."""
    draw, count = random.Random(1), Counter[str]()
    for number in range(tries):
        name = list(RUNS)[number % len(RUNS)]
        unbroken = whole(folder, name)
        runs = folder / f"refused {number}"
        lasting = draw.random() < 0.5
        fault = AT_CALL.format(call=draw.randint(1, 250), fault=draw.choice(FAULTS), lasting=lasting)
        command = start("train", *place(runs), *RUNS[name], before=fault)
        code = command.wait()
        assert code in (0, 1), command.output
        assert "Traceback" not in command.output, command.output
        count["ended with one sentence" if code else "trained on to the end"] += 1
        if (runs / "run").exists():
            position(runs / "run")
        train(runs, *RUNS[name], "--resume", "auto")
        unequal = differences(unbroken, runs / "run")
        count["lost"] += bool(unequal)
        count["refused"] += 1
        assert not unequal, (name, fault, unequal)
        shutil.rmtree(runs)
    return count


def test_a_few_kills_lose_nothing(folder: Path) -> None:
    count = kill_runs(folder, 2, each=2)
    assert count["kills"] == count["kills in runs that ended exactly equal"]
    assert count["went back"] == 0


def test_a_few_refused_writes_lose_nothing(folder: Path) -> None:
    assert refuse_writes(folder, 2)["lost"] == 0


@pytest.mark.faults
@pytest.mark.timeout(3000)
def test_fifty_kills_lose_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = kill_runs(folder, int(os.environ.get("PIXLATE_KILLS", "60")), each=8)
    with capsys.disabled():
        print(f"\nkills: {dict(count)}")
    assert count["kills"] == count["kills in runs that ended exactly equal"] >= 50
    assert count["went back"] == 0


@pytest.mark.faults
@pytest.mark.timeout(3000)
def test_refused_writes_lose_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = refuse_writes(folder, 40)
    with capsys.disabled():
        print(f"\nrefused writes: {dict(count)}")
    assert count["lost"] == 0


@pytest.mark.faults
@pytest.mark.timeout(1000)
def test_a_full_disk_loses_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unbroken = whole(folder, "pix2pix")
    size = sum(path.stat().st_size for path in unbroken.rglob("*") if path.is_file())
    count: Counter[str] = Counter()
    for part in (0.35, 0.5, 0.65, 0.8, 0.95):
        disk = folder / f"disk {part}"
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={int(size * part)}", "tmpfs", str(disk)], capture_output=True
        )
        if mounted.returncode:
            pytest.skip("only root may mount a small disk")
        try:
            command = start("train", *place(disk), *RUNS["pix2pix"])
            assert command.wait() in (0, 1), command.output
            assert "Traceback" not in command.output, command.output
            refused = ("No space left on device", "free some space")
            assert command.code == 0 or any(text in command.output for text in refused), command.output
            count["filled"] += 1
            count["trained on to the end" if command.code == 0 else "ended with one sentence"] += 1
            position(disk / "run")
            subprocess.run(["mount", "-o", f"remount,size={10 * size}", str(disk)], check=True)
            train(disk, *RUNS["pix2pix"], "--resume", "auto")
            unequal = [name for name in differences(unbroken, disk / "run") if not name.endswith("is missing")]
            count["lost"] += bool(unequal)
            assert unequal == []
            assert state_of(disk / "run")["position"]["images"] == state_of(unbroken)["position"]["images"]
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    with capsys.disabled():
        print(f"\nfull disks: {dict(count)}")
