"""The demo data: drawn once, complete or absent, always the same, and learnable."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixlate import create_dataset
from pixlate.data.check import check_dataset
from pixlate.data.demo import demo
from pixlate.data.demo.demo import draw, write_demo
from pixlate.data.demo.street import LABELS
from pixlate.errors import DataError

GOLDEN = Path(__file__).parents[1] / "golden"
DRAWN = [*(("train", number) for number in range(1, 7)), ("trainA", 1), ("trainB", 1), ("trainB", 2)]
FEW = {"train": 3, "val": 1, "test": 2, "trainA": 2, "trainB": 3, "testA": 1, "testB": 1}


def contents(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "COUNTS", FEW)
    monkeypatch.setattr(demo.write_demo, "__defaults__", (FEW,))
    return tmp_path


def test_the_name_demo_draws_both_kinds_of_data(working_folder: Path) -> None:
    pairs = create_dataset("aligned", dataroot="demo")
    sides = create_dataset("unaligned", dataroot="demo")
    assert (len(pairs), len(sides)) == (3, 3)
    assert len(create_dataset("aligned", dataroot="demo", phase="test")) == 2
    assert pairs[0]["A"].shape == sides[0]["B"].shape == (3, 256, 256)
    assert Path(pairs[0]["A_paths"]).parent == Path("datasets/demo/train")
    for dataset in (pairs, sides):
        assert check_dataset(dataset, dataset.shared) == []
    assert sorted(os.listdir(working_folder / "datasets")) == ["demo"]


def test_it_is_drawn_once(working_folder: Path) -> None:
    create_dataset("aligned", dataroot="demo")
    times = {path: path.stat().st_mtime_ns for path in working_folder.rglob("*")}
    create_dataset("aligned", dataroot="demo")
    assert {path: path.stat().st_mtime_ns for path in working_folder.rglob("*")} == times


def test_it_is_always_the_same(tmp_path: Path) -> None:
    write_demo(tmp_path / "one", FEW)
    write_demo(tmp_path / "two", FEW)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one == two
    assert len(one) == sum(FEW.values())
    assert len(set(one.values())) == len(one)


def brightness(image: Image.Image) -> np.ndarray:
    """The mean of each block of 8 x 8 pixels, in levels of 255."""
    width, height = image.size
    return np.asarray(image, np.float32).reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))


@pytest.mark.parametrize(("name", "number"), DRAWN)
def test_it_is_that_of_every_version(name: str, number: int) -> None:
    """Figures that were measured on it can be compared. Blocks allow for another version of Pillow."""
    with np.load(GOLDEN / "demo.npz") as golden:
        expected = golden[f"{name}/{number}"].astype(np.float32)
    assert np.abs(brightness(draw(name, number)) - expected).max() < 0.5


def test_an_interrupted_drawing_is_continued_and_not_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, int]] = []

    def interrupted(name: str, number: int) -> Image.Image:
        if len(drawn) == 5:
            raise KeyboardInterrupt
        drawn.append((name, number))
        return draw(name, number)

    monkeypatch.setattr(demo, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path / "demo", FEW)
    assert not (tmp_path / "demo").exists()
    drawn.clear()
    monkeypatch.setattr(demo, "draw", lambda name, number: (drawn.append((name, number)), draw(name, number))[1])
    write_demo(tmp_path / "demo", FEW)
    assert len(drawn) == sum(FEW.values()) - 5
    write_demo(tmp_path / "whole", FEW)
    assert contents(tmp_path / "demo") == contents(tmp_path / "whole")


def test_a_second_process_waits_and_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, int]] = []
    monkeypatch.setattr(demo, "draw", lambda name, number: (drawn.append((name, number)), draw(name, number))[1])
    threads = [threading.Thread(target=write_demo, args=(tmp_path / "demo", FEW)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == sum(FEW.values())
    assert os.listdir(tmp_path) == ["demo"]


def test_a_folder_that_cannot_be_written_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "datasets").write_text("a file, not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        write_demo(tmp_path / "datasets" / "demo", FEW)


def test_the_label_map_holds_only_the_known_colours() -> None:
    known = set(LABELS.values())
    assert len(known) == len(LABELS)
    for number in range(1, 6):
        labels = np.asarray(draw("train", number))[:, :256].reshape(-1, 3)
        assert {tuple(colour) for colour in np.unique(labels, axis=0).tolist()} <= known


def test_the_image_can_be_learnt_from_the_label_map() -> None:
    """Parts of one kind have similar colours in all images, and kinds have different ones."""
    means: dict[tuple[int, ...], list[np.ndarray]] = {}
    for number in range(1, 9):
        pair = np.asarray(draw("train", number)).astype(float)
        labels, image = pair[:, :256].reshape(-1, 3), pair[:, 256:].reshape(-1, 3)
        for name in ("brick", "ochre", "sage", "slate blue", "crown", "road", "tiles"):
            inside = (labels == LABELS[name]).all(axis=1)
            if inside.sum() > 500:
                means.setdefault(LABELS[name], []).append(image[inside].mean(axis=0))
    assert len(means) == 7
    for colours in means.values():
        assert np.ptp(np.stack(colours), axis=0).max() < 40
    centres = [np.stack(colours).mean(axis=0) for colours in means.values()]
    assert all(np.abs(a - b).max() > 15 for i, a in enumerate(centres) for b in centres[:i])


def test_night_is_darker_than_day() -> None:
    day, night = (np.mean([np.asarray(draw(name, n)).mean() for n in range(1, 5)]) for name in ("trainA", "trainB"))
    assert night < day / 2
