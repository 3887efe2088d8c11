"""Weights & Biases, offline."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import eventually, images_by_label, make_run, progress

from pixlate.errors import OptionError
from pixlate.plugins.run import HealthWarning, Progress, Sample
from pixlate.plugins.viewers.plugin import WandbOptions
from pixlate.plugins.viewers.wandb_viewer import ID_FILE, WandbViewer

pytest.importorskip("wandb")
pytestmark = pytest.mark.filterwarnings("ignore")  # wandb's own


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


def session(folder: Path, start: Progress, *images: int) -> None:
    run = make_run(folder, start=start, lambda_L1=100.0)
    viewer = WandbViewer(WandbOptions(use_wandb=True, wandb_project_name="mine"))
    viewer.run_started(run)
    for number in images:
        viewer.losses_logged(run, progress(1, number), {"G_L1": number / 8, "G_GAN": math.nan})
    viewer.metrics_measured(run, progress(1, images[-1]), {"SSIM": 0.5})
    viewer.images_shown(run, progress(1, images[-1]), images_by_label())
    viewer.samples_shown(run, progress(1, images[-1]), [Sample("val", "a", images_by_label("fake_B"))])
    for _ in range(2):  # a lasting problem is told once
        viewer.health_checked(run, progress(1, images[-1]), [HealthWarning("collapse", "All are alike.", "Lower lr.")])
    viewer.run_finished(run, None)
    eventually(lambda: sum(record.HasField("exit") for record in records(folder)) == sessions(folder))


def sessions(folder: Path) -> int:
    """How many sessions were logged, finished or not."""
    return len(list(folder.glob("wandb/offline-run-*")))


def records(folder: Path) -> list[Any]:
    """What the offline runs would send, in order."""
    from wandb.proto.wandb_internal_pb2 import Record

    return [
        Record.FromString(data)
        for file in sorted(folder.glob("wandb/offline-run-*/*.wandb"))
        for data in _entries(file.read_bytes())
    ]


def _entries(log: bytes) -> Iterator[bytes]:
    """The entries of a log in LevelDB's format: blocks of 32 KiB, with entries cut at their ends."""
    progress, parts = 7, b""
    while progress + 7 <= len(log):
        if 32768 - progress % 32768 < 7:
            progress += 32768 - progress % 32768
            continue
        length, kind = struct.unpack_from("<HB", log, progress + 4)
        parts += log[progress + 7 : progress + 7 + length]
        progress += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def test_offline_runs_hold_losses_images_and_options(tmp_path: Path) -> None:
    session(tmp_path, Progress(), 100, 200)
    logged_records = records(tmp_path)
    [run] = [record.run for record in logged_records if record.HasField("run")][:1]
    assert (run.project, run.display_name) == ("mine", "facades_pix2pix")
    assert "lambda_L1" in {update.key for update in run.config.update}
    history = [record.history for record in logged_records if record.HasField("history")]
    logged = [{".".join(item.nested_key) or item.key: item.value_json for item in line.item} for line in history]
    assert [float(line["G_L1"]) for line in logged] == [12.5, 25.0]
    assert [line.step.num for line in history] == [100, 200]
    assert [float(line["learning_rate/G"]) for line in logged] == [0.0002, 0.0002]
    alerts = [record.alert for record in logged_records if record.HasField("alert")]
    assert [(alert.title, alert.text) for alert in alerts] == [
        ("facades_pix2pix: collapse", "All are alike. Lower lr."),
    ]
    summary = {item.key: item.value_json for r in logged_records for item in r.summary.update}
    assert summary["health"] == '"All are alike."'
    assert len(list(tmp_path.glob("wandb/offline-run-*/files/media/images/**/*.png"))) == 4


def test_a_resumed_training_continues_its_run(tmp_path: Path) -> None:
    session(tmp_path, Progress(), 100)
    first = (tmp_path / ID_FILE).read_text()
    session(tmp_path, progress(1, 100), 200)
    assert (tmp_path / ID_FILE).read_text() == first
    assert {record.run.run_id for record in records(tmp_path) if record.HasField("run")} == {first.strip()}
    session(tmp_path, Progress(), 100)
    assert (tmp_path / ID_FILE).read_text() != first


def test_it_is_off_by_default(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = WandbViewer(WandbOptions())
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 1), {"G_L1": 1.0})
    viewer.images_shown(run, progress(1, 1), images_by_label())
    viewer.run_finished(run, None)
    assert list(tmp_path.iterdir()) == []


def test_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixlate.plugins.viewers.wandb_viewer.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"pip install 'pixlate\[wandb\]'"):
        WandbViewer(WandbOptions(use_wandb=True))
    WandbViewer(WandbOptions())
