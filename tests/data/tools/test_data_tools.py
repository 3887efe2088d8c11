"""The commands that make data: pairs from two folders and back, parts of a data set, edges, Cityscapes."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import noise_image, write
from numpy.typing import NDArray
from PIL import Image

import pixlate
from pixlate.__main__ import main
from pixlate.data.tools.split import SplitOptions, divide
from pixlate.errors import OptionError

Run = Callable[..., str]


@pytest.fixture
def pixlate_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `pixlate …` in the temporary folder; returns what it printed, and asserts its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for part in words for word in part.split()])
        printed = capsys.readouterr()
        assert ended.value.code == code, printed.err
        return printed.out + printed.err

    return run


def levels(path: Path) -> NDArray[np.generic]:
    return np.asarray(Image.open(path))


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestCombine:
    def test_pairs_side_by_side_and_back_bit_for_bit(self, tmp_path: Path, pixlate_command: Run) -> None:
        for phase, number in (("train", 1), ("train", 2), ("val", 3)):
            write(tmp_path / "A" / phase / f"{number}.png", (21, 30), number)
            write(tmp_path / "B" / phase / f"{number}.bmp", (21, 30), 10 + number)
        printed = pixlate_command("combine A B -o pairs")
        assert "3 pairs written to pairs." in printed
        assert "train --model pix2pix --dataroot pairs" in printed
        assert files_in(tmp_path / "pairs") == ["train/1.png", "train/2.png", "val/3.png"]
        assert len(pixlate.create_dataset("aligned", dataroot=tmp_path / "pairs")) == 2
        pixlate_command("separate pairs -o again")
        for side, offset in (("A", 0), ("B", 10)):
            again = levels(tmp_path / "again" / side / "train" / "2.png")
            assert np.array_equal(again, np.asarray(noise_image((21, 30), offset + 2)))
        assert len(pixlate.create_dataset("aligned", dataroot=tmp_path / "again")) == 2

    def test_the_reference_s_flags(self, tmp_path: Path, pixlate_command: Run) -> None:
        for number in range(3):
            for side in "AB":
                write(tmp_path / side / "train" / f"{number}_{side}.png")
        words = "combine --fold_A A --fold_B B --fold_AB AB --use_AB --num_imgs 2 --no_multiprocessing"
        pixlate_command(words)
        assert files_in(tmp_path / "AB") == ["train/0.png", "train/1.png"]

    @pytest.mark.parametrize("dtype", ["uint16", "float32"])
    def test_values_of_more_than_8_bits_are_kept(self, dtype: str, tmp_path: Path, pixlate_command: Run) -> None:
        values = {side: np.arange(60).reshape(6, 10).astype(dtype) * (70 + ord(side)) for side in "AB"}
        for side in "AB":
            (tmp_path / side).mkdir()
            np.save(tmp_path / side / "1.npy", values[side])
        pixlate_command("combine A B -o pairs")
        pixlate_command("separate pairs -o again")
        for side in "AB":
            (path,) = (tmp_path / "again" / side).iterdir()
            assert np.array_equal(levels(path), values[side])

    def test_sizes_that_differ(self, tmp_path: Path, pixlate_command: Run) -> None:
        write(tmp_path / "A" / "1.png", (40, 30))
        labels = Image.fromarray(np.kron(np.eye(10, dtype=np.uint8) * 7, np.ones((3, 4), np.uint8)))
        (tmp_path / "B").mkdir()
        labels.resize((20, 15), Image.Resampling.NEAREST).save(tmp_path / "B" / "1.png")
        printed = pixlate_command("combine A B -o pairs", code=1)
        assert "differ in size, 40 x 30 and 20 x 15: --resize gives B the size of A" in printed
        pixlate_command("combine A B -o pairs --resize --nearest --overwrite")
        assert set(np.unique(levels(tmp_path / "pairs" / "1.png")[:, 40:])) == {0, 7}

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            ("combine A", 2, "name two folders and the output"),
            ("combine A none -o out", 1, "'none' is no folder"),
            ("combine A B -o A/out", 1, "lies inside of the input 'A'"),
            ("combine A B -o full", 1, "'full' has files already"),
            ("combine A empty -o out", 1, "'empty'"),
            ("combine A C -o out", 1, "without a partner"),
            ("combine A bad -o out", 1, "cannot read 'bad/1.png'"),
            ("separate none -o out", 1, "'none' is no folder"),
            ("separate twice -o out", 1, "differ only in their extensions"),
        ],
    )
    def test_mistakes_are_sentences(
        self, words: str, code: int, message: str, tmp_path: Path, pixlate_command: Run
    ) -> None:
        for name in ("A/1.png", "B/1.png", "full/x.png", "C/2.png", "twice/1.png", "twice/1.bmp"):
            write(tmp_path / name)
        for name in ("empty", "bad"):
            (tmp_path / name).mkdir()
        (tmp_path / "bad" / "1.png").write_bytes(b"no image")
        printed = pixlate_command(words, code=code)
        assert message in printed
        assert "Traceback" not in printed
        assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []

    def test_bad_images_can_be_left_out(self, tmp_path: Path, pixlate_command: Run) -> None:
        for number in range(3):
            write(tmp_path / "A" / f"{number}.png")
            write(tmp_path / "B" / f"{number}.png")
        (tmp_path / "B" / "1.png").write_bytes((tmp_path / "B" / "1.png").read_bytes()[:200])
        printed = pixlate_command("combine A B -o pairs --on_bad_image skip")
        assert "left out: cannot read 'B/1.png'" in printed
        assert "2 pairs written to pairs; 1 left out." in printed
        assert files_in(tmp_path / "pairs") == ["0.png", "2.png"]


class TestSplit:
    @given(
        names=st.lists(st.text("abc_0123", min_size=1, max_size=6), min_size=1, max_size=40, unique=True),
        val=st.floats(0, 0.45),
        test=st.floats(0, 0.45),
        seed=st.integers(0, 5),
    )
    def test_every_sample_is_in_one_part_whatever_the_order(
        self, names: list[str], val: float, test: float, seed: int
    ) -> None:
        options = SplitOptions(val=val, test=test, seed=seed)
        phases = divide(names, options)
        assert sorted(itertools.chain(*phases.values())) == sorted(names)
        assert phases["train"]
        assert abs(len(phases["val"]) - val * len(names)) <= 1
        assert abs(len(phases["test"]) - test * len(names)) <= 1
        mixed = names.copy()
        random.Random(1).shuffle(mixed)
        assert divide(mixed, options) == phases

    @given(groups=st.lists(st.integers(0, 9), min_size=2, max_size=60), seed=st.integers(0, 9))
    def test_groups_stay_together(self, groups: list[int], seed: int) -> None:
        names = [f"patient{group}_{number}.png" for number, group in enumerate(groups)]
        phases = divide(names, SplitOptions(val=0.2, test=0.2, seed=seed, group=r"^(patient\d+)_"))
        homes = [{name.split("_")[0] for name in phase} for phase in phases.values()]
        assert sum(len(home) for home in homes) == len(set(groups))

    def test_seeds_divide_differently(self) -> None:
        names = [str(number) for number in range(100)]
        assert divide(names, SplitOptions(seed=0)) != divide(names, SplitOptions(seed=1))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (SplitOptions(val=0.5, test=0.5), "leave no images to train on"),
            (SplitOptions(group="("), "is no regular expression"),
            (SplitOptions(group="patient"), "is not found in the name '1'"),
        ],
    )
    def test_mistakes_are_sentences(self, options: SplitOptions, message: str) -> None:
        with pytest.raises(OptionError, match=message):
            divide(["1", "2"], options)

    def test_a_folder_of_images(self, tmp_path: Path, pixlate_command: Run) -> None:
        for number in range(10):
            write(tmp_path / "all" / f"day{number % 2}" / f"{number}.png", seed=number)
        write(tmp_path / "all" / ".hidden" / "x.png")
        printed = pixlate_command("split all -o data --val 0.2 --test 0.1")
        assert "data: 7 in train, 2 in val, 1 in test." in printed
        originals = {path.name: path.read_bytes() for path in (tmp_path / "all").rglob("day*/*.png")}
        copies = {path.name: path.read_bytes() for path in (tmp_path / "data").rglob("*.png")}
        assert copies == originals

    @pytest.mark.parametrize("how", ["copy", "move", "link"])
    def test_pairs_in_two_folders_stay_together(self, how: str, tmp_path: Path, pixlate_command: Run) -> None:
        for number in range(10):
            write(tmp_path / "all" / "images" / f"{number}.png", seed=number)
            write(tmp_path / "all" / "labels" / f"{number}.bmp", seed=number)
        pixlate_command(f"split all -o data --val 0 --test 0.3 --{how}")
        data = tmp_path / "data"
        assert sorted(path.name for path in data.iterdir()) == ["test", "train"]
        assert len(pixlate.create_dataset("aligned", dataroot=data)) == 7
        for phase in ("train", "test"):
            names = [{path.stem for path in (data / phase / side).iterdir()} for side in "AB"]
            assert names[0] == names[1]
        links = [path.is_symlink() for path in data.rglob("*.png")]
        assert set(links) == {how == "link"}
        assert (tmp_path / "all" / "images" / "0.png").exists() == (how != "move")

    def test_unpaired_collections(self, tmp_path: Path, pixlate_command: Run) -> None:
        for side, count in (("A", 10), ("B", 5)):
            for number in range(count):
                write(tmp_path / "all" / side / f"{side}{number}.png")
        printed = pixlate_command("split all -o data --unpaired --val 0 --test 0.2")
        assert "--model cycle_gan --dataroot data" in printed
        dataset = pixlate.create_dataset("unaligned", dataroot=tmp_path / "data")
        assert (len(dataset.A), len(dataset.B)) == (8, 4)  # type: ignore[attr-defined]
        assert "has no two folders A and B" in pixlate_command("split data/trainA -o more --unpaired", code=1)

    def test_a_folder_that_is_divided_is_not_mixed(self, tmp_path: Path, pixlate_command: Run) -> None:
        write(tmp_path / "data" / "train" / "1.png")
        assert "'data' is divided already: it has a folder 'train'" in pixlate_command("split data -o more", code=1)


class TestCityscapes:
    @pytest.fixture
    def archives(self, tmp_path: Path) -> Path:
        for phase, city, count in (("train", "aachen", 2), ("train", "bonn", 1), ("val", "ulm", 1)):
            for number in range(count):
                name = f"{city}_{number:06}_000019"
                write(tmp_path / "leftImg8bit" / phase / city / f"{name}_leftImg8bit.png", (64, 32), number)
                write(tmp_path / "gtFine" / phase / city / f"{name}_gtFine_color.png", (64, 32), 9 + number)
                write(tmp_path / "gtFine" / phase / city / f"{name}_gtFine_labelIds.png", (64, 32))
        return tmp_path

    def test_pairs_and_folders_are_those_of_the_reference(self, archives: Path, pixlate_command: Run) -> None:
        pixlate_command("prepare-cityscapes --gtFine_dir gtFine --leftImg8bit_dir leftImg8bit --output_dir out")
        numbers = [(phase, number) for phase, count in (("test", 1), ("train", 3)) for number in range(count)]
        expected = [f"{phase}/{number}.jpg" for phase, number in numbers]
        expected += [f"{phase}{side}/{number}_{side}.jpg" for phase, number in numbers for side in "AB"]
        assert files_in(archives / "out") == sorted(expected)
        both = levels(archives / "out" / "train" / "1.jpg").astype(int)
        assert both.shape == (256, 512, 3)
        photo = np.asarray(noise_image((64, 32), 1).resize((256, 256))).astype(int)
        assert np.abs(both[:, :256] - photo).mean() < 3
        assert np.abs(both[:, :256] - levels(archives / "out" / "trainA" / "1_A.jpg")).mean() < 3

    def test_missing_files_are_named(self, archives: Path, pixlate_command: Run) -> None:
        next((archives / "gtFine" / "val" / "ulm").glob("*_color.png")).unlink()
        write(archives / "gtFine" / "val" / "ulm" / "other_gtFine_color.png")
        printed = pixlate_command("prepare-cityscapes --gtFine_dir . --leftImg8bit_dir . --output_dir out", code=1)
        assert "2 of the files of the phase 'val' have no partner" in printed
        printed = pixlate_command("prepare-cityscapes --gtFine_dir leftImg8bit --leftImg8bit_dir . -o out", code=1)
        assert "has no files '<city>/*_gtFine_color.png'" in printed


class TestEdges:
    def test_edges_are_where_the_image_changes(self, tmp_path: Path, pixlate_command: Run) -> None:
        pytest.importorskip("skimage", reason="needs the extra 'edges'")
        square = np.zeros((60, 80), np.uint8)
        square[20:40, 20:60] = 255
        (tmp_path / "photos" / "train").mkdir(parents=True)
        Image.fromarray(square).convert("RGB").save(tmp_path / "photos" / "train" / "a.jpg")
        pixlate_command("edges photos -o lines")
        lines = levels(tmp_path / "lines" / "train" / "a.png")
        assert lines.shape == (60, 80)
        assert set(np.unique(lines)) == {0, 255}
        rows, columns = np.nonzero(lines == 0)
        assert 18 <= rows.min() <= 21
        assert 38 <= rows.max() <= 41
        assert 18 <= columns.min() <= 21
        pixlate_command("edges photos -o white --white_lines")
        assert np.array_equal(levels(tmp_path / "white" / "train" / "a.png"), 255 - lines)
        printed = pixlate_command("edges photos -o pairs --combine --format jpg")
        assert "--model pix2pix --dataroot pairs" in printed
        assert levels(tmp_path / "pairs" / "train" / "a.jpg").shape == (60, 160, 3)
        printed = pixlate_command("edges photos -o out --low 0.5 --high 0.1", code=2)
        assert "--low 0.5 must not be larger than --high 0.1" in printed

    def test_without_scikit_image_the_extra_is_named(
        self, tmp_path: Path, pixlate_command: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pixlate.util.optional.find_spec", lambda name: None)
        write(tmp_path / "photos" / "a.png")
        printed = pixlate_command("edges photos -o lines", code=2)
        assert "pip install 'pixlate[edges]'" in printed
