"""Text for messages: quoted file names, short lists, counts with their nouns, errors on one line."""

import os
from collections.abc import Iterable, Sequence


def quoted(path: str | os.PathLike[str]) -> str:
    """A path in single quotes, on one line: control characters and undecodable bytes are escaped."""
    return f"'{escaped(os.fspath(path))}'"


def escaped(text: str, most: int | None = None) -> str:
    """A text on one line, its control characters and undecodable bytes escaped, cut after `most` characters.

    For what strangers write, such as file names and the answers of servers: a raw escape sequence could rewrite the
    terminal.
    """
    cut = text if most is None or len(text) <= most else f"{text[:most]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def listed(items: Iterable[str], most: int = 5) -> str:
    """At most `most` items with commas between them, and the number of the others: "a, b and 3 more"."""
    items = list(items)
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: "1 image", "2 images". The plural is the singular with an "s" unless given."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def one_line(error: BaseException) -> str:
    """An error's message on one line, without its full stop; the name of its class where it has none."""
    text = " ".join(str(error).split()).rstrip(".")
    return text or type(error).__name__


def either(names: Sequence[str]) -> str:
    """Alternatives in a sentence: "a", "a or b", "a, b or c"."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def shortened(text: str, most: int = 200) -> str:
    """A text on one line, of at most `most` characters; control characters are escaped."""
    text = " ".join(text[: 4 * most].split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shown(value: object, most: int = 60) -> str:
    """A value from a file as part of a sentence: on one line and not too long."""
    if isinstance(value, int) and value.bit_length() > 200:
        return "a very large number"  # Python refuses to write numbers of some thousand digits
    if isinstance(value, list) and len(value) <= 5:
        parts = ("…" if isinstance(part, list) else repr(shown(part)) for part in value)
        return shortened(f"[{', '.join(parts)}]", most)
    plain = value is None or isinstance(value, str | int | float)
    return shortened(str(value) if plain else type(value).__name__, most)
