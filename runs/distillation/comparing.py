"""A student beside its teacher: what they cost, how good they are on held-out images, and how far they agree."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pixlate.data.batches import fetch
from pixlate.errors import PixlateError
from pixlate.metrics.base import Measured, MetricContext
from pixlate.metrics.protocol import PROTOCOLS
from pixlate.models.cost import Cost, cost_of, latencies, median_milliseconds
from pixlate.models.weights import SavedNetworks
from pixlate.plugins.field import Field, directed
from pixlate.plugins.manager import Plugins
from pixlate.runs.judging.floor_images import PHASE
from pixlate.runs.measuring import Measurement

from .data import TeacherData
from .pairs import Translate
from .table import Comparison


@dataclass(frozen=True)
class Contestant:
    """A teacher or a student.

    - description: its generator, for people; translate: of images with their names and further fields.
    - networks: by name; files: of these; device: that they compute on.
    """

    description: str
    translate: Translate
    networks: Mapping[str, nn.Module]
    files: SavedNetworks
    device: torch.device

    def size_of_files(self, names: tuple[str, ...]) -> int:
        """The bytes of the files of networks."""
        return sum(self.files.file(name).stat().st_size for name in names)


@dataclass
class _Quality:
    """What is measured of one of the two, image by image; `problem` says why it is not."""

    measurement: Measurement
    problem: str = ""

    def results(self) -> dict[str, Measured]:
        try:
            return self.measurement.results()
        except PixlateError as error:  # too few images
            self.problem = str(error)
            return {}


def compare(
    data: TeacherData,
    plugins: Plugins,
    teacher: Contestant,
    student: Contestant,
    *,
    facts: Mapping[str, Any],
    limit: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Measure both on the held-out images of the teacher's data.

    - facts: what the table says of the two beside what is measured.
    - limit: at most so many images; report: called with the numbers of images that are done, and of all.
    """
    samples = _Samples(data, limit)
    costs, times = _costs(samples.first, teacher, student)
    fields = directed(data.fields, str(data.resolved.values["direction"]))
    context = MetricContext(fields.get("B", Field()), teacher.device, input_field=fields.get("A", Field()))
    qualities = _qualities(plugins, data, context, has_truth=samples.have_truth)
    agreement = Measurement(plugins, _agreement_metrics(context.field), context, paired=True, direction="AtoB")
    for number, (batch, x, arguments, real) in enumerate(samples, start=1):
        outputs = [each.translate(x, *arguments).cpu() for each in (teacher, student)]
        for quality, fake in zip(qualities, outputs, strict=True):
            if real is not None:
                quality.measurement.add(batch, {"real_A": x, "fake_B": fake, "real_B": real})
        agreement.add({}, {"fake_B": outputs[1], "real_B": outputs[0]})
        report(number, len(samples))
    if qualities[0].measurement.compares_sets:
        for image in data.floor_images(len(samples)):
            for quality in qualities:
                quality.measurement.add_for_floor(image, PHASE)
    metrics = [quality.results() for quality in qualities]
    changes = [quality.measurement.translated() for quality in qualities]
    return Comparison(
        facts={**facts, **_conditions(data, teacher, samples)},
        generators=(teacher.description, student.description),
        costs=costs,
        bytes=(teacher.size_of_files(costs[0].networks), student.size_of_files(costs[1].networks)),
        milliseconds=(median_milliseconds(times[0]), median_milliseconds(times[1])),
        metrics=(metrics[0], metrics[1]),
        translated=(changes[0], changes[1]),
        agreement=agreement.results(),
        higher_is_better={
            name: bool(plugins.registry("metric").get(name).load().higher_is_better) for name in metrics[0]
        },
        problem=qualities[0].problem,
    )


class _Samples:
    """The measured samples, one at a time: the batch, its input, further arguments of a translation, and the truth."""

    def __init__(self, data: TeacherData, limit: int | None) -> None:
        self._data, self._dataset = data, data.measured
        self._count = min(len(self._dataset), limit or len(self._dataset))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[dict[str, Any], Tensor, tuple[list[str], dict[str, Any]], Tensor | None]]:
        for index in range(self._count):
            yield self._sample(index)

    @property
    def first(self) -> tuple[Tensor, tuple[list[str], dict[str, Any]]]:
        """Input and further arguments of the first sample."""
        _, x, arguments, _ = self._sample(0)
        return x, arguments

    @property
    def have_truth(self) -> bool:
        """Whether there are real images of the target."""
        return self._sample(0)[3] is not None

    def _sample(self, index: int) -> tuple[dict[str, Any], Tensor, tuple[list[str], dict[str, Any]], Tensor | None]:
        batch, _ = fetch(self._dataset, [(1, index)])
        names = [str(path) for path in batch[f"{self._data.input_side}_paths"]]
        others = {name: value for name, value in batch.items() if name.removesuffix("_paths") not in ("A", "B")}
        return batch, batch[self._data.input_side], (names, others), batch.get(self._data.output_side)


def _costs(
    first: tuple[Tensor, tuple[list[str], dict[str, Any]]], teacher: Contestant, student: Contestant
) -> tuple[tuple[Cost, Cost], list[tuple[float, ...]]]:
    """What one image costs, and the seconds of repeated translations of it."""
    x, arguments = first
    calls = [partial(each.translate, x, *arguments) for each in (teacher, student)]
    costs = [cost_of(call, each.networks) for call, each in zip(calls, (teacher, student), strict=True)]
    return (costs[0], costs[1]), latencies(calls, teacher.device)


def _qualities(
    plugins: Plugins, data: TeacherData, context: MetricContext, *, has_truth: bool
) -> tuple[_Quality, _Quality]:
    """Those of the metrics that `pixlate evaluate` would choose; where libraries of these are missing, simpler ones."""
    paired = data.measured.paired
    protocols = ["labels"] if context.field.kind == "labels" else ["pairs"] if paired else ["sets", "colours"]
    direction = str(data.resolved.values["direction"])
    problem = "" if has_truth else "the data has no images of the target to compare with."
    protocols = protocols if has_truth else []
    for names in [*(PROTOCOLS[protocol].metrics for protocol in protocols), ()]:
        try:
            first, second = (Measurement(plugins, names, context, paired=paired, direction=direction) for _ in range(2))
        except PixlateError as error:
            problem = problem or str(error)
            continue
        return _Quality(first, problem), _Quality(second, problem)
    raise AssertionError("a measurement without metrics always fits")


def _agreement_metrics(field: Field) -> tuple[str, ...]:
    return {"labels": ("pixel_accuracy",), "image": ("l1", "ssim")}.get(field.kind, ())


def _conditions(data: TeacherData, teacher: Contestant, samples: _Samples) -> dict[str, Any]:
    """Under which conditions the two were measured."""
    x, _ = samples.first
    on_cpu = teacher.device.type == "cpu"
    return {
        "images": len(samples),
        "phase": data.measured.shared.phase,
        "data": data.measured.describe(),
        "height": x.shape[2],
        "width": x.shape[3],
        "device": str(teacher.device) if on_cpu else torch.cuda.get_device_name(teacher.device),
        "threads": torch.get_num_threads() if on_cpu else None,
    }
