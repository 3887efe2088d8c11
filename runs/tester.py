"""What test.py does besides looping: finding the checkpoint, the pictures and the folder of results."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch

from pixlate.data.check import check_dataset
from pixlate.data.create import make_dataset
from pixlate.data.loader import BatchLoader
from pixlate.errors import OptionError
from pixlate.models.base import BaseModel, Batch
from pixlate.models.describe import description
from pixlate.models.device import choose_device
from pixlate.models.execution import keep_freed_memory
from pixlate.models.net import in_full_precision
from pixlate.options.choice import Choice
from pixlate.options.shared import DataOptions, ModelOptions, TestingOptions

from .gallery import Gallery
from .session import store
from .weights import load_networks


class Tester:
    """The parts of one test: model, pictures, gallery."""

    def __init__(self, choice: Choice) -> None:
        if not choice.name:
            raise OptionError("there is no run in '--checkpoints_dir' to test: train one first, or give --name.")
        self.choice = choice
        self.options = choice.options(TestingOptions)
        self.data_options = choice.options(DataOptions)
        keep_freed_memory()
        device = choose_device(str(choice.values["device"]), str(choice.values["gpu_ids"]))
        self.tag = f"iter_{self.options.load_iter}" if self.options.load_iter else self.options.epoch
        self.model: BaseModel[Any] = choice.components["model"].load()(
            choice.config_of("model"), choice.options(ModelOptions), train=False, device=device
        )
        if choice.values["verbose"]:
            click.echo(description(self.model.networks, layers=True))
        load_networks(self.model, choice.folder, self.tag, use_ema=self.options.use_ema)
        self.dataset = make_dataset(
            choice.components["dataset_mode"], choice.config_of("dataset_mode"), self.data_options
        )
        check_dataset(self.dataset, self.data_options, self.model.networks)
        store(choice, choice.folder)
        self.total = min(len(self.dataset), self.options.num_test or len(self.dataset))
        self._done, self._began = 0, time.monotonic()

    def gallery(self) -> Gallery:
        """The gallery of this test."""
        phase, tag = self.data_options.phase, self.tag
        place = f"{phase}_latest_iter{self.options.load_iter}" if self.options.load_iter else f"{phase}_{tag}"
        folder = Path(self.options.results_dir) / self.choice.name / place
        title = f"Experiment = {self.choice.name}, Phase = {phase}, Epoch = {tag}"
        model = f"{self.choice.values['model']}, {self.choice.values['netG']}"
        return Gallery(
            folder,
            title,
            heading=self.choice.name,
            facts={"phase": phase, "epoch": tag, "model": model},
            width=self.options.display_winsize,
            aspect_ratio=self.options.aspect_ratio,
        )

    def batches(self) -> Iterator[Batch]:
        """The pictures in order, in batches."""
        left = self.total
        with BatchLoader(self.dataset, self.data_options, epochs=1, device=self.model.device) as loader:
            for batch in loader.epoch(1):
                if left == self.total and self.model.execution.dtype is not None:
                    click.echo(self.rounding(batch))
                yield {name: part[:left] for name, part in batch.items()}
                left -= len(batch["A_paths"])
                if left <= 0:
                    return

    def rounding(self, batch: Batch) -> str:
        """What computing in fewer bits changes in these pictures, measured: a line for people."""
        translate = partial(self.model.translate, batch, running_statistics=self.options.eval)
        rounded = translate()
        with in_full_precision(self.model.nets.values()):
            exact = translate()
        apart = torch.cat([(rounded[label] - exact[label]).abs().flatten() for label in exact if "real" not in label])
        return (
            f"--precision {self.options.precision} changes the first pictures by {127.5 * float(apart.mean()):.2f} "
            f"of 255 levels on average, by {127.5 * float(apart.max()):.0f} at most"
        )

    def names(self, batch: Batch) -> list[str]:
        """The input files of a batch, after which its row is called; also says now and then how far the test is."""
        self._done += len(batch["A_paths"])
        if self._done % 25 < len(batch["A_paths"]) or self._done == self.total:
            rate = self._done / max(1e-9, time.monotonic() - self._began)
            click.echo(f"translated {self._done} of {self.total} pictures ({rate:.1f} a second)")
        swapped = self.data_options.direction == "BtoA" and "B_paths" in batch
        return [str(path) for path in batch["B_paths" if swapped else "A_paths"]]
