"""The reference program, imported from a checkout.

Its modules have general names, such as `models`, so that its folder must be first in `sys.path`.
"""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import torch


class Reference:
    """A checkout of the reference program in a folder. A process can import only one."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder.resolve()))

    def model(self, *args: str) -> Any:
        """The model for these arguments of train.py, on the CPU or the first GPU."""
        opt = self._options(["--dataroot", ".", *args])
        model = importlib.import_module("models").create_model(opt)
        networks = importlib.import_module("models.networks")
        for name in model.model_names:
            net = networks.init_net(getattr(model, "net" + name), opt.init_type, opt.init_gain)
            setattr(model, "net" + name, net.to(opt.device))
        return model

    def dataset(self, *args: str) -> Any:
        """The data loader for these arguments of train.py."""
        return importlib.import_module("data").create_dataset(self._options(list(args)))

    def _options(self, args: list[str]) -> argparse.Namespace:
        original_argv, sys.argv = sys.argv, ["train.py", *args]
        try:
            opt: argparse.Namespace = importlib.import_module("options.train_options").TrainOptions().gather_options()
        finally:
            sys.argv = original_argv
        opt.isTrain = True
        opt.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        return opt


def step(model: Any, batch: dict[str, Any]) -> None:
    """One training step of a model of the reference."""
    model.set_input(batch)
    model.optimize_parameters()
