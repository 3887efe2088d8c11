"""Every registered model and data set keeps its contract: a new one is tested by existing."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from pixlate import get_plugins
from pixlate.plugins.testing import check_dataset, check_model

NOT_TRAINED = {"test"}
WITHOUT_EXTRAS = {"colorization"} if find_spec("kornia") is None else set()
MODELS = sorted(set(get_plugins().registry("model").names()) - NOT_TRAINED - WITHOUT_EXTRAS)
DATASETS = sorted(set(get_plugins().registry("dataset").names()) - WITHOUT_EXTRAS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_keeps_its_contract(name: str) -> None:
    check_model(name)


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_keeps_its_contract(name: str, tiny_dataset: Callable[..., Path]) -> None:
    check_dataset(name, tiny_dataset(name), phase="train")
