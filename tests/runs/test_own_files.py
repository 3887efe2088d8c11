"""A run removes and replaces its own files alone: whatever a person keeps in its folder stays."""

import shutil
from pathlib import Path

import pytest
from trainings import PIX2PIX, make_images, train

SHORT = ("--n_epochs", "1", "--n_epochs_decay", "0")
MINE = (
    "web/css/site.css",
    "web/images/photo.png",
    "data.jsonl",
    "my_state.pt",
    "notes/latest_net_G.pth",
    "a_state.pt.bak",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and one short run."""
    root = tmp_path_factory.mktemp("own files")
    make_images(root / "images")
    train(root / "whole", *PIX2PIX, *SHORT)
    return root


def copy_of(folder: Path, name: str) -> Path:
    shutil.copytree(folder / "whole", folder / name)
    return folder / name


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")


def untouched(folder: Path, *names: str) -> bool:
    return all((folder / name).read_text() == "mine" for name in names)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_new_run_and_one_that_starts_again_leave_a_person_s_files(folder: Path) -> None:
    runs = folder / "mine"
    put(runs / "run", *MINE)
    train(runs, *PIX2PIX, *SHORT)
    assert untouched(runs / "run", *MINE)
    (runs / "run" / "web" / "images" / "epoch001_real_A.png").write_text("old")
    train(runs, *PIX2PIX, *SHORT, "--overwrite", "--no_html")
    assert untouched(runs / "run", *MINE)
    assert files_in(runs / "run" / "web") == {"css/site.css", "images/photo.png"}


def test_every_file_of_a_run_is_recorded_and_starting_again_removes_it(folder: Path) -> None:
    runs = copy_of(folder, "again")
    recorded = set((runs / "run" / "pixlate_files.txt").read_text().splitlines()[1:])
    written = files_in(runs / "run") - {".lock", "pixlate_files.txt"}
    assert recorded - {"previous_state.pt", "previous_state.pt.sha256"} <= written <= recorded
    train(runs, *PIX2PIX, *SHORT, "--overwrite", "--ngf", "3")
    assert files_in(runs / "run") == written | {".lock", "pixlate_files.txt"}


@pytest.mark.parametrize("name", ["web/index.html", "losses.jsonl", "options.json", "latest_state.pt.sha256"])
def test_a_run_that_would_replace_a_person_s_file_is_refused(folder: Path, name: str) -> None:
    runs = folder / f"refused {name.replace('/', ' ')}"
    put(runs / "run", name)
    refused = train(runs, *PIX2PIX, *SHORT, expect=2)
    assert f"/{name}' was not written by pixlate, and run 'run' would replace it" in refused.output
    assert refused.output.count("\n") == 1
    assert files_in(runs / "run") == {name}
    assert untouched(runs / "run", name)


def test_checkpoints_of_the_reference_are_not_overwritten(folder: Path) -> None:
    runs = folder / "reference"
    put(runs / "run", "latest_net_G.pth", "5_net_G.pth")
    refused = train(runs, *PIX2PIX, *SHORT, "--overwrite", expect=2)
    assert "5_net_G.pth' was not written by pixlate" in refused.output
    assert untouched(runs / "run", "latest_net_G.pth", "5_net_G.pth")


def test_numbered_checkpoints_that_pixlate_did_not_write_are_kept(folder: Path) -> None:
    runs = copy_of(folder, "kept")
    shutil.copy(runs / "run" / "1_net_G.pth", runs / "run" / "0_net_G.pth")
    train(runs, "--continue_train", "--n_epochs", "3", "--keep", "1")
    assert {path.name for path in (runs / "run").glob("?_net_G.pth")} == {"0_net_G.pth", "3_net_G.pth"}


def test_a_run_without_its_record_is_resumed(folder: Path) -> None:
    runs = copy_of(folder, "unrecorded")
    (runs / "run" / "pixlate_files.txt").unlink()
    put(runs / "run", "notes.txt")
    more = train(runs, "--continue_train", "--n_epochs", "2")
    assert "warning" not in more.output
    train(runs, *PIX2PIX, *SHORT, "--overwrite", expect=2)  # the images of epoch 1 are not recorded
    assert untouched(runs / "run", "notes.txt")


@pytest.mark.parametrize("existed", [True, False])
def test_a_failed_start_leaves_the_folder_as_it_was(folder: Path, existed: bool) -> None:
    runs = folder / f"failed {existed}"
    if existed:
        (runs / "run").mkdir(parents=True)
    train(runs, *PIX2PIX, "--dataroot", "/nowhere", expect=1)
    assert (runs / "run").exists() == existed
    assert not existed or list((runs / "run").iterdir()) == []
