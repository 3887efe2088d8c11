"""Why something of a plugin failed, on one line."""

import traceback
from pathlib import Path

from pixlate.errors import PixlateError

LONGEST = 400  # characters
#: Not a plugin's own code, in a traceback.
OURS = ("pixlate", "importlib", "_frozen_importlib", "_frozen_importlib_external", "functools", "pluggy")


def cause_of(error: BaseException) -> str:
    """What went wrong, on one line: the error's kind and words, and the last line of the plugin's own code."""
    try:
        words = " ".join(str(error).split())
    except Exception:
        words = ""
    words = "".join(c if c.isprintable() else "?" for c in words)[:LONGEST].rstrip(". ")
    if isinstance(error, PixlateError):
        return words
    return f"{type(error).__name__}: {words}".removesuffix(": ") + _place_of(error)


def _place_of(error: BaseException) -> str:
    frames = [
        (str(frame.f_globals.get("__name__")), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    foreign = [frame for frame in frames if frame[0].partition(".")[0] not in OURS]
    own = [frame for frame in foreign if frame[0].partition(".")[0] == foreign[0][0].partition(".")[0]]
    return f" ({Path(own[-1][1]).name}, line {own[-1][2]})" if own else ""
