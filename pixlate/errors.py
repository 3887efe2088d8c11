"""The errors that a user can cause. Each message is one sentence: what is wrong, what is allowed, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class PixlateError(Exception):
    """An error in data or at run time. A command prints its message without a traceback and exits with `exit_code`."""

    exit_code = 1


class OptionError(PixlateError, ValueError):
    """An invalid option, name, or combination of them: a usage error."""

    exit_code = 2


class DataError(PixlateError):
    """Images or folders that cannot be used."""


class CheckpointError(PixlateError):
    """A checkpoint or run folder that is missing, damaged, or of another architecture."""


class DamagedError(CheckpointError):
    """A checkpoint that is proven to be damaged: it is cut off, or its content is not that of its checksums."""


class NothingToDo(PixlateError):
    """All that a command asks for is done already. Success, with `exit_code` 0, for a command that may be repeated."""

    def __init__(self, message: str, *, repeatable: bool = False) -> None:
        super().__init__(message)
        self.exit_code = 0 if repeatable else 1


class StoppedEarly(Exception):
    """A plugin has ended a training; everything is saved, and the command succeeds."""


class Interrupted(Exception):
    """The command was ended by a signal, after an orderly stop; `exit_code` is 128 plus the signal's number."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence to append to an error: the known name nearest to `name`, or the list of them when none is similar.

    Begins with a space.
    """
    names = sorted(known)
    by_key = {_key(known_name): known_name for known_name in names}
    nearest = get_close_matches(_key(name), by_key, n=1, cutoff=0.5)
    if nearest:
        return f" Did you mean '{by_key[nearest[0]]}'?"
    return f" There are: {', '.join(names)}." if names else " There are none."


def _key(name: str) -> str:
    return name.lower().replace("-", "_")
