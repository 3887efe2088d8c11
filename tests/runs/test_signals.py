"""Signals finish the step, save and end with the code that schedulers expect; a second Ctrl-C does not wait."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fakes import eventually
from trainings import CYCLE_GAN, PIX2PIX, Command, differences, make_images, place, start, train, until

from pixlate.errors import Interrupted
from pixlate.runs.signals import StopRequest, stop_on_signals

LONG = ("--n_epochs", "3")
SLOW = """
import time
from {module} import {owner}
slow = {owner}.{name}
def {name}(*args, **more):
    print("MARK", flush=True)
    time.sleep({seconds})
    return slow(*args, **more)
{owner}.{name} = {name}
"""
EPOCH_END = SLOW.format(module="pixlate.models.base", owner="BaseModel", name="end_epoch", seconds=1)
WRITING = SLOW.format(
    module="pixlate.runs.checkpoints.store", owner="CheckpointStore", name="_write_networks", seconds=1
)
STARTING = SLOW.format(module="pixlate.runs.held_out", owner="HeldOutSamples", name="__init__", seconds=30)
LOADING = """
import time
from pixlate.data.loading import BatchLoader
epoch = BatchLoader.epoch
def slow(self, number):
    for batch in epoch(self, number):
        print("MARK", flush=True)
        time.sleep(0.5)
        yield batch
BatchLoader.epoch = slow
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("signals")
    make_images(root / "images")
    train(root / "whole", *PIX2PIX, *LONG)
    return root


def alive_in(group: int) -> list[int]:
    """The running processes of a group."""
    listing = subprocess.run(["ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()[1:]]
    return [int(number) for number, of, state in rows if int(of) == group and state[0] != "Z"]


def stopped(folder: Path, number: int, *args: str, before: str = "", mark: str = "MARK") -> Command:
    """A training that got a signal when it had printed a mark."""
    command = start("train", *place(folder), *args, before=before)
    until(command, lambda: mark in command.output)
    command.send(number)
    command.wait()
    assert "Traceback" not in command.output
    return command


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
    ids=["SIGTERM", "SIGINT", "SIGHUP"],
)
@pytest.mark.parametrize(
    "before", [EPOCH_END, WRITING, LOADING], ids=["at an epoch's end", "while saving", "while loading"]
)
def test_a_signal_saves_and_the_run_goes_on_exactly(folder: Path, number: int, code: int, before: str) -> None:
    runs = folder / f"{number} {hash(before)}"
    command = stopped(runs, number, *PIX2PIX, *LONG, before=before)
    assert command.code == code
    assert f"Stopped by {signal.Signals(number).name}. Everything is saved" in command.output
    assert not list((runs / "run").glob(".part-*"))
    train(runs, "--continue_train")
    assert differences(folder / "whole" / "run", runs / "run") == []


def test_a_signal_between_accumulated_batches_waits_for_the_update(folder: Path) -> None:
    options = (*PIX2PIX, *LONG, "--accumulate", "3")
    train(folder / "accumulated", *options)
    runs = folder / "accumulated and stopped"
    assert stopped(runs, signal.SIGTERM, *options, before=LOADING).code == 143
    train(runs, "--continue_train")
    assert differences(folder / "accumulated" / "run", runs / "run") == []


def test_loading_processes_outlive_a_signal_to_all_and_then_end(folder: Path) -> None:
    runs = folder / "workers"
    options = (*CYCLE_GAN, "--n_epochs", "100000", "--num_threads", "2")
    command = start("train", *place(runs), *options, before="import os; os.setpgid(0, 0)")
    until(command, lambda: "(epoch: 1" in command.output)
    assert len(alive_in(command.number)) >= 3
    os.killpg(command.number, signal.SIGTERM)
    assert command.wait() == 143
    eventually(lambda: not alive_in(command.number), 10)


def test_before_the_first_step_a_signal_ends_at_once(folder: Path) -> None:
    start_time = time.monotonic()
    command = stopped(folder / "starting", signal.SIGTERM, *PIX2PIX, before=STARTING)
    assert command.code == 143
    assert "Stopped by SIGTERM. Training had not started." in command.output
    assert time.monotonic() - start_time < 25
    assert not (folder / "starting" / "run").exists()


def test_a_second_ctrl_c_does_not_wait_for_the_step(folder: Path) -> None:
    slow = SLOW.format(module="pixlate.models.pix2pix", owner="Pix2Pix", name="step", seconds=60)
    command = start("train", *place(folder / "forced"), *PIX2PIX, before=slow)
    until(command, lambda: "MARK" in command.output)
    command.send(signal.SIGINT)
    time.sleep(0.3)
    assert command.wait(0.1) is None
    command.send(signal.SIGINT)
    assert command.wait(20) == 130
    assert "Interrupted." in command.output
    assert "Traceback" not in command.output


def test_a_bad_image_ends_a_run_that_keeps_what_it_learnt(folder: Path) -> None:
    root = folder / "bad"
    make_images(root / "images")
    broken = """
from pixlate.errors import DataError
from pixlate.data.loading import BatchLoader
epoch, batches = BatchLoader.epoch, [4]
def failing(self, number):
    for batch in epoch(self, number):
        batches[0] -= 1
        if batches[0] < 0:
            raise DataError("an image went missing")
        yield batch
BatchLoader.epoch = failing
"""
    failed = train(root / "runs", *PIX2PIX, *LONG, "--save_latest_freq", "1000", before=broken, expect=1)
    assert "Saved at 8 images" in failed.output
    assert failed.output.endswith("Error: an image went missing\n")
    train(root / "runs", "--continue_train")
    assert differences(folder / "whole" / "run", root / "runs" / "run") == []


def test_requests_are_remembered_and_raised_when_asked() -> None:
    with stop_on_signals() as stop:
        assert not stop
        signal.raise_signal(signal.SIGTERM)
        assert stop
        with pytest.raises(Interrupted, match=r"Stopped by SIGTERM\. All is well\.") as raised:
            stop.raise_if_set("All is well.")
        assert raised.value.exit_code == 143
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert isinstance(stop, StopRequest)


def test_only_a_second_ctrl_c_ends_at_once() -> None:
    request = StopRequest()
    request.handle(signal.SIGTERM, None)
    request.handle(signal.SIGTERM, None)
    assert request.signal_number == signal.SIGTERM
    with pytest.raises(KeyboardInterrupt):
        request.handle(signal.SIGINT, None)
