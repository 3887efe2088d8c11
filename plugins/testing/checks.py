"""The contract tests for plugin authors: `check_model` and `check_dataset`."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pixlate.data import plugin as datasets
from pixlate.models import plugin as models
from pixlate.plugins.discovery import load_plugins
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins


def check_model(
    name: str,
    *,
    device: str = "cpu",
    make_batch: Callable[[int, int], dict[str, Any]] | None = None,
    fields: Mapping[str, Field] | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> None:
    """Check that a registered model fulfils the contract of models, with tiny networks and random images.

    Its options have help; a step changes every trained network and returns finite losses; losses and images have
    the same names in every step; training resumes bit for bit from its state; `translate` keeps the size and changes
    nothing; `--direction BtoA`, `--accumulate`, `--precision bf16` and `train=False` work.

    - make_batch: for a model that needs more than "A" and "B": `make_batch(n, seed)` returns a batch of n images.
    - fields: of the data, for a model that depends on more than "A" and "B"; the batches have values of them.
    - plugins: where names are looked up; None for built-in and installed plugins.
    - options: as on the command line (`netG="unet_128"`), over the model's defaults and `ngf=4, ndf=4`.

    Raises AssertionError for a requirement that is not met.
    """
    from .model_contract import ModelContract  # imported here, so that pytest starts without importing torch

    ModelContract(plugins or _installed(), name, device, make_batch, fields, options).check()


def check_dataset(name: str, dataroot: Path | str, *, plugins: Plugins | None = None, **options: Any) -> None:
    """Check that a registered data set fulfils the contract of data sets, on the images in a folder.

    Items are named images in [-1, 1]; the same (epoch, index) gives the same item each time, also in a spawned process;
    no global random generator is used; the listed files exist.

    - plugins: where names are looked up; None for built-in and installed plugins.
    - options: as on the command line (`load_size=64, crop_size=64`).

    Raises AssertionError for a requirement that is not met.
    """
    from .dataset_contract import check

    check(plugins or _installed(), name, dataroot, {"load_size": 64, "crop_size": 64, **options})


def _installed() -> Plugins:
    return load_plugins([models, datasets], os.environ)
