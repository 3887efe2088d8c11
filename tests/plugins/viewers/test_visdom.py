"""visdom, against a real server."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from fakes import eventually, images_by_label, make_run, progress

from pixlate.plugins.run import HealthWarning, Progress, Sample
from pixlate.plugins.viewers.loss_log import LossLog
from pixlate.plugins.viewers.plugin import VisdomOptions
from pixlate.plugins.viewers.visdom_server import Curves, Panel, VisdomServer
from pixlate.plugins.viewers.visdom_viewer import VisdomViewer, grid

LOSSES = {"G_GAN": 0.75, "G_L1": 25.0}
SERVE = """
import sys
from visdom.server.run_server import start_server
start_server(port=int(sys.argv[1]), hostname="127.0.0.1", base_url="", env_path=sys.argv[2], bind_local=True)
"""
pytestmark = [
    pytest.mark.skipif(find_spec("visdom") is None, reason="needs visdom"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # visdom's own
]


class Server:
    """A visdom server in a process of its own, that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", SERVE, str(self.port), str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: answers(self.port))

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def windows(self, env: str = "main") -> dict[str, Any]:
        data = json.dumps({"eid": env, "win": None}).encode()
        with urlopen(Request(f"http://127.0.0.1:{self.port}/win_data", data)) as answer:
            return dict(json.load(answer))

    def options(self, **more: Any) -> VisdomOptions:
        return VisdomOptions(display_server="http://127.0.0.1", display_port=self.port, **more)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("visdom"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def absent(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "visdom")
    server.folder.mkdir()
    yield server
    server.stop()


def test_curves_images_and_labels_appear_in_the_reference_s_windows(running: Server, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = VisdomViewer(running.options(display_env="shown", display_ncols=2))
    viewer.run_started(run)
    for images in (100, 200):
        viewer.losses_logged(run, progress(1, images), LOSSES)
    viewer.images_shown(run, progress(1, 200), images_by_label("real_A", "fa<k>e", "real_B"))
    viewer.samples_shown(run, progress(1, 200), [Sample("val", "a", images_by_label())])
    viewer.run_finished(run, None)
    windows = running.windows("shown")
    assert sorted(windows) == ["1", "2", "3", "4"]
    assert windows["1"]["title"] == "facades_pix2pix loss over time"
    curves = {line["name"]: line for line in windows["1"]["content"]["data"]}
    assert curves["G_L1"]["x"] == [1.25, 1.5]
    assert curves["G_L1"]["y"] == [25.0, 25.0]
    assert windows["2"]["content"]["src"].startswith("data:image/png;base64,")
    assert windows["2"]["width"] == 2 * 256
    assert "fa&lt;k&gt;e" in windows["3"]["content"]
    assert "held-out images" in windows["4"]["title"]


def test_metrics_and_warnings_have_windows_of_their_own(running: Server, tmp_path: Path) -> None:
    run = make_run(tmp_path, start=progress(2, 0))
    lines = ({"epoch": 1, "epoch_images": 400, "images": 400, "metrics": {"val_l1": 0.5}}, {"images": 0})
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    viewer = VisdomViewer(running.options(display_env="health"))
    viewer.run_started(run)
    viewer.health_checked(run, progress(2, 100), [])
    viewer.metrics_measured(run, progress(2, 400), {"val_l1": 0.25})
    viewer.health_checked(run, progress(2, 400), [HealthWarning("collapse", "All <b> are alike.", "Lower --lr_G.")])
    viewer.run_finished(run, None)
    windows = running.windows("health")
    assert windows.keys() == {"1-metrics", "1-health"}
    (curve,) = windows["1-metrics"]["content"]["data"]
    assert (curve["x"], curve["y"]) == ([1.0, 2.0], [0.5, 0.25])
    assert "All &lt;b&gt; are alike." in windows["1-health"]["content"]
    assert "Lower --lr_G." in windows["1-health"]["content"]


def test_warnings_that_have_ended_are_taken_back(running: Server, tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = VisdomViewer(running.options(display_env="better"))
    viewer.run_started(run)
    viewer.health_checked(run, progress(1, 100), [HealthWarning("collapse", "All are alike.", "Lower --lr_G.")])
    viewer.health_checked(run, progress(1, 200), [])
    viewer.run_finished(run, None)
    window = running.windows("better")["1-health"]
    assert "no warnings" in window["content"]
    assert window["title"] == "facades_pix2pix health at 200 images"


def test_without_columns_every_image_has_a_window(running: Server, tmp_path: Path) -> None:
    run = make_run(tmp_path, display_winsize=100)
    viewer = VisdomViewer(running.options(display_env="single", display_ncols=0, display_id=5))
    viewer.run_started(run)
    viewer.images_shown(run, progress(1, 200), images_by_label())
    viewer.run_finished(run, None)
    windows = running.windows("single")
    assert {name: window["title"] for name, window in windows.items()} == {
        "6": "real_A",
        "7": "fake_B",
        "8": "real_B",
    }
    assert windows["6"]["width"] == 100


def test_a_resumed_run_continues_its_curves(running: Server, tmp_path: Path) -> None:
    first = make_run(tmp_path)
    log = LossLog()
    log.run_started(first)
    for images in (100, 200, 300):
        log.losses_logged(first, progress(1, images), LOSSES)
    run = make_run(tmp_path, start=progress(1, 200))
    viewer = VisdomViewer(running.options(display_env="resumed"))
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 300), LOSSES | {"new": 1.0})
    viewer.run_finished(run, None)
    curves = {line["name"]: line for line in running.windows("resumed")["1"]["content"]["data"]}
    assert curves["G_GAN"]["x"] == [1.25, 1.5, 1.75]
    assert curves["new"]["y"] == [None, None, 1.0]


def test_a_missing_server_costs_one_warning_and_no_time(
    absent: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path)
    viewer = VisdomViewer(absent.options())
    start_time = time.monotonic()
    viewer.run_started(run)
    for images in range(1, 200):
        viewer.losses_logged(run, progress(1, images), LOSSES)
        viewer.images_shown(run, progress(1, images), images_by_label())
    viewer.run_finished(run, None)
    assert time.monotonic() - start_time < 2
    assert capsys.readouterr() == ("", "")
    [message] = caplog.messages
    assert message.startswith(f"no visdom server answers at 127.0.0.1:{absent.port} (Connection refused)")
    assert "\n" not in message


def test_nobody_who_did_not_ask_for_visdom_reads_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if answers(8097):
        pytest.skip("a visdom server runs on this machine")
    caplog.set_level("INFO")
    run = make_run(tmp_path)
    viewer = VisdomViewer(VisdomOptions())
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 1), LOSSES)
    viewer.run_finished(run, None)
    assert caplog.messages == []


