"""How objects show themselves in notebooks: fragments of HTML that load nothing, and whose texts are escaped.

They have inline styles alone, and take their colours from the notebook, light or dark.
"""

import base64
import io
import math
from collections.abc import Mapping, Sequence

from dominate import svg, tags
from dominate.dom_tag import dom_tag
from PIL import Image

from .html import visible
from .image_io import ImageArray
from .text import shortened

SIDE = 160  # pixels of the longer side of an image
MAX_TEXT = 300  # characters of a text
MAX_POINTS = 300  # of a curve
WIDTH, HEIGHT = 200, 60  # pixels of a curve
CELL = "text-align: left; padding: 2px 14px 2px 0; vertical-align: top"

Points = Sequence[tuple[float, float]]


def card(title: str, facts: Mapping[str, object], *body: dom_tag) -> str:
    """The HTML of an object: a heading, facts by name, and more under them."""
    heading = tags.div(tags.b(_text(title)), style="margin-bottom: 4px")
    return str(tags.div(heading, *([table((), list(facts.items()))] if facts else []), *body).render(pretty=False))


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> dom_tag:
    """A table of texts."""
    shown = tags.table(style="border-collapse: collapse; margin: 4px 0")
    if headings:
        shown.add(tags.tr([tags.th(_text(heading), style=CELL) for heading in headings]))
    for row in rows:
        shown.add(tags.tr([tags.td(_text(cell), style=CELL) for cell in row]))
    return shown


def image_table(rows: Mapping[str, Mapping[str, ImageArray]]) -> dom_tag:
    """Rows of images by their names, each image by its label; at most `SIDE` pixels wide and high."""
    shown = tags.table(style="border-collapse: collapse; margin: 4px 0")
    for name, images in rows.items():
        cells = [tags.td(_image(label, image), style=f"{CELL}; font-size: smaller") for label, image in images.items()]
        shown.add(tags.tr(tags.td(_text(name), style=CELL), *cells))
    return shown


def curves(named: Mapping[str, Points]) -> dom_tag:
    """Small curves side by side, each with its name and its last value, and with a scale of its own."""
    return tags.div([_curve(name, points) for name, points in named.items() if points], style="margin: 4px 0")


def folded(title: str, rows: Sequence[Sequence[object]]) -> dom_tag:
    """A table that is shown when its title is clicked."""
    return tags.details(tags.summary(_text(title)), table((), rows))


def note(text: str) -> dom_tag:
    """A sentence."""
    return tags.div(_text(text), style="margin: 4px 0")


def _image(label: str, image: ImageArray) -> dom_tag:
    small = Image.fromarray(image)
    small.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    small.save(data, "WEBP", quality=85)
    address = f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
    return tags.div(
        tags.img(src=address, alt=_text(label), width=small.width, height=small.height),
        tags.div(_text(label)),
    )


def _curve(name: str, points: Points) -> dom_tag:
    thinned = points[:: max(1, len(points) // MAX_POINTS)]
    finite = [(x, y) for x, y in thinned if math.isfinite(y)]
    low, high = (min(y for _, y in finite), max(y for _, y in finite)) if finite else (0.0, 0.0)
    left, right = (finite[0][0], finite[-1][0]) if finite else (0.0, 0.0)
    places = [
        (WIDTH * (x - left) / ((right - left) or 1), HEIGHT * (high - y) / ((high - low) or 1)) for x, y in finite
    ]
    line = svg.polyline(
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), fill="none", stroke="currentColor", stroke_width="1.5"
    )
    label = f"{_text(name)} {points[-1][1]:.4g}"
    drawing = svg.svg({"viewBox": f"-2 -2 {WIDTH + 4} {HEIGHT + 4}"}, line, width=f"{WIDTH}", height=f"{HEIGHT}")
    drawing["role"], drawing["aria-label"] = "img", f"{label}, from {low:.4g} to {high:.4g}"
    if len(places) < 2:
        return tags.div(label, style="font-size: smaller")
    return tags.div(
        tags.div(label, title=f"from {low:.4g} to {high:.4g}"),
        drawing,
        style="display: inline-block; margin: 0 18px 8px 0; font-size: smaller",
    )


def _text(value: object) -> str:
    return visible(shortened(str(value), MAX_TEXT))
