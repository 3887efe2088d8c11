"""What plugins ask of a run: to stop, to save, to report metrics; and their hooks in a test."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from trainings import PIX2PIX, make_images, run, train

PLUGIN = """
import json
import shutil
from pathlib import Path
import click
from pixlate.plugins import hookimpl

@hookimpl
def command_options(command):
    return [click.Option(["--note"], default="", help="a note")]

def note(run, text):
    with open(run.options["note"], "a", encoding="utf-8") as file:
        file.write(json.dumps(text) + "\\n")

{hooks}
"""


def plugin(folder: Path, hooks: str) -> Path:
    path = folder / "asking.py"
    path.write_text(PLUGIN.format(hooks=hooks), encoding="utf-8")
    return path


def notes(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / "notes.txt").read_text("utf-8").splitlines()]


def state(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def weights(path: Path) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in torch.load(path, weights_only=True).values()])


def same_files(a: Path, b: Path, *names: str) -> bool:
    return all(torch.equal(weights(a / name), weights(b / name)) for name in names)


STOPS = """
@hookimpl
def step_ended(run, progress):
    if progress.images == 3:
        run.stop("the loss no longer falls.")
        run.stop("another reason")

@hookimpl
def run_finished(run, error):
    note(run, [run.progress.images, repr(error)])
"""


def test_a_run_that_is_stopped_is_saved_and_trains_on_exactly(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 4)
    options = (*PIX2PIX, "--n_epochs", "2", "--n_epochs_decay", "0", "--batch_size", "1")
    asking = ("--plugin", plugin(tmp_path, STOPS), "--note", tmp_path / "notes.txt")
    stopped = train(tmp_path / "runs", *options, *asking)
    assert "Stopped at 3 images: the loss no longer falls. The same command with --continue_train" in stopped.output
    assert notes(tmp_path) == [[3, "None"]]
    assert state(tmp_path / "runs" / "run" / "latest_state.pt")["position"]["images"] == 3
    train(tmp_path / "runs", "--continue_train")
    train(tmp_path / "whole", *options)
    assert same_files(tmp_path / "runs" / "run", tmp_path / "whole" / "run", "latest_net_G.pth", "latest_net_D.pth")


SAVES = """
@hookimpl
def step_ended(run, progress):
    if progress.images == 3:
        run.save("best")

@hookimpl
def epoch_ended(run, progress):
    run.save(f"after_{progress.epoch}")

@hookimpl
def checkpoint_saved(run, progress, paths):
    note(run, [progress.images, sorted(path.name for path in paths if path.name.endswith("_state.pt"))])
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 8 steps, whose plugin saves after the third, and at the end of every epoch."""
    root = tmp_path_factory.mktemp("saved")
    make_images(root / "images", 4)
    asking = ("--plugin", plugin(root, SAVES), "--note", root / "notes.txt")
    train(
        root / "runs",
        *PIX2PIX,
        "--n_epochs",
        "2",
        "--n_epochs_decay",
        "0",
        "--batch_size",
        "1",
        "--print_freq",
        "1",
        *asking,
    )
    return root


def test_a_tag_is_saved_with_its_state(saved: Path) -> None:
    folder = saved / "runs" / "run"
    assert [number for number, _ in notes(saved)] == [3, 4, 8]
    assert [names for _, names in notes(saved)] == [
        sorted(["latest_state.pt", f"{tag}_state.pt"]) for tag in ("best", "after_1", "after_2")
    ]
    best = state(folder / "best_state.pt")
    assert best["position"] == {"epoch": 1, "epoch_images": 3, "images": 3, "step": 3}
    assert state(folder / "after_1_state.pt")["position"] == {"epoch": 2, "epoch_images": 0, "images": 4, "step": 4}
    for name, value in torch.load(folder / "best_net_G.pth", weights_only=True).items():
        assert torch.equal(best["model"]["networks"]["G"][name], value)
    assert not torch.equal(weights(folder / "best_net_G.pth"), weights(folder / "latest_net_G.pth"))


def test_a_tag_can_be_tested(saved: Path) -> None:
    options = ("--epoch", "best", "--results_dir", saved / "results", "--phase", "train", "--device", "cpu")
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", saved / "runs", *options, "--plugin", saved / "asking.py"
    )
    assert tested.code == 0, tested.output
    assert (saved / "results" / "run" / "train_best" / "index.html").is_file()


def test_a_run_goes_back_to_the_state_of_a_tag(saved: Path, tmp_path: Path) -> None:
    """And from there on it is the same run again, its logs included."""
    shutil.copytree(saved / "runs", tmp_path / "runs")
    folder, original = tmp_path / "runs" / "run", saved / "runs" / "run"
    again = train(tmp_path / "runs", "--continue_train", "--epoch", "best", "--dataroot", saved / "images")
    assert "Resuming 'run' at epoch 1, 3 images seen" in again.output
    assert same_files(folder, original, "latest_net_G.pth", "latest_net_D.pth", "best_net_G.pth")
    assert (folder / "losses.jsonl").read_text() == (original / "losses.jsonl").read_text()


@pytest.mark.parametrize("tag", ["../outside", "latest", "", "a b"])
def test_what_cannot_be_a_tag_is_refused_and_the_plugin_named(tag: str, tmp_path: Path) -> None:
    make_images(tmp_path / "images", 2)
    hooks = f"@hookimpl\ndef step_ended(run, progress):\n    run.save({tag!r})\n"
    asking = ("--plugin", plugin(tmp_path, hooks), "--note", tmp_path / "notes.txt")
    output = train(tmp_path / "runs", *PIX2PIX, *asking).output
    assert output.count("plugin asking") == 1
    assert "cannot be the tag of a checkpoint" in output


REPORTS = """
@hookimpl
def samples_shown(run, progress, samples):
    run.report({"SSIM": 0.25 * progress.epoch, "odd": float("nan")})

