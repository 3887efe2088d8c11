"""The contract tests that plugin authors call, for models and for data sets."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pixlate.data import plugin as datasets
from pixlate.models import plugin as models
from pixlate.plugins.discovery import load_plugins
from pixlate.plugins.manager import Plugins


def check_model(
    name: str,
    *,
    device: str = "cpu",
    make_batch: Callable[[int, int], dict[str, Any]] | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> None:
    """Check that a registered model keeps its contract, on tiny networks and drawn images.

    Its options have help; a step changes every trained network and leaves finite losses; losses and images have
    the same names each time; its state goes on bit for bit after saving; `translate` keeps the size and changes
    nothing; `--direction BtoA`, `--accumulate`, bfloat16 and building for testing work.

    - make_batch: makes a batch of so many images from a seed, where the model needs more than "A" and "B".
    - plugins: where names are looked up; None for the models and data sets of pixlate and of installed plugins.
    - options: as on the command line (`netG="unet_128"`), over the model's defaults and `ngf=4, ndf=4`.
    """
    from .model_contract import ModelContract  # torch is imported by the first check, not by pytest's start

    ModelContract(plugins or _installed(), name, device, make_batch, options).check()


def check_dataset(name: str, dataroot: Path | str, *, plugins: Plugins | None = None, **options: Any) -> None:
    """Check that a registered data set keeps its contract on the images in a folder.

    Items are images in [-1, 1] with names, the same each time for the same (epoch, index), here and in a process
    that is started afresh; nothing draws from a global generator; the files that it names exist.

    - options: as on the command line (`load_size=64, crop_size=64`).
    """
    from .dataset_contract import check

    check(plugins or _installed(), name, dataroot, {"load_size": 64, "crop_size": 64, **options})


def _installed() -> Plugins:
    return load_plugins([models, datasets], os.environ)
