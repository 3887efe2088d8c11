"""A run that is killed anywhere and continued ends exactly as one that was never stopped."""

import json
import os
from pathlib import Path

import pytest
import torch
from trainings import (
    CYCLE_GAN,
    KILL_AT,
    PIX2PIX,
    differences,
    make_images,
    run,
    start,
    state_of,
    train,
    until,
    weights_of,
)

from pixlate.util.randomness import deterministic_algorithms

CASES = {
    "pix2pix": (*PIX2PIX,),
    "pix2pix loaded by others": (*PIX2PIX, "--num_threads", "4"),
    "pix2pix averaged and accumulated": (*PIX2PIX, "--ema", "--accumulate", "2", "--clip_grad", "1"),
    "pix2pix in bf16": (*PIX2PIX, "--precision", "bf16"),
    "pix2pix in fp16": (*PIX2PIX, "--precision", "fp16"),
    "cycle_gan": (*CYCLE_GAN,),
    "cycle_gan loaded by others": (*CYCLE_GAN, "--num_threads", "4", "--ema", "--lr_policy", "plateau"),
    "cycle_gan accumulated": (*CYCLE_GAN, "--accumulate", "3", "--batch_size", "1"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("resume")
    make_images(root / "images")
    return root


@pytest.mark.parametrize("case", CASES)
def test_a_killed_run_ends_as_one_never_stopped(folder: Path, case: str) -> None:
    whole, killed = folder / f"{case} whole", folder / f"{case} killed"
    train(whole, *CASES[case])
    train(killed, *CASES[case], before=KILL_AT.format(images=6), expect=-9)
    train(killed, *CASES[case], "--continue_train", before=KILL_AT.format(images=16), expect=-9)
    last = train(killed, *CASES[case], "--resume", "auto")
    assert "Resuming 'run' at epoch" in last.output
    assert differences(whole / "run", killed / "run") == []


def test_the_number_of_loading_processes_changes_nothing(folder: Path) -> None:
    train(folder / "alone", *PIX2PIX, "--num_threads", "0")
    train(folder / "helped", *PIX2PIX, "--num_threads", "3")
    assert differences(folder / "alone" / "run", folder / "helped" / "run") == []


def test_viewers_and_saves_change_nothing(folder: Path) -> None:
    train(folder / "often", *PIX2PIX)
    train(folder / "seldom", *PIX2PIX, "--no_html", "--save_latest_freq", "1000")
    assert differences(folder / "often" / "run", folder / "seldom" / "run") == []


def test_killed_before_anything_was_saved_it_starts_at_the_first_step(folder: Path) -> None:
    train(folder / "unsaved whole", *PIX2PIX)
    train(folder / "unsaved", *PIX2PIX, "--save_latest_freq", "100", before=KILL_AT.format(images=4), expect=-9)
    assert (folder / "unsaved" / "run" / "losses.jsonl").stat().st_size > 0
    again = train(folder / "unsaved", *PIX2PIX, "--continue_train", "--save_latest_freq", "4")
    assert "Nothing was saved" in again.output
    assert differences(folder / "unsaved whole" / "run", folder / "unsaved" / "run") == []


def test_a_finished_run_continues_with_more_epochs(folder: Path) -> None:
    constant = ("--n_epochs_decay", "0", "--lr_policy", "step")
    train(folder / "long", *PIX2PIX, *constant, "--n_epochs", "3")
    train(folder / "short", *PIX2PIX, *constant, "--n_epochs", "2")
    more = train(folder / "short", "--continue_train", "--n_epochs", "3")
    assert "n_epochs: 2 -> 3" in more.output
    assert differences(folder / "long" / "run", folder / "short" / "run") == []


@pytest.mark.parametrize(("option", "code"), [(("--continue_train",), 1), (("--resume", "auto"), 0)], ids=str)
def test_a_finished_run_says_so_and_changes_nothing(folder: Path, option: tuple[str, ...], code: int) -> None:
    runs = folder / f"finished {code}"
    train(runs, *PIX2PIX)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files_in(runs)}
    again = train(runs, *option, "--lambda_L1", "10", "--print_freq", "1", expect=code)
    assert "run 'run' is finished: 3 epochs of 3 are trained, and nothing was changed." in again.output
    assert "raise --n_epochs (now 2) or --n_epochs_decay (now 1)" in again.output
    assert not any(text in again.output for text in ("Resuming", "Changed", "Next", "page"))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files_in(runs)} == before


