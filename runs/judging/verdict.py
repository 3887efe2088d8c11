"""Says in a sentence which of several runs is better by a metric, and no more than the intervals allow."""

from collections.abc import Mapping

import numpy as np

from pixlate.metrics.base import Measured, interval_of_mean

from .evaluation import Evaluation

MIN_IMAGES = 6  # of whose differences an interval is taken


def verdicts(measured: Mapping[str, Evaluation], higher_is_better: Mapping[str, bool]) -> dict[str, str]:
    """A sentence for each metric that at least two runs have, by the metric's name.

    - measured: by the name of the run, all by the same protocol.
    - higher_is_better: of metrics by name; smaller values are better for others.
    """
    names = list(dict.fromkeys(name for each in measured.values() for name in each.metrics))
    found = {name: _verdict(name, measured, higher=bool(higher_is_better.get(name))) for name in names}
    return {name: sentence for name, sentence in found.items() if sentence}


def _verdict(metric: str, measured: Mapping[str, Evaluation], *, higher: bool) -> str:
    values = {run: each.metrics[metric] for run, each in measured.items() if metric in each.metrics}
    known = {run: value for run, value in values.items() if value.value == value.value}
    if len(known) < 2:
        return ""
    ranked = sorted(known, key=lambda run: known[run].value, reverse=higher)
    first, second = ranked[:2]
    better, other = known[first], known[second]
    among = "better" if len(known) == 2 else "the best"
    numbers = f"{_shown(better)} against {_shown(other)}" + (f" of {second}" if len(known) > 2 else "")
    if better.value == other.value:
        return f"{first} and {second} are equal: {_shown(better)}."
    if better.low is None or better.high is None or other.low is None or other.high is None:
        return f"{first} has the better value, {numbers}; without intervals this may be chance."
    if better.low > other.high or better.high < other.low:
        return f"{first} is {among}, {numbers}; the intervals do not overlap."
    paired = _difference(measured[first], measured[second], metric)
    if paired is not None and (paired[0] > 0 or paired[1] < 0):
        low, high = sorted(map(abs, paired))
        return (
            f"{first} is {among}, {numbers}; the intervals overlap, but on the same images it is better by "
            f"{low:.3g} to {high:.3g} on average."
        )
    return f"{first} has the better value, {numbers}; the intervals overlap, so this may be chance."


def _difference(first: Evaluation, second: Evaluation, metric: str) -> tuple[float, float] | None:
    """The interval of the mean difference per image; None for few images, and where the runs were not measured on the
    same ones."""
    values = [np.array(each.metrics[metric].per_image) for each in (first, second)]
    if first.images != second.images or len(values[0]) != len(values[1]) or len(values[0]) < MIN_IMAGES:
        return None
    low, high = interval_of_mean(values[0] - values[1], first.protocol.seed)
    return None if low is None or high is None else (low, high)


def _shown(measured: Measured) -> str:
    text = f"{measured.value:.4g}"
    if measured.low is not None and measured.high is not None:
        text += f" [{measured.low:.4g}, {measured.high:.4g}]"
    return text
