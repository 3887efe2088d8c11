"""What test.py does besides looping: finding the checkpoint, the images and the folder of results."""

import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from pixlate.data.check import check_dataset
from pixlate.data.create import make_dataset
from pixlate.data.loading import BatchLoader
from pixlate.errors import OptionError
from pixlate.models.base import Batch
from pixlate.models.context import ModelContext
from pixlate.models.create import make_model
from pixlate.models.describe import description
from pixlate.models.execution.device import choose_device
from pixlate.models.execution.net import in_full_precision
from pixlate.models.execution.plan import keep_freed_memory
from pixlate.models.weights import load_networks
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.shared import DataOptions, InferenceOptions

from .gallery import Gallery
from .session import store

log = logging.getLogger(__name__)


class Tester:
    """The parts of one test: model, images, gallery."""

    def __init__(self, resolved: ResolvedOptions) -> None:
        if not resolved.name:
            raise OptionError("there is no run in '--checkpoints_dir' to test: train one first, or give --name.")
        self.resolved = resolved
        self.options = resolved.options(InferenceOptions)
        self.data_options = resolved.options(DataOptions)
        keep_freed_memory()
        device = choose_device(str(resolved.values["device"]), str(resolved.values["gpu_ids"]))
        self.tag = f"iter_{self.options.load_iter}" if self.options.load_iter else self.options.epoch
        context = ModelContext(device, train=False, components=resolved.components)
        self.model = make_model(resolved.components["model"], resolved.values, context)
        if resolved.values["verbose"]:
            log.info(description(self.model.networks, layers=True))
        load_networks(self.model, resolved.folder, self.tag, use_ema=self.options.use_ema)
        self.dataset = make_dataset(resolved.components["dataset_mode"], resolved.values)
        check_dataset(self.dataset, self.data_options, self.model.networks)
        store(resolved, resolved.folder)
        self.total = min(len(self.dataset), self.options.num_test or len(self.dataset))
        self._done, self._began = 0, time.monotonic()

    def gallery(self) -> Gallery:
        """The gallery of this test."""
        phase, tag = self.data_options.phase, self.tag
        place = f"{phase}_latest_iter{self.options.load_iter}" if self.options.load_iter else f"{phase}_{tag}"
        folder = Path(self.options.results_dir) / self.resolved.name / place
        title = f"Experiment = {self.resolved.name}, Phase = {phase}, Epoch = {tag}"
        model = f"{self.resolved.values['model']}, {self.resolved.values['netG']}"
        return Gallery(
            folder,
            title,
            heading=self.resolved.name,
            facts={"phase": phase, "epoch": tag, "model": model},
            width=self.options.display_winsize,
            aspect_ratio=self.options.aspect_ratio,
        )

    def batches(self) -> Iterator[Batch]:
        """The images in order, in batches."""
        left = self.total
        with BatchLoader(self.dataset, self.data_options, epochs=1, device=self.model.device) as loader:
            for batch in loader.epoch(1):
                if left == self.total and self.model.execution.dtype is not None:
                    log.info(self.rounding(batch))
                yield {name: part[:left] for name, part in batch.items()}
                left -= len(batch["A_paths"])
                if left <= 0:
                    return

    def rounding(self, batch: Batch) -> str:
        """What computing in fewer bits changes in these images, measured: a line for people."""
        translate = partial(self.model.translate, batch, running_statistics=self.options.eval)
        rounded = translate()
        with in_full_precision(self.model.nets.values()):
            exact = translate()
        apart = torch.cat([(rounded[label] - exact[label]).abs().flatten() for label in exact if "real" not in label])
        return (
            f"--precision {self.options.precision} changes the first images by {127.5 * float(apart.mean()):.2f} "
            f"of 255 levels on average, by {127.5 * float(apart.max()):.0f} at most"
        )

    def names(self, batch: Batch) -> list[str]:
        """The input files of a batch, after which its row is called; also says now and then how far the test is."""
        self._done += len(batch["A_paths"])
        if self._done % 25 < len(batch["A_paths"]) or self._done == self.total:
            rate = self._done / max(1e-9, time.monotonic() - self._began)
            log.info(f"translated {self._done} of {self.total} images ({rate:.1f} a second)")
        swapped = self.data_options.direction == "BtoA" and "B_paths" in batch
        return [str(path) for path in batch["B_paths" if swapped else "A_paths"]]
