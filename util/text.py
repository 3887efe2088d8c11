"""Text for messages: file names that cannot break a line or a terminal, lists, numbers with their nouns."""

import os
from collections.abc import Iterable, Sequence


def quoted(path: str | os.PathLike[str]) -> str:
    """A path between quotes, on one line: control characters and broken encodings appear escaped."""
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fspath(path))
    return f"'{''.join(escaped)}'"


def listed(items: Iterable[str], most: int = 5) -> str:
    """The first items with commas between them, and how many more there are: "a, b and 3 more"."""
    items = list(items)
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 image", "2 images"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def one_line(error: BaseException) -> str:
    """An error's message on one line, without its full stop; the name of its class where it has none."""
    text = " ".join(str(error).split()).rstrip(".")
    return text or type(error).__name__


def either(names: Sequence[str]) -> str:
    """Alternatives in a sentence: "a", "a or b", "a, b or c"."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
