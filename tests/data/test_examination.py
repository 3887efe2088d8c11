"""`pixlate check`: made faults of data sets are found, and right data gives no warning."""

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import noise_image
from PIL import Image, ImageEnhance, ImageFilter

from pixlate.__main__ import main
from pixlate.data.check import check_dataset
from pixlate.data.create import create_dataset
from pixlate.data.examination.shift import shift_of
from pixlate.default_plugins import get_plugins

Check = Callable[..., dict[str, Any]]
SIZE = 128


def scene(seed: int, size: tuple[int, int] = (SIZE, SIZE)) -> Image.Image:
    """A picture of rectangles on a gradient, different for each seed."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[:height, :width]
    levels = 60 + 60 * np.stack([x / width, y / height, (x + y) / (width + height)], -1)
    for _ in range(14):
        left, top = rng.integers(0, width - 20), rng.integers(0, height - 20)
        levels[top : top + rng.integers(10, 60), left : left + rng.integers(10, 60)] = rng.integers(0, 255, 3)
    return Image.fromarray((levels + rng.normal(0, 4, levels.shape)).clip(0, 255).astype(np.uint8))


def pair(A: Image.Image, B: Image.Image) -> Image.Image:
    both = Image.new("RGB", (A.width + B.width, A.height))
    both.paste(A, (0, 0))
    both.paste(B, (A.width, 0))
    return both


def outlines(image: Image.Image, shift: tuple[int, int] = (0, 0)) -> Image.Image:
    """The edges of an image, moved to the right and down."""
    edges = image.convert("L").filter(ImageFilter.FIND_EDGES).convert("RGB")
    return edges.transform(image.size, Image.Transform.AFFINE, (1, 0, -shift[0], 0, 1, -shift[1]))


def write_pairs(
    root: Path, count: int = 12, first: int = 0, phase: str = "train", shift: tuple[int, int] = (0, 0)
) -> Path:
    (root / phase).mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        A = scene(seed)
        pair(A, outlines(A, shift)).save(root / phase / f"{seed:03}.png")
    return root


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `pixlate check … --json`: the report, with the findings by kind."""

    def run(*words: object, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["check", *map(str, words), "--json"])
        printed = capsys.readouterr()
        assert ended.value.code == code, printed.err
        report: dict[str, Any] = json.loads(printed.out)
        report["kinds"] = {finding["kind"]: finding for finding in report["findings"]}
        return report

    return run


def test_right_pairs_give_no_warning(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path, 12)
    write_pairs(tmp_path, 4, 100, "test")
    report = check(tmp_path)
    assert set(report["kinds"]) == {"few"}
    assert report["dataset_mode"] == "aligned"
    train, test = report["phases"]
    assert (train["phase"], train["samples"], train["files"], train["examined"]) == ("train", 12, 12, 12)
    assert test["samples"] == 4
    A = train["sides"]["A"]
    assert A["sizes"] == [{"width": SIZE, "height": SIZE, "images": 12}]
    assert A["kinds"] == {"RGB, 8 bits": 12}
    assert 0.2 < A["mean"] < 0.6
    assert "side by side" in train["inventory"]


def test_right_domains_give_no_warning(tmp_path: Path, check: Check) -> None:
    for side, first in (("A", 0), ("B", 50)):
        for phase, count in (("train", 8), ("test", 2)):
            (tmp_path / f"{phase}{side}").mkdir()
            for seed in range(count):
                number = first + seed + (20 if phase == "test" else 0)
                scene(number).save(tmp_path / f"{phase}{side}" / f"{side}{number}.png")
    report = check(tmp_path)
    assert report["dataset_mode"] == "unaligned"
    assert {finding["severity"] for finding in report["findings"]} <= {"note"}
    assert set(report["kinds"]) == {"few"}


def test_files_that_end_too_early_are_errors(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path)
    broken = tmp_path / "train" / "004.png"
    broken.write_bytes(broken.read_bytes()[:5000])
    finding = check(tmp_path, code=1)["kinds"]["unreadable"]
    assert finding["severity"] == "error"
    assert "1 file cannot be read: " in finding["text"]
    assert "004.png" in finding["text"]


def test_files_that_a_training_skips_are_a_warning(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path)
    broken = tmp_path / "train" / "004.png"
    broken.write_bytes(broken.read_bytes()[:5000])
    finding = check(tmp_path, "--on_bad_image", "skip", code=0)["kinds"]["unreadable"]
    assert finding["severity"] == "warning"


def test_what_a_training_refuses_is_an_error(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path)
    report = check(tmp_path, "--preprocess", "crop", "--crop_size", "500", code=1)
    assert "smaller than --crop_size 500" in report["kinds"]["refused"]["text"]
    sizes = ("--preprocess", "crop", "--crop_size", "100")
    assert "refused" not in check(tmp_path, *sizes)["kinds"]
    report = check(tmp_path, "--model", "pix2pix", *sizes, code=1)
    assert "the networks need sides that are multiples of 256" in report["kinds"]["refused"]["text"]


