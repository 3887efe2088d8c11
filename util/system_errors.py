"""Sentences for what the system refuses: paths that cannot be used, limits that are reached."""

import errno
import os

from .text import one_line, quoted

_ADVICE = {
    "Free some space, then run the same command again.": (errno.ENOSPC, errno.EDQUOT),
    "Name a folder that you may write to.": (errno.EACCES, errno.EPERM, errno.EROFS),
    "Give it a shorter name.": (errno.ENAMETOOLONG,),
    "Allow more open files (ulimit -n), or use fewer --num_threads.": (errno.EMFILE, errno.ENFILE),
    "Allow more processes (ulimit -u), or use fewer --num_threads.": (errno.EAGAIN,),
}
_ADVICE_BY_NUMBER = {number: advice for advice, numbers in _ADVICE.items() for number in numbers}


def refusal(error: BaseException) -> str | None:
    """A sentence for an error that the system causes and not the program; None for any other error.

    Such are all errors of files, processes and other resources (OSError), threads that cannot be started, and a home
    folder that is unknown.
    """
    if isinstance(error, OSError):
        return _refusal_of_call(error)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return f"the system starts no more threads. {_ADVICE_BY_NUMBER[errno.EAGAIN]}"
    if isinstance(error, RuntimeError) and "home directory" in str(error):  # Path.expanduser
        return "the home folder, for which ~ stands, is unknown: give the path in full."
    return None


def _refusal_of_call(error: OSError) -> str:
    reason = error.strerror or one_line(error)
    if error.filename is None:
        if isinstance(error, FileNotFoundError) and _current_folder_is_gone():
            return "the current folder no longer exists: change to another folder."
        return with_advice(f"the system refuses: {reason}.", error)
    name = error.filename if isinstance(error.filename, str | bytes) else str(error.filename)
    return with_advice(f"{quoted(os.fsdecode(name))} cannot be used: {reason}.", error)


def with_advice(sentence: str, error: OSError) -> str:
    """A sentence about an error, followed by one that says what can be done, where the cause is known."""
    return f"{sentence} {_ADVICE_BY_NUMBER.get(error.errno or 0, '')}".rstrip()


def _current_folder_is_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False
