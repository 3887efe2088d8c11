"""What the training loop does between steps: groups of accumulated batches, numbered checkpoints."""

import json
from pathlib import Path

import pytest
from trainings import PIX2PIX, make_images, train

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


def test_epochs_and_iterations_are_kept_apart(folder: Path) -> None:
    train(folder / "kept", *PIX2PIX, "--keep", "2", "--save_by_iter")
    tags = {path.name.split("_net_")[0] for path in (folder / "kept" / "run").glob("*_net_G.pth")}
    assert {tag for tag in tags if tag.isdigit()} == {"2", "3"}
    iterations = sorted(int(tag.removeprefix("iter_")) for tag in tags if tag.startswith("iter_"))
    assert len(iterations) == 2
    assert iterations[-1] >= 24
