"""What the plugin adds to pixlate, as its commands see it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from pixlate import get_plugins
from pixlate.options.fields import options_of
from pixlate.plugins.testing import check_dataset, check_model, write_images

from pixlate_cut import CutConfig, FastCutConfig

ROOT = Path(__file__).parents[1]
PUBLISHED = (
    *("lambda_GAN", "lambda_NCE", "nce_idt", "nce_layers", "nce_includes_all_negatives_from_minibatch"),
    *("netF", "netF_nc", "nce_T", "num_patches", "flip_equivariance"),
)


@pytest.mark.parametrize("name", ["cut", "fastcut"])
@pytest.mark.parametrize(
    "options", [{}, {"netF": "sample", "netG": "cut_plain_resnet_6blocks", "norm": "batch", "pool_size": 2}], ids=str
)
def test_a_model_keeps_its_contract(name: str, options: dict[str, Any]) -> None:
    check_model(name, plugins=get_plugins(), netF_nc=8, num_patches=16, **options)


def test_the_data_set_keeps_its_contract(tmp_path: Path) -> None:
    folder = write_images(tmp_path, "unaligned")
    check_dataset("unaligned_finetune", folder, plugins=get_plugins(), load_size=64, crop_size=48)


@pytest.mark.parametrize("config", [CutConfig, FastCutConfig])
def test_every_published_option_is_there_with_help(config: type) -> None:
    help_texts = {option.name: option.help for option in options_of(config)}
    assert list(help_texts) == ["finetune_after", *PUBLISHED]
    assert all(help_texts.values())


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--nce_idt"], True),
        (["--nce_idt", "False"], False),
        (["--nce_idt=true"], True),
        (["--nce_idt", "--nce_T", "1"], True),
        ([], False),
    ],
)
def test_switches_are_spelt_as_published(arguments: list[str], value: bool) -> None:
    command = click.Command("t", params=list(options_of(FastCutConfig)))
    assert command.make_context("t", list(arguments)).params["nce_idt"] is value


def test_components_are_listed_with_help() -> None:
    plugins = get_plugins()
    (info,) = [info for info in plugins.infos if ("model", "cut") in info.registered]
    assert info.status == "loaded"
    for kind, name in info.registered:
        assert plugins.registry(kind).get(name).help, name
        assert callable(plugins.registry(kind).get(name).load())


def test_help_needs_no_torch() -> None:
    code = "import sys, pixlate_cut; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
