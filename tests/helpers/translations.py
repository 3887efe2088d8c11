"""`pixlate translate` in this process, with a run that was never trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pixlate
from pixlate.__main__ import main
from pixlate.options.command.stored import StoredRun, write_stored
from pixlate.plugins.field import Field


def run(*args: str | Path) -> int:
    """The exit code of a command, in this process."""
    with pytest.raises(SystemExit) as exited:
        main(list(map(str, args)))
    return int(exited.value.code or 0)


def translate(*args: str | Path, model: Path | str) -> int:
    """The exit code of `pixlate translate` with a run."""
    return run("translate", *args, "--run", model, "--device", "cpu")


def opened(path: Path) -> Image.Image:
    """The image in a file, which is closed."""
    with Image.open(path) as image:
        image.load()
    return image


def pixels(path: Path) -> Any:
    return np.asarray(opened(path))


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "provenance.jsonl").read_text().splitlines()]


def save_run(folder: Path, *, fields: dict[str, Field] | None = None, composite: bool = False, **options: Any) -> Path:
    """The folder of a run that was never trained: pix2pix with dropout and batch norm.

    - fields: of its data.
    """
    folder.mkdir(parents=True)
    channels = {"input_nc": 3, "output_nc": 3, **options}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = pixlate.create_generator("resnet_6blocks", **channels, ngf=2, norm="batch", use_dropout=True)
    torch.save(net.state_dict(), folder / "latest_net_G.pth")
    values = {"model": "pix2pix", "netG": "resnet_6blocks", "ngf": 2, "norm": "batch", "composite": composite}
    stored = {name: field.to_json() for name, field in (fields or {}).items()}
    write_stored(folder, StoredRun({**values, **channels}, fields=stored))
    return folder
