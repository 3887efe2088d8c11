"""The reference program, imported from a checkout: its modules have general names, so they come first on the path."""

import argparse
import contextlib
import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch


class Reference:
    """A checkout of the reference program at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def model(self, *args: str) -> Any:
        """Its model for these arguments of its train.py, on the CPU or the first GPU."""
        with self._imported():
            options = importlib.import_module("options.train_options").TrainOptions()
            models = importlib.import_module("models")
            opt = self._parsed(options, ["--dataroot", ".", *args])
            model = models.create_model(opt)
            for name in model.model_names:
                networks = importlib.import_module("models.networks")
                net = networks.init_net(getattr(model, "net" + name), opt.init_type, opt.init_gain)
                setattr(model, "net" + name, net.to(opt.device))
        return model

    def dataset(self, *args: str) -> Any:
        """Its data loader for these arguments of its train.py."""
        with self._imported():
            options = importlib.import_module("options.train_options").TrainOptions()
            data = importlib.import_module("data")
            return data.create_dataset(self._parsed(options, list(args)))

    def _parsed(self, options: Any, args: list[str]) -> argparse.Namespace:
        before, sys.argv = sys.argv, ["train.py", *args]
        try:
            opt: argparse.Namespace = options.gather_options()
        finally:
            sys.argv = before
        opt.isTrain = True
        opt.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        return opt

    @contextmanager
    def _imported(self) -> Iterator[None]:
        sys.path.insert(0, str(self.folder))
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        finally:
            sys.path.remove(str(self.folder))


def step(model: Any, batch: dict[str, Any]) -> None:
    """One training step of a model of the reference."""
    model.set_input(batch)
    model.optimize_parameters()
