"""Data sets find, pair and preprocess files as the reference does."""

import pickle
import random
from pathlib import Path

import pytest
import torch
from image_files import noise_image, write, write_pairs, write_sides
from PIL import Image

from pixlate import create_dataset
from pixlate.data import preprocess
from pixlate.data.base import BaseDataset
from pixlate.data.batches import fetch
from pixlate.data.folders import find_images
from pixlate.data.inventory import shown
from pixlate.data.sampler import BatchSampler
from pixlate.errors import DataError, OptionError

SMALL = {"load_size": 24, "crop_size": 16}


def names(dataset: BaseDataset) -> list[str]:
    return [path.name for path in dataset.files()]


def test_aligned_halves_share_crop_and_flip(tmp_path: Path) -> None:
    wide = Image.new("RGB", (81, 32))
    wide.paste(noise_image((40, 32), 1), (0, 0))
    wide.paste(noise_image((41, 32), 2), (40, 0))
    (tmp_path / "train").mkdir()
    wide.save(tmp_path / "train" / "a.png")
    dataset = create_dataset("aligned", dataroot=tmp_path, preprocess="crop", **SMALL)
    flips = set()
    for epoch in range(1, 9):
        item = dataset[epoch, 0]
        rng = random.Random(f"0/{epoch}/0")
        x, y, flip = rng.randint(0, 24), rng.randint(0, 16), rng.random() > 0.5
        flips.add(flip)
        for side, half in (("A", (0, 0, 40, 32)), ("B", (40, 0, 81, 32))):
            assert torch.equal(
                item[side],
                preprocess(wide.crop(half), preprocess="crop", load_size=24, crop_size=16, crop_pos=(x, y), flip=flip),
            )
    assert flips == {True, False}
    assert item["A_paths"] == item["B_paths"] == str(tmp_path / "train" / "a.png")


@pytest.mark.parametrize("folders", [("train/A", "train/B"), ("A/train", "B/train"), ("trainA", "trainB")])
def test_aligned_from_two_folders_is_the_same_as_side_by_side(tmp_path: Path, folders: tuple[str, str]) -> None:
    joined, split = write_pairs(tmp_path / "joined", count=3), tmp_path / "split"
    for path in sorted((joined / "train").iterdir()):
        image = Image.open(path)
        for folder, box, ending in zip(folders, ((0, 0, 40, 32), (40, 0, 80, 32)), (".png", ".bmp"), strict=True):
            target = split / folder / "deeper" / f"{path.stem}{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            image.crop(box).save(target)
    one, two = (create_dataset("aligned", dataroot=root, **SMALL) for root in (joined, split))
    assert len(one) == len(two) == 3
    for index in range(3):
        for side in "AB":
            assert torch.equal(one[4, index][side], two[4, index][side])
    item = two[0]
    assert [Path(item[f"{side}_paths"]).name for side in "AB"] == ["000.png", "000.bmp"]


def test_unaligned_sides_are_drawn_independently(tmp_path: Path) -> None:
    dataset = create_dataset("unaligned", dataroot=write_sides(tmp_path), preprocess="crop", crop_size=16)
    assert len(dataset) == 6
    partners, windows = set(), set()
    for epoch in range(1, 30):
        item = dataset[epoch, 5]
        assert Path(item["A_paths"]).name == "a001.png"  # index 5 of 4
        partners.add(Path(item["B_paths"]).name)
        rng = random.Random(f"0/{epoch}/5")
        b = rng.randint(0, 5)
        assert Path(item["B_paths"]).name == f"b{b:03}.png"
        for side in "AB":
            x, y, flip = rng.randint(0, 24), rng.randint(0, 16), rng.random() > 0.5
            windows.add((side, x, y))
            image = Image.open(item[f"{side}_paths"])
            expected = preprocess(image, preprocess="crop", load_size=1, crop_size=16, crop_pos=(x, y), flip=flip)
            assert torch.equal(item[side], expected)
    assert len(partners) == 6
    assert {w[1:] for w in windows if w[0] == "A"} != {w[1:] for w in windows if w[0] == "B"}


def test_unaligned_in_order(tmp_path: Path) -> None:
    dataset = create_dataset("unaligned", dataroot=write_sides(tmp_path, counts=(5, 2)), serial_batches=True, **SMALL)
    assert [Path(dataset[index]["B_paths"]).name for index in range(5)] == ["b000.png", "b001.png"] * 2 + ["b000.png"]


@pytest.mark.parametrize(("direction", "grey"), [("AtoB", ("A",)), ("BtoA", ("B",))])
@pytest.mark.parametrize("name", ["aligned", "unaligned"])
def test_grey_follows_the_direction(tmp_path: Path, name: str, direction: str, grey: tuple[str, ...]) -> None:
    root = write_sides(write_pairs(tmp_path))
    item = create_dataset(name, dataroot=root, direction=direction, input_nc=1, **SMALL)[0]
    for side in "AB":
        assert item[side].shape == ((1 if side in grey else 3), 16, 16)


def test_single_reads_the_folder_itself(tmp_path: Path) -> None:
    write(tmp_path / "b.png"), write(tmp_path / "a" / "c.png")
    dataset = create_dataset("single", dataroot=tmp_path, phase="test", input_nc=1, **SMALL)
    assert names(dataset) == ["c.png", "b.png"]
    assert set(dataset[0]) == {"A", "A_paths"}
    assert dataset[0]["A"].shape == (1, 16, 16)


