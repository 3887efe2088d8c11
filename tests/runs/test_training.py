"""What the training loop does between steps: groups of accumulated batches, numbered checkpoints."""

import json
from pathlib import Path

import pytest
from PIL import Image
from trainings import PIX2PIX, make_images, run, train

from pixlate.models.updater import Group
from pixlate.runs.training import accumulation_groups

#: Prints the group that every step is given.
PRINT_GROUPS = """
import json
from pixlate.models.base import BaseModel
step = BaseModel.training_step
def printing(self, batch, *, group=None):
    print("group", json.dumps([len(batch["A"]), group.size, group.last]), flush=True)
    return step(self, batch, group=group)
BaseModel.training_step = printing
"""

#: The third step fails while a save is being written slowly; prints when the save ends and when the folder is unlocked.
FAIL_WHILE_SAVING = """
import time
from filelock import BaseFileLock
from pixlate.models.base import BaseModel
from pixlate.runs.checkpoints.store import CheckpointStore
write, release, step, batches = CheckpointStore._write, BaseFileLock.release, BaseModel.training_step, []
def slow_write(*args):
    time.sleep(1)
    saved = write(*args)
    print("save:", saved.error, flush=True)
    return saved
def failing_step(self, batch, **group):
    batches.append(batch)
    if len(batches) == 3:
        raise RuntimeError("the third step failed")
    return step(self, batch, **group)
def printing_release(self, **options):
    print("unlocking", self.lock_file, flush=True)
    release(self, **options)
CheckpointStore._write, BaseFileLock.release, BaseModel.training_step = slow_write, printing_release, failing_step
"""
#: Every held-out image is damaged after the data sets have been checked.
DAMAGE_HELD_OUT = """
from pathlib import Path
from pixlate.runs.held_out import HeldOutSamples
translated = HeldOutSamples.translated
def damaging(self, model):
    for path in self._dataset.files():
        Path(path).write_bytes(b"damaged")
    return translated(self, model)
HeldOutSamples.translated = damaging
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("training")
    make_images(root / "images")
    return root


@pytest.mark.parametrize(
    ("images", "batch_size", "accumulate", "groups"),
    [
        (9, 2, 2, [(2, False), (2, True), (2, False), (2, True), (1, True)]),
        (8, 2, 2, [(2, False), (2, True), (2, False), (2, True)]),
        (5, 1, 3, [(3, False), (3, False), (3, True), (2, False), (2, True)]),
        (3, 1, 1, [(1, True)] * 3),
        (3, 8, 4, [(1, True)]),
        (0, 1, 1, []),
    ],
)
def test_the_last_group_of_accumulated_batches_may_be_short(
    images: int, batch_size: int, accumulate: int, groups: list[tuple[int, bool]]
) -> None:
    expected = [Group(size, last) for size, last in groups]
    assert list(accumulation_groups(images, batch_size, accumulate)) == expected


def test_a_training_gives_each_step_its_group(folder: Path) -> None:
    options = (*PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0", "--accumulate", "2")
    output = train(folder / "groups", *options, before=PRINT_GROUPS).output
    groups = [json.loads(line.removeprefix("group ")) for line in output.splitlines() if line.startswith("group ")]
    assert groups == [[2, 2, False], [2, 2, True], [2, 2, False], [2, 2, True], [1, 1, True]]


def test_a_failing_step_waits_for_the_save_in_progress_before_it_unlocks_the_folder(folder: Path) -> None:
    failed = train(folder / "failed", *PIX2PIX, before=FAIL_WHILE_SAVING, expect=70)
    assert "the third step failed" in failed.output
    assert failed.output.index("save: None") < failed.output.index(f"unlocking {folder / 'failed' / 'run'}")
    assert "Resuming 'run' at epoch 1, 4 images seen." in train(folder / "failed", "--continue_train").output


def test_unreadable_held_out_images_are_warned_about_once_and_training_continues(tmp_path: Path) -> None:
    make_images(tmp_path / "images")
    trained = train(tmp_path / "runs", *PIX2PIX, before=DAMAGE_HELD_OUT)
    assert trained.output.count("This held-out image is not shown.") == 2
    assert "End of epoch 3" in trained.output


def test_an_unreadable_held_out_image_is_named_at_the_start_and_left_out(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images")
    (images / "val" / "00.png").write_bytes(b"damaged")
    trained = train(tmp_path / "runs", *PIX2PIX)
    warning = trained.output.index("00.png' as an image")
    assert trained.output.count("This held-out image is not shown.") == 1
    assert warning < trained.output.index("(epoch: 1")
    shown = {path.name for path in (tmp_path / "runs" / "run" / "web" / "images").glob("held_out_*_fake_B.png")}
    assert {name.split("_")[4] for name in shown} == {"01"}


def test_a_held_out_image_that_the_networks_do_not_take_is_left_out(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images")
    Image.new("RGB", (8, 4)).save(images / "val" / "00.png")
    trained = train(tmp_path / "runs", *PIX2PIX, "--preprocess", "none")
    assert "00.png' cannot be translated: " in trained.output
    assert trained.output.count("This held-out image is not shown.") == 1
    assert "End of epoch 3" in trained.output


def test_epochs_and_iterations_are_kept_apart(folder: Path) -> None:
    train(folder / "kept", *PIX2PIX, "--keep", "2", "--save_by_iter")
    tags = {path.name.split("_net_")[0] for path in (folder / "kept" / "run").glob("*_net_G.pth")}
    assert {tag for tag in tags if tag.isdigit()} == {"2", "3"}
    iterations = sorted(int(tag.removeprefix("iter_")) for tag in tags if tag.startswith("iter_"))
    assert len(iterations) == 2
    assert iterations[-1] >= 24


#: A demo of few images.
FEW = """
from pixlate.data.demo import demo
demo.write_demo.__defaults__ = ({"train": 2, "val": 1, "test": 1, "trainA": 1, "trainB": 1, "testA": 1, "testB": 1},)
"""


def test_drawing_the_demo_is_said_when_it_is_drawn(tmp_path: Path) -> None:
    for name, drawn in (("first", True), ("second", False)):
        options = (*PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0", "--name", name, "--checkpoints_dir", "runs")
        trained = run("train", "--dataroot", "demo", *options, before=FEW, cwd=tmp_path)
        assert trained.code == 0, trained.output
        assert ("Drawing the demo data in datasets/demo." in trained.output) is drawn


#: Every batch holds NaN.
NAN = """
from pixlate.models.base import BaseModel
step = BaseModel.training_step
def step_on_nan(self, batch, *, group=None):
    return step(self, {**batch, "A": batch["A"] * float("nan")}, group=group)
BaseModel.training_step = step_on_nan
"""


def test_a_training_that_learns_nothing_ends_as_an_error(folder: Path) -> None:
    failed = train(folder / "nan", *PIX2PIX, before=NAN, expect=1)
    assert failed.output.splitlines()[-1].startswith("Error: the gradients of all updates (")
    assert "the run has learnt nothing" in failed.output
