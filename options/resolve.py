"""From a command line to a `Choice`: peek at the components, then parse with their options added.

The command line wins over --config, that over the stored run, that over the chosen component's defaults, and those
over the options' own defaults.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from pixlate.errors import OptionError, did_you_mean
from pixlate.plugins import get_plugins
from pixlate.plugins.manager import Plugins, file_digest
from pixlate.plugins.registry import Component

from .choice import Choice
from .fields import ConfigOption, options_of, positive
from .help import SETTINGS, TitledCommand
from .names import check_name, default_name, newest_run
from .shared import (
    DataOptions,
    ExperimentOptions,
    NetworkOptions,
    OptimisationOptions,
    TestingOptions,
    TrainingOptions,
)
from .stored import StoredRun, read_stored

#: The options that name a component: its kind and role.
COMPONENTS: Mapping[str, tuple[str, str]] = {
    "model": ("model", ""),
    "dataset_mode": ("dataset", ""),
    "netG": ("network", "generator"),
    "netD": ("network", "discriminator"),
    "norm": ("norm", ""),
    "init_type": ("init", ""),
    "gan_mode": ("loss", ""),
    "lr_policy": ("lr_policy", ""),
}
OWNERS: Mapping[str, tuple[type, ...]] = {
    "train": (ExperimentOptions, DataOptions, NetworkOptions, OptimisationOptions, TrainingOptions),
    "test": (ExperimentOptions, TestingOptions, DataOptions, NetworkOptions),
}
#: What a command changes of the shared defaults.
COMMAND_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "train": {},
    "test": {"model": "test", "phase": "test", "flip": False, "serial_batches": True, "num_threads": 2},
}
#: Stored options that say how a run was started, not what it is.
NOT_CONTINUED = ("continue_train", "resume", "overwrite", "epoch_count", "epoch", "load_iter", "name", "suffix")
#: Stored options of a training that mean nothing to its test.
NOT_TESTED = (
    *NOT_CONTINUED,
    *("phase", "load_size", "flip", "serial_batches", "batch_size", "num_threads", "max_dataset_size"),
    *("precision", "device", "gpu_ids", "verbose", "on_bad_image", "max_bad_images", "cache", "cache_dir"),
)
PEEKED = ("model", "dataset_mode", "name", "suffix", "dataroot", "checkpoints_dir", "resume")
PEEKED_SWITCHES = ("continue_train", "overwrite")
SHARED_COMMANDS: list[click.Parameter] = [
    click.Option(
        ["--config"], metavar="FILE.toml", help="values of options, below the command line and above the defaults"
    ),
    click.Option(["--plugin"], metavar="FILE.py", multiple=True, help="also load the plugin in this file: its code runs"),
]


def resolve(command: str, args: list[str]) -> Choice:
    """The options of `train` or `test`. Raises OptionError or click's usage errors; `--help` raises click's Exit."""
    peeked = _peek(command, args)
    plugins = get_plugins()
    plugin_files = _load_files(plugins, peeked.pop("plugin", ()))
    config = _read_config(peeked.pop("config", None))
    asked = {**{name: config[name] for name in (*PEEKED, *PEEKED_SWITCHES) if name in config}, **peeked}
    resolution = _Resolution(command, plugins, config, asked)
    if asked.get("suffix"):
        resolution.fill_suffix(args)
    resolution.find_run()
    return resolution.parse(args, plugin_files)


class _Resolution:
    """The layers of values below one command line, and the parser that they belong to."""

    def __init__(self, command: str, plugins: Plugins, config: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        self.command = command
        self.plugins = plugins
        self.config = dict(config)
        self.asked = dict(asked)
        self.stored: StoredRun | None = None
        self.name = str(asked.get("name") or "")
        self.suffix = ""

    def find_run(self) -> None:
        """Decide the run's name, and read its stored options where the command goes on from them."""
        folder = Path(self.asked.get("checkpoints_dir") or "./checkpoints")
        if not self.name and self.command == "test":
            self.name = newest_run(folder)
            if self.name:
                click.echo(f"No --name given: testing the newest run, '{self.name}'.")
        if not self.name and self.asked.get("dataroot"):
            self.name = default_name(str(self.asked["dataroot"]), self._chosen("model"))
        if self.name and self.suffix:
            self.name = f"{self.name}_{self.suffix}"
        if not self.name:
            return
        check_name(self.name, folder)
        goes_on = self.asked.get("continue_train") or self.asked.get("resume") == "auto"
        if self.command == "test" or goes_on:
            self.stored = read_stored(folder / self.name)

    def fill_suffix(self, args: list[str]) -> None:
        """Fill `--suffix` in from the options' values, as far as they are known before the stored run is."""
        made = self._command()
        context = made.make_context(self.command, list(args), resilient_parsing=True, default_map=self._below())
        try:
            self.suffix = str(self.asked["suffix"]).format(**context.params)
        except (KeyError, IndexError, ValueError) as error:
            raise OptionError(f"--suffix '{self.asked['suffix']}' names no option: {error}.") from None

    def parse(self, args: list[str], plugin_files: Mapping[str, str]) -> Choice:
        """Parse the command line over all layers."""
        self._check_model()
        made = self._command()
        try:
            context = made.make_context(self.command, list(args), default_map=self._below())
        except click.NoSuchOption as error:
            raise self._hinted(error) from None
        with context:
            values = dict(context.params)
        for name in ("config", "plugin"):
            values.pop(name, None)
        sources = {name: self._source(context, name) for name in values}
        if self.command == "test" and sources["load_size"] == "default":
            values["load_size"] = values["crop_size"]
        values["name"] = self.name
        components = {
            option: self.plugins.registry(kind).get(str(values[option]), role=role)
            for option, (kind, role) in COMPONENTS.items()
            if option in values
        }
        defaults = {**self._declared(made), **self._layer("component")}
        choice = Choice(self.command, values, sources, defaults, components, self.stored, plugin_files)
        _check_architecture(choice)
        return choice

    def _chosen(self, option: str) -> str:
        """The component that an option names, before the command line is parsed as a whole."""
        for layer in (self.asked, self.config, self._stored_values()):
            if layer.get(option):
                return str(layer[option])
        if option != "model":
            return str(self._layer("component").get(option, NAMED_DEFAULTS[option]))
        return str(COMMAND_DEFAULTS[self.command].get("model", NAMED_DEFAULTS["model"]))

    def _component(self, option: str) -> Component:
        kind, role = COMPONENTS[option]
        try:
            return self.plugins.registry(kind).get(self._chosen(option), role=role)
        except OptionError as error:
            known = self.stored.components.get(option) if self.stored else None
            if known and known.get("name") == self._chosen(option) and known.get("distribution") != "pixlate":
                raise _missing_plugin(option, known, error) from None
            raise

    def _layer(self, name: str) -> Mapping[str, Any]:
        if name == "component":
            return {**self._component("model").defaults, **self._dataset_defaults()}
        return {"config file": self.config, "stored run": self._stored_values()}[name]

    def _dataset_defaults(self) -> Mapping[str, Any]:
        asked = self.asked.get("dataset_mode") or self.config.get("dataset_mode")
        name = asked or self._stored_values().get("dataset_mode") or self._component("model").defaults.get("dataset_mode")
        registry = self.plugins.registry("dataset")
        return registry.get(str(name)).defaults if name and str(name) in registry else {}

    def _below(self) -> dict[str, Any]:
        """All layers below the command line, as click's default_map."""
        merged = {
            **COMMAND_DEFAULTS[self.command],
            **self._layer("component"),
            **self._layer("stored run"),
            **self._layer("config file"),
        }
        return {name: value for name, value in merged.items() if value is not None}

    def _stored_values(self) -> Mapping[str, Any]:
        if self.stored is None:
            return {}
        left_out = NOT_TESTED if self.command == "test" else NOT_CONTINUED
        values = {name: value for name, value in self.stored.options.items() if name not in left_out}
        model = self.asked.get("model") or self.config.get("model")
        if self.command == "test" and model == "test" != self.stored.options.get("model"):
            kept = {made.name for made in options_of(NetworkOptions)} | {"preprocess", "crop_size", "seed"}
            values = {name: value for name, value in values.items() if name in kept}
        return values

    def _check_model(self) -> None:
        trained = self.stored.options.get("model") if self.stored else None
        if trained and self._chosen("model") not in (trained, "test"):
            raise OptionError(
                f"--model {self._chosen('model')} contradicts run '{self.name}', which is a {trained}: "
                "leave it out, or choose another --name."
            )

    def _command(self) -> TitledCommand:
        owners: list[tuple[type, str]] = [(owner, "") for owner in OWNERS[self.command]]
        for option in ("model", "dataset_mode"):
            component = self._component(option)
            if component.config:
                word = "Model" if option == "model" else "Data set"
                owners.append((component.config, f"{word} {component.name} ({component.plugin.name})"))
        for viewer in self.plugins.registry("viewer"):
            if viewer.config and self.command == "train":
                owners.append((viewer.config, f"Viewer {viewer.name}"))
        parameters = _parameters(owners)
        parameters += self._plugin_options(parameters) + SHARED_COMMANDS
        models = [(made.name, made.help) for made in self.plugins.registry("model")]
        return TitledCommand(
            self.command,
            context_settings=SETTINGS,
            params=parameters,
            help=_HELP[self.command],
            lists=[("Models", sorted(models))],
        )

    def _plugin_options(self, known: list[click.Parameter]) -> list[click.Parameter]:
        added: list[click.Parameter] = []
        for info, ask in list(self.plugins.implementations("command_options")):
            try:
                for made in ask(command=self.command):
                    _refuse_taken(made, [*known, *added], str(info))
                    title = f"Plugin {info.name}"
                    made.__class__ = type("Titled", (ConfigOption, type(made)), {"title": title})
                    added.append(made)
            except Exception as error:
                self.plugins.skip(info, error)
        return added

    def _declared(self, made: click.Command) -> dict[str, Any]:
        return {str(p.name): p.default for p in made.params if isinstance(p, ConfigOption)} | dict(
            COMMAND_DEFAULTS[self.command]
        )

    def _source(self, context: click.Context, name: str) -> str:
        source = context.get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:
            return "command line"
        if source is click.core.ParameterSource.DEFAULT_MAP:
            for layer in ("config file", "stored run", "component"):
                if self._layer(layer).get(name) is not None:
                    return layer
        return "default"

    def _hinted(self, error: click.NoSuchOption) -> click.UsageError:
        wanted = error.option_name.lstrip("-").replace("-", "_").removeprefix("no_")
        for kind in ("model", "dataset", "viewer"):
            for component in self.plugins.registry(kind):
                if component.config and wanted in {made.name for made in options_of(component.config)}:
                    text = f"{error.format_message()} It is an option of {kind} '{component.name}'."
                    return click.UsageError(text, error.ctx)
        return click.UsageError("\n".join([error.format_message(), *self.plugins.complaints()]), error.ctx)


