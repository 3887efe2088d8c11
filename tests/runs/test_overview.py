"""`pixlate runs`: what is known of runs from their files, whatever these hold."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import run_pixlate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import write_pairs
from stored_runs import validation, write_run

from pixlate.__main__ import main
from pixlate.runs.overview import differences, summaries

HIGHER = {"ssim": True}
ODD = [b"[1]", b"{}\n[]\n1\n", b'{"metrics": {"a": "x"}}\n', b'{"metrics": 3}']
Run = Callable[..., str]


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(words: str, code: int = 0) -> str:
        return "".join(run_pixlate(f"runs {words}", capsys, code))

    return run


def test_a_number_that_is_too_large_costs_no_page(tmp_path: Path, listed: Run) -> None:
    write_run(tmp_path / "checkpoints", "a", {"seed": 10**400})
    write_run(tmp_path / "checkpoints", "b", {"seed": 1})
    listed(f"--html {tmp_path / 'runs.html'}")
    assert "<table" in (tmp_path / "runs.html").read_text("utf-8")


def test_an_odd_number_of_epochs_is_no_number(tmp_path: Path) -> None:
    write_run(tmp_path, "a", {"n_epochs": "x"})
    assert [run.n_epochs for run in summaries(tmp_path, HIGHER)] == [2]


def test_position_and_best_validations(tmp_path: Path) -> None:
    values = [(0.5, 0.2), (0.7, 0.1), (0.6, 0.3)]
    validations = [validation(epoch, ssim=ssim, l1=l1) for epoch, (ssim, l1) in enumerate(values, start=1)]
    write_run(tmp_path, "a", {"lr": 0.1}, validations)
    (run,) = summaries(tmp_path, HIGHER)
    assert (run.name, run.epoch, run.n_epochs, run.images) == ("a", 3, 6, 30)
    assert run.best == {"ssim": (0.7, 2), "l1": (0.1, 2)}
    assert run.metrics == {"ssim": 0.6, "l1": 0.3}


def test_options_that_somebody_gave_are_compared(tmp_path: Path) -> None:
    write_run(tmp_path, "a", {"lr": 0.1, "ngf": 8, "name": "a"})
    write_run(tmp_path, "b", {"lr": 0.2, "ngf": 8, "name": "b"})
    assert differences(summaries(tmp_path, HIGHER)) == {"lr": [0.1, 0.2]}


def test_the_table_the_order_and_json(tmp_path: Path, listed: Run) -> None:
    runs = tmp_path / "checkpoints"
    for number, (name, value) in enumerate((("old", 0.6), ("best", 0.9), ("new", 0.7))):
        run = write_run(runs, name, {"lr": 0.1 * (number + 1)}, [validation(2, ssim=value)])
        for file in run.iterdir():
            os.utime(file, (1000 + number, 1000 + number))
    (runs / "nothing").mkdir()
    lines = listed("").splitlines()
    assert [line.split()[0] for line in lines] == ["run", "new", "best", "old"]
    assert "ssim 0.7 (epoch 2)" in lines[1]
    assert "3 of 6" in lines[1]
    assert lines[0].split()[-1] == "lr"
    assert [line.split()[0] for line in listed("--sort ssim").splitlines()] == ["run", "best", "new", "old"]
    content = json.loads(listed("--json"))
    assert [run["name"] for run in content] == ["new", "best", "old"]
    assert content[0]["best"]["ssim"] == {"value": 0.7, "epoch": 2}
    assert "no run has validations of 'ssin'" in listed("--sort ssin", code=2)


def test_the_state_of_a_run(tmp_path: Path) -> None:
    for name in ("a_running", "b_killed", "c_finished"):
        write_run(tmp_path, name, {})
    (tmp_path / "a_running" / ".lock").write_text(f" {os.getpid()}\n")
    (tmp_path / "b_killed" / ".lock").write_text(" 999999999\n")
    (tmp_path / "c_finished" / "6_net_G.pth").touch()
    assert [run.state for run in summaries(tmp_path, HIGHER)] == ["training", "stopped", "finished"]


def test_folders_without_runs(tmp_path: Path, listed: Run) -> None:
    assert "'checkpoints' is no folder of runs" in listed("", code=1)
    (tmp_path / "empty").mkdir()
    assert "There are no runs in empty." in listed("empty")


def test_a_training_is_listed(tmp_path: Path, listed: Run) -> None:
    write_pairs(tmp_path / "pairs", "train", 2, (80, 40))
    write_pairs(tmp_path / "pairs", "val", 2, (80, 40))
    small = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"
    words = f"train --model pix2pix --dataroot pairs --name run --device cpu {small} --val_freq 1 --print_freq 1"
    with pytest.raises(SystemExit) as ended:
        main(f"{words} --n_epochs 2 --n_epochs_decay 0".split())
    assert ended.value.code == 0
    (row,) = listed("").splitlines()[1:]
    assert row.startswith("run")
    assert "2 of 2" in row
    assert "l1 0." in row


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.sampled_from(ODD))
def test_whatever_a_log_holds_runs_are_listed(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("runs")
    run = write_run(folder, "a", {"lr": 0.1})
    for name in ("losses.jsonl", "validation.jsonl"):
        (run / name).write_bytes(content)
    (found,) = summaries(folder, HIGHER)
    assert found.name == "a"
    json.dumps(found.to_json(), default=str)


def test_options_that_cannot_be_read_are_a_row(tmp_path: Path, listed: Run) -> None:
    run = write_run(tmp_path / "checkpoints", "damaged", {})
    (run / "options.json").write_text("{")
    os.mkfifo(tmp_path / "checkpoints" / "damaged" / "extra")
    assert "damaged" in listed("")
