"""Measures the images that a run's model translates, by the metrics of a protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.data.field_values import displayed, field_of
from pixlate.metrics.base import Measured, MetricContext
from pixlate.metrics.gauge import Translated
from pixlate.metrics.protocol import PROTOCOLS, Protocol
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins
from pixlate.runs.measuring import Measurement
from pixlate.runs.testing import Tester
from pixlate.util.image_io import ImageArray, to_saved_image
from pixlate.util.notebook import card, table
from pixlate.util.text import counted, listed, quoted

from .floor_images import PHASE, floor_images


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What was measured of one run.

    - images: the names of the images, in order, to which the values of `per_image` belong.
    - data: what the data set consists of.
    - translated: how much was changed; None where outputs cannot be compared with their inputs.
    - advice: the same as a sentence, with what to do where the outputs are nearly their inputs.
    """

    run: str
    folder: Path
    protocol: Protocol
    phase: str
    data: str
    images: tuple[str, ...]
    metrics: Mapping[str, Measured]
    translated: Translated | None = None
    advice: str = ""

    def __repr__(self) -> str:
        values = [f"{name} {measured.value:.4g}" for name, measured in self.metrics.items()]
        images = counted(len(self.images), "image")
        return f"<evaluation of {quoted(self.run)}: {listed(values)}; {images} of {self.phase}, {self.protocol.digest}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of the metrics."""
        facts = {"data": f"{self.phase}; {self.data}", "checkpoint": self.protocol.epoch}
        facts["protocol"] = f"{self.protocol.digest} {self.protocol.name}".strip()
        columns = ["metric", "value", "95 % interval", "images", "noise floor"]
        shown = 5 if any(measured.floor is not None for measured in self.metrics.values()) else 4  # pairs have no floor
        rows = [(name, *_cells(measured))[:shown] for name, measured in self.metrics.items()]
        return card(f"Evaluation of {self.run}", facts, table(columns[:shown], rows))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "run": self.run,
            "folder": str(self.folder),
            "phase": self.phase,
            "data": self.data,
            "images": len(self.images),
            "translated": self.translated.to_json() if self.translated else None,
            "metrics": {name: measured.to_json() for name, measured in self.metrics.items()},
            "per_image": [
                {"image": image, **{name: m.per_image[i] for name, m in self.metrics.items() if m.per_image}}
                for i, image in enumerate(self.images)
            ],
        }


def evaluate(
    resolved: ResolvedOptions,
    plugins: Plugins,
    protocol: Protocol,
    weights: Mapping[str, Path],
    *,
    on_images: Callable[[str, Mapping[str, ImageArray]], None] | None = None,
) -> Evaluation:
    """Translate the images of a phase and measure them.

    - resolved: the options of a test of the run, the protocol's included.
    - on_images: called with the name of each image and what is shown of it, by label.
    - protocol: without metrics, those of "labels", "pairs" or "sets" are chosen by the data.

    Raises OptionError for metrics that do not fit the data, DataError where there is nothing to compare with, and what
    a test raises.
    """
    tester = Tester(resolved, plugins)
    fields = tester.model.context.fields or {}
    field = fields.get("B", Field())
    if not protocol.metrics:
        fitting = _fitting(tester, field)
        protocol = replace(protocol, name=fitting.name, metrics=fitting.metrics)
    given = fields.get("A", Field())
    context = MetricContext(field, tester.model.device, weights, protocol.seed, input_field=given)
    direction = tester.data_options.direction
    measurement = Measurement(plugins, protocol.metrics, context, paired=tester.dataset.paired, direction=direction)
    names: list[str] = []
    for batch in tester.batches():
        images = tester.model.translate(batch)
        measurement.add(batch, images)
        batch_names = [Path(path).name for path in tester.input_paths(batch)]
        names += batch_names
        for i, name in enumerate(batch_names if on_images else ()):
            assert on_images is not None
            on_images(name, {label: _shown(image[i], label, tester) for label, image in images.items()})
    if measurement.compares_sets:
        for real in floor_images(tester.resolved, tester.dataset, len(names), plugins.registry("reader")):
            measurement.add_for_floor(real, PHASE)
    translated = measurement.translated()
    return Evaluation(
        resolved.name,
        resolved.folder,
        protocol,
        tester.data_options.phase,
        tester.dataset.describe(),
        tuple(names),
        measurement.results(),
        translated,
        translated.sentence(resolved.values) if translated else "",
    )


def _cells(measured: Measured) -> tuple[str, str, str, str]:
    """Value, interval, number of images and noise floor, as texts."""
    known = measured.low is not None and measured.high is not None
    interval = f"{measured.low:.4g} to {measured.high:.4g}" if known else ""
    floor = f"{measured.floor:.4g}" if measured.floor is not None else ""
    return f"{measured.value:.4g}", interval, str(measured.n), floor


def _fitting(tester: Tester, field: Field) -> Protocol:
    if field.kind == "labels":
        return PROTOCOLS["labels"]
    return PROTOCOLS["pairs" if tester.dataset.paired else "sets"]


def _shown(image: Tensor, label: str, tester: Tester) -> ImageArray:
    return to_saved_image(displayed(image, field_of(label, tester.model.context.fields or {})))
