"""`pixlate evaluate`: protocols, tables, files, and what cannot be measured."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run_pixlate
from image_files import write_pairs, write_sides
from PIL import Image

from pixlate.__main__ import main
from pixlate.errors import OptionError
from pixlate.metrics.protocol import PROTOCOLS, Protocol, protocol_of

SMALL = (
    "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0 --device cpu"
)
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs: pairs of two seeds, unpaired, and labels."""
    folder = tmp_path_factory.mktemp("evaluated")
    write_pairs(folder / "pairs", "train", 3, (80, 40))
    write_pairs(folder / "pairs", "test", 5, (80, 40))
    for phase in ("train", "test"):
        write_sides(folder / "sides", phase, (4, 6), (40, 40))
    schedule = "--print_freq 1 --device cpu --n_epochs 1 --n_epochs_decay 0"
    end = f"{SMALL} {schedule} --checkpoints_dir {folder / 'checkpoints'}"
    for words in (
        f"train --model pix2pix --dataroot {folder / 'pairs'} --name one",
        f"train --model pix2pix --dataroot {folder / 'pairs'} --name two --seed 1",
        f"train --model cycle_gan --dataroot {folder / 'sides'} --name unpaired",
        f"train --model pix2pix --dataroot {folder / 'pairs'} --name labels --field B=mask",
    ):
        with pytest.raises(SystemExit) as ended:
            main(f"{words} {end}".split())
        assert ended.value.code == 0
    return folder


