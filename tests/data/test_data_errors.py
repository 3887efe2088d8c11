"""Errors in a folder of images are reported in one sentence, before a run starts or when they occur."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import tiff_of_one_tile, write, write_pairs, write_sides

from pixlate import create_dataset
from pixlate.data.base import BaseDataset
from pixlate.data.check import check_dataset
from pixlate.data.loading import BatchLoader
from pixlate.errors import DataError, OptionError, PixlateError

SMALL = {"load_size": 24, "crop_size": 16}


def sentence(name: str, **options: Any) -> str:
    with pytest.raises(PixlateError) as caught:
        create_dataset(name, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_no_dataroot() -> None:
    with pytest.raises(OptionError, match="--dataroot is missing"):
        create_dataset("aligned").__len__()


def test_a_dataroot_that_does_not_exist(tmp_path: Path) -> None:
    text = sentence("aligned", dataroot=tmp_path / "none")
    assert f"'{tmp_path / 'none'}' does not exist" in text
    assert "--dataroot demo" in text
    assert "is a file" in sentence("aligned", dataroot=write(tmp_path / "a.png"))


def test_a_dataroot_that_can_be_downloaded(tmp_path: Path) -> None:
    assert "pixlate download facades" in sentence("aligned", dataroot=tmp_path / "facades")
    assert "pixlate download horse2zebra" in sentence("unaligned", dataroot=tmp_path / "horse2zebra")


def test_a_phase_that_does_not_exist(tmp_path: Path) -> None:
    root = write_pairs(write_pairs(tmp_path, "train"), "val")
    text = sentence("aligned", dataroot=root, phase="test")
    assert f"there is no folder '{root / 'test'}'" in text
    assert "has train, val" in text
    assert "--phase val" in text
    text = sentence("unaligned", dataroot=write_sides(tmp_path / "sides", "val"), phase="test")
    assert "two folders, testA and testB" in text
    assert "--phase val" in text


def test_an_empty_phase(tmp_path: Path) -> None:
    root = write_pairs(tmp_path)
    (root / "test").mkdir()
    (root / "test" / "notes.txt").write_text("no image")
    text = sentence("aligned", dataroot=root, phase="test")
    assert f"'{root / 'test'}' has no images" in text
    assert ".png" in text
    (tmp_path / "empty").mkdir()
    assert "has no images" in sentence("single", dataroot=tmp_path / "empty")


def test_one_side_is_missing(tmp_path: Path) -> None:
    write(tmp_path / "trainA" / "a.png")
    assert f"'{tmp_path / 'trainB'}'" in sentence("unaligned", dataroot=tmp_path)


def test_the_other_layout(tmp_path: Path) -> None:
    assert "--dataset_mode aligned" in sentence("unaligned", dataroot=write_pairs(tmp_path / "pairs"))
    text = sentence("aligned", dataroot=write_sides(tmp_path / "sides"))
    assert "without a partner" in text
    assert "--dataset_mode unaligned" in text


def test_names_without_a_partner(tmp_path: Path) -> None:
    for name in ("train/A/1.png", "train/A/2.png", "train/A/3.png", "train/B/2.jpg"):
        write(tmp_path / name)
    text = sentence("aligned", dataroot=tmp_path)
    assert "2 images in" in text
    assert "'1.png', '3.png'" in text
    assert f"'{tmp_path / 'train' / 'B'}'" in text


def test_a_name_with_two_candidates(tmp_path: Path) -> None:
    for name in ("train/A/1.png", "train/A/1.jpg", "train/B/1.bmp"):
        write(tmp_path / name)
    assert "differ only in their extensions" in sentence("aligned", dataroot=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any folder")
def test_a_folder_without_read_permission(tmp_path: Path) -> None:
    root = write_pairs(tmp_path)
    (root / "train").chmod(0)
    try:
        assert "cannot list" in sentence("aligned", dataroot=root)
    finally:
        (root / "train").chmod(0o755)


@given(st.sampled_from(["aligned", "unaligned", "single"]), st.sets(st.sampled_from(
    ["train", "trainA", "trainB", "test", "A", "B", "train/A", "train/B", "A/train", "B/train", "a.png", "val/x"]
)), st.sampled_from(["train", "test", "../up", "nul\\0l"]))  # fmt: skip
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_layout_is_read_or_rejected_in_one_sentence(tmp_path: Path, name: str, paths: set[str], phase: str) -> None:
    root = tmp_path / f"{hash((name, frozenset(paths)))}"
    root.mkdir(exist_ok=True)
    for path in paths:
        write(root / path if path.endswith(".png") else root / path / "1.png")
    message = "."
    try:
        assert create_dataset(name, dataroot=root, phase=phase, **SMALL)[0]["A"].shape == (3, 16, 16)
    except DataError as error:
        message = str(error)
    assert message.endswith(".")
    assert "\n" not in message


def pairs(tmp_path: Path, **options: Any) -> BaseDataset[Any]:
    return create_dataset("aligned", dataroot=write_pairs(tmp_path, count=6), **{**SMALL, **options})


def problem(dataset: BaseDataset[Any], networks: dict[str, object] | None = None) -> str:
    with pytest.raises(DataError) as caught:
        check_dataset(dataset, dataset.shared, networks)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def damage(tmp_path: Path, *numbers: int, data: bytes = b"") -> None:
    for number in numbers:
        (tmp_path / "train" / f"{number:03}.png").write_bytes(data)


def test_valid_data_pass(tmp_path: Path) -> None:
    dataset = pairs(tmp_path)
    assert check_dataset(dataset, dataset.shared, {"G": SimpleNamespace(size_multiple=16, minimum_size=16)}) == []


def test_bad_files_are_counted_and_named(tmp_path: Path) -> None:
    dataset = pairs(tmp_path)
    damage(tmp_path, 4)
    text = problem(dataset)
    assert "004.png" in text
    assert "empty" in text
    assert "--on_bad_image skip" in text
    damage(tmp_path, 0, 1, 2, 3, data=b"no image at all")
    text = problem(dataset)
    assert "5 of 6 images" in text
    assert "'" + str(tmp_path / "train" / "002.png") + "' and 2 more" in text


def test_bad_files_that_will_be_skipped_are_listed(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, on_bad_image="skip", max_bad_images=2)
    damage(tmp_path, 1, 4)
    lines = check_dataset(dataset, dataset.shared)
    assert len(lines) == 2
    assert "001.png" in lines[0]
    damage(tmp_path, 2)
    assert "3 images cannot be read, and --max_bad_images is 2" in problem(dataset)
    damage(tmp_path, *range(6))
    assert "none of 6 images" in problem(dataset)


@pytest.mark.parametrize("name", ["aligned", "unaligned", "single"])
def test_images_smaller_than_the_crop(tmp_path: Path, name: str) -> None:
    root = write_sides(write_pairs(tmp_path, size=(80, 32)), size=(40, 32))
    root = root / "trainA" if name == "single" else root
    dataset = create_dataset(name, dataroot=root, preprocess="crop", crop_size=33)
    text = problem(dataset)
    assert "smaller than --crop_size 33" in text
    assert "Use --crop_size 32 or less, or --preprocess resize_and_crop" in text
    fitting = create_dataset(name, dataroot=root, preprocess="crop", crop_size=32)
    assert check_dataset(fitting, fitting.shared) == []


def test_an_image_too_small_for_the_crop_is_not_filled_with_black(tmp_path: Path) -> None:
    dataset = create_dataset("unaligned", dataroot=write_sides(tmp_path), preprocess="crop", crop_size=33)
    with pytest.raises(DataError, match="40 x 32, smaller than --crop_size 33"):
        dataset[0]


def test_sides_of_different_size(tmp_path: Path) -> None:
    write(tmp_path / "train" / "A" / "1.png", (40, 40))
    write(tmp_path / "train" / "B" / "1.png", (40, 44))
    dataset = create_dataset("aligned", dataroot=tmp_path, preprocess="crop", crop_size=16)
    assert "1 pair differ in size" in problem(dataset)
    scaled = create_dataset("aligned", dataroot=tmp_path, **SMALL)
    assert check_dataset(scaled, scaled.shared) == []


def test_sizes_that_a_network_does_not_accept(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, crop_size=20)
    text = problem(dataset, {"G": SimpleNamespace(size_multiple=16), "D": SimpleNamespace(minimum_size=24)})
    assert "becomes 20 x 20" in text
    assert "multiples of 16 and 24 or more" in text
    assert "--crop_size 32" in text


def test_different_sizes_in_one_batch(tmp_path: Path) -> None:
    root = write_pairs(write_pairs(tmp_path, count=3), count=1, size=(120, 40))
    alone = create_dataset("aligned", dataroot=root, preprocess="none")
    assert check_dataset(alone, alone.shared) == []
    assert "--batch_size 1" in problem(create_dataset("aligned", dataroot=root, preprocess="none", batch_size=2))


def run(
    dataset: BaseDataset[Any], threads: int, epochs: int = 3
) -> tuple[list[tuple[list[str], torch.Tensor]], dict[str, str]]:
    with BatchLoader(dataset, replace(dataset.shared, num_threads=threads), epochs=epochs) as loader:
        seen = [(batch["A_paths"], batch["A"]) for epoch in range(1, epochs + 1) for batch in loader.epoch(epoch)]
        return seen, loader.bad_images


@pytest.mark.parametrize("threads", [0, 2])
def test_a_bad_image_stops_the_run_by_name(tmp_path: Path, threads: int) -> None:
    dataset = pairs(tmp_path)
    path = tmp_path / "train" / "003.png"
    path.write_bytes(path.read_bytes()[:200])
    assert check_dataset(dataset, dataset.shared) == []  # the header is intact
    with pytest.raises(DataError, match=r"cannot read '.*003\.png' as an image"):
        run(dataset, threads)


def test_the_replacement_of_a_skipped_image_does_not_depend_on_the_process(tmp_path: Path) -> None:
    dataset = pairs(tmp_path, on_bad_image="skip", batch_size=2)
    damage(tmp_path, 1, 4)
    (batches, bad), (worker_batches, worker_bad) = run(dataset, 0), run(dataset, 3)
    assert [paths for paths, _ in batches] == [paths for paths, _ in worker_batches]
    assert all(torch.equal(one, other) for (_, one), (_, other) in zip(batches, worker_batches, strict=True))
    assert [len(paths) for paths, _ in batches] == [2] * 9
    assert bad == worker_bad
    assert [Path(path).name for path in sorted(bad)] == ["001.png", "004.png"]
    assert all("empty" in text for text in bad.values())
    assert not {path for paths, _ in batches for path in paths} & set(bad)
    other_seed = pairs(tmp_path, on_bad_image="skip", batch_size=2, seed=5)
    damage(tmp_path, 1, 4)
    assert [paths for paths, _ in run(other_seed, 0)[0]] != [paths for paths, _ in batches]


@pytest.mark.parametrize("threads", [0, 2])
def test_too_many_bad_images_stop_the_run(tmp_path: Path, threads: int) -> None:
    dataset = pairs(tmp_path, on_bad_image="skip", max_bad_images=1)
    damage(tmp_path, 1)
    assert len(run(dataset, threads)[1]) == 1
    damage(tmp_path, 4)
    with pytest.raises(DataError, match="2 images cannot be read, and --max_bad_images is 1"):
        run(dataset, threads)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize(("mode", "text"), [("stop", "No such file"), ("skip", "cannot be read")])
def test_a_folder_that_vanishes_while_training(tmp_path: Path, threads: int, mode: str, text: str) -> None:
    dataset = pairs(tmp_path, on_bad_image=mode, max_bad_images=3)
    with BatchLoader(dataset, replace(dataset.shared, num_threads=threads)) as loader:
        list(loader.epoch(1))
        (tmp_path / "train").rename(tmp_path / "away")
        with pytest.raises(DataError, match=text):
            [list(loader.epoch(epoch)) for epoch in range(2, 20)]


def test_images_of_too_many_pixels_are_found_by_their_header(tmp_path: Path) -> None:
    from test_reading import png_header

    dataset = pairs(tmp_path)
    damage(tmp_path, 2, data=png_header(70_000, 70_000))
    assert "70000 x 70000" in problem(dataset)


def test_tiles_of_too_many_pixels_are_found_by_their_header(tmp_path: Path) -> None:
    """They are decoded as a whole, however small the image is."""
    dataset = pairs(tmp_path)
    damage(tmp_path, 2, data=tiff_of_one_tile((80, 32), (60_000, 60_000)))
    assert "tiles have 60000 x 60000 pixels" in problem(dataset)
