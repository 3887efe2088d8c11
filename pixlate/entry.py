"""Runs a command: prints its log messages and errors on the console, and exits with its exit code."""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from pixlate.errors import Interrupted, PixlateError
from pixlate.util.output import OutputClosed, complain, safe_streams, say
from pixlate.util.system_errors import refusal

Command = Callable[[list[str]], object]


class ConsoleHandler(logging.Handler):
    """Prints log records as lines: information on stdout, warnings on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.levelno >= logging.WARNING:
            complain(f"warning: {record.getMessage()}")
        else:
            say(record.getMessage())


@contextmanager
def messages_on_console() -> Iterator[None]:
    """Within this block pixlate's loggers print to the console.

    Only commands use it: a program that imports pixlate configures logging itself.
    """
    logger = logging.getLogger("pixlate")
    if any(isinstance(handler, ConsoleHandler) for handler in logger.handlers):  # nested: `pixlate train` calls `train`
        yield
        return
    # What Pillow remarks on a file's metadata concerns nobody: a file that cannot be read is an error of pixlate's own.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    handler, level, propagate = ConsoleHandler(), logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def run_and_exit(command: Command, args: list[str]) -> None:
    """Call `command` with the arguments and exit; an error is printed as one sentence on stderr.

    Exit codes: 0 success, 1 an error in data or at run time, 2 a usage error, 130 and 143 after SIGINT and SIGTERM.
    """
    with safe_streams(), messages_on_console():
        code = _exit_code(command, args)
    sys.exit(code)


def _exit_code(command: Command, args: list[str]) -> int:
    try:
        command(args)
    except click.exceptions.Exit as exit_request:  # --help and --version
        return exit_request.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PixlateError as error:
        complain(f"Error: {error}" if error.exit_code else str(error))
        return error.exit_code
    except Interrupted as interruption:
        complain(str(interruption))
        return interruption.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("Interrupted.")
        return 130
    except OutputClosed:  # `pixlate plugins | head -1`: whoever ended the reader needs no message
        return 1
    except (OSError, MemoryError, RuntimeError) as error:
        sentence = refusal(error) or _memory_error(error)
        if sentence is None:
            raise
        complain(f"Error: {sentence}")
        return 1
    return 0


def _memory_error(error: BaseException) -> str | None:
    """The sentence for an error that is a lack of memory; None for any other."""
    from pixlate.runs.memory import OUT_OF_MEMORY, is_out_of_memory  # imports torch, which `--help` does without

    return OUT_OF_MEMORY if is_out_of_memory(error) else None
