"""pixlate.load: a trained model as a function from image to image."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pixlate
from pixlate.errors import CheckpointError


def noise_image(width: int, height: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def save_generator(folder: Path, name: str, **options: Any) -> Path:
    """A network file as the reference writes it: a bare state_dict."""
    net = pixlate.create_generator(name, **{"input_nc": 3, "output_nc": 3, "ngf": 2, **options})
    torch.save(net.state_dict(), folder / "latest_net_G.pth")
    return folder / "latest_net_G.pth"


@pytest.mark.parametrize("size", [(64, 64), (37, 90), (1, 1), (130, 5), (256, 300)])
@pytest.mark.parametrize("name", ["resnet_6blocks", "unet_128"])
def test_the_size_is_kept(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, name), device="cpu")
    assert translate(noise_image(*size)).size == size


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK", "1", "I;16", "LA"])
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