def test_single_reads_the_folder_of_the_phase_if_there_is_one(tmp_path: Path) -> None:
    write(tmp_path / "train" / "a.png"), write(tmp_path / "test" / "b.png")
    assert names(create_dataset("single", dataroot=tmp_path, phase="test", **SMALL)) == ["b.png"]


def test_single_reads_both_sides_of_the_phase_as_the_reference_does(tmp_path: Path) -> None:
    root = write_sides(write_sides(tmp_path), "test", (2, 3))
    dataset = create_dataset("single", dataroot=root, phase="test")
    assert names(dataset) == ["a000.png", "a001.png", "b000.png", "b001.png", "b002.png"]
    assert str(dataset.inventory) == (
        f"5 images: 2 in {shown(root / 'testA')}, 3 in {shown(root / 'testB')}; not read: trainA, trainB"
    )
    everything = create_dataset("single", dataroot=root, phase="val")
    assert [len(everything), names(everything)[:5], names(everything)[5]] == [15, names(dataset), "a000.png"]


def test_single_has_the_channels_of_the_input_in_either_direction(tmp_path: Path) -> None:
    write(tmp_path / "a.png")
    for direction in ("AtoB", "BtoA"):
        dataset = create_dataset("single", dataroot=tmp_path, direction=direction, input_nc=1, output_nc=3, **SMALL)
        assert dataset[0]["A"].shape == (1, 16, 16)


def test_items_are_a_function_of_seed_epoch_and_index(tmp_path: Path) -> None:
    root = write_pairs(tmp_path)
    one, same, other = (create_dataset("aligned", dataroot=root, seed=seed, **SMALL) for seed in (1, 1, 2))
    assert torch.equal(one[1]["A"], one[1, 1]["A"])
    order = BatchSampler(5, 1, seed=1).order(3)
    shuffled = {index: one[3, index]["A"] for index in order}
    assert all(torch.equal(shuffled[index], same[3, index]["A"]) for index in range(5))
    assert any(not torch.equal(one[1, index]["A"], one[2, index]["A"]) for index in range(5))
    assert any(not torch.equal(one[1, index]["A"], other[1, index]["A"]) for index in range(5))


def test_data_sets_are_sequences_and_can_be_pickled(tmp_path: Path) -> None:
    dataset = create_dataset("aligned", dataroot=write_pairs(tmp_path), **SMALL)
    assert len(list(dataset)) == 5
    with pytest.raises(IndexError):
        dataset[5]
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[2, 1]["B"], dataset[2, 1]["B"])


def test_a_batch_of_one_item(tmp_path: Path) -> None:
    batch = fetch(create_dataset("unaligned", dataroot=write_sides(tmp_path), **SMALL), [(1, 0)])[0]
    assert batch["A"].shape == batch["B"].shape == (1, 3, 16, 16)
    assert len(batch["A_paths"]) == 1


@pytest.mark.parametrize(("limit", "expected"), [(2, 2), (99, 5), (None, 5), ("inf", 5)])
def test_max_dataset_size(tmp_path: Path, limit: object, expected: int) -> None:
    assert len(create_dataset("aligned", dataroot=write_pairs(tmp_path), max_dataset_size=limit, **SMALL)) == expected


def test_files_are_found_as_the_reference_finds_them(tmp_path: Path) -> None:
    image_names = ["a-b/2.TIFF", "a/1.jpg", "b.JPEG", "c<b>&\n.PNG", "d/e/f.Bmp", "z.ppm", "y.tif", "x.gif"]
    for name in [*image_names, "notes.txt", "._a.png", "png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    assert find_images(tmp_path) == [Path(path) for path in sorted(str(tmp_path / name) for name in image_names)]
    # the limit is applied in the order of a walk, before the paths are sorted
    assert [path.name for path in find_images(tmp_path, 1)] == ["1.jpg"]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.png"), write(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    assert [path.name for path in find_images(tmp_path / "data")] == ["a.png", "b.png"]


def test_a_read_only_folder_is_not_changed(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "data")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555)
    try:
        assert create_dataset("aligned", dataroot=root, **SMALL)[0]["A"].shape == (3, 16, 16)
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_options_are_checked(tmp_path: Path) -> None:
    root = write_pairs(tmp_path)
    with pytest.raises(OptionError, match="Did you mean 'load_size'"):
        create_dataset("aligned", dataroot=root, laod_size=3)
    with pytest.raises(OptionError, match="Did you mean 'aligned'"):
        create_dataset("alligned", dataroot=root)
    with pytest.raises(OptionError, match="crop_size 300 is larger than --load_size 286"):
        create_dataset("aligned", dataroot=root, crop_size=300)
    with pytest.raises(OptionError, match="input_nc is 4"):
        create_dataset("aligned", dataroot=root, input_nc=4)
    assert len(create_dataset("aligned", dataroot=root, crop_size=300, preprocess="crop", no_flip=True)) == 5


def test_a_public_data_set_in_the_other_layout_is_named(tmp_path: Path) -> None:
    write_pairs(tmp_path / "facades")
    with pytest.raises(DataError, match="pixlate download facades_unpaired"):
        create_dataset("unaligned", dataroot=tmp_path / "facades")
