"""Batches do not depend on the processes that load them; these end with the run, and fail in one sentence."""

import errno
import multiprocessing
import multiprocessing.process
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from image_files import write_pairs, write_sides

from pixlate import create_dataset
from pixlate.data import loading
from pixlate.data.base import BaseDataset
from pixlate.data.batches import Batch
from pixlate.data.loading import BatchLoader
from pixlate.data.sampler import BatchSampler
from pixlate.data.workers import WorkerBatches
from pixlate.errors import DataError
from pixlate.options.shared import DataOptions

SMALL = {"load_size": 24, "crop_size": 16, "batch_size": 2}


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z (" not in _status(pid)]


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "Z ("


def gone(pids: list[int], within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pids)


def no_children(within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not multiprocessing.active_children()


def batches(dataset: BaseDataset, threads: int, epochs: int = 2, **more: Any) -> Iterator[tuple[int, Batch]]:
    first = more.get("start", (1, 0))[0]
    with BatchLoader(dataset, replace(dataset.shared, num_threads=threads), epochs=epochs, **more) as loader:
        for epoch in range(first, epochs + 1):
            for batch in loader.epoch(epoch):
                yield epoch, batch


def same(one: list[tuple[int, Batch]], other: list[tuple[int, Batch]]) -> bool:
    return len(one) == len(other) and all(
        epoch == other_epoch
        and list(batch) == list(other_batch)
        and all(
            torch.equal(value, other_batch[name]) if isinstance(value, torch.Tensor) else value == other_batch[name]
            for name, value in batch.items()
        )
        for (epoch, batch), (other_epoch, other_batch) in zip(one, other, strict=True)
    )


@pytest.fixture
def pairs(tmp_path: Path) -> BaseDataset:
    return create_dataset("aligned", dataroot=write_pairs(tmp_path, count=7), **SMALL)


def test_any_number_of_processes_gives_the_same_batches(tmp_path: Path) -> None:
    dataset = create_dataset("unaligned", dataroot=write_sides(tmp_path), **SMALL)
    expected = list(batches(dataset, 0, epochs=3))
    assert len(expected) == 9
    assert [len(batch["A"]) for _, batch in expected] == [2] * 9
    for threads in (1, 4):
        assert same(expected, list(batches(dataset, threads, epochs=3)))
    assert no_children()


def test_spawned_processes_give_the_same_batches(pairs: BaseDataset) -> None:
    assert same(list(batches(pairs, 0)), list(batches(pairs, 2, start_method="spawn")))


def test_the_last_batch_may_be_shorter(pairs: BaseDataset) -> None:
    lengths = [(epoch, len(batch["A"]), len(batch["B_paths"])) for epoch, batch in batches(pairs, 2)]
    assert lengths == [(epoch, size, size) for epoch in (1, 2) for size in (2, 2, 2, 1)]


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize(("start", "skipped"), [((1, 2), 1), ((2, 0), 4), ((2, 6), 7)])
def test_beginning_in_the_middle_gives_the_tail(
    pairs: BaseDataset, threads: int, start: tuple[int, int], skipped: int
) -> None:
    assert same(list(batches(pairs, 0))[skipped:], list(batches(pairs, threads, start=start)))


@pytest.mark.parametrize("threads", [0, 2])
def test_an_epoch_that_is_not_finished_does_not_disturb_the_next(pairs: BaseDataset, threads: int) -> None:
    whole = list(batches(pairs, 0))
    with BatchLoader(pairs, replace(pairs.shared, num_threads=threads)) as loader:
        next(loader.epoch(1))
        assert same(whole[4:], [(2, batch) for batch in loader.epoch(2)])
        assert same(whole[:4], [(1, batch) for batch in loader.epoch(1)])
    assert no_children()


def test_no_global_generator_is_touched(pairs: BaseDataset) -> None:
    random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), torch.get_rng_state()
    list(batches(pairs, 2))
    list(batches(pairs, 0))
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_the_batches_of_worker_processes_end(pairs: BaseDataset) -> None:
    loading = WorkerBatches(pairs, BatchSampler(len(pairs), 2, epochs=1), 2)
    assert [len(batch["A"]) for batch, _ in loading] == [2, 2, 2, 1]
    loading.close()
    assert no_children()


def test_the_wait_is_measured(pairs: BaseDataset) -> None:
    with BatchLoader(pairs, replace(pairs.shared, num_threads=0), epochs=1) as loader:
        list(loader.epoch(1))
        assert 0 < loader.take_wait() < 10
        assert loader.take_wait() == 0


class AnyItems(BaseDataset[None]):
    """Items of growing size with values of many types; the phase selects a fault."""

    def __len__(self) -> int:
        return 6

    def sample(self, index: int, rng: random.Random) -> dict[str, Any]:
        if self.shared.phase == "killed" and index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.shared.phase == "wrong" and index == 3:
            raise DataError("item 3 is wrong.")
        if self.shared.phase == "slow":
            time.sleep(60)
        matrix = torch.full((1, 3 * index + 1), index, dtype=torch.float64)
        return {
            "A": matrix,
            "half": matrix.bfloat16().T,
            "number": torch.tensor(index),
            "A_paths": f"{index}",
            "more": [index],
        }


def any_items(phase: str, **options: Any) -> AnyItems:
    return AnyItems(None, DataOptions(phase=phase, batch_size=1, serial_batches=True, num_threads=2, **options))


def test_values_of_any_type_are_transferred_unchanged() -> None:
    dataset = any_items("fine")
    arrived = list(batches(dataset, 2))
    assert same(list(batches(dataset, 0)), arrived)
    assert [batch["half"].dtype for _, batch in arrived] == [torch.bfloat16] * 12
    copies = [batch["A"].clone() for _, batch in arrived]
    assert all(torch.equal(batch["A"], copy) for (_, batch), copy in zip(arrived, copies, strict=True))


@pytest.mark.parametrize("threads", [0, 2])
def test_errors_keep_their_message(threads: int) -> None:
    arriving = batches(any_items("wrong"), threads)
    assert [next(arriving)[1]["A_paths"] for _ in range(3)] == [["0"], ["1"], ["2"]]
    with pytest.raises(DataError) as caught:
        next(arriving)
    assert str(caught.value) == "item 3 is wrong."
    assert caught.value.__cause__ is None
    assert no_children()


def test_a_killed_process_is_an_error_of_one_sentence() -> None:
    with pytest.raises(DataError, match=r"was killed.*--num_threads \(now 2\)"):
        list(batches(any_items("killed"), 2))
    assert no_children()


def test_a_killed_process_is_recognised_although_its_connection_ends_first() -> None:
    dataset = any_items("slow")
    loading = WorkerBatches(dataset, BatchSampler(len(dataset), 1), 1)
    (worker,) = multiprocessing.active_children()
    loading._results.put(ConnectionResetError())  # what the thread receives from the closed socket
    timer = threading.Timer(0.2, worker.kill)
    timer.start()
    with pytest.raises(DataError, match="was killed"):
        next(loading)
    timer.join()
    loading.close()
    assert no_children()


@pytest.mark.parametrize("threads", [0, 2])
def test_images_of_different_sizes_in_a_batch_are_an_error_of_one_sentence(threads: int) -> None:
    with pytest.raises(DataError, match=r"'0' is 1 x 1, '1' is 4 x 1\. Use --batch_size 1"):
        list(batches(AnyItems(None, DataOptions(batch_size=2, serial_batches=True)), threads))


def test_a_data_set_that_cannot_be_pickled_is_an_error_of_one_sentence() -> None:
    dataset = any_items("fine")
    dataset.hook = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="AnyItems cannot be copied"):
        list(batches(dataset, 2, start_method="spawn"))


