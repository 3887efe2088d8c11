"""A click command whose `--help` shows options under the titles of their owners."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from pixlate.errors import Interrupted, PixlateError

from .fields import ConfigOption

#: `--n_epochs` and `--n-epochs` are one option.
SETTINGS = {
    "token_normalize_func": lambda token: token.replace("_", "-"),
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
}


class TitledCommand(click.Command):
    """Options in titled sections, in the order in which their owners were given."""

    def __init__(self, *args: Any, lists: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.lists = lists

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section per title, then the lists of names."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                title = parameter.title if isinstance(parameter, ConfigOption) else "Other"
                sections.setdefault(title, []).append(record)
        for title, records in [*sections.items(), *self.lists]:
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def run_and_exit(work: Callable[[list[str]], object], args: list[str]) -> None:
    """Run a command's work and leave the process with its exit code; errors are one sentence on stderr.

    0 done, 1 data and run-time trouble, 2 usage, 130 and 143 interrupted by SIGINT and SIGTERM.
    """
    code = 0
    try:
        work(args)
    except click.exceptions.Exit as finished:
        code = finished.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except PixlateError as error:
        click.echo(f"Error: {error}", err=True)
        code = error.exit_code
    except Interrupted as stopped:
        click.echo(str(stopped), err=True)
        code = stopped.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    except (MemoryError, RuntimeError) as error:
        from pixlate.runs.memory import OUT_OF_MEMORY, is_out_of_memory  # PyTorch's kinds; `--help` does without

        if not is_out_of_memory(error):
            raise
        click.echo(f"Error: {OUT_OF_MEMORY}", err=True)
        code = 1
    sys.exit(code)
