"""Metrics of the images of a run: which ones fit its data, and their values image by image."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from pixlate.errors import OptionError
from pixlate.metrics.base import Measured, Metric, MetricContext
from pixlate.metrics.gauge import Gauge, Translated
from pixlate.metrics.images import has_input, has_output, has_truth, input_of, output_of, truth_of
from pixlate.metrics.inputs import comparable
from pixlate.models.batch import Batch
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins


def metric_class(plugins: Plugins, name: str, field: Field, *, paired: bool) -> type[Metric]:
    """The class of a metric.

    - field: of the images that are compared; paired: whether each has its ground truth.

    Raises OptionError for an unknown name, and for a metric that does not fit.
    """
    kind: type[Metric] = plugins.registry("metric").get(name).load()
    if kind.kind != field.kind:
        wanted, found = ({"image": "images", "mask": "a mask"}.get(each, each) for each in (kind.kind, field.kind))
        raise OptionError(f"the metric '{name}' is for {wanted}, but the output of this run is {found}.")
    if kind.paired and kind.against == "truth" and not paired:
        raise OptionError(
            f"the metric '{name}' compares each image with its ground truth, but this data is not paired: use metrics "
            "of sets, such as fd_efflite0, or of outputs and inputs, such as change."
        )
    return kind


class Measurement:
    """The metrics of translated images, batch by batch.

    - direction: "AtoB" or "BtoA", which tells the paths of the real images.

    Raises OptionError for metrics that do not fit, and for ones whose libraries are not installed.
    """

    def __init__(
        self, plugins: Plugins, names: Iterable[str], context: MetricContext, *, paired: bool, direction: str
    ) -> None:
        self._real_paths = "A_paths" if direction == "BtoA" else "B_paths"
        self._paired = paired
        self._gauge = Gauge() if comparable(context.input_field, context.field) else None
        self._seen: set[str] = set()
        classes = {name: metric_class(plugins, name, context.field, paired=paired) for name in names}
        self._metrics = {name: kind(context) for name, kind in classes.items()}

    def add(self, batch: Batch, images: Mapping[str, Tensor]) -> list[dict[str, float]]:
        """Take a batch and what a model made of it; returns the values of each image.

        Metrics of sets get each real image once: of unpaired data some come again, where the other side has more.
        """
        wanted = {metric.against for metric in self._metrics.values()}
        real = truth_of(images) if "truth" in wanted or has_truth(images) else None
        unseen = None if real is None else real[self._unseen(batch, len(real))]
        self._add_to_gauge(images, real if self._paired else unseen)
        if not self._metrics:
            return [{} for _ in next(iter(images.values()))]
        fake = output_of(images)
        values: list[dict[str, float]] = [{} for _ in fake]
        for name, metric in self._metrics.items():
            other = input_of(images) if metric.against == "input" else real if metric.paired else unseen
            assert other is not None
            metric.add(fake, other)
            for value, of_image in zip(metric.last(), values, strict=False):
                of_image[name] = value
        return values

    def add_for_floor(self, real: Tensor, phase: str) -> None:
        """Take further real images of the target, of another phase, N×C×H×W, for the noise floor of metrics."""
        for metric in self._metrics.values():
            metric.add_for_floor(real, phase)

    @property
    def compares_sets(self) -> bool:
        """Whether some metric compares the two sets as a whole, and has a noise floor."""
        return any(not metric.paired for metric in self._metrics.values())

    def translated(self) -> Translated | None:
        """How much was changed, of what had to be; None where inputs, outputs and target are not images alike."""
        return self._gauge.result() if self._gauge else None

    def _add_to_gauge(self, images: Mapping[str, Tensor], real: Tensor | None) -> None:
        if self._gauge is None or real is None or not (has_input(images) and has_output(images)):
            return
        self._gauge.add(output_of(images), input_of(images), real, paired=self._paired)

    def _unseen(self, batch: Batch, size: int) -> list[int]:
        """The positions in a batch of real images that did not come before."""
        paths = [str(path) for path in batch.get(self._real_paths, ())] or [""] * size
        unseen = [i for i, path in enumerate(paths) if not path or (path not in self._seen and path not in paths[:i])]
        self._seen.update(paths)
        return unseen

    def higher_is_better(self, name: str) -> bool:
        """Whether larger values of a metric are better."""
        return self._metrics[name].higher_is_better

    def results(self) -> dict[str, Measured]:
        """What was measured of all images."""
        return {name: metric.result() for name, metric in self._metrics.items()}
