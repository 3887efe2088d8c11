"""trackio, read back from its database."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import images_by_label, make_run, progress

from pixlate.errors import OptionError
from pixlate.plugins.run import HealthWarning, Progress, Sample
from pixlate.plugins.viewers.plugin import TrackioOptions
from pixlate.plugins.viewers.trackio_viewer import TrackioViewer

pytest.importorskip("trackio")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # trackio's own

LATE = HealthWarning("collapse", "All are alike.", "Lower --lr_G.")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """trackio anew, because it fixes its folder when it is imported; it must ask no server."""
    asked = []

    def refused(*arguments: Any, **keywords: Any) -> None:
        asked.append(arguments)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", "hf_x")  # with an account, trackio asks a server for the user's name
    for name in ("TRACKIO_DIR", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield
    forget()
    assert asked == []


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "trackio"]:
        del sys.modules[name]


def session(folder: Path, start: Progress, *images: int) -> None:
    run = make_run(folder, start=start, lambda_L1=100.0)
    viewer = TrackioViewer(TrackioOptions(trackio=True, trackio_project="mine"))
    viewer.run_started(run)
    for number in images:
        viewer.losses_logged(run, progress(1, number), {"G_L1": number / 8})
    viewer.metrics_measured(run, progress(1, images[-1]), {"val_l1": 0.5})
    viewer.images_shown(run, progress(1, images[-1]), images_by_label())
    viewer.samples_shown(run, progress(1, images[-1]), [Sample("val", "a", images_by_label("fake_B"))])
    for warnings in ([], [LATE], [LATE]):  # a lasting problem is told once
        viewer.health_checked(run, progress(1, images[-1]), warnings)
    viewer.run_finished(run, None)


def stored(name: str = "facades_pix2pix") -> list[dict[str, Any]]:
    """What was logged for the latest run of a name."""
    from trackio.sqlite_storage import SQLiteStorage

    logs: list[dict[str, Any]] = SQLiteStorage.get_logs("mine", name)
    return logs


def test_losses_images_options_and_warnings_are_in_the_folder_beside_the_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session(tmp_path / "runs" / "run", Progress(), 100, 200)
    assert capfd.readouterr().out == ""
    logs = stored()
    assert [(line["step"], line["loss/G_L1"]) for line in logs if "loss/G_L1" in line] == [(100, 12.5), (200, 25.0)]
    assert logs[0]["learning_rate/G"] == pytest.approx(0.0002)
    assert [line["metrics/val_l1"] for line in logs if "metrics/val_l1" in line] == [0.5]
    images = [value for line in logs for name, value in line.items() if name.startswith(("images/", "held-out/"))]
    assert len(images) == 4
    folder = tmp_path / "runs" / ".trackio"
    assert all((folder / "media" / image["file_path"]).is_file() for image in images)
    from trackio.sqlite_storage import SQLiteStorage

    assert SQLiteStorage.get_run_config("mine", "facades_pix2pix")["lambda_L1"] == 100.0
    [alert] = SQLiteStorage.get_alerts("mine")
    assert (alert["title"], alert["text"], alert["step"]) == ("collapse", "All are alike. Lower --lr_G.", 200)
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
    assert "TRACKIO_DIR" not in os.environ


def test_a_resumed_training_continues_its_run(tmp_path: Path) -> None:
    session(tmp_path / "run", Progress(), 100)
    session(tmp_path / "run", progress(1, 100), 200)
    assert [line["step"] for line in stored() if "loss/G_L1" in line] == [100, 200]
    session(tmp_path / "run", Progress(), 300)
    assert [line["step"] for line in stored() if "loss/G_L1" in line] == [300]


def test_the_folder_that_the_user_names_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "mine"))
    session(tmp_path / "runs" / "run", Progress(), 100)
    assert (tmp_path / "mine" / "mine.db").is_file()
    assert not (tmp_path / "runs" / ".trackio").exists()
    assert os.environ["TRACKIO_DIR"] == str(tmp_path / "mine")


def test_it_is_off_by_default(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    viewer = TrackioViewer(TrackioOptions())
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 1), {"G_L1": 1.0})
    viewer.images_shown(run, progress(1, 1), images_by_label())
    viewer.health_checked(run, progress(1, 1), [LATE])
    viewer.run_finished(run, None)
    assert "trackio" not in sys.modules
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixlate.plugins.viewers.trackio_viewer.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"pip install 'pixlate\[trackio\]'"):
        TrackioViewer(TrackioOptions(trackio=True))
    TrackioViewer(TrackioOptions())
