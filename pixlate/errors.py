"""The errors that a user can cause, each one sentence: what is wrong, what is allowed, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class PixlateError(Exception):
    """Data or run-time trouble. A command prints the sentence alone and exits with `exit_code`."""

    exit_code = 1


class OptionError(PixlateError, ValueError):
    """An option, a name or a combination of them that cannot be: a usage error."""

    exit_code = 2


class DataError(PixlateError):
    """Images or folders that cannot be used."""


class CheckpointError(PixlateError):
    """A checkpoint or run folder that is missing, damaged or of another architecture."""


class Interrupted(Exception):
    """A signal asked the command to end, and it has ended in order; `exit_code` is 128 plus the signal's number."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence after a space: the nearest of the known names, or their list when none is near."""
    names = sorted(known)
    by_key = {_key(known_name): known_name for known_name in names}
    nearest = get_close_matches(_key(name), by_key, n=1, cutoff=0.5)
    if nearest:
        return f" Did you mean '{by_key[nearest[0]]}'?"
    return f" There are: {', '.join(names)}." if names else " There are none."


def _key(name: str) -> str:
    return name.lower().replace("-", "_")
