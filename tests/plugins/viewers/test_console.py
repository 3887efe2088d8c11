"""The console."""

import io
import time
from pathlib import Path

import pytest
from fakes import make_run, progress
from rich.console import Console as Terminal

from pixlate.plugins.viewers.console import Console, duration

LOSSES = {"G_GAN": 0.69314718, "G_L1": 25.0}


def terminal(width: int = 100) -> Terminal:
    return Terminal(file=io.StringIO(), force_terminal=True, width=width, color_system=None, _environ={})


def output(console: Terminal) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_there_are_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path)
    viewer = Console()
    viewer.run_started(run)
    viewer.step_ended(run, progress(1, 1))
    viewer.losses_logged(run, progress(1, 100), LOSSES)
    viewer.metrics_measured(run, progress(1, 400), {"SSIM": 0.5})
    viewer.checkpoint_saved(run, progress(1, 400), [])
    viewer.epoch_ended(run, progress(1, 400))
    viewer.run_finished(run, None)
    assert capsys.readouterr().out.splitlines() == [
        "(epoch: 1, iters: 100, time: 0.000, data: 0.000) G_GAN: 0.693 G_L1: 25.000 ",
        "(epoch: 1, iters: 400) metrics on held-out images: SSIM: 0.5",
        "saved the model (total_iters 400)",
        "End of epoch 1 / 3 \t Time Taken: 0 sec",
    ]


def test_on_a_terminal_one_line_is_updated(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    console = terminal()
    viewer = Console(terminal=console)
    viewer.run_started(run)
    time.sleep(0.01)
    run.moved(progress(1, 100))
    viewer.losses_logged(run, progress(1, 100), LOSSES)
    text = output(console)
    for part in ("epoch 1/3", "100/400", "images/s", "left", "G_GAN 0.693  G_L1 25.000"):
        assert part in text
    viewer.epoch_ended(run, progress(1, 400))
    assert "End of epoch 1 / 3" in output(console)
    viewer.run_finished(run, KeyboardInterrupt())
    assert output(console).endswith("\x1b[?25h") or "\x1b[?25h" in output(console)


def test_a_narrow_terminal_cuts_the_losses(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    console = terminal(width=30)
    viewer = Console(terminal=console)
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 100), {f"loss_{n}": 1.0 for n in range(20)})
    assert all(len(line) <= 60 for line in output(console).splitlines())
    viewer.run_finished(run, None)


def test_a_step_costs_microseconds(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = Console(terminal=terminal())
    viewer.run_started(run)
    position = progress(1, 5)
    start_time = time.perf_counter()
    for _ in range(10_000):
        viewer.step_ended(run, position)
    assert (time.perf_counter() - start_time) / 10_000 < 50e-6
    viewer.run_finished(run, None)


def test_the_live_line_moves_with_the_steps(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    console = terminal()
    viewer = Console(terminal=console)
    viewer.run_started(run)
    time.sleep(0.25)
    viewer.step_ended(run, progress(1, 7))
    assert "7/400" in output(console)
    viewer.run_finished(run, None)


def test_durations() -> None:
    assert [duration(seconds) for seconds in (0, 61.4, 3723)] == ["0:00:00", "0:01:01", "1:02:03"]
