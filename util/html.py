"""Elements that all pages share: the document with its style sheet and facts, and rows of images.

Pages are built with dominate, which escapes every text. A page loads nothing but the images of its own folder: it works
offline, and no server learns that it was opened.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

import dominate
from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from .files import write_whole
from .web import script, web_file

MIN_WIDTH = 860  # pixels of a page's content
GAP, MARGINS = 14, 90  # pixels between images and around them, as in the style sheet
MAX_COLUMNS = 4  # images side by side
BIDI_CONTROLS = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)  # they change the order in which the text after them is displayed


@dataclass(frozen=True)
class PageImage:
    """An image file on a page: its label, its path from the page, and its size in pixels."""

    label: str
    file: str
    width: int
    height: int


def visible(text: str) -> str:
    """Text that can be shown and encoded as UTF-8: invisible and undecodable characters become symbols.

    For the names of files, which may hold line breaks, control characters and broken encodings (surrogates).
    """
    return "".join(_visible_character(character) for character in text)


def address(file: str) -> str:
    """A file's path as a relative URL; names that are no valid UTF-8 are quoted byte by byte."""
    return quote_from_bytes(os.fsencode(file))


def page(
    title: str, heading: str, facts: Mapping[str, str], *body: dom_tag, width: int = MIN_WIDTH, refresh: int = 0
) -> dominate.document:
    """A whole page.

    - title, heading: what the browser's tab shows, and the first line of the page.
    - facts: names and values under the heading.
    - width: of the content in pixels, on screens that are wide enough.
    - refresh: seconds after which browsers load the page again; 0 for never.
    """
    document = dominate.document(title=visible(title), lang="en")
    document.head.add(
        tags.meta(charset="utf-8"),
        tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
        tags.meta(name="color-scheme", content="light dark"),
        tags.style(raw(web_file("page.css"))),
    )
    if refresh:
        fallback = tags.noscript(tags.meta(http_equiv="refresh", content=str(refresh)))
        reload = tags.script(raw(script("memory.js", "reload.js")), data_seconds=str(refresh))
        document.head.add(fallback, reload)
    items = [tags.li(tags.span(visible(name)), visible(value)) for name, value in facts.items()]
    document.body["style"] = f"--page: {width}px"
    document.add(tags.header(tags.h1(visible(heading)), tags.ul(items, cls="facts")), tags.main(*body))
    return document


def image_row(images: Sequence[PageImage], width: int) -> dom_tag:
    """Images side by side, each at most `width` pixels wide and a link to its file."""
    style = f"--columns: {columns(len(images))}; --width: {width}px"
    return tags.div([_figure(image) for image in images], cls="row", style=style)


def columns(count: int) -> int:
    """How many images stand side by side, at most `MAX_COLUMNS`.

    Rows are of equal length where possible: CycleGAN's eight images take two rows, A→B→A above B→A→B.
    """
    rows = max(1, -(-count // MAX_COLUMNS))
    return max(1, -(-count // rows))


def content_width(counts: Iterable[int], width: int) -> int:
    """The width of a page, in pixels, that shows rows of so many images, each `width` pixels wide."""
    widest = max((columns(count) for count in counts), default=1)
    return max(MIN_WIDTH, widest * (width + GAP) - GAP + MARGINS)


def rendered(tag: dom_tag) -> dom_tag:
    """An element as finished HTML: dominate renders slowly, and a page is written many times."""
    return raw(tag.render(pretty=False))


def save_page(document: dominate.document, path: Path) -> None:
    """Write a page, whole or not at all. Raises DataError when it cannot be written."""
    write_whole(path, document.render(pretty=False).encode())


def _figure(image: PageImage) -> dom_tag:
    link = address(image.file)
    label = visible(image.label)
    # With its size the browser reserves the space of an image that is not loaded yet: nothing moves when it is.
    thumbnail = tags.img(src=link, alt=label, loading="lazy", width=image.width, height=image.height)
    return tags.figure(tags.a(thumbnail, href=link), tags.figcaption(label))


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)  # Unicode's pictures of control characters: ␊ for a line feed
    invisible = unicodedata.category(character) in ("Cc", "Cs") or character in BIDI_CONTROLS
    return "\N{REPLACEMENT CHARACTER}" if invisible else character
