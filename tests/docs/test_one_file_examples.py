"""The plugins of examples/one-file: each keeps the contract, learns, and is used by the commands that it names."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate, l1_loss

import pixlate
from pixlate import get_plugins
from pixlate.__main__ import main
from pixlate.errors import CheckpointError
from pixlate.plugins.testing import check_dataset, check_model, write_images

FOLDER = Path(__file__).parents[2] / "examples" / "one-file"
Install = Callable[..., Path]
SMALL = "--load_size 36 --crop_size 32 --num_threads 0 --display_id 0 --device cpu --n_epochs 2 --n_epochs_decay 0"


@pytest.fixture(autouse=True)
def own_plugins(installed_plugin: Install) -> None:
    """The plugins of this test do not stay."""


def load(name: str) -> Any:
    info = get_plugins().load_file(FOLDER / f"{name}.py")
    assert info.status == "loaded", info.reason
    return sys.modules[next(module for module, m in sys.modules.items() if getattr(m, "__file__", "") == info.file)]


def run(words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 0, words


def photograph(size: int, seed: int) -> Image.Image:
    """Smooth shapes with edges, which an enlargement can sharpen."""
    y, x = np.mgrid[:size, :size] / size
    rng = np.random.default_rng(seed)
    phases = [rng.integers(1, 4) * x + rng.integers(1, 4) * y + rng.random() for _ in "RGB"]
    waves = [np.sign(np.sin(2 * np.pi * phase)) for phase in phases]
    return Image.fromarray(((np.stack(waves, -1) * 0.4 + 0.5) * 255).astype(np.uint8))


class TestSuperResolution:
    def test_it_keeps_the_contract(self, tmp_path: Path) -> None:
        load("super_resolution")
        check_model("sr2", plugins=get_plugins())
        check_model("sr2", plugins=get_plugins(), ema=True, direction="AtoB", optimizer="adamw")
        write_images(tmp_path / "train", "single", size=40)
        check_dataset("halved", tmp_path, plugins=get_plugins())

    def test_it_becomes_better_than_bicubic_enlargement(self) -> None:
        load("super_resolution")
        model = pixlate.create_model("sr2", ngf=16, lr=0.003, beta1=0.9)
        images = [torch.from_numpy(np.asarray(photograph(64, seed)).copy()).permute(2, 0, 1) for seed in range(12)]
        B = torch.stack(images).float() / 127.5 - 1
        A = interpolate(B, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)
        for _ in range(300):
            model.training_step({"A": A[:10], "B": B[:10]})
        held_out = {"A": A[10:], "A_paths": ["10", "11"]}
        ours = l1_loss(model.translate(held_out)["fake_B"], B[10:])
        bicubic = l1_loss(interpolate(A[10:], scale_factor=2, mode="bicubic").clamp(-1, 1), B[10:])
        assert float(ours) < 0.95 * float(bicubic)

    def test_its_commands_and_the_size_in_python(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for phase in ("train", "test"):
            (tmp_path / "photos" / phase).mkdir(parents=True)
            for seed in range(3):
                photograph(40, seed).save(tmp_path / "photos" / phase / f"{seed}.png")
        plugin = f"--plugin {FOLDER / 'super_resolution.py'}"
        run(f"train {plugin} --model sr2 --dataroot photos --ngf 4 {SMALL}")
        run(f"test {plugin} --device cpu")
        images = tmp_path / "results" / "photos_sr2" / "test_latest" / "images"
        labels = ("real_A", "fake_B", "real_B")
        shapes = [np.asarray(Image.open(images / f"0_{label}.png")).shape for label in labels]
        assert shapes == [(16, 16, 3), (32, 32, 3), (32, 32, 3)]
        translate = pixlate.load("photos_sr2", device="cpu")
        assert translate(photograph(37, 0).crop((0, 0, 37, 21))).size == (74, 42)


class TestDiffusion:
    OPTIONS: ClassVar[dict[str, Any]] = {"channels": 8, "sampling_steps": 3, "noise_steps": 20}

    def test_it_keeps_the_contract(self) -> None:
        load("diffusion")
        check_model("diffusion", plugins=get_plugins(), **self.OPTIONS)
        check_model("diffusion", plugins=get_plugins(), ema=True, lr_policy="linear", **self.OPTIONS)

    def test_layers_that_start_at_zero_do(self) -> None:
        load("diffusion")
        weights = pixlate.create_model("diffusion", **self.OPTIONS).networks["G"].state_dict()
        assert all(not value.any() for name, value in weights.items() if name.endswith("conv2.weight"))

    def test_it_learns_to_translate(self) -> None:
        """B is the negative of A: after some steps, samples are nearer to it than to A, and differ with the name."""
        load("diffusion")
        options = {**self.OPTIONS, "channels": 16, "noise_steps": 50, "sampling_steps": 10}
        model = pixlate.create_model("diffusion", **options, lr=0.003, lr_policy="linear", dataset_mode="aligned")
        A = torch.stack([torch.from_numpy(np.asarray(photograph(16, seed)).copy()) for seed in range(4)])
        A = A.permute(0, 3, 1, 2).float() / 127.5 - 1
        for step in range(150):
            torch.manual_seed(step)
            model.training_step({"A": A, "B": -A})
        batch = {"A": A[:2], "A_paths": ["a", "b"]}
        fake = model.translate(batch)["fake_B"]
        assert float(l1_loss(fake, -A[:2])) < 0.5 * float(l1_loss(fake, A[:2]))
        other = model.translate({**batch, "A_paths": ["c", "b"]})["fake_B"]
        assert not torch.equal(other[0], fake[0])
        torch.testing.assert_close(other[1], fake[1])

    def test_its_commands(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_images(tmp_path / "facades", "aligned", size=40, count=2)
        plugin = f"--plugin {FOLDER / 'diffusion.py'}"
        run(f"train {plugin} --model diffusion --dataroot facades --ema --channels 8 --sampling_steps 2 {SMALL}")
        run(f"test {plugin} --sampling_steps 5 --device cpu")
        assert len(list((tmp_path / "results").rglob("*_fake_B.png"))) == 2
        run(f"train {plugin} --name facades_diffusion --continue_train --n_epochs 3")


class TestPerceptual:
    def test_it_keeps_the_contract(self) -> None:
        load("perceptual")
        check_model("pix2pix_perceptual", plugins=get_plugins(), netG="resnet_6blocks")

    def test_the_features_are_those_of_the_file_and_are_neither_trained_nor_saved(self, tmp_path: Path) -> None:
        module = load("perceptual")
        network = module.vgg16(weights=None)
        torch.save(network.state_dict(), tmp_path / "vgg16.pth")
        options = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "norm": "instance"}
        model = pixlate.create_model("pix2pix_perceptual", vgg_weights=str(tmp_path / "vgg16.pth"), **options)
        assert list(model.networks) == ["G", "D"]
        x = torch.rand(1, 3, 32, 32)
        expected = network.features[:16](x)
        torch.testing.assert_close(model.frozen_nets["vgg"](x), expected)
        batch = {side: torch.rand(1, 3, 32, 32) * 2 - 1 for side in "AB"}
        losses = [model.training_step(batch).losses for _ in range(2)]
        assert all(float(loss["G_perceptual"]) > 0 for loss in losses)
        torch.testing.assert_close(model.frozen_nets["vgg"](x), expected)

    @pytest.mark.parametrize("content", [None, b"no weights"])
    def test_a_file_that_is_none_is_one_sentence(self, content: bytes | None, tmp_path: Path) -> None:
        load("perceptual")
        if content is not None:
            (tmp_path / "vgg16.pth").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"vgg16\.pth"):
            pixlate.create_model("pix2pix_perceptual", vgg_weights=str(tmp_path / "vgg16.pth"), ngf=2, ndf=2)
