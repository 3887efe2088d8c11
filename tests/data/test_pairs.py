"""What is a pair: the layout by evidence, partners by name, order and ending, and what is said of both."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import noise_image, write_pairs, write_sides
from PIL import Image

from pixlate import create_dataset
from pixlate.data.check import check_dataset
from pixlate.data.inventory import shown
from pixlate.data.shapes import single_photographs
from pixlate.errors import DataError


def photograph(path: Path, size: tuple[int, int] = (120, 80), seed: int = 0) -> Path:
    """Write a smooth image, as photographs are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise_image((5, 5), seed).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def paired(root: Path, **options: Any) -> list[tuple[str, str]]:
    """The pairs, as paths relative to the data root."""
    dataset = create_dataset("aligned", dataroot=root, **options)
    groups = [(group[0].path, group[-1].path) for group in dataset.groups]  # type: ignore[attr-defined]
    return [(str(A.relative_to(root)), str(B.relative_to(root))) for A, B in groups]


def refusal(root: Path, name: str = "aligned", **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        create_dataset(name, dataroot=root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def said(root: Path, name: str = "aligned", **options: Any) -> str:
    return str(create_dataset(name, dataroot=root, **options).inventory)


def write_all(root: Path, names: Sequence[str]) -> Path:
    for number, name in enumerate(names):
        photograph(root / name, seed=number)
    return root


@pytest.mark.parametrize(
    ("A", "B"),
    [
        *(("train/A", "train/B"), ("A/train", "B/train"), ("trainA", "trainB"), ("train/a", "train/b")),
        *(("train/images", "train/labels"), ("train/input", "train/target"), ("images/train", "labels/train")),
        *(("train_img", "train_label"), ("train/inputs", "train/targets"), ("train/image", "train/mask")),
    ],
)
def test_two_folders_are_recognised_by_their_names(tmp_path: Path, A: str, B: str) -> None:
    write_all(tmp_path, [f"{folder}/{i}.png" for folder in (A, B) for i in range(3)])
    assert paired(tmp_path) == [(f"{A}/{i}.png", f"{B}/{i}.png") for i in range(3)]
    assert said(tmp_path) == (f"3 pairs, by name: 3 of A in {shown(tmp_path / A)}, 3 of B in {shown(tmp_path / B)}")
    assert len(create_dataset("unaligned", dataroot=tmp_path)) == 3


def test_a_stray_image_beside_two_folders_changes_nothing(tmp_path: Path) -> None:
    write_all(tmp_path, [f"train/{side}/{i}.png" for side in "AB" for i in range(2)])
    photograph(tmp_path / "train" / "overview.jpg", (300, 200))
    assert len(paired(tmp_path)) == 2
    assert said(tmp_path).endswith("left out: 1 image beside the folders of the pairs (overview.jpg)")
    write_pairs(tmp_path, count=3)
    text = refusal(tmp_path)
    assert "--pair_by side_by_side" in text
    assert "--pair_by stem" in text
    assert len(paired(tmp_path, pair_by="stem")) == 2
    (tmp_path / "train" / "overview.jpg").unlink()
    assert [A for A, _ in paired(tmp_path, pair_by="side_by_side")] == [f"train/00{i}.png" for i in range(3)]


def test_pairs_side_by_side_with_unpaired_folders_beside_are_read_as_in_the_reference(tmp_path: Path) -> None:
    root = write_sides(write_pairs(tmp_path))
    assert said(root) == (
        f"5 pairs, side by side in {shown(root / 'train')}; not read: {shown(root / 'trainA')} and "
        f"{shown(root / 'trainB')}"
    )


def test_one_photograph_in_the_phase_does_not_hide_pairs_in_two_folders(tmp_path: Path) -> None:
    write_all(tmp_path, ["train/cover.png", *(f"train{side}/{i}.png" for side in "AB" for i in range(3))])
    assert len(paired(tmp_path)) == 3


@pytest.mark.parametrize("size", [(120, 80), (96, 96), (160, 90), (60, 90)])
def test_single_photographs_are_not_cut_in_halves(tmp_path: Path, size: tuple[int, int]) -> None:
    for number in range(4):
        photograph(tmp_path / "train" / f"{number}.png", size, number)
    text = refusal(tmp_path)
    assert "look like single photographs" in text
    assert "--pair_by side_by_side" in text
    assert "two folders" in text
    assert len(paired(tmp_path, pair_by="side_by_side")) == 4


@pytest.mark.parametrize("size", [(40, 60), (60, 60), (60, 80), (60, 40)])
def test_pairs_of_any_shape_are_recognised_by_their_seam(tmp_path: Path, size: tuple[int, int]) -> None:
    """Two portraits side by side have the shape of one photograph."""
    (tmp_path / "train").mkdir()
    for number in range(4):
        halves = [noise_image((5, 5), 10 * number + side).resize(size, Image.Resampling.BICUBIC) for side in (0, 1)]
        Image.fromarray(np.hstack([np.asarray(half) for half in halves])).save(tmp_path / "train" / f"{number}.png")
    assert said(tmp_path) == f"4 pairs, side by side in {shown(tmp_path / 'train')}"


def test_several_folders_that_may_be_a_side_are_not_guessed(tmp_path: Path) -> None:
    write_all(tmp_path, [f"train/{folder}/{i}.png" for folder in ("images", "labels", "masks") for i in range(2)])
    assert "images, labels, masks" in refusal(tmp_path)
    write_all(tmp_path, [f"train/{folder}/0.png" for folder in ("input", "output", "target")])
    assert "images, input, labels, masks and 2 more" in refusal(tmp_path)


def test_files_that_cannot_be_read_are_no_single_photographs(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    Image.new("RGB", (64, 64)).save(tmp_path / "c.png")
    (tmp_path / "c.png").write_bytes((tmp_path / "c.png").read_bytes()[:60])  # a size, and no pixels
    for name in ("a.png", "c.png"):
        assert single_photographs([tmp_path / name]) == []


def test_each_of_two_folders_is_its_side(tmp_path: Path) -> None:
    for number in range(2):
        for side, high in (("A", 1000), ("B", 200)):
            values = np.linspace(0, high, 32 * 32).reshape(32, 32).astype(np.uint16 if high > 255 else np.uint8)
            (tmp_path / side / "train").mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / side / "train" / f"{number}.png")
    dataset = create_dataset("aligned", dataroot=tmp_path, load_size=16, crop_size=16)
    assert check_dataset(dataset, dataset.shared) == []
    assert set(dataset.value_ranges) == {"A"}  # the one with more than 8 bits


def test_a_photograph_among_pairs_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_pairs(tmp_path, count=11)
    photograph(tmp_path / "train" / "overview.png", (64, 64))
    dataset = create_dataset("aligned", dataroot=tmp_path)
    assert check_dataset(dataset, dataset.shared) == []
    assert "1 of 12 files" in caplog.text
    assert "overview.png' (64 x 64)" in caplog.text


def test_names_are_compared_in_one_unicode_form(tmp_path: Path) -> None:
    names = ["Übung", "café", "학점"]
    for side, form in (("A", "NFC"), ("B", "NFD")):
        for name in names:
            photograph(tmp_path / "train" / side / "é" / f"{unicodedata.normalize(form, name)}.png")  # type: ignore[arg-type]
    assert [
        tuple(unicodedata.normalize("NFC", path).split("/", 2)[2] for path in pair) for pair in paired(tmp_path)
    ] == [(f"é/{name}.png", f"é/{name}.png") for name in sorted(names)]


def test_equal_names_come_before_equal_stems(tmp_path: Path) -> None:
    write_all(tmp_path, ["train/A/1.png", "train/A/1.jpg", "train/B/1.png"])
    assert paired(tmp_path) == [("train/A/1.png", "train/B/1.png")]
    assert said(tmp_path).endswith("left out: 1 second file of a name (1.jpg)")


def test_a_partner_of_another_kind_is_named(tmp_path: Path) -> None:
    write_all(tmp_path, [f"train/A/{i}.png" for i in range(3)] + ["train/B/0.png"])
    B = tmp_path / "train" / "B"
    (B / "1.npy").write_bytes(b"\x93NUMPY")
    (B / "2.png").mkdir()
    text = refusal(tmp_path)
    assert "'1.png' (there, '1.npy' is a file of no supported image format)" in text
    assert "'2.png' (there, '2.png' is a folder)" in text
    (B / "1.npy").rename(B / "IMG.png")
    (tmp_path / "train" / "A" / "1.png").rename(tmp_path / "train" / "A" / "img.png")
    (B / "2.png").rmdir()
    (B / "2.png").symlink_to(tmp_path / "nowhere")
    text = refusal(tmp_path)
    assert "'IMG.png' differs in capital letters" in text
    assert "'2.png' is a link that leads nowhere" in text


@pytest.mark.parametrize("folders", [("train", "train"), ("trainA", "trainB"), ("train/A", "train/B")])
@pytest.mark.parametrize("options", [{}, {"pair_by": "suffix"}])
def test_pairs_by_an_ending(tmp_path: Path, folders: tuple[str, str], options: dict[str, str]) -> None:
    """As in the reference's scripts: 1_A.jpg and 1_B.jpg, in one folder or in two."""
    write_all(tmp_path, [f"{folder}/{i}_{s}.jpg" for folder, s in zip(folders, "AB", strict=True) for i in range(3)])
    assert paired(tmp_path, **options) == [(f"{folders[0]}/{i}_A.jpg", f"{folders[1]}/{i}_B.jpg") for i in range(3)]
    assert "by name without '_A' and '_B'" in said(tmp_path, **options)


def test_pairs_by_the_endings_of_cityscapes(tmp_path: Path) -> None:
    ends = {"A": "leftImg8bit", "B": "gtFine_color"}
    write_all(tmp_path, [f"train{s}/aachen/aachen_00000{i}_000019_{ends[s]}.png" for s in "AB" for i in range(3)])
    assert len(paired(tmp_path)) == 3


def test_suffix_needs_partners(tmp_path: Path) -> None:
    write_all(tmp_path, ["train/1_A.png", "train/1_B.png", "train/2_A.png"])
    assert "'1_A.jpg' and '1_B.jpg'" in refusal(tmp_path, pair_by="suffix")


def test_pairs_by_order(tmp_path: Path) -> None:
    write_all(tmp_path, ["trainA/x.png", "trainA/y.png", "trainB/1.png", "trainB/2.png"])
    assert "--pair_by order" in refusal(tmp_path)
    assert paired(tmp_path, pair_by="order") == [("trainA/x.png", "trainB/1.png"), ("trainA/y.png", "trainB/2.png")]
    assert "2 pairs, by the order of their names" in said(tmp_path, pair_by="order")
    photograph(tmp_path / "trainB" / "3.png")
    assert "2 in" in (text := refusal(tmp_path, pair_by="order"))
    assert "3 in" in text


def test_an_order_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    write_all(tmp_path, [f"trainA/a{i}.png" for i in (1, 2, 10)] + [f"trainB/b{i:02}.png" for i in (1, 2, 10)])
    assert "digits" in refusal(tmp_path, pair_by="order")


def test_counts_with_a_limit(tmp_path: Path) -> None:
    root = write_sides(write_pairs(tmp_path))
    assert said(root, max_dataset_size=2).startswith("5 pairs, of which --max_dataset_size takes 2, side by side in")
    assert said(root, "unaligned", max_dataset_size=5) == (
        f"10 images, of which --max_dataset_size takes 9: 4 of A in {shown(root / 'trainA')}, "
        f"6 of B in {shown(root / 'trainB')}"
    )
    assert said(root / "trainA", "single", max_dataset_size=3) == (
        f"4 images, of which --max_dataset_size takes 3 in {shown(root / 'trainA')}"
    )


def test_images_without_a_place_are_told_where_to_go(tmp_path: Path) -> None:
    write_all(tmp_path, [f"phone/{i}.jpg" for i in range(20)])
    phone = tmp_path / "phone"
    text = refusal(phone, "unaligned")
    assert "has 20 images of its own" in text
    assert str(phone / "trainA") in text
    assert str(phone / "trainB") in text
    assert "--model test --dataroot" in text
    text = refusal(phone)
    assert "has 20 images of its own" in text
    assert f"'{phone / 'train'}'" in text
    assert "--model cycle_gan" in text


def test_folders_without_a_phase_are_offered(tmp_path: Path) -> None:
    write_all(tmp_path, [f"{folder}/{i}.png" for folder in ("images", "labels") for i in range(2)])
    text = refusal(tmp_path)
    assert f"'{tmp_path / 'train' / 'images'}'" in text
    assert f"'{tmp_path / 'train' / 'labels'}'" in text
    assert f"rename '{tmp_path / 'images'}' to '{tmp_path / 'trainA'}'" in refusal(tmp_path, "unaligned")