@hookimpl
def metrics_measured(run, progress, metrics):
    note(run, [progress.images, metrics["SSIM"]])
"""


def test_reported_metrics_reach_every_viewer_and_are_cut_back_with_the_logs(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 4)
    asking = ("--plugin", plugin(tmp_path, REPORTS), "--note", tmp_path / "notes.txt")
    options = ("--n_epochs", "2", "--n_epochs_decay", "0", "--batch_size", "1", "--display_freq", "4")
    trained = train(tmp_path / "runs", *PIX2PIX, *options, *asking)
    assert notes(tmp_path) == [[4, 0.25], [8, 0.5], [8, 0.5]]
    assert "metrics: SSIM: 0.25 odd: nan" in trained.output
    folder = tmp_path / "runs" / "run"
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert rows[0] == {
        "epoch": 1, "epoch_images": 4, "images": 4, "step": 4, "metrics": {"SSIM": 0.25, "odd": "NaN"},
    }  # fmt: skip
    assert len(rows) == 3
    assert "0.25" in (folder / "web" / "index.html").read_text("utf-8")


AT_TEST = """
@hookimpl
def run_started(run):
    note(run, ["started", run.command, run.folder.name, run.epoch_size, run.options["eval"]])
    run.open_log("names.txt")

@hookimpl
def translated(run, batch, images):
    run.open_log("names.txt").write(" ".join(batch["A_paths"]).split("/")[-1])
    note(run, [len(batch["A"]), sorted(images), list(images["fake_B"].shape), float(images["fake_B"].abs().max()) <= 1])
    if run.progress.images >= 2:
        run.claim_file("error.txt").write_text("0.5")
        run.report({"mean absolute error": 0.125})
        {stop}

@hookimpl
def run_finished(run, error):
    note(run, ["finished", run.progress.images, repr(error)])
"""


@pytest.mark.parametrize("stop", ["pass", "run.stop('enough')"])
def test_plugins_act_in_a_test(saved: Path, tmp_path: Path, stop: str) -> None:
    asking = plugin(tmp_path, AT_TEST.replace("{stop}", stop))
    command = (
        "test", "--name", "run", "--checkpoints_dir", saved / "runs", "--results_dir", tmp_path / "results",
        "--phase", "train", "--device", "cpu", "--num_threads", "0", "--plugin", asking,
        "--note", tmp_path / "notes.txt",
    )  # fmt: skip
    for _ in range(2):  # the results of the first are replaced by those of the second
        (tmp_path / "notes.txt").unlink(missing_ok=True)
        tested = run(*command)
        assert tested.code == 0, tested.output
        count = 2 if stop != "pass" else 4
        assert notes(tmp_path) == [
            ["started", "test", "train_latest", 4, False],
            *[[1, ["fake_B", "real_A", "real_B"], [1, 3, 32, 32], True]] * count,
            ["finished", count, "None"],
        ]
        folder = tmp_path / "results" / "run" / "train_latest"
        assert len((folder / "names.txt").read_text("utf-8").splitlines()) == count
        assert (folder / "error.txt").is_file()
        page = (folder / "index.html").read_text("utf-8")
        assert "mean absolute error" in page
        assert "0.125" in page
        assert len(list((folder / "images").glob("*_fake_B.png"))) == count
        assert ("Stopped after 2 images: enough." in tested.output) is (stop != "pass")


def test_a_test_saves_nothing_and_a_failing_plugin_does_not_end_it(saved: Path, tmp_path: Path) -> None:
    hooks = "@hookimpl\ndef translated(run, batch, images):\n    run.save('best')\n"
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", saved / "runs", "--results_dir", tmp_path / "results",
        "--phase", "train", "--device", "cpu", "--plugin", plugin(tmp_path, hooks),
    )  # fmt: skip
    assert tested.code == 0, tested.output
    assert tested.output.count("a test has nothing to save") == 1
    assert len(list((tmp_path / "results").rglob("*_fake_B.png"))) == 4
