"""Labels as classes: from numbers, palettes and colours, JPEG included, to one-hot tensors and back to files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from trainings import PIX2PIX, run, train

import pixlate
from pixlate.data.declarations import declared_fields, read_palette
from pixlate.data.labels import nearest_colours
from pixlate.data.value_range import ValueRange
from pixlate.errors import DataError, OptionError
from pixlate.models.label_loss import LOGIT_SCALE, label_cross_entropy
from pixlate.plugins import Field

PALETTE = {"sky": [128, 128, 128], "road": [128, 64, 128], "car": [64, 0, 128], "tree": [128, 128, 0]}
COLOURS = np.array(list(PALETTE.values()), np.uint8)


def classes(seed: int = 0) -> Any:
    """32×32 classes in blocks of 8, so that JPEG keeps them apart."""
    blocks = np.random.default_rng(seed).integers(0, 4, (4, 4), np.uint8)
    return np.repeat(np.repeat(blocks, 8, 0), 8, 1)


def write(root: Path, form: str, labels: Any, name: str = "0", phase: str = "train") -> None:
    """A pair: labels in one of several forms as A, and a photograph as B."""
    for side in "AB":
        (root / phase / side).mkdir(parents=True, exist_ok=True)
    target = root / phase / "A" / name
    if form == "palette":
        image = Image.fromarray(labels)
        image.putpalette(COLOURS.ravel().tolist())
        image.save(f"{target}.png")
    elif form == "grey":
        Image.fromarray(labels).save(f"{target}.png")
    elif form == "16 bits":
        Image.fromarray(labels.astype(np.uint16)).save(f"{target}.png")
    elif form == "array":
        np.save(f"{target}.npy", labels)
    else:
        Image.fromarray(COLOURS[labels % 4]).save(f"{target}.{form}", quality=90)
    photograph = np.random.default_rng(1).integers(0, 255, (*labels.shape, 3), np.uint8)
    Image.fromarray(photograph).save(root / phase / "B" / f"{name}.png")


@pytest.fixture
def palette(tmp_path: Path) -> Path:
    path = tmp_path / "palette.json"
    path.write_text(json.dumps(PALETTE))
    return path


def dataset_of(root: Path, *fields: str, **options: Any) -> Any:
    return pixlate.create_dataset(
        "aligned", dataroot=root, field=fields, **{"load_size": 32, "crop_size": 32, **options}
    )


@pytest.mark.parametrize("form", ["palette", "grey", "16 bits", "array", "png", "jpg"])
def test_labels_of_every_form_are_one_hot(form: str, tmp_path: Path, palette: Path) -> None:
    labels = classes()
    write(tmp_path / "data", form, labels)
    declared = f"A=labels:4:{palette}" if form in ("png", "jpg") else "A=labels:4"
    dataset = dataset_of(tmp_path / "data", declared, no_flip=True)
    item = dataset[1, 0]
    assert item["A"].shape == (4, 32, 32)
    assert set(item["A"].unique().tolist()) == {-1.0, 1.0}
    found = item["A"].argmax(0).numpy()
    assert np.mean(found == labels) == (1 if form != "jpg" else pytest.approx(1, abs=0.02))
    field = dataset.fields["A"]
    assert (field.kind, field.classes) == ("labels", 4)
    if form in ("palette", "png", "jpg"):
        assert field.palette == tuple(map(tuple, COLOURS.tolist()))
    assert dataset.fields["B"] == Field()


def test_labels_are_resized_without_mixing_and_share_window_and_flip(tmp_path: Path) -> None:
    labels = classes()
    write(tmp_path, "grey", labels)
    Image.fromarray(COLOURS[labels]).save(tmp_path / "train" / "B" / "0.png")
    dataset = dataset_of(tmp_path, "A=labels:4", load_size=64, crop_size=40)
    for epoch in range(1, 6):
        item = dataset[epoch, 0]
        assert set(item["A"].unique().tolist()) == {-1.0, 1.0}
        assert (item["A"].sum(0) == 2 - 4).all()
        of_colours = nearest_colours(((item["B"] + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(np.uint8),
                                     tuple(map(tuple, COLOURS.tolist())))  # fmt: skip
        assert np.mean(of_colours == item["A"].argmax(0).numpy()) > 0.85  # bicubic edges aside


def test_255_is_a_pixel_without_a_class(tmp_path: Path) -> None:
    labels = classes()
    labels[:8] = 255
    write(tmp_path, "grey", labels)
    item = dataset_of(tmp_path, "A=labels:4", no_flip=True)[1, 0]
    assert (item["A"][:, :8] == -1).all()
    assert (item["A"][:, 8:].amax(0) == 1).all()


@pytest.mark.parametrize(
    ("form", "change", "declared", "sentence"),
    [
        ("grey", 9, "A=labels:4", r"it has the class \d+, and there are 4 classes, from 0 to 3"),
        ("png", 0, "A=labels:4", r"it has colours, and their classes are not known: give --field a palette"),
    ],
)
def test_labels_that_are_none_name_the_file(
    form: str, change: int, declared: str, sentence: str, tmp_path: Path
) -> None:
    write(tmp_path, form, classes() + np.uint8(change))
    with pytest.raises(DataError, match=sentence) as caught:
        dataset_of(tmp_path, declared)[0]
    assert "0.png" in str(caught.value)


def test_cached_labels_are_the_decoded_ones(tmp_path: Path, palette: Path) -> None:
    write(tmp_path / "data", "jpg", classes())
    options = {"cache": "disk", "cache_dir": str(tmp_path / "cache")}
    first = dataset_of(tmp_path / "data", f"A=labels:4:{palette}", **options)
    expected = first[1, 0]["A"]
    for _ in range(2):
        first.open_cache()
        assert torch.equal(first[1, 0]["A"], expected)
    first.close_cache()
    reversed_palette = tmp_path / "other.json"
    reversed_palette.write_text(json.dumps(COLOURS.tolist()[::-1]))
    other = dataset_of(tmp_path / "data", f"A=labels:4:{reversed_palette}", **options)
    other.open_cache()
    assert torch.equal(other[1, 0]["A"], expected.flip(0))
    other.close_cache()


class TestDeclarations:
    def test_what_can_be_declared(self, palette: Path) -> None:
        texts = ["A=labels:4:palette.json", "B=image:-1000..3071", "C=mask", "D=image:3,2,1", "E=image:5"]
        found = declared_fields(texts, palette.parent)
        assert (found["A"].classes, found["A"].names) == (4, tuple(PALETTE))
        assert found["B"].value_range == ValueRange(-1000, 3071)
        assert (found["C"].kind, found["D"].display, found["E"].display) == ("mask", (3, 2, 1), (5,))

    @pytest.mark.parametrize(
        "text",
        ["A", "A=sound", "=labels:3", "A=labels", "A=labels:0", "A=labels:x", "A=labels:99999", "A=image:3..1",
         "A=image:a..b", "A=image:1,2", "A=mask:3", "A=labels:3:no such file.json", "A=labels:3:palette.json"],
    )  # fmt: skip
    def test_what_cannot_is_one_sentence(self, text: str, palette: Path) -> None:
        with pytest.raises(OptionError, match=r"--field|palette") as caught:
            declared_fields([text], palette.parent)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "content", ["", "[", "3", '"a"', "[1, 2]", "[[1, 2]]", '{"a": 5}', "[[0, 0, 256]]", "null"]
    )
    def test_a_file_that_is_no_palette_is_one_sentence(self, content: str, tmp_path: Path) -> None:
        (tmp_path / "p.json").write_text(content)
        with pytest.raises(OptionError, match="palette"):
            read_palette(tmp_path / "p.json")

    def test_channels_that_contradict_the_classes(self, tmp_path: Path) -> None:
        write(tmp_path, "grey", classes())
        with pytest.raises(OptionError, match="--input_nc is 3, but --field gives A 4 channels"):
            dataset_of(tmp_path, "A=labels:4", input_nc=3)


class TestCrossEntropy:
    def test_it_is_that_of_the_classes_without_pixels_that_have_none(self) -> None:
        target = torch.full((1, 3, 1, 2), -1.0)
        target[0, 2, 0, 0] = 1
        output = torch.tensor([[0.5, 0.1], [-0.5, 0.2], [0.9, 0.3]]).view(1, 3, 1, 2)
        logits = LOGIT_SCALE * output[0, :, 0, 0]
        expected = torch.logsumexp(logits, 0) - logits[2]
        torch.testing.assert_close(label_cross_entropy(output, target), expected)

    def test_it_needs_labels(self) -> None:
        with pytest.raises(OptionError, match="--field B=labels"):
            pixlate.create_model("pix2pix", label_loss="cross_entropy", fields={"A": Field(), "B": Field()})

    def test_a_model_learns_labels_with_it(self) -> None:
        fields = {"A": Field(), "B": Field("labels", classes=4)}
        options: dict[str, Any] = {"netG": "resnet_6blocks", "ngf": 4, "ndf": 4, "norm": "instance", "lr": 0.002}
        model = pixlate.create_model(
            "pix2pix", fields=fields, output_nc=4, label_loss="cross_entropy", no_dropout=True, **options
        )
        labels = torch.from_numpy(np.stack([classes(0), classes(1)]).astype(np.int64))
        B = 2.0 * torch.nn.functional.one_hot(labels, 4).permute(0, 3, 1, 2) - 1
        A = torch.from_numpy(COLOURS[labels.numpy()]).permute(0, 3, 1, 2).float() / 127.5 - 1
        losses = [model.training_step({"A": A, "B": B}).losses for _ in range(40)]
        assert list(losses[0]) == ["G_GAN", "G_CE", "D_real", "D_fake"]
        assert losses[-1]["G_CE"] < 0.5 * losses[0]["G_CE"]
        predicted = model.translate({"A": A})["fake_B"].argmax(1)
        assert (predicted == labels).float().mean() > 0.8


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_run_between_labels_and_photographs(direction: str, tmp_path: Path, palette: Path) -> None:
    for number in range(3):
        for phase in ("train", "test"):
            write(tmp_path / "images", "jpg", classes(number), str(number), phase)
    short = ("--n_epochs", "1", "--n_epochs_decay", "0", "--load_size", "32", "--direction", direction)
    label_loss = ("--label_loss", "cross_entropy") if direction == "BtoA" else ()
    train(
        tmp_path / "runs",
        *PIX2PIX,
        *short,
        *label_loss,
        "--dataroot",
        tmp_path / "images",
        "--field",
        f"A=labels:4:{palette}",
    )
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", tmp_path / "runs", "--results_dir", tmp_path / "results",
        "--dataroot", tmp_path / "images", "--device", "cpu", "--num_threads", "0",
    )  # fmt: skip
    assert tested.code == 0, tested.output
    images = tmp_path / "results" / "run" / "test_latest" / "images"
    labels = "real_A" if direction == "AtoB" else "real_B"
    with Image.open(images / f"1_{labels}.png") as shown:
        assert shown.mode == "P"
        assert np.mean(np.asarray(shown) == classes(1)) > 0.98
        assert np.mean(np.asarray(shown.convert("RGB")) == COLOURS[classes(1)]) > 0.98
    with Image.open(images / "1_fake_B.png") as output:
        assert output.mode == ("RGB" if direction == "AtoB" else "P")
    translate = pixlate.load(tmp_path / "runs" / "run", device="cpu")
    side = "A" if direction == "AtoB" else "B"
    source = next((tmp_path / "images" / "test" / side).glob("1.*"))
    result = translate(source)
    assert result.mode == output.mode