@pytest.mark.parametrize("shift", [(4, 0), (0, -6), (8, 3)])
def test_shifted_pairs_are_measured(shift: tuple[int, int], tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path, shift=shift)
    finding = check(tmp_path)["kinds"]["shifted"]
    assert finding["severity"] == "warning"
    assert f"by {shift[0]:+} pixels to the right and {shift[1]:+} down" in finding["text"]


@settings(deadline=None, max_examples=25)
@given(x=st.integers(-9, 9), y=st.integers(-9, 9), seed=st.integers(0, 50))
def test_a_shift_is_right_to_a_pixel(x: int, y: int, seed: int) -> None:
    A = scene(seed)
    found = shift_of(A, outlines(A, (x, y)))
    assert found is not None
    assert abs(found.x - x) <= 1
    assert abs(found.y - y) <= 1


def test_a_pair_of_two_scenes_is_noticed_among_right_ones(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path, 20)
    pair(scene(3), outlines(scene(77))).save(tmp_path / "train" / "003.png")
    finding = check(tmp_path)["kinds"]["misaligned"]
    assert [len(group) for group in finding["images"]] == [1]
    assert finding["images"][0][0].endswith("003.png")


def test_pairs_without_anything_in_common_are_noticed(tmp_path: Path, check: Check) -> None:
    (tmp_path / "train").mkdir()
    for seed in range(12):
        pair(scene(seed), scene(100 + seed)).save(tmp_path / "train" / f"{seed}.png")
    assert "no edges in common" in check(tmp_path)["kinds"]["unrelated"]["text"]


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg": lambda image: _as_jpeg(image, 40),
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "cropped": lambda image: image.crop((4, 4, image.width - 4, image.height - 4)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
}


def _as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data).copy()


@pytest.mark.parametrize("how", sorted(COPIES))
def test_a_test_image_that_was_trained_on_is_noticed(how: str, tmp_path: Path, check: Check) -> None:
    for phase, first in (("train", 0), ("test", 30)):
        for side in "AB":
            (tmp_path / f"{phase}{side}").mkdir()
            for seed in range(first, first + 6):
                scene(seed + 100 * (side == "B")).save(tmp_path / f"{phase}{side}" / f"{side}{seed}.png")
    COPIES[how](scene(2)).save(tmp_path / "testA" / "copy.png")
    finding = check(tmp_path)["kinds"]["near_leak"]
    assert "1 image of A in test is nearly equal to images in train" in finding["text"]
    ((copy, original),) = finding["images"]
    assert (Path(copy).name, Path(original).name) == ("copy.png", "A2.png")
    assert finding["phase"] == "train+test"


def test_equal_images_are_noticed(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path)
    write_pairs(tmp_path, 3, 50, "test")
    Image.open(tmp_path / "train" / "001.png").save(tmp_path / "train" / "again.bmp")
    Image.open(tmp_path / "train" / "002.png").save(tmp_path / "test" / "x.png")
    kinds = check(tmp_path)["kinds"]
    assert "1 image of A is equal to another one" in kinds["duplicates"]["text"]
    assert "1 image of A in test is equal to images in train" in kinds["leak"]["text"]


def test_blank_and_clipped_images_are_noticed(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path)
    Image.new("RGB", (2 * SIZE, SIZE), (9, 9, 9)).save(tmp_path / "train" / "black.png")
    stark = Image.fromarray((np.asarray(scene(5).convert("L")) > 100).astype(np.uint8) * 255).convert("RGB")
    pair(stark, scene(6)).save(tmp_path / "train" / "stark.png")
    kinds = check(tmp_path)["kinds"]
    assert kinds["blank"]["text"].startswith("1 file with an image of one colour: ")
    assert "1 image of A nearly all black or white" in kinds["clipped"]["text"]


def test_domains_that_differ_in_number_and_brightness(tmp_path: Path, check: Check) -> None:
    for side, count in (("A", 4), ("B", 16)):
        (tmp_path / f"train{side}").mkdir()
        for seed in range(count):
            image = scene(seed + 40 * (side == "B"))
            image = ImageEnhance.Brightness(image).enhance(0.2) if side == "A" else image
            image.save(tmp_path / f"train{side}" / f"{side}{seed}.png")
    kinds = check(tmp_path)["kinds"]
    assert (
        "B has 16 images and A 4: in an epoch each image of B is drawn once, each of A about 4.0"
        in (kinds["unequal"]["text"])
    )
    assert kinds["brightness"]["text"].startswith("A is darker")
    assert "colour" not in kinds
    assert "no_test" in kinds


def test_a_training_says_how_often_the_smaller_domain_is_drawn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for side, count in (("A", 2), ("B", 8)):
        (tmp_path / f"train{side}").mkdir()
        for seed in range(count):
            scene(seed).save(tmp_path / f"train{side}" / f"{side}{seed}.png")
    dataset = create_dataset(get_plugins(), "unaligned", dataroot=str(tmp_path), phase="train")
    with caplog.at_level("INFO"):
        check_dataset(dataset, dataset.shared)
    assert "each of A about 4.0 times" in caplog.text