def files_in(runs: Path) -> list[Path]:
    """The files of a folder of runs, without locks."""
    return [path for path in runs.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--n_epochs", "0", "--n_epochs_decay", "0"), "--n_epochs and --n_epochs_decay are both 0"),
        (("--epoch_count", "4"), "--epoch_count 4 is beyond the last epoch, 3"),
    ],
    ids=["zero", "beyond"],
)
def test_no_epoch_to_train_is_an_error_before_anything_is_written(
    folder: Path, options: tuple[str, ...], sentence: str
) -> None:
    refused = train(folder / "none", *PIX2PIX, *options, expect=2)
    assert f"there is nothing to train: {sentence}" in refused.output
    assert not (folder / "none").exists()


def test_rates_that_a_longer_run_would_not_have_had_are_said(folder: Path) -> None:
    train(folder / "decayed", *PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "1")
    more = train(folder / "decayed", "--continue_train", "--n_epochs", "2")
    assert "The learning rates from epoch 2 to 2 were those of a run of 2 epochs: the result will not be" in more.output
    train(folder / "flat", *PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0")
    assert "learning rates" not in train(folder / "flat", "--continue_train", "--n_epochs", "2").output


def test_the_same_command_again_is_refused_with_the_choices(folder: Path) -> None:
    train(folder / "twice", *PIX2PIX)
    before = {path: path.read_bytes() for path in (folder / "twice" / "run").glob("*.p*")}
    again = train(folder / "twice", *PIX2PIX, expect=2)
    assert "--continue_train" in again.output
    assert "--overwrite" in again.output
    assert {path: path.read_bytes() for path in (folder / "twice" / "run").glob("*.p*")} == before


def test_overwriting_waits_until_the_new_run_can_begin(folder: Path) -> None:
    train(folder / "over", *PIX2PIX)
    position = state_of(folder / "over" / "run")["position"]
    train(folder / "over", *PIX2PIX, "--overwrite", "--dataroot", "/nowhere", expect=1)
    assert state_of(folder / "over" / "run")["position"] == position
    train(folder / "over", *PIX2PIX, "--overwrite", "--n_epochs", "1")
    assert state_of(folder / "over" / "run")["position"]["epoch"] == 3
    assert not (folder / "over" / "run" / "3_net_G.pth").exists()


def test_another_number_of_threads_is_warned_about(folder: Path) -> None:
    train(folder / "threads", *PIX2PIX, "--n_epochs", "1")
    two = "import torch; torch.set_num_threads(2)"
    more = train(folder / "threads", "--continue_train", "--n_epochs", "2", before=two)
    assert "threads: 1 -> 2 since the run was saved" in more.output
    changes = json.loads((folder / "threads" / "run" / "options.json").read_text())["changes"]
    assert changes == [{"images": 18, "changed": {"n_epochs": [1, 2], "threads": [1, 2]}}]


def test_numbered_files_belong_to_their_epoch_and_the_oldest_go(folder: Path) -> None:
    train(folder / "kept", *PIX2PIX, "--keep", "2", "--ema")
    names = {path.name for path in (folder / "kept" / "run").glob("*_net_*")}
    assert names == {f"{tag}_net_{net}.pth" for tag in ("2", "3", "latest") for net in ("D", "G", "G_ema")}
    newest = weights_of(folder / "kept" / "run" / "3_net_G.pth")
    assert all(map(torch.equal, newest, weights_of(folder / "kept" / "run" / "latest_net_G.pth")))
    averaged = weights_of(folder / "kept" / "run" / "latest_net_G_ema.pth")
    assert not all(map(torch.equal, newest, averaged))


def test_network_files_that_a_kill_prevented_are_written_on_resume(folder: Path) -> None:
    train(folder / "derived", *PIX2PIX)
    stale = folder / "derived" / "run" / "latest_net_G.pth"
    expected = weights_of(stale)
    stale.write_bytes((folder / "derived" / "run" / "1_net_G.pth").read_bytes())
    (folder / "derived" / "run" / "3_net_D.pth").unlink()
    train(folder / "derived", "--resume", "auto")
    assert all(map(torch.equal, expected, weights_of(stale)))
    assert (folder / "derived" / "run" / "3_net_D.pth").exists()


def test_numbered_files_that_a_kill_kept_are_removed_on_resume(folder: Path) -> None:
    train(folder / "pruned", *PIX2PIX, "--keep", "1")
    run_folder = folder / "pruned" / "run"
    (run_folder / "2_net_G.pth").write_bytes((run_folder / "3_net_G.pth").read_bytes())
    train(folder / "pruned", "--resume", "auto")
    assert {path.name for path in run_folder.glob("*_net_G.pth")} == {"3_net_G.pth", "latest_net_G.pth"}


def test_a_new_rate_is_used_when_a_run_is_continued(folder: Path) -> None:
    train(folder / "rate", *PIX2PIX, "--n_epochs", "2", "--n_epochs_decay", "0")
    more = train(folder / "rate", "--continue_train", "--n_epochs", "3", "--lr", "0.001")
    assert "lr: 0.0002 -> 0.001" in more.output
    groups = state_of(folder / "rate" / "run")["model"]["optimizers"]["G"]["param_groups"]
    assert [group["lr"] for group in groups] == [0.001]


def test_repeated_minutes_save_as_well_as_images(folder: Path) -> None:
    never = ("--save_latest_freq", "100000", "--save_epoch_freq", "100000", "--n_epochs", "100000")
    command = start(
        "train", "--dataroot", folder / "images", "--checkpoints_dir", folder / "minutes", "--name", "run",
        *PIX2PIX, *never, "--save_every_minutes", "0.005",
    )  # fmt: skip
    try:
        until(command, lambda: (folder / "minutes" / "run" / "previous_state.pt").exists())
    finally:
        command.kill()


def test_one_process_at_a_time_trains_a_run(folder: Path) -> None:
    where = ("--dataroot", folder / "images", "--checkpoints_dir", folder / "locked", "--name", "run")
    first = start("train", *where, *PIX2PIX, "--n_epochs", "100000", "--num_threads", "2")
    try:
        until(first, lambda: (folder / "locked" / "run" / "latest_state.pt").exists())
        second = run("train", *where, *PIX2PIX, "--continue_train")
        assert second.code == 1
        assert f"in use by process {first.number}" in second.output
        assert (folder / "locked" / "run" / "options.json").exists()
    finally:
        first.kill()
    assert run("train", *where, "--resume", "auto", "--n_epochs", "1").code == 0


def test_deterministic_algorithms_are_used_for_the_run_alone(folder: Path) -> None:
    with deterministic_algorithms(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
    shown = """
import torch
from pixlate.runs.training import Trainer
start_step = Trainer.start_step
def printing(self, progress):
    print("deterministic", torch.are_deterministic_algorithms_enabled(), flush=True)
    return start_step(self, progress)
Trainer.start_step = printing
"""
    short = ("--n_epochs", "1", "--n_epochs_decay", "0")
    assert "deterministic True" in train(folder / "det", *PIX2PIX, *short, "--deterministic", before=shown).output
    assert "deterministic False" in train(folder / "plain", *PIX2PIX, *short, before=shown).output


@pytest.mark.cuda
@pytest.mark.parametrize("options", [PIX2PIX, CYCLE_GAN, (*PIX2PIX, "--precision", "fp16")], ids=" ".join)
def test_on_a_gpu_a_deterministic_run_is_exact(folder: Path, options: tuple[str, ...]) -> None:
    whole, killed = folder / f"cuda whole {hash(options)}", folder / f"cuda killed {hash(options)}"
    gpu = (*options, "--device", "cuda", "--deterministic")
    train(whole, *gpu)
    train(killed, *gpu, before=KILL_AT.format(images=12), expect=-9)
    last = train(killed, "--continue_train")
    assert "warning" not in last.output
    assert differences(whole / "run", killed / "run") == []
