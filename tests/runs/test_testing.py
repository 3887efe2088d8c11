"""What test.py translates: which weights, how many images, and the lines that it prints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from trainings import PIX2PIX, make_images, run, train

import pixlate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run with averaged weights."""
    root = tmp_path_factory.mktemp("testing")
    make_images(root / "images")
    train(root / "runs", *PIX2PIX, "--ema", "--ema_decay", "0.5", "--lr", "0.01")
    return root


def translated(folder: Path, name: str, *options: str) -> tuple[dict[str, np.ndarray], str]:
    """The images that a test of the run writes, by file name, and its output."""
    results = folder / name
    command = run(
        "test", "--name", "run", "--checkpoints_dir", folder / "runs", "--results_dir", results,
        "--phase", "train", "--device", "cpu", "--num_threads", "0", *options,
    )  # fmt: skip
    assert command.code == 0, command.output
    return {path.name: np.asarray(Image.open(path)) for path in results.rglob("*.png")}, command.output


def test_averaged_weights_are_used_unless_told_otherwise(folder: Path) -> None:
    averaged, _ = translated(folder, "averaged", "--num_test", "1")
    plain, _ = translated(folder, "plain", "--num_test", "1", "--no_use_ema")
    assert np.array_equal(averaged["00_real_A.png"], plain["00_real_A.png"])
    assert not np.array_equal(averaged["00_fake_B.png"], plain["00_fake_B.png"])


def test_another_model_than_the_run_s_is_refused(folder: Path) -> None:
    refused = run("test", "--name", "run", "--checkpoints_dir", folder / "runs", "--model", "cycle_gan")
    assert refused.code == 2
    assert "--model cycle_gan contradicts run 'run', which is a pix2pix" in refused.output


def test_a_batch_is_cut_to_the_number_of_images(folder: Path) -> None:
    images, output = translated(folder, "three", "--num_test", "3", "--batch_size", "2")
    assert sorted(images) == [f"0{i}_{label}.png" for i in range(3) for label in ("fake_B", "real_A", "real_B")]
    assert "translated 3 of 3 images" in output


def test_a_translator_has_the_averaged_weights(folder: Path) -> None:
    run_folder = folder / "runs" / "run"
    weights = pixlate.load(run_folder, device="cpu").model.networks["G"].state_dict()
    averaged, plain = (torch.load(run_folder / f"latest_net_{name}.pth", weights_only=True) for name in ("G_ema", "G"))
    assert all(torch.equal(weights[name], averaged[name]) for name in averaged)
    assert not all(torch.equal(weights[name], plain[name]) for name in plain)


def test_the_validation_images_are_tested_where_there_are_no_test_images(folder: Path) -> None:
    words = ("test", "--name", "run", "--checkpoints_dir", folder / "runs", "--device", "cpu", "--num_threads", "0")
    tested = run(*words, "--results_dir", folder / "val")
    assert tested.code == 0, tested.output
    assert f"'{folder / 'images'}' has no phase 'test': testing on 'val'." in tested.output
    assert (folder / "val" / "run" / "val_latest" / "index.html").is_file()
    refused = run(*words, "--results_dir", folder / "none", "--phase", "test")
    assert refused.code == 1
    assert "try --phase" in refused.output


def test_results_are_named_by_the_template_and_sub_folders_are_kept(folder: Path) -> None:
    for name in ("a/1.png", "b/1.png", "2.png"):
        path = folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32)).save(path)
    single = ("--model", "test", "--dataroot", str(folder / "photos"), "--dropout", "--norm", "batch")
    template = ("--output_template", "{phase}_{epoch}/{folder}/{stem}_{label}", "--visuals", "fake")
    for words, names in (
        (template, ["2_fake.png", "a/1_fake.png", "b/1_fake.png"]),
        ((), ["1_fake.png", "1_real.png", "2_fake.png", "2_real.png", "b_1_fake.png", "b_1_real.png"]),
    ):
        _, output = translated(folder, "named", *single, *words)
        gallery = Path(output.rsplit("The gallery is ", 1)[1].strip()).parent
        images = gallery / "images" / ("train_latest" if words else "")
        assert sorted(path.relative_to(images).as_posix() for path in gallery.rglob("*.png")) == names


@pytest.mark.parametrize(
    ("template", "sentence"),
    [("../{stem}_{label}", "begin with a dot lead out of the folder"), ("{stem}", "add {label}, or choose one image")],
)
def test_a_template_that_does_not_fit_is_refused_before_anything_is_loaded(template: str, sentence: str) -> None:
    refused = run("test", "--name", "none", "--output_template", template)
    assert refused.code == 2
    assert sentence in refused.output
    assert "Traceback" not in refused.output


def test_results_are_no_inputs_of_a_test_that_replaces_them(folder: Path) -> None:
    _, output = translated(folder, "again", "--num_test", "1")
    images = Path(output.rsplit("The gallery is ", 1)[1].strip()).parent / "images"
    before = {path: path.read_bytes() for path in images.iterdir()}
    refused = run(
        "test", "--name", "run", "--checkpoints_dir", folder / "runs", "--results_dir", folder / "again",
        "--phase", "train", "--model", "test", "--dataroot", images, "--dropout", "--norm", "batch",
    )  # fmt: skip
    assert refused.code == 1, refused.output
    assert "where a test replaces its results: choose another --results_dir" in refused.output
    assert {path: path.read_bytes() for path in images.iterdir()} == before
