"""Which curves of a run share a chart: those of both directions or both kinds of images, the same scale for both."""

from collections.abc import Iterable, Mapping

from pixlate.util.charts import Chart, Line
from pixlate.util.curves import Curve

from .history import RunHistory

PARTNERS = {"A": "B", "B": "A", "real": "fake", "fake": "real"}  # the last words of names that belong together
SHARE = "share_"  # the beginning of the names of shares of the gradient
VALIDATION = "val_"  # the beginning of the names of metrics of validations


def run_charts(history: RunHistory, best: float | None) -> list[Chart]:
    """The charts of a run: losses, metrics, the learning rate, and the speed.

    - best: the epoch of the checkpoint "best", which is marked in the charts of validations; None where there is none.
    """
    shown = [Chart(title, _lines(curves)) for title, curves in grouped(history.losses.curves).items()]
    for title, curves in grouped(history.metrics.curves).items():
        validated = title.startswith(VALIDATION)
        marked = best if validated else None
        note = f"checkpoint best: epoch {marked:g}" if marked is not None else ""
        lines = [
            Line(name, curve.points(), curve.last, measured=validated, best=marked) for name, curve in curves.items()
        ]
        shown.append(Chart("shares of the gradient" if title == SHARE else title, lines, note=note))
    rates = [Line(name, curve.points(), curve.last, measured=True) for name, curve in history.rates.curves.items()]
    if len({tuple(line.points) for line in rates}) == 1:
        rates = rates[:1]
    shown += [Chart("learning rate", rates)] if rates else []
    return shown + [Chart(name, [Line(name, c.points(), c.last)]) for name, c in history.speed.curves.items()]


def grouped(curves: Mapping[str, Curve]) -> dict[str, dict[str, Curve]]:
    """The curves of each chart by its title: G_A and G_B under "G", others under their own name."""
    groups: dict[str, dict[str, Curve]] = {}
    for name, curve in curves.items():
        groups.setdefault(_title(name, curves), {})[name] = curve
    return groups


def _title(name: str, names: Iterable[str]) -> str:
    if name.startswith(SHARE):
        return SHARE
    stem, _, last = name.rpartition("_")
    return stem if stem and f"{stem}_{PARTNERS.get(last, '')}" in names else name


def _lines(curves: Mapping[str, Curve]) -> list[Line]:
    return [Line(name, curve.points(), curve.last) for name, curve in curves.items()]