def test_images_of_few_colours_may_be_labels(tmp_path: Path, check: Check) -> None:
    (tmp_path / "train").mkdir()
    for seed in range(6):
        labels = Image.fromarray(np.asarray(scene(seed).convert("L")) // 50 * 50).convert("RGB")
        pair(scene(seed), labels).save(tmp_path / "train" / f"{seed}.png")
    assert "--field B=labels:N" in check(tmp_path)["kinds"]["labels"]["advice"]
    assert "labels" not in check(tmp_path, "--field", "B=mask")["kinds"]


def test_values_of_more_than_8_bits(tmp_path: Path, check: Check) -> None:
    for side in "AB":
        (tmp_path / "train" / side).mkdir(parents=True)
        for seed in range(6):
            values = np.asarray(scene(seed).convert("L"), np.uint16) * 200
            Image.fromarray(values).save(tmp_path / "train" / side / f"{seed}.png")
    report = check(tmp_path)
    assert report["phases"][0]["sides"]["A"]["kinds"] == {"uint16, 1 channel": 6}
    assert report["phases"][0]["sides"]["A"]["value_range"] == [0, 65535]
    assert (report["phases"][0]["files"], report["phases"][0]["examined"]) == (12, 12)
    assert not {finding["kind"] for finding in report["findings"] if finding["severity"] != "note"}


def test_a_limit_spreads_over_the_data(tmp_path: Path, check: Check) -> None:
    write_pairs(tmp_path)
    assert check(tmp_path, "--limit", "5")["phases"][0]["examined"] == 4
    assert check(tmp_path, "--limit", "12")["phases"][0]["examined"] == 12


def test_other_modes(tmp_path: Path, check: Check) -> None:
    for domain in ("cat", "dog", "fox"):
        (tmp_path / "three" / "train" / domain).mkdir(parents=True)
        scene(ord(domain[0])).save(tmp_path / "three" / "train" / domain / "1.png")
    assert check(tmp_path / "three", "--dataset_mode", "domains")["dataset_mode"] == "domains"
    write_pairs(tmp_path / "table")
    rows = [f"train/{seed:03}.png,train/{seed:03}.png,{seed}" for seed in range(4)]
    (tmp_path / "table" / "manifest.csv").write_text("\n".join(["A,B,age", *rows]))
    assert check(tmp_path / "table", "--dataset_mode", "manifest")["phases"][0]["samples"] == 4


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [(["nowhere"], 1, "'nowhere' does not exist"), (["."], 1, ""), ([".", "--model", "cycle_gam"], 2, "cycle_gan")],
)
def test_mistakes_are_sentences(
    words: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["check", *words])
    printed = capsys.readouterr()
    assert ended.value.code == code
    assert message in printed.err
    assert "Traceback" not in printed.err


def test_the_page_shows_the_images_and_escapes_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "data", 12)
    name = "<script>alert(1)<&.png"
    Image.open(tmp_path / "data" / "train" / "001.png").save(tmp_path / "data" / "train" / name)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path / "data"), "--report", str(tmp_path / "report.html")])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "1 warning" in printed
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;&amp;.png" in page
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    assert len(pictures) > 12
    assert Image.open(io.BytesIO(base64.b64decode(pictures[0]))).size[1] <= 160
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / "train"]  # nothing else is written


def test_noise_is_no_copy_of_other_noise(tmp_path: Path, check: Check) -> None:
    for phase, first in (("train", 0), ("test", 9)):
        for side in "AB":
            (tmp_path / f"{phase}{side}").mkdir()
            for seed in range(first, first + 5):
                noise_image((64, 64), seed + 50 * (side == "B")).save(tmp_path / f"{phase}{side}" / f"{side}{seed}.png")
    assert not {"leak", "near_leak", "duplicates"} & check(tmp_path)["kinds"].keys()


def test_domains_of_other_colours(tmp_path: Path, check: Check) -> None:
    for side in "AB":
        (tmp_path / f"train{side}").mkdir()
        for seed in range(6):
            levels = np.asarray(scene(seed + 40 * (side == "B"))).astype(float)
            levels[..., 0] *= 1.0 if side == "A" else 0.4
            Image.fromarray(levels.astype(np.uint8)).save(tmp_path / f"train{side}" / f"{side}{seed}.png")
    assert "the mean colours differ" in check(tmp_path)["kinds"]["colour"]["text"]


def test_files_without_a_partner_are_told_where_the_rest_is_read_as_unpaired(tmp_path: Path, check: Check) -> None:
    for side, numbers in (("A", range(8)), ("B", range(2, 9))):
        (tmp_path / "train" / side).mkdir(parents=True)
        for number in numbers:
            scene(number + 50 * (side == "B")).save(tmp_path / "train" / side / f"{number}.png")
    report = check(tmp_path)
    assert report["dataset_mode"] == "unaligned"
    assert "2 images in" in report["kinds"]["no_pairs"]["text"]
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path), "--model", "pix2pix"])
    assert ended.value.code == 1
