"""Text that people read: file names that cannot break a line or a terminal."""

import os
from collections.abc import Iterable, Sequence


def shown(path: str | os.PathLike[str]) -> str:
    """A path between quotes, on one line: control characters and broken encodings appear escaped."""
    text = os.fspath(path)
    plain = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"'{''.join(plain)}'"


def listed(items: Iterable[str], most: int = 5) -> str:
    """The first few items with commas, and how many more there are."""
    items = list(items)
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 image", "2 images"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def one_line(error: BaseException) -> str:
    """What an error says, on one line and without the final full stop; its kind where it says nothing."""
    text = " ".join(str(error).split()).rstrip(".")
    return text or type(error).__name__


def either(names: Sequence[str]) -> str:
    """Alternatives in a sentence: "a", "a or b", "a, b or c"."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