def test_an_interrupted_wait_ends_soon() -> None:
    def interrupt(number: int, frame: object) -> None:
        pids.extend(child.pid for child in multiprocessing.active_children() if child.pid)
        raise KeyboardInterrupt

    pids: list[int] = []
    loader = BatchLoader(any_items("slow"), any_items("slow").shared)
    earlier = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1)
    start_time = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            next(loader.epoch(1))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
    assert len(pids) == 2
    assert time.monotonic() - start_time < 7
    assert gone(pids)


def test_a_loader_that_is_not_closed_leaves_no_process(pairs: BaseDataset) -> None:
    loader = BatchLoader(pairs, replace(pairs.shared, num_threads=2))
    next(loader.epoch(1))
    pids = [child.pid for child in multiprocessing.active_children() if child.pid]
    assert len(pids) == 2
    del loader
    assert gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hang_up_that_the_run_ignores_is_ignored_by_its_processes(pairs: BaseDataset) -> None:
    for handler, ignored in ((signal.SIG_IGN, 1), (signal.SIG_DFL, 0)):
        earlier = signal.signal(signal.SIGHUP, handler)
        try:
            with BatchLoader(pairs, replace(pairs.shared, num_threads=1)) as loader:
                next(loader.epoch(1))
                [child] = multiprocessing.active_children()
                status = Path(f"/proc/{child.pid}/status").read_text()
        finally:
            signal.signal(signal.SIGHUP, earlier)
        [mask] = re.findall(r"SigIgn:\t(\w+)", status)
        assert int(mask, 16) & 1 == ignored  # the lowest bit is that of signal 1, SIGHUP


