"""pixlate.load: a trained model as a function from image to image."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import run_pixlate
from image_files import write
from PIL import Image

import pixlate
from pixlate.errors import CheckpointError, DataError, OptionError
from pixlate.options.command.stored import StoredRun, write_stored
from pixlate.plugins.field import Field


def noise_image(width: int, height: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def save_generator(folder: Path, name: str, **options: Any) -> Path:
    """A network file as the reference writes it: a bare state_dict."""
    torch.manual_seed(0)
    net = pixlate.create_generator(name, **{"input_nc": 3, "output_nc": 3, "ngf": 2, **options})
    torch.save(net.state_dict(), folder / "latest_net_G.pth")
    return folder / "latest_net_G.pth"


@pytest.mark.parametrize("size", [(64, 64), (37, 90), (1, 1), (130, 5), (256, 300)])
@pytest.mark.parametrize("name", ["resnet_6blocks", "unet_128"])
def test_the_size_is_kept(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, name), device="cpu")
    assert translate(noise_image(*size)).size == size


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK", "1", "I;16", "LA", "La", "RGBa"])
def test_an_image_of_any_mode_is_translated(mode: str, tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    image = Image.new(mode, (16, 16)) if mode == "I;16" else noise_image(16, 16, mode)
    assert translate(image).mode == "RGB"


@pytest.mark.parametrize(
    "options",
    [
        {"name": "resnet_9blocks", "norm": "instance"},
        {"name": "resnet_6blocks", "norm": "batch", "use_dropout": True},
        {"name": "unet_256", "norm": "batch"},
        {"name": "unet_128", "norm": "instance", "ngf": 5},
        {"name": "resnet_6blocks", "norm": "none", "input_nc": 1, "output_nc": 2},
    ],
    ids=str,
)
def test_the_options_of_a_bare_file_are_inferred(options: dict[str, Any], tmp_path: Path) -> None:
    model = pixlate.load(save_generator(tmp_path, **options), device="cpu").model
    assert model.shared.netG == options["name"]
    assert model.shared.norm == options["norm"]
    assert model.shared.ngf == options.get("ngf", 2)
    assert (model.shared.input_nc, model.shared.output_nc) == (options.get("input_nc", 3), options.get("output_nc", 3))


def test_the_translated_image_is_the_networks_output(tmp_path: Path) -> None:
    path = save_generator(tmp_path, "resnet_6blocks")
    net = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=2)
    net.load_state_dict(torch.load(path, weights_only=True))
    image = noise_image(32, 32)
    x = pixlate.preprocess(image, preprocess="none", load_size=32, crop_size=32)
    with torch.no_grad():
        expected = ((net(x[None])[0].permute(1, 2, 0) + 1) / 2 * 255).to(torch.uint8).numpy()
    assert np.array_equal(np.asarray(pixlate.load(path, device="cpu")(image)), expected)


def test_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "unet_128", norm="batch"), device="cpu")
    images = [noise_image(128, 128, mode) for mode in ("RGB", "L")]
    alone = [translate(image) for image in images]
    together: dict[int, Image.Image] = {}
    threads = [threading.Thread(target=lambda i=i: together.update({i: translate(images[i])})) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(np.asarray(alone[i]), np.asarray(together[i])) for i in range(2))


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_a_file_that_is_no_checkpoint_is_an_error_of_one_sentence(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x_net_G.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError):
        pixlate.load(path)
    with pytest.raises(CheckpointError):
        pixlate.load(tmp_path)


@pytest.mark.parametrize(
    "content", [torch.zeros(3), [1, 2], {0: torch.zeros(3)}], ids=["tensor", "list", "integer keys"]
)
def test_a_file_of_other_values_is_an_error_of_one_sentence(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x_net_G.pth")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        pixlate.load(tmp_path / "x_net_G.pth")


def test_weights_of_another_network_are_rejected(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "latest_net_G.pth")
    with pytest.raises(CheckpointError, match="none of the generators"):
        pixlate.load(tmp_path / "latest_net_G.pth")


def test_paths_arrays_and_lists_are_translated(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    image = noise_image(20, 12)
    image.save(tmp_path / "a.png")
    expected = np.asarray(translate(image))
    assert np.array_equal(np.asarray(translate(tmp_path / "a.png")), expected)
    assert np.array_equal(np.asarray(translate(str(tmp_path / "a.png"))), expected)
    array = translate(np.asarray(image))
    assert isinstance(array, np.ndarray)
    assert np.array_equal(array, expected)
    assert np.array_equal(translate(np.asarray(image) / 255), expected)
    results = translate([image, tmp_path / "a.png"])
    assert [np.array_equal(np.asarray(result), expected) for result in results] == [True, True]
    assert translate([]) == []


def test_a_path_is_the_name_that_seeds_dropout(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    seen: list[str] = []
    fake = translate.model.fake
    translate.model.fake = lambda batch, **how: seen.extend(batch["A_paths"]) or fake(batch, **how)  # type: ignore[method-assign,assignment]
    noise_image(8, 8).save(tmp_path / "a.png")
    translate(tmp_path / "a.png")
    translate(tmp_path / "a.png", name="b.png")
    assert seen == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (3, "a int is no image"),
        (np.zeros((4,), np.uint8), "an array of 4 is no image"),
        (np.zeros((4, 4, 2), np.uint8), "1, 3 or 4 channels"),
        (np.zeros((0, 4), np.uint8), "0 x 4"),
        (np.full((4, 4, 3), 300.0), "numbers in"),
        (np.zeros((4, 4, 3), np.uint16), "8-bit integers"),
        (np.array([["a"]]), "must be numbers"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, image: Any, problem: str) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    with pytest.raises(DataError, match=problem):
        translate(image)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.uint16, np.int32, np.float32, np.float64])
def test_grey_arrays_of_any_number_are_translated(tmp_path: Path, dtype: Any) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    assert translate(np.eye(8).astype(dtype)).shape == (8, 8, 3)
    assert translate(np.eye(8).astype(dtype)[..., None]).shape == (8, 8, 3)


def test_an_image_is_turned_as_its_file_would_be(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    noise_image(20, 12).save(tmp_path / "a.jpg", exif=exif)
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    assert translate(tmp_path / "a.jpg").size == (12, 20)
    assert translate(Image.open(tmp_path / "a.jpg")).size == (12, 20)


def cycle_gan_run(folder: Path, **options: Any) -> Path:
    """A run's folder with the generators of both directions."""
    torch.manual_seed(0)
    folder.mkdir()
    channels = {"G_A": (3, 1), "G_B": (1, 3)}
    for name, (input_nc, output_nc) in channels.items():
        net = pixlate.create_generator("resnet_6blocks", input_nc=input_nc, output_nc=output_nc, ngf=2)
        torch.save(net.state_dict(), folder / f"latest_net_{name}.pth")
    values = {"model": "cycle_gan", "netG": "resnet_6blocks", "ngf": 2, "input_nc": 3, "output_nc": 1, "dropout": False}
    write_stored(folder, StoredRun({**values, **options}, value_ranges={"A": (0, 4095)}))
    return folder


