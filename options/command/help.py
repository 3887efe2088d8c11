"""A click command whose `--help` shows options under the titles of their owners."""

from collections.abc import Sequence
from typing import Any

import click

from pixlate.options.fields import ConfigOption

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
