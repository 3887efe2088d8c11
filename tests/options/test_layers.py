"""Where values come from: the order of the sources, what the first look at a command line sees, a run's name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from pixlate import get_plugins
from pixlate.errors import OptionError
from pixlate.options.command.layers import SOURCES, Layers
from pixlate.options.command.parser import build_parser
from pixlate.options.command.peek import peek
from pixlate.options.command.resolve import resolve
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.command.stored import StoredRun, write_stored
from pixlate.options.fields import Scope, option, options_of
from pixlate.plugins.component import PluginInfo
from pixlate.plugins.registry import Register


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def resolved(command: str, *words: str) -> ResolvedOptions:
    return resolve(command, list(words), get_plugins())


def value_and_source(options: ResolvedOptions, name: str) -> tuple[Any, str]:
    return options.values[name], options.sources[name]


def store(name: str, **values: Any) -> None:
    folder = Path("checkpoints") / name
    folder.mkdir(parents=True)
    write_stored(folder, StoredRun({"model": "pix2pix", **values}))


# --- layers ----------------------------------------------------------------------------------------------------


def test_each_source_wins_over_those_before_it() -> None:
    layers = Layers()
    for number, source in enumerate(SOURCES):
        layers = layers.with_layer(source, {"x": number, source: number})
        assert layers.merged()["x"] == number
        assert layers.source("x") == source
    assert [layers.merged()[source] for source in SOURCES] == list(range(len(SOURCES)))
    assert layers.below_command_line()["x"] == len(SOURCES) - 2


def test_layers_do_not_change() -> None:
    empty = Layers()
    empty.with_layer("component", {"x": 1})
    assert empty.merged() == {}
    assert empty.source("x") == "default"


def test_none_in_a_layer_is_the_option_s_own_default() -> None:
    layers = Layers().with_layer("component", {"x": 1}).with_layer("stored run", {"x": None})
    assert layers.below_command_line() == {}
    assert layers.source("x") == "default"
    assert layers.with_layer("command line", {"x": None}).source("x") == "command line"


def test_every_source_in_one_command(tmp_path: Path) -> None:
    store("run", ngf=2, ndf=2, beta1=0.2, dataroot="there")
    (tmp_path / "c.toml").write_text("ndf = 3\nbeta1 = 0.3\n")
    options = resolved("train", "--name", "run", "--continue_train", "--config", "c.toml", "--beta1", "0.4")
    expected = {
        "lr": (0.0002, "default"),
        "norm": ("batch", "component"),
        "ngf": (2, "stored run"),
        "ndf": (3, "config file"),
        "beta1": (0.4, "command line"),
    }
    assert {name: value_and_source(options, name) for name in expected} == expected
    assert (options.defaults["norm"], options.defaults["ngf"]) == ("batch", 64)


def test_a_new_training_does_not_read_the_options_of_an_earlier_run() -> None:
    store("run", ngf=2)
    assert value_and_source(resolved("train", "--name", "run", "--dataroot", "x"), "ngf") == (64, "default")
    assert value_and_source(resolved("train", "--name", "run", "--continue_train"), "ngf") == (2, "stored run")


def test_what_a_run_was_given_is_still_known_when_it_is_resumed() -> None:
    folder = Path("checkpoints") / "run"
    folder.mkdir(parents=True)
    options, sources = {"model": "pix2pix", "ngf": 2, "ndf": 64}, {"model": "command line", "ngf": "config file"}
    write_stored(folder, StoredRun(options, {**sources, "ndf": "default"}))
    stored = resolved("train", "--name", "run", "--continue_train", "--lr", "0.1").to_store({})
    assert [stored.sources[name] for name in ("ngf", "ndf", "lr")] == ["config file", "default", "command line"]
    assert {"ngf", "lr"} <= stored.given


def test_a_test_may_repeat_what_the_run_was_trained_with() -> None:
    store("run", ngf=2, netG="unet_128")
    options = resolved("test", "--name", "run", "--ngf", "2", "--netG", "unet_128")
    assert value_and_source(options, "ngf") == (2, "command line")


def test_a_test_has_defaults_of_its_own() -> None:
    store("run", flip=True, num_threads=7, load_size=300, crop_size=32)
    options = resolved("test", "--name", "run")
    expected = {"flip": False, "num_threads": 2, "phase": "test", "load_size": 32, "model": "pix2pix"}
    assert {name: options.values[name] for name in expected} == expected
    assert options.sources["flip"] == "default"


def test_no_limit_on_the_command_line_is_its_source() -> None:
    options = resolved("train", "--dataroot", "x", "--max_dataset_size", "inf")
    assert value_and_source(options, "max_dataset_size") == (None, "command line")


# --- the first look --------------------------------------------------------------------------------------------


def test_the_first_look_reads_shared_options_and_passes_over_others() -> None:
    words = "--lambda_A 3 --n-epochs=7 --no-flip --niter_decay 2 rest --unknown --continue_train"
    assert peek("train", [*words.split(), "--plugin", "a.py", "--plugin", "b.py"]) == {
        "n_epochs": 7,
        "flip": False,
        "n_epochs_decay": 2,
        "continue_train": True,
        "plugin": ("a.py", "b.py"),
    }


def test_the_first_look_checks_nothing() -> None:
    words = "--ngf many --model nothing_of_that_name --resume perhaps --name run --lr"
    assert peek("train", words.split()) == {"model": "nothing_of_that_name", "name": "run"}


# --- names of runs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--dataroot ./data/facades/ --model pix2pix", "facades_pix2pix"),
        ("--dataroot maps", "maps_cycle_gan"),
        ("--dataroot maps --suffix {ngf}_{model}", "maps_cycle_gan_64_cycle_gan"),
        ("--name mine --model pix2pix --suffix {norm}_{lambda_L1}", "mine_batch_100.0"),
        ("--name mine", "mine"),
        ("", ""),
    ],
)
def test_names_of_runs(words: str, name: str) -> None:
    assert resolved("train", *words.split()).name == name


def test_a_suffix_that_names_no_option_is_refused() -> None:
    with pytest.raises(OptionError, match=r"--suffix '{speed}' is invalid"):
        resolved("train", "--dataroot", "maps", "--suffix", "{speed}")


# --- scopes of components' options, and plugins' click options --------------------------------------------------


def test_a_component_s_option_has_a_scope(installed_plugin: Callable[..., Path]) -> None:
    installed_plugin(
        """
        from dataclasses import dataclass
        from pixlate.plugins import Scope, hookimpl, option

        @dataclass(frozen=True)
        class Config:
            width: int = option(1, "width of the encoder", scope=Scope.ARCHITECTURE)
            warm_up: int = option(1, "epochs of warm-up", scope=Scope.TRAINING)
            weight: float = option(1.0, "weight of the loss")

        @hookimpl
        def register_models(register):
            register("mine", "m:M", config=Config, help="a model")
        """
    )
    store("run", model="mine", width=2, warm_up=2, weight=2.0)
    trained, tested = resolved("train", "--name", "run", "--continue_train"), resolved("test", "--name", "run")
    assert [trained.sources[name] for name in ("width", "warm_up", "weight")] == ["stored run"] * 3
    assert [tested.sources[name] for name in ("width", "warm_up", "weight")] == ["stored run", "default", "stored run"]
    assert [trained.on_change(name) for name in ("width", "warm_up", "weight")] == ["refuse", "list", "list"]
    with pytest.raises(OptionError, match=r"--width 3 contradicts run 'run', which was trained with width = 2"):
        resolved("test", "--name", "run", "--width", "3")


def test_a_scope_that_is_none_is_refused() -> None:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Config:
        width: int = option(1, "width", scope="archtecture")  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="'archtecture' is not a valid Scope"):
        options_of(Config)
    with pytest.raises(ValueError, match="'archtecture' is not a valid Scope"):
        Register("model", PluginInfo("mine"), [])("mine", "m:M", config=Config)
    assert Scope("architecture") is Scope.ARCHITECTURE


def test_a_plugin_s_click_option_is_left_as_it_is(installed_plugin: Callable[..., Path]) -> None:
    installed_plugin(
        """
        import click
        from pixlate.plugins import hookimpl

        OPTION = click.Option(["--volume"], type=int, default=1, help="how loud")

        @hookimpl
        def command_options(command):
            return [OPTION]
        """,
        entry="loud",
    )
    parser = build_parser("train", get_plugins(), [])
    (volume,) = (parameter for parameter in parser.params if parameter.name == "volume")
    assert type(volume) is click.Option
    assert not vars(volume).keys() - vars(click.Option(["--x"])).keys()
    help_text = parser.get_help(parser.make_context("train", [], resilient_parsing=True))
    assert "Plugin loud:\n  --volume" in help_text