TRAINING = """
import multiprocessing, sys, time
from pixlate import create_dataset
from pixlate.data.loading import BatchLoader
if __name__ == "__main__":
    dataset = create_dataset("aligned", dataroot=sys.argv[1], load_size=24, crop_size=16, num_threads=2)
    loader = BatchLoader(dataset, dataset.shared, start_method=sys.argv[2])
    steps = loader.epoch(1)
    next(steps)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    for line in sys.stdin:
        print(len(list(loader.epoch(int(line)))), flush=True)
"""


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Any]:
    started = []

    def start(method: str) -> tuple["subprocess.Popen[str]", list[int]]:
        script = tmp_path / "training.py"
        script.write_text(TRAINING)
        root = write_pairs(tmp_path / "data", count=7)
        process = subprocess.Popen(
            [sys.executable, str(script), str(root), method],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, [int(pid) for pid in process.stdout.readline().split()]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_do_not_outlive_a_killed_run(training: Any, method: str) -> None:
    process, pids = training(method)
    assert len(alive(pids)) == 2
    process.kill()
    assert gone(pids)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at processes in /proc")
def test_processes_continue_after_ctrl_c_and_sigterm(training: Any) -> None:
    process, pids = training("fork")
    for pid in pids:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    out, err = process.communicate("2\n3\n", timeout=60)
    assert out.split() == ["7", "7"]
    assert err == ""
    assert process.returncode == 0
    assert gone(pids)


@pytest.mark.cuda
@pytest.mark.parametrize("threads", [0, 2])
def test_batches_for_a_gpu_are_pinned_and_the_same(pairs: BaseDataset, threads: int) -> None:
    expected = list(batches(pairs, 0))
    pinned = list(batches(pairs, threads, device="cuda"))
    assert all(batch["A"].is_pinned() for _, batch in pinned)
    assert same(expected, pinned)


@pytest.mark.parametrize("refused", ["process", "thread"])
@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_fewer_processes_are_started_where_the_system_allows_no_more(
    pairs: BaseDataset,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    allowed: int,
    refused: str,
) -> None:
    expected = list(batches(pairs, 0))
    start_process, start_thread = multiprocessing.process.BaseProcess.start, threading.Thread.start

    def process(self: Any) -> None:
        if refused == "process" and len(multiprocessing.active_children()) >= allowed:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        start_process(self)

    def thread(self: Any) -> None:
        if refused == "thread" and self.name == "batches" and len(multiprocessing.active_children()) > allowed:
            raise RuntimeError("can't start new thread")
        start_thread(self)

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", process)
    monkeypatch.setattr(threading.Thread, "start", thread)
    assert same(expected, list(batches(pairs, 4)))
    [message] = caplog.messages
    assert message.startswith("4 worker processes cannot be started (the system ")
    where = f"{allowed} load images" if allowed else "images are loaded in the main process"
    assert message.endswith(f": {where}.")
    assert capfd.readouterr().err == ""
    assert no_children()


def test_little_memory_allows_few_processes(
    pairs: BaseDataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for free, count in ((300 << 20, 2), (100 << 20, 0)):
        caplog.clear()
        monkeypatch.setattr(loading, "free_memory", lambda free=free: free)
        with BatchLoader(pairs, replace(pairs.shared, num_threads=4)) as loader:
            next(loader.epoch(1))
            assert len(multiprocessing.active_children()) == count
        assert "4 worker processes cannot be started (too little memory is free)" in caplog.text
