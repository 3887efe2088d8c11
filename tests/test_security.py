"""The promises of docs/security.md, each held here."""

import html
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from trainings import PIX2PIX, make_images, run, start, state_of, train, until

import pixlate
from pixlate.errors import CheckpointError


class Runs:
    """A pickle that makes a file when it is loaded carelessly."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.mark),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("security")
    make_images(root / "images")
    train(root / "whole", *PIX2PIX, "--n_epochs", "1")
    return root


def copy_of(folder: Path, name: str) -> Path:
    shutil.copytree(folder / "whole", folder / name)
    return folder / name / "run"


def malicious(path: Path, mark: Path, way: str) -> None:
    """A file that runs code when it is unpickled: bare, inside a checkpoint, or in the old format."""
    if way == "pickle":
        path.write_bytes(pickle.dumps(Runs(mark)))
    else:
        torch.save({"weight": Runs(mark)}, path, _use_new_zipfile_serialization=way == "zip")


@pytest.mark.parametrize("way", ["pickle", "zip", "old"])
def test_nothing_in_a_checkpoint_is_executed(folder: Path, tmp_path: Path, way: str) -> None:
    mark = tmp_path / "executed"
    here = copy_of(folder, f"pickles {way}")
    for name in ("previous_state.pt", "latest_state.pt.sha256"):
        (here / name).unlink()
    malicious(here / "latest_state.pt", mark, way)
    malicious(here / "latest_net_G.pth", mark, way)
    for command in (
        train(here.parent, "--continue_train", expect=1),
        run("test", "--name", "run", "--checkpoints_dir", here.parent, "--results_dir", tmp_path, "--device", "cpu"),
    ):
        assert command.code == 1
        [error] = [line for line in command.output.splitlines() if line.startswith("Error: ")]
        assert error.startswith("Error: '")
    for what in (here, here / "latest_net_G.pth"):
        with pytest.raises(CheckpointError):
            pixlate.load(what, device="cpu")
    assert not mark.exists()


def test_options_and_config_files_are_data(folder: Path, tmp_path: Path) -> None:
    here = copy_of(folder, "options")
    stored = json.loads((here / "options.json").read_text())
    other = tmp_path / "other"
    plugin = tmp_path / "plugin.py"
    plugin.write_text(f"import os; os.mkdir({str(other)!r})")
    stored["options"] |= {"name": "../../../up", "checkpoints_dir": str(other), "plugin": [str(plugin)]}
    stored["plugin_files"] = {str(plugin): "0"}
    (here / "options.json").write_text(json.dumps(stored))
    train(here.parent, "--continue_train", "--n_epochs", "2")
    assert state_of(here)["position"]["images"] == 27
    assert not other.exists()
    config = tmp_path / "config.toml"
    config.write_text(f'plugin = ["{plugin}"]')
    refused = train(tmp_path / "runs", *PIX2PIX, "--config", config, expect=2)
    assert "plugin" in refused.output
    assert not other.exists()


@pytest.mark.parametrize("name", ["..", "../up", "a/../../up", "/abs", ".", "a\nb", "../whole/run/web"])
def test_a_run_lies_in_its_folder_whatever_its_name(folder: Path, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    where = ("--dataroot", folder / "images", "--checkpoints_dir", tmp_path / "runs")
    for options in (("--name", name), ("--name", "x", "--suffix", f"/../../{name}")):
        command = run("train", *where, *PIX2PIX, *options)
        assert command.code == 2
        assert "must be a plain name" in command.output
    tested = run("test", "--name", name, "--checkpoints_dir", tmp_path / "runs", "--results_dir", tmp_path / "results")
    assert tested.code in (1, 2)
    assert "Traceback" not in tested.output
    assert sorted(tmp_path.rglob("*")) == before


def test_suffixes_give_values_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    make_images(tmp_path / "images")
    for suffix in ("{0}", "{model", "{nothing}"):
        refused = train(tmp_path / "runs", *PIX2PIX, "--suffix", suffix, expect=2)
        assert "Traceback" not in refused.output


def test_overwriting_removes_links_and_not_what_they_name(folder: Path, tmp_path: Path) -> None:
    here = copy_of(folder, "links")
    outside = tmp_path / "outside"
    (outside / "images").mkdir(parents=True)
    for name in ("a.pth", "b.jsonl", "images/c.png"):
        (outside / name).write_text("mine")
    (here / "latest_net_D.pth").unlink()
    (here / "latest_net_D.pth").symlink_to(outside / "a.pth")
    (here / "losses.jsonl").unlink()
    (here / "losses.jsonl").symlink_to(outside / "b.jsonl")
    (here / ".part-latest_state.pt").symlink_to(outside / "a.pth")
    shutil.rmtree(here / "web")
    (here / "web").symlink_to(outside)
    (here / "notes.txt").write_text("a person's")
    train(here.parent, *PIX2PIX, "--n_epochs", "1", "--overwrite")
    assert {path.name: path.read_text() for path in outside.rglob("*") if path.is_file()} == {
        "a.pth": "mine",
        "b.jsonl": "mine",
        "c.png": "mine",
    }
    assert (here / "notes.txt").read_text() == "a person's"


def test_a_continued_run_follows_no_link_out_of_its_logs(folder: Path, tmp_path: Path) -> None:
    here = copy_of(folder, "log links")
    mine = tmp_path / "mine"
    mine.write_text("mine\n")
    (here / "losses.jsonl").unlink()
    (here / "losses.jsonl").symlink_to(mine)
    more = train(here.parent, "--continue_train", "--n_epochs", "2")
    assert "losses.jsonl' cannot be written" in more.output
    assert mine.read_text() == "mine\n"


def test_file_names_cannot_speak_html(tmp_path: Path) -> None:
    root = tmp_path / "images"
    evil = "<img src=x onerror=alert(1)>&\"'\n.png"
    make_images(root)
    for phase in ("train", "val", "test"):
        (root / phase).mkdir(exist_ok=True)
        Image.new("RGB", (80, 40)).save(root / phase / "plain.png")
        (root / phase / "plain.png").rename(root / phase / evil)
    train(tmp_path / "runs", *PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0")
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", tmp_path / "runs", "--results_dir", tmp_path / "results",
        "--dataroot", root, "--device", "cpu", "--num_threads", "0",
    )  # fmt: skip
    assert tested.code == 0, tested.output
    pages = [*tmp_path.glob("runs/run/web/*.html"), *tmp_path.glob("results/run/*/*.html")]
    assert len(pages) == 2
    for page in pages:
        assert "<img src=x" not in page.read_text()
    assert html.escape("<img src=x onerror=alert(1)>", quote=False) in pages[1].read_text()


def test_a_run_writes_in_its_folder_alone(folder: Path, tmp_path: Path) -> None:
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in [*folder.rglob("*"), *tmp_path.rglob("*")] if path.is_file()}

    here = copy_of(folder, "alone")
    (tmp_path / "cwd").mkdir()
    before = files()
    where = ("--dataroot", folder / "images", "--checkpoints_dir", here.parent, "--name", "run")
    options = (*PIX2PIX, "--continue_train", "--n_epochs", "2", "--cache", "off")
    assert run("train", *where, *options, cwd=tmp_path / "cwd").code == 0
    changed = {path for path, time in files().items() if before.get(path) != time}
    assert changed
    assert all(here in path.parents for path in changed)


def test_a_run_folder_that_is_replaced_while_training_is_no_way_out(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pt"
    mine.write_text("mine")
    command = start(
        "train", "--dataroot", folder / "images", "--checkpoints_dir", tmp_path / "runs", "--name", "run",
        *PIX2PIX, "--n_epochs", "100000",
    )  # fmt: skip
    state = tmp_path / "runs" / "run" / "latest_state.pt"
    try:
        until(command, state.exists)
        link = tmp_path / "link"
        link.symlink_to(mine)
        link.replace(state)
        until(command, lambda: state.exists() and not state.is_symlink())
    finally:
        command.kill()
    assert mine.read_text() == "mine"
