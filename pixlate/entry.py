"""How a command begins and ends: its messages on the console, its errors in one sentence, its exit code."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from pixlate.errors import Interrupted, PixlateError

Work = Callable[[list[str]], object]


class ConsoleHandler(logging.Handler):
    """Prints log records as lines: information on stdout, warnings on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        if record.levelno >= logging.WARNING:
            click.echo(f"warning: {record.getMessage()}", err=True)
        else:
            click.echo(record.getMessage())


@contextmanager
def messages_on_console() -> Iterator[None]:
    """Within this block pixlate's loggers print; a program that imports pixlate configures logging by itself."""
    logger = logging.getLogger("pixlate")
    if any(isinstance(handler, ConsoleHandler) for handler in logger.handlers):  # `pixlate train` runs `train`
        yield
        return
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


def run_and_exit(work: Work, args: list[str]) -> None:
    """Run a command's work and leave the process with its exit code; errors are one sentence on stderr.

    0 done, 1 data and run-time trouble, 2 usage, 130 and 143 interrupted by SIGINT and SIGTERM.
    """
    with messages_on_console():
        code = _exit_code(work, args)
    sys.exit(code)


def _exit_code(work: Work, args: list[str]) -> int:
    try:
        work(args)
    except click.exceptions.Exit as finished:  # --help and --version
        return finished.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PixlateError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except Interrupted as stopped:
        click.echo(str(stopped), err=True)
        return stopped.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return 130
    except BrokenPipeError:  # whoever read the output has gone: `pixlate plugins | head -1`
        sys.stderr.close()
        return 1
    except (MemoryError, RuntimeError) as error:
        from pixlate.runs.memory import OUT_OF_MEMORY, is_out_of_memory  # needs torch; `--help` does without

        if not is_out_of_memory(error):
            raise
        click.echo(f"Error: {OUT_OF_MEMORY}", err=True)
        return 1
    return 0