def test_the_page_of_a_server_can_be_opened(running: Server) -> None:
    with urlopen(f"http://127.0.0.1:{running.port}/") as answer:
        assert b"visdom" in answer.read()


def test_a_server_that_starts_late_or_restarts_receives_every_window(
    absent: Server, caplog: pytest.LogCaptureFixture
) -> None:
    sender = VisdomServer("127.0.0.1", absent.port, "main", retry=0.2)
    sender.start()
    sender.draw(Curves("1", "curves", {"a": [(1.0, 2.0)]}))
    sender.show(Panel("2", "image", np.zeros((4, 4, 3), np.uint8), 4))
    eventually(lambda: caplog.messages)
    for _ in range(2):
        absent.start()
        eventually(lambda: sorted(absent.windows()) == ["1", "2"])
        absent.stop()
        caplog.clear()
        sender.draw(Curves("1", "curves", {"a": [(1.0, 2.0), (2.0, 3.0)]}))
        eventually(lambda: any("no visdom server answers" in message for message in caplog.messages))
    sender.close()
    sender.join(5)
    assert not sender.is_alive()


def test_a_server_that_never_answers_does_not_delay_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pixlate.plugins.viewers.visdom_server.TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        run = make_run(tmp_path)
        options = VisdomOptions(display_server="http://127.0.0.1", display_port=silent.getsockname()[1])
        viewer = VisdomViewer(options)
        start_time = time.monotonic()
        viewer.run_started(run)
        for images in range(1, 50):
            viewer.losses_logged(run, progress(1, images), LOSSES)
        assert time.monotonic() - start_time < 1
        assert len(eventually(lambda: caplog.messages)) == 1
        viewer.run_finished(run, None)


@pytest.mark.parametrize("number", [0, -1])
def test_a_display_id_of_0_or_less_turns_visdom_off(tmp_path: Path, number: int) -> None:
    run = make_run(tmp_path)
    viewer = VisdomViewer(VisdomOptions(display_id=number))
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 1), LOSSES)
    viewer.images_shown(run, Progress(), images_by_label())
    viewer.samples_shown(run, Progress(), [Sample("val", "a", images_by_label())])
    viewer.run_finished(run, None)
    assert viewer._server is None


def test_without_visdom_nothing_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pixlate.plugins.viewers.visdom_viewer.find_spec", lambda name: None)
    run = make_run(tmp_path)
    viewer = VisdomViewer(VisdomOptions())
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 1), LOSSES)
    viewer.run_finished(run, None)
    assert capsys.readouterr() == ("", "")


def test_a_grid_holds_images_of_any_size_on_white() -> None:
    small, large = np.zeros((2, 3, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    image = grid([small, large, small], columns=2)
    assert image.shape == (16, 16, 3)
    assert (image == 0).all(axis=2).sum() == 2 * 6 + 16
