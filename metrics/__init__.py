"""Metrics: how far translated images are from real ones. A plugin's metric derives from one of these classes.

The names are imported on first use, because importing torch takes seconds.
"""

from typing import TYPE_CHECKING

from pixlate.util.lazy import lazy_exports

if TYPE_CHECKING:
    from .base import Measured, Metric, MetricContext, PairMetric
    from .features import FeatureNetwork
    from .inputs import InputMetric
    from .sets import SetMetric

_HOMES = {
    "FeatureNetwork": "pixlate.metrics.features",
    "InputMetric": "pixlate.metrics.inputs",
    "Measured": "pixlate.metrics.base",
    "Metric": "pixlate.metrics.base",
    "MetricContext": "pixlate.metrics.base",
    "PairMetric": "pixlate.metrics.base",
    "SetMetric": "pixlate.metrics.sets",
}

__all__ = ["FeatureNetwork", "InputMetric", "Measured", "Metric", "MetricContext", "PairMetric", "SetMetric"]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