@pytest.fixture
def evaluate(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `pixlate evaluate …` beside the runs; returns the JSON, or what was printed."""
    monkeypatch.chdir(trained)
    monkeypatch.setenv("COLUMNS", "200")

    def run(words: str, code: int = 0, json_wanted: bool = True) -> Any:
        printed = run_pixlate(f"evaluate {words} --device cpu{' --json -' if json_wanted else ''}", capsys, code)
        return json.loads(printed.out) if json_wanted and code == 0 else printed.out + printed.err

    return run


def test_pairs_are_measured_by_the_metrics_of_pairs(evaluate: Run, trained: Path) -> None:
    content = evaluate("one")
    assert content["protocol"]["name"] == "pairs"
    assert content["protocol"]["digest"] == Protocol(("l1", "psnr", "ssim")).digest
    (run,) = content["runs"]
    assert (run["run"], run["phase"], run["images"]) == ("one", "test", 5)
    assert set(run["metrics"]) == {"l1", "psnr", "ssim"}
    for measured in run["metrics"].values():
        assert measured["n"] == 5
        assert measured["low"] <= measured["value"] <= measured["high"]
    assert [row["image"] for row in run["per_image"]] == [f"00{n}.png" for n in range(5)]


def test_a_value_is_that_of_the_images_of_a_test(evaluate: Run, trained: Path) -> None:
    with pytest.raises(SystemExit):
        main(["test", "--name", "one", "--device", "cpu"])
    images = trained / "results" / "one" / "test_latest" / "images"
    fake, real = (np.asarray(Image.open(images / f"003_{label}.png")).astype(float) for label in ("fake_B", "real_B"))
    (row,) = [row for row in evaluate("one")["runs"][0]["per_image"] if row["image"] == "003.png"]
    assert row["l1"] == pytest.approx(np.abs(fake - real).mean() / 255, abs=0.004)


def test_several_runs_have_a_mean_and_a_spread(evaluate: Run) -> None:
    content = evaluate("one two --metric l1")
    values = [run["metrics"]["l1"]["value"] for run in content["runs"]]
    assert content["over_runs"]["l1"]["mean"] == pytest.approx(np.mean(values))
    assert content["over_runs"]["l1"]["std"] == pytest.approx(np.std(values, ddof=1))
    printed = evaluate("one two --metric l1", json_wanted=False)
    assert "over 2 runs" in printed
    assert f"Protocol {content['protocol']['digest']}" in printed


def test_runs_of_different_data_are_not_compared_silently(evaluate: Run, trained: Path) -> None:
    write_pairs(trained / "more", "test", 2, (80, 40))
    shutil.copytree(trained / "checkpoints" / "one", trained / "checkpoints" / "moved", dirs_exist_ok=True)
    options = trained / "checkpoints" / "moved" / "options.json"
    options.write_text(options.read_text().replace(str(trained / "pairs"), str(trained / "more")))
    assert "measured on different data" in evaluate("one moved --metric l1", json_wanted=False)


def test_the_files_that_are_asked_for(evaluate: Run, tmp_path: Path) -> None:
    evaluate(f"one two --metric l1 --csv {tmp_path / 'a.csv'} --images 3", json_wanted=False)
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    expected = [(run, f"00{number}.png") for run in ("one", "two") for number in range(3)]
    assert [(row["run"], row["image"]) for row in rows] == expected
    assert all(0 < float(row["l1"]) < 1 for row in rows)
    evaluate(f"one --metric l1 --json {tmp_path / 'a.json'}", json_wanted=False)
    assert json.loads((tmp_path / "a.json").read_text())["runs"][0]["run"] == "one"


def test_a_protocol_from_a_file(evaluate: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('metrics = ["l1"]\nimages = 2\nsize = 64\n')
    content = evaluate(f"one --protocol {tmp_path / 'mine.toml'}")
    assert content["protocol"]["name"] == "mine"
    found, other = (each["runs"][0]["metrics"]["l1"] for each in (content, evaluate("one --metric l1 --images 2")))
    assert found["n"] == other["n"] == 2
    assert found["value"] != other["value"]  # of other sizes


def test_a_folder_elsewhere_and_another_checkpoint(evaluate: Run, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "checkpoints" / "one", tmp_path / "run")
    content = evaluate(f"{tmp_path / 'run'} --epoch 1 --metric l1")
    assert content["protocol"]["epoch"] == "1"
    assert content["runs"][0]["metrics"]["l1"] == evaluate("one --metric l1")["runs"][0]["metrics"]["l1"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("nothing", 2, "there is no run 'nothing'"),
        ("one --metric ssin", 2, "no metric is named 'ssin'. Did you mean 'ssim'?"),
        ("one --protocol pear", 2, "no protocol is named 'pear'"),
        ("one --metric miou", 2, "is for labels, but the output of this run is images"),
        ("unpaired --metric ssim", 2, "this data is not paired"),
        ("one --weights inception=none.pth", 2, "must be NAME=FILE"),
        ("one --epoch 99 --metric l1", 1, "99"),
        ("one --phase train2 --metric l1", 1, "train2"),
    ],
)
def test_mistakes_are_sentences(words: str, code: int, message: str, evaluate: Run) -> None:
    printed = evaluate(words, code=code)
    assert message in printed
    assert "Traceback" not in printed


def test_unpaired_data_is_measured_as_sets(evaluate: Run) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra 'features'")
    content = evaluate("unpaired")
    assert content["protocol"]["name"] == "sets"
    measured = content["runs"][0]["metrics"]["fd_efflite0"]
    assert measured["n"] == 4  # each image of A once
    assert measured["floor"] > 0


def test_a_gallery_shows_the_metrics_and_the_worst_first(
    trained: Path, evaluate: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row["image"]: row["l1"] for row in evaluate("one --metric l1")["runs"][0]["per_image"]}
    worst = [Path(image).stem for image in sorted(rows, key=lambda image: -rows[image])]
    pages = {}
    for words in ("", "--worst_first"):
        with pytest.raises(SystemExit) as ended:
            main(f"test --name one --device cpu --metric l1 --metric ssim {words}".split())
        assert ended.value.code == 0
        pages[words] = (trained / "results" / "one" / "test_latest" / "index.html").read_text("utf-8")
    assert re.findall(r"<h2>(\d+)", pages[""]) == [Path(image).stem for image in rows]
    assert re.findall(r"<h2>(\d+)", pages["--worst_first"]) == worst
    assert re.search(rf"<h2>{worst[0]}<small> l1 {max(rows.values()):.4g}</small><small> ssim ", pages["--worst_first"])
    assert re.search(r"l1</span>0\.\d+ \[.*of 5 images", pages[""])
    assert "of 5 images" in capsys.readouterr().out


def test_a_page_compares_runs(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    page = tmp_path / "page.html"
    with pytest.raises(SystemExit) as ended:
        main(f"compare one two --metric l1 --rows 2 --device cpu -o {page}".split())
    assert ended.value.code == 0, capsys.readouterr().err
    text = page.read_text("utf-8")
    assert text.count("<section") == 3 + 2  # which is better, options, metrics, and an image in each of two
    assert len(re.findall(r'src="data:image/png;base64,', text)) == 2 * 4  # input, two runs, ground truth
    assert re.search(r"(one|two) (is better|has the better value)", text)
    assert "seed" in text  # the option in which they differ
    assert re.search(r"l1.*of 5 images.*of 5 images", text, re.DOTALL)
    assert "G_GAN" in text
    assert not re.findall(r'(?:src|href)="(?!data:)', text)  # nothing is loaded


class TestProtocols:
    def test_digests_tell_protocols_apart_and_names_do_not_matter(self) -> None:
        base = Protocol(("l1",))
        changes: list[dict[str, Any]] = [{"epoch": "5"}, {"images": 3}, {"metrics": ("ssim",)}, {"seed": 1}]
        others = [replace(base, **change) for change in changes]
        assert len({each.digest for each in (base, *others)}) == 5
        assert Protocol(("l1",), name="x").digest == base.digest
        assert protocol_of("pairs") == PROTOCOLS["pairs"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("metrics = []", "must have metrics"),
            ("metrics = ['l1']\nimages = 0", "images = 0"),
            ("metrics = ['l1']\nimages = true", "images = True"),
            ("metrics = ['l1']\nsplit = 'test'", "has 'split'"),
            ("metrics = ", "cannot be read"),
            ("", "must have metrics"),
        ],
    )
    def test_a_bad_file_is_a_sentence(self, text: str, message: str, tmp_path: Path) -> None:
        (tmp_path / "a.toml").write_text(text)
        with pytest.raises(OptionError, match=message):
            protocol_of(str(tmp_path / "a.toml"))

    def test_every_metric_of_a_protocol_is_registered(self) -> None:
        from pixlate import get_plugins

        names = set(get_plugins().registry("metric").names())
        assert all(set(protocol.metrics) <= names for protocol in PROTOCOLS.values())
