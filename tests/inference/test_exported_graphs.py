"""Graphs of generators: what is exported computes what pixlate computes, for any size, or is refused in a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from paths import ROOT
from test_translator import noise_image, save_generator
from torch import Tensor, nn

import pixlate
from pixlate.errors import CheckpointError, DataError, OptionError
from pixlate.inference.engine import ModelEngine
from pixlate.inference.exporting.export import Generator, export_torch
from pixlate.inference.exporting.inputs import examined, sample
from pixlate.inference.exporting.network import ExportedNetwork, reference_output
from pixlate.inference.exporting.processing import ProcessedNetwork
from pixlate.inference.exporting.program import traced, traced_with_processing
from pixlate.inference.exporting.request import Request
from pixlate.inference.translator import Translator
from pixlate.models import plugin as built_in
from pixlate.models.base import BaseModel
from pixlate.plugins import Field
from pixlate.plugins.discovery import load_plugins
from pixlate.util.sizes import SideRule

GENERATORS = [c.name for c in pixlate.get_plugins().registry("network") if c.role == "generator"]


def model_of(generator: str = "resnet_6blocks", *, model: str = "test", **options: Any) -> BaseModel[Any]:
    options = {"netG": generator, "norm": "batch", "ngf": 2, **options}
    options = {name: value for name, value in options.items() if value is not None}
    return pixlate.create_model(model, train=False, **options)


def differences(model: BaseModel[Any], statistics: Any, *sizes: tuple[int, int, int]) -> list[float]:
    """The largest differences from pixlate, in 8-bit levels, for batches of N×H×W, in multiples."""
    examination, rule = examined(model), SideRule.of(model.networks.values())
    network = ExportedNetwork(model, examination, statistics)
    program: Any = traced(network, examination.inputs, model.shared.input_nc, rule).module()
    random = torch.Generator().manual_seed(0)
    found = []
    for n, height, width in sizes:
        sides = height * rule.at_least(1), width * rule.at_least(1)
        A = torch.rand(n, model.shared.input_nc, *sides, generator=random) * 2 - 1
        others = [sample(each, n, *sides, random) for each in examination.inputs]
        expected = reference_output(model, statistics, examination.inputs, A, others)
        with torch.no_grad():
            found.append(float((program(A, *others) - expected).abs().max()) * 127.5)
    return found


@pytest.mark.parametrize("generator", ["resnet_6blocks", "unet_128"])
def test_an_exported_generator_takes_any_batch_and_size(generator: str) -> None:
    assert max(differences(model_of(generator), "image", (1, 1, 1), (3, 2, 1))) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("statistics", ["image", "running"])
@pytest.mark.parametrize("norm", [norm.name for norm in pixlate.get_plugins().registry("norm")])
@pytest.mark.parametrize("generator", GENERATORS)
def test_every_generator_is_exported_with_every_norm(generator: str, norm: str, statistics: str) -> None:
    assert max(differences(model_of(generator, norm=norm), statistics, (1, 1, 1), (2, 1, 2))) < 0.01


def test_running_statistics_are_those_of_the_training() -> None:
    model = model_of(dropout=True)
    for module in model.networks["G"].modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean += 0.3
    assert max(differences(model, "running", (2, 2, 3))) < 0.01


def test_masks_classes_and_noise_are_inputs() -> None:
    mask = {"A": Field(), "B": Field(), "mask": Field("mask")}
    composite = model_of(model="pix2pix", composite=True, fields=mask)
    assert [each.name for each in examined(composite).inputs] == ["mask"]
    assert examined(model_of(model="pix2pix", fields=mask)).inputs == ()  # it is not used in a translation
    assert max(differences(composite, "image", (2, 2, 3))) < 0.01


def test_noise_is_an_input() -> None:
    model = model_of(input_nc=5)
    model.shared = type(model.shared)(**{**vars(model.shared), "input_nc": 3})

    # The copy that is exported must draw from its inputs: a method, as in the class of a model.
    class Noisy(type(model)):  # type: ignore[misc]
        def output(self, batch: Any) -> Tensor:
            z = self.noise(batch, 2)[:, :, None, None].expand(-1, -1, *batch["A"].shape[2:])
            y: Tensor = self.nets["G"](torch.cat([batch["A"], z], 1))
            return y

    model.__class__ = Noisy
    (noise,) = examined(model).inputs
    assert (noise.name, noise.kind, noise.shape) == ("z", "noise", (2,))
    assert max(differences(model, "image", (2, 2, 3))) < 0.01


class Random(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class OfOneBatch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.ones(len(x), 1, 1, 1)


class OfOneSize(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if int(x.mean() > 2) else -x


@pytest.mark.parametrize(
    ("network", "why"),
    [(Random(), "draws random numbers"), (OfOneBatch(), r"write x.shape\[0\]"), (OfOneSize(), "cannot be exported: ")],
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(network: nn.Module, why: str, tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks"), device="cpu")
    translate.model.nets["G"].module = network
    with pytest.raises(DataError, match=why) as refused:
        export_torch(Generator(translate, Request("torch-export")), tmp_path / "g.pt2")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "g.pt2").exists()


@pytest.mark.parametrize("size", [(31, 45), (1, 1), (3, 70), (64, 64)])
def test_processing_pads_crops_and_truncates_as_pixlate_does(size: tuple[int, int]) -> None:
    program = processed()
    image = noise_image(*size)
    with torch.no_grad():
        pixels = program(torch.from_numpy(np.asarray(image).copy())[None])
    translate = Translator(ModelEngine(SHARED[0]))
    expected = torch.from_numpy(np.asarray(translate(image)).copy())
    assert pixels.shape[1:] == expected.shape
    assert int((pixels[0].int() - expected.int()).abs().max()) <= 1


SHARED: list[Any] = []


def processed() -> Any:
    """A graph with its processing, traced once."""
    if not SHARED:
        model = model_of(norm="instance", dropout=False)
        network = ProcessedNetwork(ExportedNetwork(model, examined(model)), SideRule.of(model.networks.values()))
        SHARED.extend([model, traced_with_processing(network, 3).module()])
    return SHARED[1]


def test_a_file_of_torch_export_is_compared_and_not_loaded(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks", norm="batch"), device="cpu")
    exported = export_torch(Generator(translate, Request("torch-export")), tmp_path / "g.pt2")
    assert exported.verification.largest < 0.01
    assert exported.facts.norm_statistics == "image"
    assert str(Path(__file__).parents[2]).encode() not in (tmp_path / "g.pt2").read_bytes()
    with pytest.raises(CheckpointError, match="can execute code"):
        pixlate.load(tmp_path / "g.pt2")


def test_nothing_is_written_where_the_difference_is_too_large(tmp_path: Path) -> None:
    translate = pixlate.load(save_generator(tmp_path, "resnet_6blocks", norm="batch"), device="cpu")
    generator = Generator(translate, Request())
    with pytest.raises(DataError, match=r"up to 1.02 of 255 levels .* nothing is written"):
        generator.verify(lambda A, others: generator.reference(A, others) + 0.008)
    with pytest.raises(DataError, match="no numbers"):
        generator.verify(lambda A, others: generator.reference(A, others) / 0)


@pytest.mark.parametrize(("target", "precision"), [("onnx", "bf16"), ("torch-export", "int8"), ("safetensors", "fp16")])
def test_precisions_that_a_format_lacks_are_refused(target: Any, precision: Any) -> None:
    with pytest.raises(OptionError, match="because"):
        Request(target, precision=precision)


def test_processing_is_that_of_images_of_8_bits(tmp_path: Path) -> None:
    grey = pixlate.load(save_generator(tmp_path, "resnet_6blocks", input_nc=1, output_nc=2), device="cpu")
    with pytest.raises(DataError, match="1 to 2 channels"):
        Generator(grey, Request(processing=True))


PLUGINS = [ROOT / "examples" / f"pixlate-{name}" / f"pixlate_{name}.py" for name in ("cut", "stargan", "bicyclegan")]
PLUGINS += [ROOT / "examples" / "one-file" / f"{name}.py" for name in ("super_resolution", "diffusion")]


@pytest.mark.slow
@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_models_and_generators_of_plugins_are_exported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(path.parent)
    plugins = load_plugins([built_in], {})
    plugins.load_file(path)
    domain = Field("category", classes=3)
    fields = {"fields": {"A": Field(), "class": domain, "target": domain}} if "stargan" in path.stem else {}
    small = {"plugins": plugins, "ngf": 2, **fields, **({"channels": 8} if path.stem == "diffusion" else {})}
    own = [component for component in plugins.registry("model") if not component.plugin.is_builtin]
    assert own
    for component in own:
        assert (
            max(differences(model_of(model=component.name, netG=None, **small), "image", (1, 2, 2), (2, 3, 2))) < 0.05
        )
    for component in plugins.registry("network"):
        if component.role == "generator" and not component.plugin.is_builtin:
            assert max(differences(model_of(component.name, plugins=plugins), "running", (2, 2, 3))) < 0.01
