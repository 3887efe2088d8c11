"""The readers with which data sets are constructed: the built-in ones, and those of plugins."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .readers import NumpyReader, Png16Reader, Reader
from .tiff import TiffReader

BUILTIN: tuple[Reader, ...] = (Png16Reader(), NumpyReader(), TiffReader())

# A ContextVar, because folders are searched, and data sets constructed, by functions of plugins' data sets too, whose
# signatures have no place for readers.
_current: ContextVar[tuple[Reader, ...]] = ContextVar("pixlate_readers", default=BUILTIN)


def current_readers() -> tuple[Reader, ...]:
    """The readers with which a data set is being constructed; outside of that the built-in ones."""
    return _current.get()


@contextmanager
def use_readers(further: Iterable[Reader]) -> Iterator[None]:
    """Within this block data sets are constructed with further readers, which take precedence over built-in ones."""
    token = _current.set((*further, *BUILTIN))
    try:
        yield
    finally:
        _current.reset(token)
