"""Small line charts as inline SVG, each with a scale of its own: large losses do not flatten small ones."""

import math
from collections.abc import Mapping, Sequence

from dominate import svg, tags
from dominate.dom_tag import dom_tag

from .html import visible

WIDTH, HEIGHT = 300.0, 84.0  # the chart's coordinates; the style sheet stretches them to the card
#: Of the curves of one chart; readable on light and dark ground, and apart for most colour-blind people.
COLOURS = ("#3b6fd4", "#d9822b", "#1a9c74", "#b5479d", "#8a8f98", "#c9423a")
Points = Sequence[tuple[float, float]]


def chart(name: str, points: Points, last: float, unit: str) -> dom_tag:
    """A card with one curve: its name and last value above it, the limits of both axes around it.

    - points: (x, y) with ascending x from 0; a y that is not finite makes a gap.
    - last: the last value, which points that are means do not have.
    - unit: of x, "epoch".
    """
    finite = [y for _, y in points if math.isfinite(y)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    right = points[-1][0] if points else 0.0
    return tags.div(
        tags.div(visible(name), tags.span(number(last)), cls="name"),
        tags.div(number(high), cls="ends"),
        svg.svg(
            {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "preserveAspectRatio": "none"},
            svg.line(x1="0", y1=f"{HEIGHT:g}", x2=f"{WIDTH:g}", y2=f"{HEIGHT:g}"),
            svg.path(d=outline(points, low, high, right)),
            role="img",
            aria_label=f"{visible(name)}: from {number(low)} to {number(high)}, last {number(last)}",
        ),
        tags.div(number(low), tags.span(f"{unit} {round(right, 2):,g}"), cls="ends"),
        cls="chart",
    )


def overlaid(name: str, curves: Mapping[str, Points], unit: str) -> dom_tag:
    """A card with several curves on the same axes, numbered by their colours; see `COLOURS` for a legend.

    - curves: points (x, y) by the name of the curve, with ascending x from 0.
    """
    values = [y for points in curves.values() for _, y in points if math.isfinite(y)]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    right = max((points[-1][0] for points in curves.values() if points), default=0.0)
    drawing = svg.svg(
        {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "preserveAspectRatio": "none"},
        svg.line(x1="0", y1=f"{HEIGHT:g}", x2=f"{WIDTH:g}", y2=f"{HEIGHT:g}"),
        role="img",
        aria_label=f"{visible(name)}: from {number(low)} to {number(high)}",
    )
    for position, (curve, points) in enumerate(curves.items()):
        path = svg.path(d=outline(points, low, high, right), style=f"stroke: {colour(position)}")
        path.add(svg.title(visible(curve)))
        drawing.add(path)
    return tags.div(
        tags.div(visible(name), cls="name"),
        tags.div(number(high), cls="ends"),
        drawing,
        tags.div(number(low), tags.span(f"{unit} {round(right, 2):,g}"), cls="ends"),
        cls="chart",
    )


def colour(position: int) -> str:
    """The colour of a curve; those of few curves differ in hue and lightness."""
    return COLOURS[position % len(COLOURS)]


def outline(points: Points, low: float, high: float, right: float) -> str:
    """The curve as the commands of an SVG path, in the chart's coordinates; a single point becomes a short line."""
    commands: list[str] = []
    command = "M"  # move to the first point, and to the first after a gap; L draws a line
    for x, y in points:
        if not math.isfinite(y):
            command = "M"
            continue
        left = WIDTH * x / right if right else 0.0
        top = HEIGHT * (high - y) / (high - low) if high > low else HEIGHT / 2
        commands.append(f"{command}{left:.1f} {top:.1f}")
        command = "L"
    return " ".join(commands) + (" h1" if len(commands) == 1 else "")


def number(value: float) -> str:
    """A number for people to read: about three digits, in scientific notation when very large or small."""
    if not math.isfinite(value):
        return str(value)
    if value and not 0.001 <= abs(value) < 100_000:
        return f"{value:.2e}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if abs(value) >= 0.001 else "0"
