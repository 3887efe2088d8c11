"""Printing that cannot end a command, and results of commands whose loss is an error."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial

import click
import pytest

from pixlate.errors import DataError
from pixlate.util.output import OutputClosed, complain, optional_output, print_result, safe_streams, say


class Failing(io.StringIO):
    """A stream that fails with an error while it has one."""

    def __init__(self, number: int = 0) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        if self.number:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)

    def flush(self) -> None:
        self.write("")


@contextmanager
def streams(out: int = 0, err: int = 0) -> Iterator[tuple[Failing, Failing]]:
    """stdout and stderr, with the errors that they fail with, behind safe streams."""
    with redirect_stdout(Failing(out)) as output, redirect_stderr(Failing(err)) as errors, safe_streams():
        yield output, errors


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.EBADF, errno.ENOSPC])
def test_a_lost_message_is_said_once_on_the_other_stream(number: int) -> None:
    with streams(out=number) as (_, err):
        say("one")
        with optional_output():
            print("two")
            click.echo("three")
        say("four")
    assert err.getvalue() == (
        f"warning: standard output cannot be written ({os.strerror(number)}); the command goes on without it.\n"
    )


def test_a_lost_complaint_is_said_on_stdout() -> None:
    with streams(err=errno.EIO) as (out, _):
        complain("one")
        print("two", file=sys.stderr)
        say("three")
    assert [line[:30] for line in out.getvalue().splitlines()] == ["warning: standard error cannot", "three"]


def test_with_both_lost_nothing_is_raised() -> None:
    with streams(out=errno.EIO, err=errno.EIO):
        say("one")
        complain("two")
        assert not sys.stdout.isatty()


def test_a_full_disk_may_get_space_and_a_closed_terminal_never_returns() -> None:
    with streams() as (out, err):
        for number in (errno.ENOSPC, 0, errno.EIO, 0):
            out.number = number
            say(f"after {number}")
    assert out.getvalue() == "after 0\n"
    assert err.getvalue().count("\n") == 1


@pytest.mark.parametrize("missing", [True, False])
def test_streams_that_are_closed_or_missing(missing: bool) -> None:
    stream = None if missing else io.StringIO()
    if stream is not None:
        stream.close()
    with redirect_stdout(stream), redirect_stderr(stream):
        with safe_streams():
            say("one")
            complain("two")
            assert not sys.stdout.isatty()
        assert sys.stdout is stream


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "utf-8"])
def test_characters_that_the_encoding_lacks_are_escaped(encoding: str) -> None:
    raw = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(raw, encoding)), safe_streams():
        say("写真 é \udcff")  # the last is an undecodable byte of a file's name
        print_result("写")
    text = raw.getvalue().decode(encoding)
    assert (
        text.splitlines()
        == {
            "latin-1": ["\\u5199\\u771f é \\udcff", "\\u5199"],
            "cp1252": ["\\u5199\\u771f é \\udcff", "\\u5199"],
            "ascii": ["\\u5199\\u771f \\xe9 \\udcff", "\\u5199"],
            "utf-8": ["写真 é \\udcff", "写"],
        }[encoding]
    )


@pytest.mark.parametrize(
    "result", [print_result, partial(print, flush=True), click.echo], ids=["ours", "print", "click"]
)
def test_a_lost_result_is_an_error(result: Callable[[str], None]) -> None:
    sentence = r"^standard output cannot be written \(No space left on device\)\.$"
    with streams(out=errno.ENOSPC) as (_, err), pytest.raises(DataError, match=sentence):
        result("a list")
    with streams(out=errno.EPIPE) as (_, err), pytest.raises(OutputClosed):
        result("a list")
    assert err.getvalue() == ""


def test_closed_descriptors_are_not_reused_for_files() -> None:
    copies = [os.dup(number) for number in (0, 1, 2)]
    try:
        for number in (0, 1, 2):
            os.close(number)
        with safe_streams():
            descriptor = os.open(os.devnull, os.O_RDONLY)
            os.close(descriptor)
    finally:
        for number, copy in enumerate(copies):
            os.dup2(copy, number)
            os.close(copy)
    assert descriptor > 2
