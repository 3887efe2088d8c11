"""Line charts as inline SVG with axes, which read well without JavaScript; charts.js adds what a reader can do.

The path of a line holds its data: its coordinates are those of the data, and a transformation of the group around it
brings them onto the chart. So the script needs no copy of the data.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from .curves import Point
from .html import visible
from .web import script, web_file

#: Of the lines of one chart; readable on light and dark ground, and apart for most colour-blind people.
COLOURS = ("#3b6fd4", "#d9822b", "#1a9c74", "#b5479d", "#8a8f98", "#c9423a")
LARGEST = 1e30  # browsers compute in single precision: larger values make gaps
FLAT = 1e-6  # values that differ by a smaller part are drawn as equal
PADDING = 0.06  # of a chart's height, above and below the lines
SINGLE = 60  # values that are few enough for a dot each


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    - points: (x, y) with ascending x; a y that is not finite makes a gap.
    - last: the last value, which points that are means do not have.
    - measured: whether each point counts by itself: it is drawn as a dot where they are few, and not smoothed.
    - best: the x at which it is marked.
    """

    name: str
    points: Sequence[Point]
    last: float = math.nan
    measured: bool = False
    best: float | None = None


@dataclass(frozen=True)
class Chart:
    """Lines on the same axes.

    - unit: of x, which begins at 0; note: beside the title.
    """

    title: str
    lines: Sequence[Line]
    unit: str = "epoch"
    note: str = ""


def charts(shown: Sequence[Chart]) -> dom_tag:
    """Charts in a grid, below the controls of all of them; those of the same unit share the range of x."""
    rights: dict[str, float] = {}
    for each in shown:
        ends = [line.points[-1][0] for line in each.lines if line.points]
        rights[each.unit] = max(rights.get(each.unit, 0.0), *ends, 0.0)
    grid = tags.div([chart(each, rights[each.unit]) for each in shown], cls="charts")
    return tags.div(_controls(), grid, tags.script(raw(script("memory.js", "charts.js"))), cls="all-charts")


def chart_style() -> dom_tag:
    """The style sheet of charts, for a page's head."""
    return tags.style(raw(web_file("charts.css")))


def chart(shown: Chart, right: float) -> dom_tag:
    """One chart, on a card. `right`: the end of its x axis."""
    values = [y for line in shown.lines for _, y in line.points if _is_shown(y)]
    low, high = limits(values)
    lines = [
        tags.li(
            tags.span(visible(line.name)),
            tags.b(number(line.last) if line.points else "–"),
            style=f"--curve: {colour(position)}",
        )
        for position, line in enumerate(shown.lines)
    ]
    label = f"{visible(shown.title)}: from {number(min(values))} to {number(max(values))}" if values else "no values"
    return tags.div(
        tags.h3(visible(shown.title), tags.small(visible(shown.note))),
        tags.ul(lines, cls="lines"),
        tags.div(raw(_plot(shown, low, high, right)), cls="plot", tabindex="0", role="img", aria_label=label),
        cls="chart",
        data_unit=shown.unit,
        data_right=f"{right:.6g}",
    )


def colour(position: int) -> str:
    """The colour of a line; those of few lines differ in hue and lightness."""
    return COLOURS[position % len(COLOURS)]


def limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the y axis: around the values, and from 0 where that does not flatten them."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    size = max(abs(low), abs(high))
    if high - low <= FLAT * size:
        room = size / 2 if size > 1 / LARGEST else 0.5
        low, high = low - room, high + room
    if 0 < low < 0.6 * high:
        low = 0.0
    return low - (PADDING * (high - low) if low else 0.0), high + PADDING * (high - low)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two ends: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (power * factor) <= most)
    return [position * step for position in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def path(points: Sequence[Point]) -> str:
    """A line as the commands of an SVG path, in the coordinates of the data."""
    commands: list[str] = []
    command = "M"  # move to the first point, and to the first after a gap; L draws a line
    for x, y in points:
        if _is_shown(y):
            commands.append(f"{command}{x:.6g} {y:.5g}")
        command = "L" if _is_shown(y) else "M"
    return "".join(commands)


def number(value: float) -> str:
    """A number for people to read: about three digits, in scientific notation when very large or small."""
    if not math.isfinite(value):
        return str(value)
    if value and not 0.001 <= abs(value) < 100_000:
        return f"{value:.2e}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if abs(value) >= 0.001 else "0"


def short(value: float) -> str:
    """A round number beside an axis: "0.5", "20k", "1e-5"."""
    if abs(value) >= 1e4 and abs(value) < 1e9:
        return f"{value / 1e6:.4g}M" if abs(value) >= 1e6 else f"{value / 1e3:.4g}k"
    if 0 < abs(value) < 1e-3:
        power = math.floor(math.log10(abs(value)) + 1e-9)
        return f"{value / 10.0**power:.4g}e{power}"
    return f"{value:.4g}"


def _plot(shown: Chart, low: float, high: float, right: float) -> str:
    """The drawing and the numbers beside its axes; all of it numbers, so that nothing has to be escaped."""
    width, height = 100 / (right or 1.0), 100 / (high - low)
    across = [(100 * x * (1 / (right or 1.0)), x) for x in ticks(0.0, right or 1.0)]
    down = [((high - y) * height, y) for y in ticks(low, high)]
    grid = "".join(f"M0 {top:.4g}H100" for top, _ in down)
    drawn = "".join(_drawn(line, colour(position)) for position, line in enumerate(shown.lines))
    return (
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="grid" d="{grid}"/>'
        f'<g transform="matrix({width:.7g} 0 0 {-height:.7g} 0 {high * height:.7g})">{drawn}</g></svg>'
        + "".join(f'<span class="y" style="top:{top:.4g}%">{short(y)}</span>' for top, y in down)
        + "".join(f'<span class="x" style="left:{left:.4g}%">{short(x)}</span>' for left, x in across)
    )


def _drawn(line: Line, colour: str) -> str:
    """The path of a line, of its dots, and of its mark."""
    style = f'style="--curve: {colour}"'
    drawn = f'<path class="{"measured" if line.measured else "line"}" {style} d="{path(line.points)}"/>'
    finite = [(x, y) for x, y in line.points if _is_shown(y)]
    if len(finite) == 1 or (line.measured and len(finite) <= SINGLE):
        # A line of no length with round ends is a dot, which stays round however the drawing is stretched.
        drawn += f'<path class="dots" {style} d="{"".join(f"M{x:.6g} {y:.5g}h0" for x, y in finite)}"/>'
    if line.best is not None and finite:
        x, y = min(finite, key=lambda point: abs(point[0] - (line.best or 0.0)))
        drawn += f'<path class="best" {style} d="M{x:.6g} {y:.5g}h0"/>'
    return drawn


def _controls() -> dom_tag:
    """What charts.js reads: shown only where scripts run."""
    return tags.div(
        tags.label(
            "smoothing", tags.input_(type="range", name="smoothing", min="0", max="0.98", step="0.02", value="0")
        ),
        tags.label(tags.input_(type="checkbox", name="logarithmic"), "log scale"),
        cls="controls",
        hidden=True,
    )


def _is_shown(y: float) -> bool:
    return abs(y) < LARGEST  # False for NaN
