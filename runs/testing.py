"""The services of test.py: loading the checkpoint, batches, the gallery, and progress lines."""

import logging
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixlate.data.base import BaseDataset
from pixlate.data.batches import fetch
from pixlate.data.check import check_dataset
from pixlate.data.create import channel_options, make_dataset
from pixlate.data.image_dataset import ImageDataset
from pixlate.data.loading import BatchLoader
from pixlate.data.pixel_size import result_pixel_size
from pixlate.data.readers import PixelSize
from pixlate.data.value_range import read_ranges
from pixlate.errors import DataError, PixlateError
from pixlate.metrics.base import MetricContext, described
from pixlate.models.batch import Batch
from pixlate.models.context import ModelContext
from pixlate.models.create import make_model
from pixlate.models.execution.device import choose_device
from pixlate.models.execution.net import in_full_precision
from pixlate.models.execution.plan import keep_freed_memory
from pixlate.models.networks import describe_networks
from pixlate.models.weights import saved_networks
from pixlate.options.command.listing import write_listing
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.shared import InferenceOptions
from pixlate.plugins.field import Field, directed
from pixlate.plugins.manager import Plugins
from pixlate.util.owned import OwnFiles
from pixlate.util.text import quoted

from .events import Events
from .held_out_part import tested_part
from .inference_run import InferenceRun
from .measuring import Measurement
from .results.change_map import SCALE, require_change, with_change
from .results.gallery import IMAGES, Gallery
from .results.output_names import OutputNames
from .results.result_page import ResultPage, certain_link

log = logging.getLogger(__name__)

LISTING = "test_opt.txt"
FALLBACK = "val"  # the phase that is tested where there is no "test"
REPORT_FREQ = 25  # images between two progress lines


