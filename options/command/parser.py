"""Builds the parser of `train` or `test`: shared options, and those of the chosen components, viewers and plugins."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from pixlate.errors import OptionError
from pixlate.options.fields import ConfigOption, options_by_name, options_of, title_of
from pixlate.options.shared import OWNERS
from pixlate.plugins.component import CONFIGURED, Component
from pixlate.plugins.manager import Plugins

from .prefixes import with_whole_names

#: click's settings. Names are normalised, so that `--n_epochs` and `--n-epochs` are one option.
SETTINGS = {
    "token_normalize_func": lambda token: token.replace("_", "-"),
    "help_option_names": ["-h", "--help"],
    "max_content_width": 110,
}
HELP = {
    "train": """Train a model on a folder of images.

    \b
    python train.py --model pix2pix --dataroot ./datasets/facades
    python train.py --model cycle_gan --dataroot ./datasets/horse2zebra
    """,
    "test": """Translate images with a trained model and write a gallery.

    \b
    python test.py                               (the newest run)
    python test.py --name facades_pix2pix        (options are read from the run)
    """,
}
#: Options that name files. They apply to one command line and are not stored with a run.
FILES = (
    click.Option(
        ["--config"],
        metavar="FILE.toml",
        help="values of options, which the command line overrides",
    ),
    click.Option(
        ["--plugin"],
        metavar="FILE.py",
        multiple=True,
        help="also load the plugin in this file, whose code runs",
    ),
)
#: The lists of names in `--help`: title, option, kind and role of the components.
LISTS = (
    ("Models (--model NAME; with --help it also lists the model's own options)", "model", "model", ""),
    ("Data sets (--dataset_mode NAME; with --help also their own options)", "dataset_mode", "dataset", ""),
    ("Generators (--netG)", "netG", "network", "generator"),
    ("Discriminators (--netD)", "netD", "network", "discriminator"),
    ("Normalisation layers (--norm)", "norm", "norm", ""),
    ("Adversarial losses (--gan_mode)", "gan_mode", "loss", ""),
    ("Initialisations (--init_type)", "init_type", "init", ""),
    ("Learning-rate schedules (--lr_policy)", "lr_policy", "lr_policy", ""),
)
Section = tuple[str, Sequence[click.Option]]  # a title of `--help` and the options under it


class TitledCommand(click.Command):
    """A command whose `--help` shows options in titled sections, followed by lists of names."""

    def __init__(
        self,
        name: str,
        *,
        sections: Sequence[Section],
        lists: Sequence[tuple[str, Sequence[tuple[str, str]]]],
        help: str,
    ) -> None:
        options = [option for _, options in sections for option in options]
        super().__init__(name, params=[*options, *FILES], help=help, context_settings=SETTINGS)
        self.sections = sections
        self.lists = lists

    @property
    def declared(self) -> dict[str, ConfigOption]:
        """The options that config dataclasses declare, by name; plugins' plain click options are not among them."""
        return {str(option.name): option for option in self.params if isinstance(option, ConfigOption)}

    @property
    def defaults(self) -> dict[str, Any]:
        """The declared default of every option by name, those of plugins included."""
        return {str(option.name): option.default for _, options in self.sections for option in options}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, in which options may be shortened as long as they are unambiguous."""
        return super().parse_args(ctx, with_whole_names(args, self.params))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section per title, then the lists of names."""
        titled = {id(option) for _, options in self.sections for option in options}
        others = [option for option in self.get_params(ctx) if id(option) not in titled]
        records: dict[str, list[tuple[str, str]]] = {}
        for title, options in [*self.sections, ("Other", others)]:
            help_records = (option.get_help_record(ctx) for option in options)  # None for a hidden option
            records.setdefault(title, []).extend(record for record in help_records if record is not None)
        for title, lines in [*records.items(), *self.lists]:
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines)


def build_parser(command: str, plugins: Plugins, components: Sequence[Component]) -> TitledCommand:
    """The parser of a command.

    - components: the chosen model and data set.

    A plugin whose options cannot be added is skipped with all it registered, see `Plugins.skip`.
    """
    viewers = plugins.registry("viewer") if command == "train" else ()
    sections: list[Section] = []
    # Two owners may declare one option, as `display_winsize`: it belongs to the first.
    names: set[str] = set()
    for title, options in _declared_sections(command, [*components, *viewers]):
        sections.append((title, [option for option in options if option.name not in names]))
        names |= {str(option.name) for option in options}
    sections += _plugin_sections(command, plugins, [option for _, options in sections for option in options])
    return TitledCommand(f"{command}.py", sections=sections, lists=_lists(command, plugins), help=HELP[command])


def declared_options(plugins: Plugins) -> dict[str, ConfigOption]:
    """The options of both commands and of all components, by name: those that a config file may set."""
    owners = [owner for owners in OWNERS.values() for owner in owners]
    components = [component for kind in CONFIGURED for component in plugins.registry(kind)]
    return options_by_name([*owners, *(component.config for component in components if component.config)])


def _declared_sections(command: str, components: Iterable[Component]) -> Iterator[tuple[str, list[ConfigOption]]]:
    for owner in OWNERS[command]:
        yield title_of(owner), options_of(owner)
    for component in components:
        if component.config:
            kind = "Data set" if component.kind == "dataset" else component.kind.capitalize()
            plugin = component.plugin
            origin = f" ({plugin.distribution or plugin.file} {plugin.version})" if not plugin.is_builtin else ""
            yield f"{kind} {component.name}{origin}", options_of(component.config)


def _lists(command: str, plugins: Plugins) -> list[tuple[str, list[tuple[str, str]]]]:
    """The registered names of each kind, with their help, under the option that chooses one."""
    return [
        (
            title,
            sorted((part.name, part.help) for part in plugins.registry(kind) if role in ("", part.role)),
        )
        for title, option, kind, role in LISTS
        if option in options_by_name(OWNERS[command])
    ]


def _plugin_sections(command: str, plugins: Plugins, known: Sequence[click.Option]) -> list[Section]:
    """The options that plugins' `command_options` return, a section for each plugin."""
    sections: list[Section] = []
    used_names = {"-h", "--help"} | {name for option in (*known, *FILES) for name in _spellings(option)}
    for info, command_options in list(plugins.implementations("command_options")):
        try:
            options = list(command_options(command=command) or ())
            names = _checked_names(options, used_names)
        except (Exception, SystemExit) as error:
            plugins.skip(info, error)
        else:
            sections.append((f"Plugin {info.name}", options))
            used_names |= names
    return sections


def _checked_names(options: Sequence[object], used_names: set[str]) -> set[str]:
    """The names and spellings of a plugin's options. Raises OptionError for one that cannot be added."""
    names: set[str] = set()
    for option in options:
        if not isinstance(option, click.Option):
            raise OptionError(f"its command_options returned {option!r}, which is no click.Option")
        if not option.help:
            raise OptionError(f"its option {option.opts[0]} has no help")
        clash = _spellings(option) & (used_names | names)
        if clash:
            raise OptionError(f"it declares {min(clash)}, which is an option already")
        names |= _spellings(option)
    return names


def _spellings(option: click.Option) -> set[str]:
    """The name and all flags of an option, normalised."""
    return {str(option.name), *(name.replace("_", "-") for name in (*option.opts, *option.secondary_opts))}