def test_both_directions_of_a_run(tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run")
    forward, backward = (pixlate.load(run, direction=direction, device="cpu") for direction in ("AtoB", "BtoA"))
    image = noise_image(16, 16)
    assert forward(image).mode == "L"
    assert backward(image).mode == "RGB"
    assert np.array_equal(np.asarray(pixlate.load(run, device="cpu")(image)), np.asarray(forward(image)))
    assert repr(backward) == (
        f"Translator({str(run)!r}, Single, netG='resnet_6blocks', direction='BtoA', device='cpu')"
    )


def test_a_state_file_stands_for_its_checkpoint(tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run")
    (run / "latest_state.pt").write_bytes(b"")  # the networks' files hold the same weights
    translate = pixlate.load(run / "latest_state.pt", direction="BtoA", device="cpu")
    assert translate.engine.digest == pixlate.load(run, direction="BtoA", device="cpu").engine.digest


def test_directions_are_those_of_the_data(tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run", direction="BtoA")  # G_A translates B to A
    assert pixlate.load(run, direction="BtoA", device="cpu")(noise_image(16, 16)).mode == "L"
    assert pixlate.load(run, direction="AtoB", device="cpu")(noise_image(16, 16)).mode == "RGB"


def test_a_direction_that_there_is_not_is_refused(tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run")
    (run / "latest_net_G_B.pth").unlink()
    with pytest.raises(OptionError, match="does not translate BtoA"):
        pixlate.load(run, direction="BtoA", device="cpu")
    with pytest.raises(OptionError, match="must be 'AtoB' or 'BtoA'"):
        pixlate.load(run, direction="atob", device="cpu")
    with pytest.raises(OptionError, match="omit direction"):
        pixlate.load(run / "latest_net_G_A.pth", direction="AtoB", device="cpu")


def test_values_of_more_than_8_bits_have_the_range_of_the_run(tmp_path: Path) -> None:
    translate = pixlate.load(cycle_gan_run(tmp_path / "run"), device="cpu")
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    deep = (levels.astype(np.float64) * 4095 / 255).round().astype(np.uint16)
    difference = translate(deep).astype(int) - translate(levels.astype(np.uint8))
    assert abs(difference).max() <= 1


def test_reprs_tell_what_there_is(tmp_path: Path) -> None:
    noise_image(8, 8).save(tmp_path / "a.png")
    assert repr(pixlate.create_dataset("single", dataroot=tmp_path)).startswith("<SingleDataset: 1 image in ")
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=1, ndf=1)
    assert repr(model).startswith("<Pix2Pix: G ")
    assert repr(model).endswith("parameters, on cpu>")


def test_tensors_are_translated_as_images_are(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    array = np.asarray(noise_image(20, 12))
    expected = translate(array)
    whole = torch.from_numpy(array.copy()).permute(2, 0, 1)
    assert np.array_equal(translate(whole).permute(1, 2, 0).numpy(), expected)
    floating = whole.float() / 255 * 2 - 1
    result = translate(floating)
    assert (result.shape, result.dtype) == (floating.shape, torch.float32)
    assert torch.equal(result, translate.tensor(floating[None])[0])
    assert translate(floating.double()).dtype is torch.float64


def test_a_batch_is_translated_as_its_images_are(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "unet_128", norm="batch"), device="cpu")
    arrays = np.random.default_rng(1).integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    expected = np.stack([translate(array) for array in arrays])
    assert np.array_equal(translate(arrays), expected)
    batch = translate(torch.from_numpy(arrays).permute(0, 3, 1, 2), name=["a", "b", "c"])
    # A batched convolution may round differently, by less than one level.
    assert np.abs(batch.permute(0, 2, 3, 1).numpy().astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (torch.zeros(4, 4), "is no image"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), "is no image"),
        (torch.zeros(2, 4, 4), "2 channels, and the model takes 3"),
        (torch.zeros(0, 3, 4, 4), "is no image"),
    ],
)
def test_a_tensor_that_is_no_image_is_refused(image: torch.Tensor, problem: str, tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    with pytest.raises(DataError, match=problem):
        translate(image)


def test_there_are_as_many_names_as_images(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    with pytest.raises(DataError, match="2 names for 1 images"):
        translate([noise_image(8, 8)], name=["a", "b"])
    with pytest.raises(DataError, match="one image has one name"):
        translate(noise_image(8, 8), name=["a"])  # type: ignore[call-overload]


def test_running_statistics_are_those_of_the_training(tmp_path: Path) -> None:
    path = save_generator(tmp_path, "resnet_6blocks", norm="batch")
    weights = torch.load(path, weights_only=True)
    for name in weights:
        if name.endswith("running_mean"):
            weights[name] += 1
    torch.save(weights, path)
    net = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=2, norm="batch").eval()
    net.load_state_dict(weights)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    translate = pixlate.load(path, device="cpu", running_statistics=True)
    with torch.no_grad():
        assert torch.equal(translate(x), net(x))
    assert not torch.equal(pixlate.load(path, device="cpu")(x), translate(x))
    assert "running_statistics=True" in repr(translate)


@pytest.mark.parametrize("name", ["running_statistics", "tile", "A", "A_paths", "epoch"])
def test_what_is_no_input_of_a_model_is_refused(name: str, tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    with pytest.raises(OptionError, match=f"'{name}' is no input"):
        translate(noise_image(8, 8), **{name: 1})


def test_a_batch_of_tensors_has_four_dimensions_and_as_many_names(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    for x, names in ((torch.zeros(3, 8, 8), None), (torch.zeros(2, 3, 8, 8), ["a"])):
        with pytest.raises(DataError, match="is not N x C x H x W"):
            translate.tensor(x, names=names)


def test_the_licence_and_the_origin_of_the_data_stay_with_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data" / "train" / "a.png", (64, 32))
    small = ["--ngf", "1", "--ndf", "1", "--load_size", "32", "--crop_size", "32", "--netG", "resnet_6blocks"]
    schedule = ["--n_epochs", "1", "--n_epochs_decay", "0", "--num_threads", "0", "--display_id", "0", "--no_html"]
    given = ["--license", "CC BY 4.0", "--data_origin", "drawn by hand"]
    words = ["--model", "pix2pix", "--dataroot", "data", "--name", "run", "--device", "cpu", *small, *schedule]
    run_pixlate(["train", *words, *given], capsys)
    origin = pixlate.load("run", device="cpu").origin
    assert (origin.license, origin.data_origin) == ("CC BY 4.0", "drawn by hand")


def test_a_colourised_image_has_three_channels(tmp_path: Path) -> None:
    pytest.importorskip("kornia", reason="needs the extra 'color'")
    fields = {"A": Field(channels=1, space="L*"), "B": Field(channels=2, space="a*b*")}
    options = {"netG": "resnet_6blocks", "ngf": 2, "input_nc": 1, "output_nc": 2, "norm": "batch", "dropout": False}
    net = pixlate.create_generator("resnet_6blocks", input_nc=1, output_nc=2, ngf=2, norm="batch")
    torch.save(net.state_dict(), tmp_path / "latest_net_G.pth")
    stored = {name: field.to_json() for name, field in fields.items()}
    write_stored(tmp_path, StoredRun({"model": "colorization", **options}, fields=stored))
    translate = pixlate.load(tmp_path, device="cpu")
    assert translate.engine.channels == (1, 3)
    assert translate(noise_image(16, 16)).mode == "RGB"
    noise_image(40, 24).save(tmp_path / "a.png")
    pixlate.translate_file(translate, tmp_path / "a.png", tmp_path / "b.png", pixlate.TileOptions(tile=64))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), np.asarray(translate(tmp_path / "a.png")))
