"""`--val_fraction`: a part of the training images is held out, exactly, wherever the data has no phase val."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import run_pixlate
from hypothesis import given
from hypothesis import strategies as st
from image_files import write, write_pairs, write_sides
from PIL import Image
from trainings import differences

import pixlate
from pixlate.data.base import BaseDataset
from pixlate.data.division import _chosen, take_part
from pixlate.errors import OptionError

SMALL = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"
Run = Callable[..., str]


@pytest.fixture
def pixlate_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in the temporary folder; returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(words: str, code: int = 0) -> str:
        return "".join(run_pixlate(words, capsys, code))

    return run


@pytest.fixture
def train(pixlate_command: Run) -> Run:
    """Trains the run "run" of tiny networks."""
    usual = f"--name run --device cpu --n_epochs 1 --n_epochs_decay 0 {SMALL}"
    return lambda words, code=0: pixlate_command(f"train {usual} {words}", code)


def parts_of(name: str, root: Path, fraction: float = 0.3, seed: int = 0, **options: Any) -> list[BaseDataset[Any]]:
    """The training and the held-out part of a data set."""
    found = []
    for part in ("training", "held out"):
        dataset = pixlate.create_dataset(name, dataroot=root, load_size=32, crop_size=32, no_flip=True, **options)
        take_part(dataset, part, fraction=fraction, seed=seed)  # type: ignore[arg-type]
        found.append(dataset)
    return found


def names(dataset: BaseDataset[Any]) -> set[str]:
    return {path.name for path in dataset.files()}


@given(
    st.sets(st.text(min_size=1, max_size=8), min_size=2, max_size=40),
    st.text(min_size=9, max_size=9),
    st.floats(0.01, 0.5),
    st.integers(0, 2**31),
)
def test_a_part_is_a_function_of_names_fraction_and_seed(
    samples: set[str], added: str, fraction: float, seed: int
) -> None:
    held_out = _chosen(samples, fraction, seed)
    assert 0 < len(held_out) < len(samples)
    assert held_out == _chosen(samples, fraction, seed)
    more = _chosen(samples | {added}, fraction, seed)
    if 1 < len(held_out) < len(samples) - 1:  # beyond the bounds, an image that is added moves no other
        assert more - {added} == held_out


def test_the_share_is_about_the_fraction() -> None:
    held_out = _chosen({f"{number}.png" for number in range(4000)}, 0.1, 0)
    assert 340 < len(held_out) < 460
    assert held_out != _chosen({f"{number}.png" for number in range(4000)}, 0.1, 1)


def test_pairs_are_divided_whole_and_the_same_on_every_machine(tmp_path: Path) -> None:
    for side in "AB":
        for number in range(12):
            write(tmp_path / "one" / "train" / side / f"{number}.png", (32, 32), number)
    training, held_out = parts_of("aligned", tmp_path / "one")
    assert len(training) + len(held_out) == 12
    assert names(training).isdisjoint(names(held_out))
    assert all(path.parent.name == side for side in "A" for path in held_out.files()[::2])
    assert "12 pairs, of which --val_fraction 0.3 holds out" in training.describe()
    assert f"of which only {len(held_out)} that --val_fraction 0.3 held out are read" in held_out.describe()
    shutil.copytree(tmp_path / "one", tmp_path / "moved" / "elsewhere")
    assert names(parts_of("aligned", tmp_path / "moved" / "elsewhere")[1]) == names(held_out)


def test_each_side_and_each_domain_has_images_in_both_parts(tmp_path: Path) -> None:
    write_sides(tmp_path / "sides", "train", (2, 30))
    training, held_out = parts_of("unaligned", tmp_path / "sides", fraction=0.01)
    for part in (training, held_out):
        items = [part[1, index] for index in range(len(part))]
        assert {"A", "B"} <= items[0].keys()
    assert names(training).isdisjoint(names(held_out))
    assert {name[0] for name in names(held_out)} == {"a", "b"}
    for domain, count in (("sun", 2), ("rain", 9)):
        for number in range(count):
            write(tmp_path / "weather" / "train" / domain / f"{number}.png", (32, 32), number)
    training, held_out = parts_of("domains", tmp_path / "weather", fraction=0.01)
    assert sorted(held_out[1, index]["class"] for index in range(len(held_out))) == [0, 1]
    for part in (training, held_out):  # an image keeps its domain
        items = [part[1, index] for index in range(len(part))]
        assert all(Path(item["A_paths"]).parent.name == ("rain", "sun")[item["class"]] for item in items)


def test_rows_of_a_table_keep_their_numbers_and_stay_with_their_input(tmp_path: Path) -> None:
    rows = ["A,B,age"]
    write(tmp_path / "mask.png", (32, 32))
    for number in range(10):
        write(tmp_path / f"a{number}.png", (32, 32), number)
        rows += [f"a{number}.png,mask.png,{number}"] * 2
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    training, held_out = parts_of("manifest", tmp_path)
    assert len(training) + len(held_out) == 20
    inputs = []
    for part in (training, held_out):
        items = [part[1, index] for index in range(len(part))]
        assert all(Path(item["A_paths"]).stem == f"a{item['age']:.0f}" for item in items)
        inputs.append({item["A_paths"] for item in items})
    assert inputs[0].isdisjoint(inputs[1])


@pytest.mark.parametrize("name", ["single", "inpainting"])
def test_photographs_are_divided(name: str, tmp_path: Path) -> None:
    for number in range(8):
        write(tmp_path / f"{number}.png", (32, 32), number)
    training, held_out = parts_of(name, tmp_path)
    assert len(names(training) | names(held_out)) == len(training) + len(held_out) == 8


def test_labels_are_divided(tmp_path: Path) -> None:
    for number in range(6):
        for side, mode in (("A", "RGB"), ("B", "L")):
            (tmp_path / "train" / side).mkdir(parents=True, exist_ok=True)
            Image.new(mode, (32, 32), 1 if mode == "L" else (9, 9, 9)).save(tmp_path / "train" / side / f"{number}.png")
    training, held_out = parts_of("aligned", tmp_path, field=("B=labels:2",))
    assert len(training) + len(held_out) == 6
    assert held_out.fields["B"].classes == 2


def test_a_training_never_sees_what_it_validates_on(train: Run, pixlate_command: Run, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", "train", 10, (80, 40))
    printed = train(
        "--model pix2pix --dataroot pairs --val_fraction 0.2 --val_freq 1 --display_freq 4 --num_previews 9"
    )
    training, held_out = parts_of("aligned", tmp_path / "pairs", 0.2)
    assert f"Validating on {len(held_out)} image" in printed
    assert f"10 pairs, of which --val_fraction 0.2 holds out {len(held_out)}, side by side" in printed
    run = tmp_path / "checkpoints" / "run"
    assert json.loads((run / "options.json").read_text())["options"]["val_fraction"] == 0.2
    assert json.loads((run / "validation.jsonl").read_text())["images"] == len(training)
    shown = {path.name.split("_")[4][:3] for path in (run / "web" / "images").glob("held_out_epoch*")}
    assert shown == {name[:3] for name in names(held_out)}
    for words, folder in (("--phase val", "val_latest"), ("", "test_latest")):
        printed = pixlate_command(f"test --name run --display_winsize 32 {words}")
        assert "of which only" in printed
        results = {path.name[:3] for path in (tmp_path / "results" / "run" / "val_latest" / "images").iterdir()}
        assert results == {name[:3] for name in names(held_out)}, folder
    printed = pixlate_command("evaluate run --phase val --metric l1 --json -")
    assert json.loads(printed)["runs"][0]["images"] == len(held_out)
    assert json.loads(printed)["runs"][0]["phase"] == "val"


def test_moved_data_has_the_same_part(train: Run, pixlate_command: Run, tmp_path: Path) -> None:
    write_sides(tmp_path / "sides", "train", (5, 6))
    train("--model cycle_gan --dataroot sides --val_fraction 0.25 --seed 3")
    held_out = parts_of("unaligned", tmp_path / "sides", 0.25, 3)[1]
    (tmp_path / "sides").rename(tmp_path / "moved")
    pixlate_command("test --name run --phase val --dataroot moved --seed 8 --display_winsize 32")
    results = {path.name[:4] for path in (tmp_path / "results" / "run" / "val_latest" / "images").iterdir()}
    assert results == {name[:4] for name in names(held_out) if name.startswith("a")}


def test_a_resumed_run_is_exact_and_cannot_be_divided_anew(train: Run, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", "train", 7, (80, 40))
    common = "--model pix2pix --dataroot pairs --val_fraction 0.3 --val_freq 1 --print_freq 1 --save_epoch_freq 1"
    train(f"{common} --n_epochs 3")
    (tmp_path / "checkpoints" / "run").rename(tmp_path / "whole")
    train(f"{common} --n_epochs 1")
    train("--n_epochs 3 --continue_train")
    assert differences(tmp_path / "whole", tmp_path / "checkpoints" / "run") == []
    for words in ("--val_fraction 0.5", "--seed 1"):
        assert "cannot be resumed" in train(f"--n_epochs 4 --continue_train {words}", code=2)
    write(tmp_path / "pairs" / "val" / "new.png", (80, 40))
    assert "files and there are" in train("--n_epochs 4 --continue_train", code=2)


def test_a_phase_val_of_the_data_is_used_in_its_place(train: Run, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", "train", 4, (80, 40))
    write_pairs(tmp_path / "pairs", "val", 3, (80, 40))
    printed = train("--model pix2pix --dataroot pairs --val_fraction 0.25 --val_freq 1")
    assert "--val_fraction has no effect: the data has a phase 'val'" in printed
    assert "Validating on 3 images" in printed


def test_what_cannot_be_divided_is_one_sentence(train: Run, tmp_path: Path) -> None:
    write_sides(tmp_path / "sides", "train", (1, 4))
    printed = train("--model cycle_gan --dataroot sides --val_fraction 0.1", code=2)
    assert "of each side or domain, and trains on the others: 'trainA/a000.png' is alone" in printed
    assert "0.6 is not in the range" in train("--dataroot sides --val_fraction 0.6", code=2)


def test_data_sets_that_cannot_be_divided_say_so(tmp_path: Path) -> None:
    from pixlate.data import AlignedDataset, DataOptions, Item

    class Numbers(BaseDataset[None]):
        def __len__(self) -> int:
            return 3

        def sample(self, index: int, rng: Any) -> Item:
            return {}

    class Remembering(AlignedDataset):
        """Has a list of its own, which it does not shorten."""

        def __len__(self) -> int:
            return 4

    write_pairs(tmp_path, "train", 4)
    shared = DataOptions(dataroot=str(tmp_path))
    with pytest.raises(OptionError, match="cannot divide the data of Numbers, because it is no data set of image"):
        take_part(Numbers(None, shared), "training", fraction=0.1, seed=0)
    with pytest.raises(OptionError, match="cannot divide the data of Remembering, because it takes no part"):
        take_part(Remembering(None, shared), "training", fraction=0.1, seed=0)
