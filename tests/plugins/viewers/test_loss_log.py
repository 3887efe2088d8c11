"""The loss log."""

import json
import math
from pathlib import Path

from fakes import make_run, progress

from pixlate.plugins.viewers.history import History
from pixlate.plugins.viewers.loss_log import LossLog, read_losses
from pixlate.util.curves import Curve

LOSSES = {"G_GAN": 0.69314718, "G_L1": 25.0}


def log_of(folder: Path, *epochs: int) -> LossLog:
    run = make_run(folder)
    log = LossLog()
    log.run_started(run)
    for epoch in epochs:
        run.moved(progress(epoch, 100))
        log.losses_logged(run, progress(epoch, 100), LOSSES)
    return log


def test_loss_log_has_the_form_that_scripts_parse(tmp_path: Path) -> None:
    log_of(tmp_path, 1, 2)
    head, *lines = (tmp_path / "loss_log.txt").read_text().splitlines()
    assert head.startswith("================ Training Loss (")
    assert head.endswith(") ================")
    for epoch, line in enumerate(lines, start=1):
        place, losses = line.split(") ", 1)
        assert place.startswith(f"(epoch: {epoch}, iters: 100, time: ")
        assert losses == "G_GAN: 0.693 G_L1: 25.000 "


def test_losses_jsonl_is_exact_and_contains_no_clock_values(tmp_path: Path) -> None:
    log_of(tmp_path / "a", 1, 2)
    log_of(tmp_path / "b", 1, 2)
    assert (tmp_path / "a" / "losses.jsonl").read_bytes() == (tmp_path / "b" / "losses.jsonl").read_bytes()
    assert json.loads((tmp_path / "a" / "losses.jsonl").read_text().splitlines()[1]) == {
        "epoch": 2,
        "epoch_images": 100,
        "images": 500,
        "step": 500,
        "losses": LOSSES,
    }
    [timing, _] = (tmp_path / "a" / "timing.jsonl").read_text().splitlines()
    assert set(json.loads(timing)) >= {"clock", "rate", "data", "compute", "left", "images"}


def test_nan_and_infinity_are_written_as_strict_json(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    log = LossLog()
    log.run_started(run)
    log.losses_logged(run, progress(1, 1), {"a": math.nan, "b": math.inf, "c": -math.inf})
    text = (tmp_path / "losses.jsonl").read_text()
    values = json.loads(text, parse_constant=lambda name: 1 / 0)["losses"]
    assert values == {"a": "NaN", "b": "Infinity", "c": "-Infinity"}
    [record] = read_losses(tmp_path, until=1)
    assert math.isnan(record["losses"]["a"])
    assert record["losses"]["b"] == math.inf


def test_every_session_appends_its_own_heading(tmp_path: Path) -> None:
    log_of(tmp_path, 1)
    log_of(tmp_path, 2)
    text = (tmp_path / "loss_log.txt").read_text()
    assert text.count("Training Loss") == 2
    assert text.index("(epoch: 1,") < text.index("(epoch: 2,")


def test_the_history_ends_where_the_run_resumes_and_skips_an_unfinished_line(tmp_path: Path) -> None:
    log_of(tmp_path, 1, 2, 3)
    with (tmp_path / "losses.jsonl").open("a") as file:
        file.write('{"epoch": 4, "im')
    assert [record["epoch"] for record in read_losses(tmp_path, until=500)] == [1, 2]
    assert len(list(read_losses(tmp_path, until=10_000))) == 3
    assert list(read_losses(tmp_path / "missing", until=1)) == []
    curve = History(400).read(tmp_path, until=500).curves["G_L1"]
    assert curve.points() == [(0.25, 25.0), (1.25, 25.0)]


def test_a_curve_stays_small_and_keeps_its_mean() -> None:
    curve = Curve(max_points=10)
    for x in range(1000):
        curve.add(x, x % 7)
    points = curve.points()
    assert len(points) <= 10
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert all(abs(y - 3) < 0.2 for _, y in points[:-1])


def test_one_nan_does_not_hide_its_neighbours() -> None:
    curve = Curve(max_points=2)
    for value in (1.0, math.nan, 3.0, 3.0):
        curve.add(0, value)
    assert [y for _, y in curve.points()] == [7 / 3] or all(math.isfinite(y) for _, y in curve.points())
