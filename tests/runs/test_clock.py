"""The speed of a run, and the time that is left at this speed."""

from pathlib import Path

import pytest
from fakes import make_run, progress
from hypothesis import given
from hypothesis import strategies as st

from pixlate.plugins.run import Progress, Timing
from pixlate.runs import clock as clock_module
from pixlate.runs.clock import Clock


class Time:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(clock_module.time, "monotonic", lambda: self.now)


def test_the_time_left_is_that_of_the_rate_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    clock = Clock(Progress(), total_images=1000)
    for images in range(1, 41):
        time.now += 3 if images <= 20 else 1  # the machine becomes faster
        clock.step(Progress(images=images))
        timing = clock.read(Progress(images=images), restart=images % 7 == 0)
        assert timing.left == pytest.approx((1000 - images) / timing.rate)
    assert timing.rate == pytest.approx(1)  # of the later half


def test_before_any_mark_the_rate_is_the_mean_since_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    clock = Clock(Progress(images=100), total_images=200)
    time.now = 10
    assert clock.read(Progress(images=101)).rate == pytest.approx(0.1)
    time.now = 12
    assert clock.read(Progress(images=112)).rate == pytest.approx(1.0)


def test_validations_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    clock = Clock(Progress(), total_images=100)
    clock.validations, clock.validation_seconds = 2, 5.0
    for images in range(1, 11):
        time.now += 2
        clock.step(Progress(images=images))
    assert clock.read(Progress(images=10)).left == pytest.approx(90 * 2 + 2 * 5)
    with clock.validating():
        time.now += 30
    timing = clock.read(Progress(images=10))
    assert timing.left == pytest.approx(90 * 2 + 30)
    assert timing.compute == pytest.approx(2)


@given(
    steps=st.integers(200, 3000),
    slow=st.integers(0, 5),
    pause=st.integers(1, 100),
    seconds=st.floats(0.01, 10, allow_nan=False),
)
def test_after_the_first_tenth_the_time_left_is_right(steps: int, slow: int, pause: int, seconds: float) -> None:
    """With slow first steps, and a pause after every so many steps, as of displays and saves."""
    durations = [seconds * (20 if step < slow else 1) for step in range(steps)]
    durations = [each + (seconds if step % pause == pause - 1 else 0) for step, each in enumerate(durations)]
    with pytest.MonkeyPatch.context() as patch:
        time = Time(patch)
        clock = Clock(Progress(), total_images=steps)
        end = sum(durations)
        for step, duration in enumerate(durations[:-1]):
            time.now += duration
            clock.step(Progress(images=step + 1))
            if step >= steps / 10 and step < steps - 2 * pause:
                assert clock.read(Progress(images=step + 1)).left == pytest.approx(end - time.now, rel=0.2)


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
