"""The speed of a run, and the time that is left at this speed."""

from pathlib import Path

import pytest
from fakes import make_run, progress

from pixlate.plugins.run import Progress, Timing
from pixlate.runs import run
from pixlate.runs.run import Clock


class Time:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(run.time, "monotonic", lambda: self.now)


def test_the_time_left_is_that_of_the_rate_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    clock = Clock(Progress(), total_images=1000)
    for now, images, restart in ((10, 1, False), (11, 2, False), (20, 20, True), (20, 20, False), (30, 80, True)):
        time.now = now
        timing = clock.read(Progress(images=images), restart=restart)
        assert timing.rate > 0
        assert timing.left == pytest.approx((1000 - images) / timing.rate)
    assert timing.rate == pytest.approx(0.7 * 1 + 0.3 * 6)  # a moving mean of the rates between marks


def test_before_the_first_mark_the_rate_is_the_mean_since_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    clock = Clock(Progress(images=100), total_images=200)
    time.now = 10
    assert clock.read(Progress(images=101)).rate == pytest.approx(0.1)  # the first step is slow
    time.now = 12
    assert clock.read(Progress(images=112)).rate == pytest.approx(1.0)


def test_waiting_for_data_is_told_from_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    clock = Clock(Progress(), total_images=100)
    clock.add_wait(3)
    time.now = 8
    timing = clock.read(Progress(images=2), restart=True)
    assert (timing.data, timing.compute) == pytest.approx((1.5, 2.5))
    clock.add_wait(1)
    time.now = 12
    timing = clock.read(Progress(images=4))
    assert (timing.data, timing.compute) == pytest.approx((0.5, 1.5))


def test_nothing_is_known_before_the_first_image(monkeypatch: pytest.MonkeyPatch) -> None:
    Time(monkeypatch)
    timing = Clock(Progress(), total_images=100).read(Progress())
    assert (timing.rate, timing.left) == (0, 0)


def test_a_run_ends_after_its_last_epoch(tmp_path: Path) -> None:
    assert make_run(tmp_path / "new", epochs=3).clock.total_images == 1200
    resumed = make_run(tmp_path / "resumed", epochs=3, start=progress(2, 100))
    assert resumed.clock.total_images == 1200


def test_looking_at_the_speed_does_not_restart_its_measurement(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.moved(progress(1, 100))
    for _ in range(2):
        timing = run.timing()
        assert timing != Timing(rate=timing.rate, left=timing.left)
