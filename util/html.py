"""The pieces that pages share: the frame with its style, facts, and rows of images.

Built with dominate, which escapes every text; nothing on a page comes from outside its folder.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

from dominate import document, tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from .files import write_whole
from .style import STYLE

GAP, MARGINS = 14, 90  # between images, and around them, as the style sheet has them
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn text around


@dataclass(frozen=True)
class Shown:
    """An image file on a page: its label, its path from the page, and its size in pixels."""

    label: str
    file: str
    width: int
    height: int


def visible(text: str) -> str:
    """Text that can be shown and encoded: what is invisible or undecodable becomes a symbol."""
    return "".join(_visible_character(character) for character in text)


def address(file: str) -> str:
    """The relative address of a file, right for every name that a file system can hold."""
    return quote_from_bytes(os.fsencode(file))


def page(
    title: str, heading: str, facts: Mapping[str, str], *body: dom_tag, width: int = 860, refresh: int = 0
) -> document:
    """A whole page.

    `width` is that of its content in pixels, on screens that have the room; `refresh` the number of seconds
    after which browsers load it again, 0 for never.
    """
    made = document(title=visible(title), lang="en")
    made.head.add(
        tags.meta(charset="utf-8"),
        tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
        tags.meta(name="color-scheme", content="light dark"),
        tags.style(raw(STYLE)),
    )
    if refresh:
        made.head.add(tags.meta(http_equiv="refresh", content=str(refresh)))
    items = [tags.li(tags.span(visible(name)), visible(value)) for name, value in facts.items()]
    made.body["style"] = f"--page: {width}px"
    made.add(tags.header(tags.h1(visible(heading)), tags.ul(items, cls="facts")), tags.main(*body))
    return made


def image_row(images: Sequence[Shown], width: int) -> dom_tag:
    """Images side by side, each at most `width` pixels wide and linked to its file."""
    style = f"--columns: {columns(len(images))}; --width: {width}px"
    return tags.div([_figure(image) for image in images], cls="row", style=style)


def columns(count: int) -> int:
    """How many images stand side by side: rows of equal length, so that A→B→A stands above B→A→B."""
    rows = max(1, -(-count // 4))
    return max(1, -(-count // rows))


def content_width(rows: Iterable[int], width: int) -> int:
    """How wide a page is that holds rows of so many images, each `width` pixels wide."""
    widest = max((columns(count) for count in rows), default=1)
    return max(860, widest * (width + GAP) - GAP + MARGINS)


def rendered(tag: dom_tag) -> dom_tag:
    """The same piece with its text made once, for pages that are written again and again."""
    return raw(tag.render(pretty=False))


def save_page(made: document, path: Path) -> None:
    """Write a page, whole or not at all. Raises DataError when it cannot be written."""
    write_whole(path, made.render(pretty=False).encode())


def _figure(image: Shown) -> dom_tag:
    link = address(image.file)
    label = visible(image.label)
    thumbnail = tags.img(src=link, alt=label, loading="lazy", width=image.width, height=image.height)
    return tags.figure(tags.a(thumbnail, href=link), tags.figcaption(label))


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)
    unseen = unicodedata.category(character) in ("Cc", "Cs") or character in TURNING
    return "\N{REPLACEMENT CHARACTER}" if unseen else character