class Tester:
    """One test: its model, data and gallery.

    Raises CheckpointError and DataError where model or data cannot be loaded.
    """

    def __init__(self, resolved: ResolvedOptions, plugins: Plugins) -> None:
        self.resolved = resolved
        self._events = Events(plugins, viewers=())
        self._writers = [writer.load()() for writer in plugins.registry("writer")]
        self.options = resolved.options(InferenceOptions)
        keep_freed_memory()
        device = choose_device(str(resolved.values["device"]), str(resolved.values["gpu_ids"]))
        self.tag = f"iter_{self.options.load_iter}" if self.options.load_iter else self.options.epoch
        saved = saved_networks(resolved.folder, self.tag, use_ema=self.options.use_ema)
        self.dataset = self._dataset(plugins)
        self.resolved = resolved = resolved.with_values(channel_options(self.dataset))
        self.data_options = self.dataset.shared
        # The fields of the training: a folder to be translated may lack some, such as the target domain.
        fields = (resolved.stored.read_fields() if resolved.stored else {}) or dict(self.dataset.fields)
        fields = directed(fields, self.data_options.direction)
        context = ModelContext(device, train=False, components=resolved.components, fields=fields, check=saved.check)
        self.model = make_model(resolved.components["model"], resolved.values, context)
        log.info(f"Testing on {self.model.execution}.")
        log.info(f"Data: {self.dataset.describe()}.")
        if resolved.stored:
            self.dataset.use_value_ranges(read_ranges(resolved.stored.value_ranges))
        self.dataset.take_each_input_once(self.options.num_test)
        if self.model.is_prepared_by_data:
            first_batch, _ = fetch(self.dataset, [(1, 0)])
            self.model.prepare_once(self.model.directed(first_batch))
        saved.load(self.model)
        if resolved.values["verbose"]:
            log.info(describe_networks(self.model.networks, layers=True))
        check_dataset(self.dataset, self.data_options, self.model.networks, same_size=False)
        self._list_options()
        if self.options.change_map:
            require_change(fields)
        field, given = fields.get("B", Field()), fields.get("A", Field())
        metric_context = MetricContext(field, device, seed=self.data_options.seed, input_field=given)
        paired, direction = self.dataset.paired, self.data_options.direction
        self.measurement = Measurement(plugins, self.options.metric, metric_context, paired=paired, direction=direction)
        self.total = min(len(self.dataset), self.options.num_test or len(self.dataset))
        self._translated, self._start_time = 0, time.monotonic()

    def _dataset(self, plugins: Plugins) -> BaseDataset[Any]:
        """The data set of the phase, by default "test"; of "val" where the data has no "test" and no phase is given."""
        component, values = self.resolved.components["dataset_mode"], self.resolved.values
        readers = plugins.registry("reader")
        if values["phase"] == FALLBACK and (part := tested_part(self.resolved, readers)) is not None:
            return part
        try:
            return make_dataset(component, values, readers)
        except DataError as error:
            root = Path(str(values["dataroot"]))
            if self.resolved.is_given("phase") or any((*root.glob("test*"), *root.glob("*/test"))):
                raise
            try:
                part = tested_part(self.resolved, readers)
                fallback = {**values, "phase": FALLBACK}
                dataset = make_dataset(component, fallback, readers) if part is None else part
            except PixlateError:
                raise error from None
            what = f"'{FALLBACK}'" if part is None else "the images that --val_fraction held out"
            log.info(f"{quoted(root)} has no phase '{values['phase']}': testing on {what}.")
            return dataset

    def _list_options(self) -> None:
        """Write test_opt.txt into the run's folder, if possible: the folder may be somebody else's, or read-only."""
        try:
            OwnFiles(self.resolved.folder).claim(LISTING)
            write_listing(self.resolved.folder / LISTING, self.resolved)
        except DataError as error:
            log.warning(f"The options of this test are not listed: {error}")

    def gallery(self) -> Gallery:
        """The gallery of this test: results/<name>/<phase>_<epoch>, or <phase>_latest_iter<n> with `--load_iter`."""
        phase, tag = self.data_options.phase, self.tag
        name = f"{phase}_latest_iter{self.options.load_iter}" if self.options.load_iter else f"{phase}_{tag}"
        folder = Path(self.options.results_dir) / self.resolved.name / name
        return Gallery(
            folder,
            self._page(folder, phase),
            names=self._output_names(phase),
            inputs=self.dataset.files(),
            aspect_ratio=self.options.aspect_ratio,
            fields=self.model.context.fields or {},
            writers=self._writers,
            pixel_size=self._pixel_size,
            visuals=self.options.visuals,
            suffix=f".{self.options.image_format}",
        )

    def _page(self, folder: Path, phase: str) -> ResultPage:
        """What the page of the results says."""
        model = f"{self.resolved.values['model']}, {self.resolved.values['netG']}"
        facts = {"phase": phase, "epoch": self.tag, "model": model, "data": self.dataset.describe()}
        links = {"images": f"{IMAGES}/"}
        training = certain_link(folder, self.resolved.folder / "web" / "index.html")
        return ResultPage(
            f"Experiment = {self.resolved.name}, Phase = {phase}, Epoch = {self.tag}",
            heading=self.resolved.name,
            facts=facts | ({"change map": SCALE} if self.options.change_map else {}),
            links=links | ({"training": training} if training else {}),
            width=self.options.display_winsize,
            higher_is_better={name: self.measurement.higher_is_better(name) for name in self.options.metric},
            paired=self.dataset.paired,
            fields=self.model.context.fields or {},
        )

    def _output_names(self, phase: str) -> OutputNames:
        values = {"name": self.resolved.name, "phase": phase, "epoch": self.tag}
        folders = [place.folder for place in self.dataset.inventory.places]
        folders += [Path(self.data_options.dataroot)] if self.data_options.dataroot else []
        return OutputNames(self.options.output_template, folders=folders, values=values)

    def _pixel_size(self, path: str) -> PixelSize | None:
        """The physical size of a pixel of the results for an input file, where it tells one."""
        if not isinstance(self.dataset, ImageDataset):
            return None
        reading, transform = self.dataset.reading, self.dataset.transform
        return result_pixel_size(Path(path), reading, transform, self.model.output_scale)

    def run(self, gallery: Gallery) -> InferenceRun:
        """The run that hooks receive, with the gallery's folder."""
        return InferenceRun(
            self.resolved.name,
            gallery,
            self.resolved.values,
            model=self.model,
            epoch_size=self.total,
            data=self.dataset.describe(),
            events=self._events,
        )

    def batches(self) -> Iterator[Batch]:
        """The images in order, in batches; the last is cut to `--num_test`."""
        remaining = self.total
        with BatchLoader(self.dataset, self.data_options, epochs=1, device=self.model.device) as loader:
            for batch in loader.epoch(1):
                # Once, for the first batch: computing it in both precisions costs a second pass.
                if remaining == self.total and self.model.execution.dtype is not None:
                    log.info(self.precision_report(batch))
                yield {name: values[:remaining] for name, values in batch.items()}
                remaining -= len(batch["A_paths"])
                if remaining <= 0:
                    return

    def precision_report(self, batch: Batch) -> str:
        """A line about how much `--precision` changes the images of a batch, measured against fp32."""
        translate = partial(self.model.translate, batch, running_statistics=self.options.eval)
        reduced = translate()
        with in_full_precision(self.model.nets.values()):
            full = translate()
        error = torch.cat([(reduced[label] - full[label]).abs().flatten() for label in full if "real" not in label])
        # 127.5: from [-1, 1] to 8-bit levels.
        return (
            f"--precision {self.options.precision} changes the first images by {127.5 * float(error.mean()):.2f} "
            f"of 255 levels on average, by {127.5 * float(error.max()):.0f} at most"
        )

    def shown(self, images: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The images of a batch that the gallery gets: with `--change_map`, also where the output differs."""
        return with_change(images) if self.options.change_map else images

    def finish(self, gallery: Gallery) -> None:
        """Show what was measured of all images, and order them by `--worst_first`."""
        results = self.measurement.results()
        gallery.content.show_measured(results)
        for name, measured in results.items():
            log.info(f"{name} {described(measured)}")
        translated = self.measurement.translated()
        if translated:
            log.info(translated.sentence(self.resolved.values))
        if self.options.worst_first and results:
            first = self.options.metric[0]
            gallery.sort(first)

    def input_paths(self, batch: Batch) -> list[str]:
        """The input file of each image of a batch; its row of the gallery has this name."""
        swapped = self.data_options.direction == "BtoA" and "B_paths" in batch
        return [str(path) for path in batch["B_paths" if swapped else "A_paths"]]

    def report_progress(self, batch: Batch) -> None:
        """Count a translated batch; log a line every `REPORT_FREQ` images and at the end."""
        size = len(batch["A_paths"])
        self._translated += size
        if self._translated % REPORT_FREQ < size or self._translated == self.total:
            rate = self._translated / max(1e-9, time.monotonic() - self._start_time)
            log.info(f"translated {self._translated} of {self.total} images ({rate:.1f} a second)")
