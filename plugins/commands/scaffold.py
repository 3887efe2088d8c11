"""`pixlate new-plugin NAME`: a package with a model, its generator, its options and its tests, to begin from."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from pixlate.errors import OptionError
from pixlate.plugins.manager import Plugins
from pixlate.util.files import cannot_write

LONGEST = 40  # characters of a name


def write_package(plugins: Plugins, name: str, folder: Path) -> Path:
    """Write the package pixlate-NAME into a folder, and return its path. Nothing that exists is touched.

    Raises OptionError for a name that cannot be or is taken, DataError where the folder cannot be written.
    """
    files = package_files(plugins, name)
    package = folder / f"pixlate-{plain_name(name)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        package.mkdir()
        for path, text in files.items():
            (package / path).parent.mkdir(exist_ok=True)
            (package / path).write_text(text, "utf-8")
    except FileExistsError:
        raise OptionError(f"'{package}' exists, and nothing is overwritten: give another name or --folder.") from None
    except OSError as error:
        raise cannot_write(package, error) from error
    return package


def package_files(plugins: Plugins, name: str) -> Mapping[str, str]:
    """The files of the package by path. Raises OptionError for a name that cannot be or is taken."""
    plain = plain_name(name)
    word = plain.replace("-", "_")
    for kind, taken in (("model", word), ("network", f"{word}_small")):
        registry = plugins.registry(kind)
        if taken in registry:
            raise OptionError(
                f"a {kind} is named '{taken}' already, in {registry.get(taken).plugin}: give the plugin another name."
            )
    title = "".join(part.capitalize() for part in word.split("_"))
    values = {"dash": plain, "name": word, "Name": title}
    return {Template(path).substitute(values): Template(text).substitute(values) for path, text in FILES.items()}


def plain_name(name: str) -> str:
    """The plugin's name, without "pixlate-" before it. Raises OptionError for one that cannot be."""
    plain = name.removeprefix("pixlate-").removeprefix("pixlate_")
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", plain) or len(plain) > LONGEST:
        raise OptionError(
            f"'{name}' is no name for a plugin: use small letters and digits, and '-' or '_' between them, at most "
            f"{LONGEST}, as in 'pixlate-cut'."
        )
    return plain


PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "pixlate-$dash"
version = "0.1.0"
description = "The model $name for pixlate."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["pixlate>=0.1"]

[project.entry-points.pixlate]
$name = "pixlate_$name"

[tool.setuptools]
py-modules = ["pixlate_$name", "pixlate_${name}_model"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

README = """\
# pixlate-$dash

The model `$name` for pixlate: paired translation by a small network that learns
from the distance between pixels alone. Replace it by yours.

    pip install -e .
    pytest
    pixlate train --model $name --dataroot demo

- `pixlate_$name.py`: what the plugin registers, and its options. It imports no torch, so that `--help` stays quick.
- `pixlate_${name}_model.py`: the model and its generator.
- `tests/test_$name.py`: the model keeps pixlate's contract, and trains.
"""

PLUGIN = '''\
"""What this plugin adds to pixlate, and its options. Nothing here imports torch, so that `--help` stays quick."""

from dataclasses import dataclass

from pixlate.plugins import FiniteFloat, Register, hookimpl, option


@dataclass(frozen=True)
class ${Name}Config:
    """Options of the model."""

    lambda_pixel: float = option(1.0, "weight of the distance between pixels", type=FiniteFloat(min=0))


@hookimpl
def register_models(register: Register) -> None:
    register(
        "$name",
        "pixlate_${name}_model:${Name}Model",
        config=${Name}Config,
        help="paired translation by a small network that learns from pixels alone",
        defaults={"dataset_mode": "aligned", "netG": "${name}_small", "ngf": 16},
    )


@hookimpl
def register_networks(register: Register) -> None:
    register(
        "${name}_small",
        "pixlate_${name}_model:SmallGenerator",
        help="down once, four convolutions, and up again",
        role="generator",
    )
'''

MODEL = '''\
"""The model and its generator."""

from pixlate.models import BaseModel, Batch, ModelContext, ModelOptions, NormFactory, StepResult
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from pixlate_$name import ${Name}Config


class ${Name}Model(BaseModel[${Name}Config]):
    """Loss G_pixel; images real_A, fake_B, real_B."""

    watched_losses = ("G_pixel",)

    def __init__(self, config: ${Name}Config, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        self.G = self.generator("G", shared.input_nc, shared.output_nc)
        self.average(self.G)
        if self.train:
            self.add_optimizer("G", self.G)

    def step(self, batch: Batch) -> StepResult:
        real_A, real_B = batch["A"], batch["B"]
        fake_B = self.G(real_A)
        G_pixel = self.config.lambda_pixel * l1_loss(fake_B, real_B)
        self.update("G", G_pixel)
        return StepResult({"G_pixel": G_pixel}, {"real_A": real_A, "fake_B": fake_B, "real_B": real_B})

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        images = {"real_A": batch["A"], "fake_B": self.G(batch["A"])}
        return images | {"real_B": batch["B"]} if "B" in batch else images


class SmallGenerator(nn.Module):
    """N×input_nc×H×W to N×output_nc×H×W in [-1, 1]."""

    size_multiple = 2
    minimum_size = 8

    def __init__(self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(input_nc, 2 * ngf, 4, stride=2, padding=1), nn.ReLU()]
        for _ in range(4):
            layers += [nn.Conv2d(2 * ngf, 2 * ngf, 3, padding=1), norm(2 * ngf), nn.ReLU()]
        layers += [nn.ConvTranspose2d(2 * ngf, output_nc, 4, stride=2, padding=1), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y
'''

TESTS = '''\
"""The plugin is installed, keeps pixlate's contract, and trains."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pixlate import get_plugins
from pixlate.plugins.testing import check_model
from pixlate.train import main as train


def test_the_plugin_is_installed() -> None:
    (info,) = [info for info in get_plugins().infos if info.name == "$name"]
    assert info.status == "loaded", info.reason


def test_the_model_keeps_its_contract() -> None:
    check_model("$name")


def test_other_models_can_use_the_generator() -> None:
    check_model("pix2pix", netG="${name}_small")


def test_it_trains(tiny_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = f"--model $name --dataroot {tiny_dataset('aligned')} --name trial --n_epochs 1 --n_epochs_decay 0"
    sizes = "--load_size 64 --crop_size 64 --ngf 4 --num_threads 0 --display_id 0"
    with pytest.raises(SystemExit) as ended:
        train([*words.split(), *sizes.split()])
    assert ended.value.code == 0
    assert (tmp_path / "checkpoints" / "trial" / "latest_net_G.pth").is_file()
'''

CONFTEST = '''\
"""pixlate's fixtures for the tests of plugins."""

pytest_plugins = ["pixlate.plugins.testing"]
'''

FILES: Mapping[str, str] = {
    "pyproject.toml": PYPROJECT,
    "README.md": README,
    "pixlate_$name.py": PLUGIN,
    "pixlate_${name}_model.py": MODEL,
    "tests/conftest.py": CONFTEST,
    "tests/test_$name.py": TESTS,
}
