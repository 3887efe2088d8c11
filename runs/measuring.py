"""Metrics of the images of a run: which ones fit its data, and their values image by image."""

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from pixlate.errors import OptionError
from pixlate.metrics.base import Measured, Metric, MetricContext
from pixlate.metrics.images import output_of, truth_of
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins


def metric_class(plugins: Plugins, name: str, field: Field, *, paired: bool) -> type[Metric]:
    """The class of a metric.

    - field: of the images that are compared; paired: whether each has its ground truth.

    Raises OptionError for an unknown name, and for a metric that does not fit.
    """
    kind: type[Metric] = plugins.registry("metric").get(name).load()
    if kind.kind != field.kind:
        what = "labels" if field.kind == "labels" else "images"
        raise OptionError(f"the metric '{name}' is for {kind.kind}, but the output of this run is {what}.")
    if kind.paired and not paired:
        raise OptionError(
            f"the metric '{name}' compares each image with its ground truth, but this data is not paired: use metrics "
            "of sets, such as fd_efflite0."
        )
    return kind


class Measurement:
    """The metrics of translated images, batch by batch.

    Raises OptionError for metrics that do not fit, and for ones whose libraries are not installed.
    """

    def __init__(self, plugins: Plugins, names: Iterable[str], context: MetricContext, *, paired: bool) -> None:
        classes = {name: metric_class(plugins, name, context.field, paired=paired) for name in names}
        self._metrics = {name: kind(context) for name, kind in classes.items()}

    def add(self, images: Mapping[str, Tensor], fresh: Sequence[int] | None = None) -> list[dict[str, float]]:
        """Take what a model translated; returns the values of each image.

        - fresh: the positions of target images that did not come before; None for all of them.
        """
        if not self._metrics:
            return [{} for _ in next(iter(images.values()))]
        fake, real = output_of(images), truth_of(images)
        values: list[dict[str, float]] = [{} for _ in fake]
        for name, metric in self._metrics.items():
            metric.add(fake, real if metric.paired or fresh is None else real[list(fresh)])
            for value, of_image in zip(metric.last(), values, strict=False):
                of_image[name] = value
        return values

    def higher_is_better(self, name: str) -> bool:
        """Whether larger values of a metric are better."""
        return self._metrics[name].higher_is_better

    def results(self) -> dict[str, Measured]:
        """What was measured of all images."""
        return {name: metric.result() for name, metric in self._metrics.items()}
