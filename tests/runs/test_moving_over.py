"""Habits of people who come from the reference: its folders, commands and the files that scripts collect."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from trainings import CYCLE_GAN, PIX2PIX, make_images, run, train

import pixlate

TEST = ("--num_threads", "0", "--device", "cpu")


def write_image(path: Path, seed: int, size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    with Image.open(path) as image:
        return np.asarray(image).astype(np.int64)


def published(folder: Path, name: str = "G", **options: bool) -> torch.nn.Module:
    """A run folder with one generator, as the reference publishes them."""
    folder.mkdir(parents=True, exist_ok=True)
    net = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=2, **options)
    torch.save(net.state_dict(), folder / f"latest_net_{name}.pth")
    return net


@pytest.fixture
def generator(tmp_path: Path) -> torch.nn.Module:
    return published(tmp_path / "checkpoints" / "pretrained")


WORDS = ("--name", "pretrained", "--model", "test", "--netG", "resnet_6blocks", "--ngf", "2", "--no_dropout", *TEST)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (("--preprocess", "scale_width", "--load_size", "32", "--crop_size", "16"), (32, 25)),
        (("--preprocess", "scale_width", "--load_size", "30", "--crop_size", "16"), (30, 23)),
        (("--preprocess", "none"), (48, 36)),
        (("--preprocess", "resize", "--load_size", "36"), (36, 36)),
        (("--preprocess", "crop", "--crop_size", "32"), (32, 32)),
        (("--preprocess", "scale_width_crop", "--load_size", "40", "--crop_size", "30"), (30, 30)),
    ],
    ids=lambda value: value[1] if isinstance(value[0], str) else "",
)
def test_sizes_at_test_are_the_references(
    tmp_path: Path, generator: torch.nn.Module, options: tuple[str, ...], size: tuple[int, int]
) -> None:
    write_image(tmp_path / "photos" / "a.png", 1, (47, 37))
    tested = run("test", *WORDS, "--dataroot", "photos", *options, cwd=tmp_path)
    assert tested.code == 0, tested.output
    images = tmp_path / "results" / "pretrained" / "test_latest" / "images"
    real, fake = pixels(images / "a_real.png"), pixels(images / "a_fake.png")
    assert real.shape[:2] == size[::-1]
    x = torch.from_numpy(real.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        expected = ((generator(x)[0].permute(1, 2, 0) + 1) / 2 * 255).numpy()
    assert fake.shape == expected.shape  # the next larger multiples of 4
    assert np.abs(fake - expected).max() < 3  # the file of the input is rounded down to whole levels


def test_a_unet_refuses_other_sizes(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "pretrained").mkdir(parents=True)
    net = pixlate.create_generator("unet_128", input_nc=3, output_nc=3, ngf=2)
    torch.save(net.state_dict(), tmp_path / "checkpoints" / "pretrained" / "latest_net_G.pth")
    write_image(tmp_path / "photos" / "a.png", 1, (133, 128))
    refused = run("test", *WORDS, "--netG", "unet_128", "--dataroot", "photos", "--preprocess", "none", cwd=tmp_path)
    assert refused.code == 1
    assert "becomes 132 x 128, but the networks need sides that are multiples of 128" in refused.output


@pytest.mark.parametrize(("direction", "counts"), [("AtoB", (3, 5)), ("BtoA", (3, 5)), ("AtoB", (5, 3))])
def test_unequal_sides_leave_the_references_files(tmp_path: Path, direction: str, counts: tuple[int, int]) -> None:
    """The reference writes the later of two results for one input over the earlier."""
    for side, count in zip("AB", counts, strict=True):
        for i in range(count):
            write_image(tmp_path / "data" / f"test{side}" / f"{side}{i}.png", ord(side) + i)
    for name in ("G_A", "G_B"):
        published(tmp_path / "checkpoints" / "x", name)
    words = ("--name", "x", "--model", "cycle_gan", "--dataroot", "data", "--direction", direction, *TEST)
    words += ("--netG", "resnet_6blocks", "--ngf", "2", "--crop_size", "32")
    tested = run("test", *words, "--batch_size", "2", cwd=tmp_path)
    assert tested.code == 0, tested.output
    images = tmp_path / "results" / "x" / "test_latest" / "images"
    inputs = {"AtoB": "A", "BtoA": "B"}[direction]
    n, total = counts["AB".index(inputs)], max(counts)
    assert sorted(path.name for path in images.glob("*_fake_B.png")) == [f"{inputs}{i}_fake_B.png" for i in range(n)]
    for i in range(n):
        last = max(range(i, total, n))
        for side, count in zip("AB", counts, strict=True):
            label = "real_A" if side == inputs else "real_B"
            original = tmp_path / "data" / f"test{side}" / f"{side}{last % count}.png"
            assert np.abs(pixels(images / f"{inputs}{i}_{label}.png") - pixels(original)).max() <= 1


def test_num_test_counts_the_items_before_repeats_are_left_out(tmp_path: Path) -> None:
    for side, count in (("A", 2), ("B", 5)):
        for i in range(count):
            write_image(tmp_path / "data" / f"test{side}" / f"{side}{i}.png", ord(side) + i)
    dataset = pixlate.create_dataset("unaligned", dataroot=tmp_path / "data", phase="test", serial_batches=True)
    dataset.take_each_input_once(3)
    assert [Path(dataset[i]["B_paths"]).stem for i in range(len(dataset))] == ["B2", "B1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("moving")
    make_images(root / "images")
    return root


def test_lines_that_scripts_look_for(folder: Path) -> None:
    output = train(folder / "lines", *PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "1", "--lr", "0.001").output
    assert "The number of training images = 9\n" in output
    assert re.findall(r"^learning rate (.*) -> (.*)$", output, re.M) == [
        ("0.0010000", "0.0010000"),
        ("0.0010000", "0.0005000"),
    ]
    assert re.search(r"^End of epoch 1 / 2 \t Time Taken: \d+ sec$", output, re.M)
    pattern = r"^\(epoch: 1, iters: 2, time: \d+\.\d{3}, data: \d+\.\d{3}\) G_GAN: \d+\.\d{3} G_L1: .* D_fake: \S+ $"
    assert re.search(pattern, output, re.M)
    assert re.search(pattern, (folder / "lines" / "run" / "loss_log.txt").read_text(), re.M)


def test_no_dropout_is_a_choice_of_the_test_where_weights_do_not_tell(folder: Path) -> None:
    unet = (
        "--netG",
        "unet_128",
        "--load_size",
        "128",
        "--crop_size",
        "128",
        "--n_epochs",
        "1",
        "--n_epochs_decay",
        "0",
    )
    train(folder / "unet", *PIX2PIX, *unet, "--max_dataset_size", "2")
    train(folder / "resnet", *PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0")
    images = {}
    for name, words in (("with", ()), ("without", ("--no_dropout",))):
        place = ("--name", "run", "--checkpoints_dir", folder / "unet", "--results_dir", folder / name)
        tested = run("test", *place, *words, "--phase", "val", "--num_test", "1", *TEST)
        assert tested.code == 0, tested.output
        images[name] = pixels(next((folder / name).rglob("*_fake_B.png")))
    assert not np.array_equal(images["with"], images["without"])
    refused = run("test", "--name", "run", "--checkpoints_dir", folder / "resnet", "--no_dropout", "--phase", "val")
    assert refused.code == 1
    assert "belong to a generator with --dropout, not --no_dropout" in refused.output


def test_a_folder_without_a_state_is_continued_from_its_options_and_weights(folder: Path) -> None:
    train(folder / "weights", *CYCLE_GAN, "--n_epochs", "1", "--n_epochs_decay", "0")
    place = folder / "weights" / "run"
    for path in (*place.glob("*_state.pt*"), place / "options.json"):
        path.unlink()
    words = ("--continue_train", "--epoch_count", "2", "--n_epochs", "2", "--crop_size", "28")
    output = train(folder / "weights", *words).output
    assert "End of epoch 2 / 2" in output
    assert "crop_size: 32 -> 28" in output
