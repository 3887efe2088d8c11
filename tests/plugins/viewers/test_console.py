"""The console."""

import io
import time
from pathlib import Path

import pytest
from fakes import make_run, progress
from rich.console import Console as Terminal

from pixlate.plugins.run import Timing
from pixlate.plugins.viewers.console import Console, Flow, ProgressLine, duration, is_live_terminal

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
    viewer.epoch_ended(run, progress(1, 400), LOSSES)
    viewer.run_finished(run, None)
    assert capsys.readouterr().out.splitlines() == [
        "(epoch: 1, iters: 100, time: 0.000, data: 0.000) G_GAN: 0.693 G_L1: 25.000 ",
        "(epoch: 1, iters: 400) metrics: SSIM: 0.5",
        "saved the model (total_iters 400)",
        "End of epoch 1 / 3 \t Time Taken: 0 sec",
        "(epoch: 1, mean losses) G_GAN: 0.693 G_L1: 25.000",
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
    viewer.epoch_ended(run, progress(1, 400), {"G_GAN": 0.5, "G_L1": 20.0})
    assert "epoch 1/3  0:00:00  G_GAN 0.500  G_L1 20.000" in output(console)
    viewer.run_finished(run, KeyboardInterrupt())
    assert output(console).endswith("\x1b[?25h") or "\x1b[?25h" in output(console)


CYCLE_GAN = {f"{name}_{side}": 0.25 for side in "AB" for name in ("D", "G", "cycle", "idt")}


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_everything_is_readable_on_terminals_of_any_width(tmp_path: Path, width: int) -> None:
    run = make_run(tmp_path, epochs=200, epoch_size=1096)
    run.moved(progress(112, 1000, 1096))
    timing = Timing(compute=0.1, rate=12.34, left=35600)
    run.timing = lambda: timing  # type: ignore[method-assign, assignment, misc]
    console = terminal(width)
    console.print(ProgressLine(run, run.progress, CYCLE_GAN))
    console.print(Flow(["epoch 112/200", "0:12:00", *(f"{name} 0.250" for name in CYCLE_GAN)], indent=2))
    lines = output(console).splitlines()
    assert all(len(line) <= width for line in lines)
    text = " ".join(lines)
    for part in ("epoch 112/200", "1,000/1,096", "12.3 images/s", "9:53:20 left", "0:12:00"):
        assert part in text
    for name in CYCLE_GAN:
        assert text.count(f"{name} 0.250") == 2
    assert ("━" in text) is (width >= 80)


@pytest.mark.parametrize("mark", [{"JPY_PARENT_PID": "1"}, {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}])
def test_a_notebook_gets_plain_lines(
    mark: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`!pixlate train` runs on a pseudo-terminal whose output is appended to the cell."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    assert is_live_terminal()
    for name, value in mark.items():
        monkeypatch.setenv(name, value)
    run = make_run(tmp_path)
    viewer = Console()
    viewer.run_started(run)
    for images in range(1, 101):
        viewer.step_ended(run, progress(1, images))
    viewer.losses_logged(run, progress(1, 100), LOSSES)
    viewer.run_finished(run, None)
    assert capsys.readouterr().out.count("\n") == 1


def test_the_page_is_named_at_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for html in (True, False):
        viewer = Console()
        viewer.run_started(make_run(tmp_path, html=html))
        text = capsys.readouterr().out
        assert text == (f"The training page is {tmp_path / 'web' / 'index.html'}\n" if html else "")


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
