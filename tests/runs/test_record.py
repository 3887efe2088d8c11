"""Objects show themselves in notebooks: runs, evaluations, translators and data sets, with every text escaped."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from image_files import noise_image, write, write_pairs

import pixlate
from pixlate.__main__ import main
from pixlate.errors import CheckpointError, OptionError

SMALL = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run "run" of two epochs, and data of which a part was held out; a name of it is hostile."""
    folder = tmp_path_factory.mktemp("records")
    write_pairs(folder / "pairs", "train", 6, (80, 40))
    write(folder / "pairs" / "train" / f"{HOSTILE}.png", (80, 40))
    words = f"train --model pix2pix --name run --device cpu {SMALL} --val_fraction 0.4 --val_freq 1 --print_freq 1"
    words += " --n_epochs 2 --n_epochs_decay 0 --num_previews 9 --seed 1"
    with pytest.raises(SystemExit) as ended:
        main([*words.split(), "--dataroot", str(folder / "pairs"), "--checkpoints_dir", str(folder / "checkpoints")])
    assert ended.value.code == 0
    return folder


def texts(html: str) -> str:
    """The texts of a fragment, which must load nothing and run nothing."""
    assert "<script" not in html
    assert HOSTILE not in html
    addresses = re.findall(r"(?:src|href)=\"([^\"]*)\"", html)
    assert all(address.startswith("data:image/webp;base64,") for address in addresses)
    return re.sub(r"<[^>]*>", " ", html)


def test_an_opened_run_tells_how_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    run = pixlate.open_run("run")
    assert run.name == "run"
    assert run.given_options["val_fraction"] == 0.4
    assert run.options["beta1"] == 0.5
    assert run.epoch == 2
    images = run.losses["G_L1"][-1][0]
    assert [position for position, _ in run.validations["l1"]] == [images / 2, images]
    assert run.metrics["l1"] == run.validations["l1"][-1][1]
    value, epoch = run.best["l1"]
    assert value == min(value for _, value in run.validations["l1"])
    assert all(row["fake_B"].name.endswith("_fake_B.png") for row in run.held_out.values())
    assert repr(run).startswith(f"<run 'run': pix2pix, epoch 2 of 2, {images:.0f} images; best l1")
    shown = texts(run._repr_html_())
    assert re.search(r"val_fraction\s+0.4", shown)
    assert f"in epoch {epoch}" in shown
    assert run._repr_html_().count("<img") == 3 * min(3, len(run.held_out))
    assert "polyline" in run._repr_html_()


def test_an_opened_run_follows_its_training(tmp_path: Path, folder: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "options.json").write_bytes((folder / "checkpoints" / "run" / "options.json").read_bytes())
    run = pixlate.open_run(copy)
    assert "No losses have been logged yet" in texts(run._repr_html_())
    lines = (folder / "checkpoints" / "run" / "losses.jsonl").read_text().splitlines()
    (copy / "losses.jsonl").write_text("\n".join([*lines[:3], "{damaged", json.dumps({"images": 9, "losses": 3}), ""]))
    assert len(run.losses["G_L1"]) == 3


@pytest.mark.parametrize(
    "record",
    [
        {"unseen": 3},
        {"unseen": [{"name": "a", "images": [{"label": "fake_B", "file": "../../secret.png"}]}]},
        {"unseen": [{"name": HOSTILE, "images": [{"label": HOSTILE, "file": "images/link.png"}]}]},
        {"unseen": [{"name": "a", "images": [{"label": "fake_B", "file": "images/text.png"}]}]},
    ],
)
def test_a_log_cannot_lead_out_of_the_run_s_folder(record: dict[str, Any], tmp_path: Path, folder: Path) -> None:
    secret = write(tmp_path / "secret.png")
    images = tmp_path / "runs" / "run" / "web" / "images"
    images.mkdir(parents=True)
    (images / "link.png").symlink_to(secret)
    (images / "text.png").write_text("no image")
    options = (folder / "checkpoints" / "run" / "options.json").read_bytes()
    (tmp_path / "runs" / "run" / "options.json").write_bytes(options)
    (images.parent / "shown.jsonl").write_text(json.dumps(record) + "\n")
    html = pixlate.open_run(tmp_path / "runs" / "run")._repr_html_()
    texts(html)
    assert "<img" not in html


def test_what_is_no_run_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="there is no run folder 'nothing', and no run of this name"):
        pixlate.open_run("nothing")
    with pytest.raises(CheckpointError, match="is no run: it has neither options nor weights"):
        pixlate.open_run(tmp_path)


def test_an_evaluation_is_a_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    evaluation = pixlate.evaluate("run", metrics=["l1"], device="cpu")
    assert evaluation.phase == "val"
    assert HOSTILE not in repr(evaluation)
    assert repr(evaluation).startswith(f"<evaluation of 'run': l1 {evaluation.metrics['l1'].value:.4g};")
    shown = texts(evaluation._repr_html_())
    assert f"{evaluation.metrics['l1'].value:.4g}" in shown
    assert "of which only" in shown
    assert len(pixlate.evaluate(folder / "checkpoints" / "run", metrics=["l1"], images=1, device="cpu").images) == 1
    with pytest.raises(OptionError, match="no metric is named 'sim'"):
        pixlate.evaluate("run", metrics=["sim"])


def test_a_translator_says_what_it_is(folder: Path) -> None:
    translate = pixlate.load(folder / "checkpoints" / "run", device="cpu")
    shown = texts(translate._repr_html_())
    assert "Pix2Pix, resnet_6blocks" in shown
    assert "AtoB" in shown
    assert translate(noise_image((40, 40))).size == (40, 40)


def test_a_data_set_shows_samples_and_what_it_cannot_read(tmp_path: Path) -> None:
    write_pairs(tmp_path, "train", 5, (1200, 600))
    dataset = pixlate.create_dataset("aligned", dataroot=tmp_path, load_size=300, crop_size=300)
    html = dataset._repr_html_()
    assert "5 pairs, side by side" in texts(html)
    assert html.count("<img") == 6
    assert "3 × 300 × 300" in texts(html)
    assert len(html) < 150_000
    (tmp_path / "train" / "000.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "000.png" in texts(dataset._repr_html_())
    assert repr(dataset).startswith("<AlignedDataset: 5 pairs")