NAMED_DEFAULTS = {
    str(made.name): made.default
    for owner in OWNERS["train"]
    for made in options_of(owner)
    if made.name in COMPONENTS
}
_HELP = {
    "train": """Train a model on a folder of pictures.

    \b
    python train.py --model pix2pix --dataroot ./datasets/facades
    python train.py --model cycle_gan --dataroot ./datasets/horse2zebra
    """,
    "test": """Translate pictures with a trained model and lay out a gallery.

    \b
    python test.py                               (the newest run)
    python test.py --name facades_pix2pix        (a run remembers its options)
    """,
}


def _peek(command: str, args: list[str]) -> dict[str, Any]:
    switches = [click.Option([f"--{name}/--no_{name}"], default=None) for name in PEEKED_SWITCHES]
    texts = [click.Option([name, f"--{name}"]) for name in (*PEEKED, "config")]
    probe = click.Command(
        command,
        params=[*texts, *switches, click.Option(["--plugin"], multiple=True)],
        context_settings={**SETTINGS, "ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )
    context = probe.make_context(command, list(args), resilient_parsing=True)
    return {name: value for name, value in context.params.items() if value is not None}


def _load_files(plugins: Plugins, files: Iterable[str]) -> dict[str, str]:
    digests = {}
    for file in files:
        info = plugins.load_file(Path(file))
        if info.status != "loaded":
            raise OptionError(f"--plugin {file} cannot be loaded: {info.reason}.")
        digests[info.file] = file_digest(Path(info.file))
    return digests


def _read_config(path: str | None) -> dict[str, Any]:
    if not path:
        return {}
    try:
        values = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"--config '{path}' cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--config '{path}' is no TOML: {error}.") from None
    values = {name.replace("-", "_"): value for name, value in values.items()}
    for name, value in values.items():
        if name in ("plugin", "config"):
            raise OptionError(f"--config '{path}' names '{name}', which only the command line may.")
        if isinstance(value, (dict, list)):
            raise OptionError(f"--config '{path}': '{name}' must be one value, not a table or a list.")
    known = {str(made.name) for owners in OWNERS.values() for owner in owners for made in options_of(owner)}
    for kind in ("model", "dataset", "viewer"):
        for component in get_plugins().registry(kind):
            known |= {str(made.name) for made in options_of(component.config)} if component.config else set()
    values = positive(values, known)
    for name in values:
        if name not in known:
            raise OptionError(f"--config '{path}' has an unknown option '{name}'.{did_you_mean(name, known)}")
    return values


def _parameters(owners: Iterable[tuple[type, str]]) -> list[click.Parameter]:
    parameters: list[click.Parameter] = []
    names: set[str] = set()
    shared = {field for owner in (*OWNERS["train"], *OWNERS["test"]) for field in _names(owner)}
    for owner, title in owners:
        for made in options_of(owner, title):
            if made.name in names and title and made.name in shared:
                raise OptionError(f"{title} declares --{made.name}, which is an option of the command itself.")
            if made.name not in names:
                names.add(str(made.name))
                parameters.append(made)
    return parameters


def _names(owner: type) -> set[str]:
    return {str(made.name) for made in options_of(owner)}


def _refuse_taken(made: click.Option, known: Iterable[click.Parameter], whose: str) -> None:
    if made.name in {parameter.name for parameter in known}:
        raise OptionError(f"{whose} declares --{made.name}, which is already an option")


def _missing_plugin(option: str, known: Mapping[str, str], error: OptionError) -> OptionError:
    if not known.get("distribution"):
        return OptionError(
            f"--{option} {known['name']} came from the plugin file '{known['plugin']}.py': give it again with --plugin."
        )
    return OptionError(
        f"{option} '{known['name']}' came from {known['distribution']} {known['version']}, which is not installed or "
        f"not loaded: install {known['distribution']}.\n{error}"
    )


def _check_architecture(choice: Choice) -> None:
    """Refuse a network flag of a test that contradicts the run's stored architecture."""
    if choice.stored is None or choice.command != "test":
        return
    for name in _names(NetworkOptions) - {"direction", "init_type", "init_gain", "netD", "ndf", "n_layers_D"}:
        said, kept = choice.values[name], choice.stored.options.get(name)
        if kept is not None and said != kept and choice.sources[name] in ("command line", "config file"):
            flag = f"--no_{name}" if said is False else f"--{name} {said}"
            raise OptionError(
                f"{flag} contradicts run '{choice.name}', which was trained with {name} = {kept}: leave it out."
            )
