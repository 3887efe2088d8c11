"""What the commands that measure runs share: the options of a protocol, and the test of a run by it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pixlate.errors import OptionError
from pixlate.options.ranges import COUNT
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins

from .common_options import plugin_files

if TYPE_CHECKING:
    from pixlate.metrics.protocol import Protocol
    from pixlate.options.command.resolved import ResolvedOptions

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--protocol",
        default="",
        metavar="NAME|FILE",
        help="what is measured: pairs, labels, sets, inception, colours, faithfulness, or a TOML file "
        "[default: by the data]",
    ),
    click.option(
        "--metric", "metrics", multiple=True, metavar="NAME", help="a metric, in place of the protocol's (repeatable)"
    ),
    click.option("--phase", metavar="PHASE", help="part of the data [default: test, or val where there is no test]"),
    click.option("--epoch", metavar="TAG", help="checkpoint [default: latest]"),
    click.option("--images", type=COUNT, metavar="N", help="at most the first N images"),
    click.option("--dataroot", metavar="FOLDER", help="other data than that of the training"),
    click.option(
        "--weights",
        multiple=True,
        metavar="NAME=FILE",
        help="weights of a metric's network: inception, alexnet, efflite0",
    ),
    click.option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N"),
    plugin_files,
)


def measuring_options(command: Command) -> Command:
    """Add the options that say what is measured."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked_for(plugins: Plugins, given: Mapping[str, Any]) -> "tuple[Protocol, dict[str, Path]]":
    """The protocol, without metrics where the data chooses them, and the files of weights; plugin files are loaded.

    Raises OptionError for unknown names and missing files, before a model is loaded.
    """
    load_files(plugins, given["files"])
    protocol = _protocol(given)
    for name in protocol.metrics:
        plugins.registry("metric").get(name)
    return protocol, _weights(given["weights"])


def _protocol(given: Mapping[str, Any]) -> "Protocol":
    """What is asked for; without metrics where the data chooses them."""
    from pixlate.metrics.protocol import Protocol, protocol_of

    protocol = protocol_of(given["protocol"]) if given["protocol"] else Protocol(())
    changes = {name: given[name] for name in ("metrics", "phase", "epoch", "images") if given[name]}
    return replace(protocol, **changes)


def _weights(texts: Sequence[str]) -> dict[str, Path]:
    weights = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not equals or not Path(file).expanduser().is_file():
            raise OptionError(f"--weights '{text}' must be NAME=FILE, with a file that exists: inception=weights.pth.")
        weights[name] = Path(file).expanduser()
    return weights


def test_of(plugins: Plugins, run: str, protocol: "Protocol", given: Mapping[str, Any]) -> "ResolvedOptions":
    """The options of a test of a run by the protocol."""
    from pixlate.options.command.requirements import require_run
    from pixlate.options.command.resolve import resolve

    folder = Path(run).expanduser()
    words = ["--name", folder.name, "--epoch", protocol.epoch, "--seed", str(protocol.seed)]
    if folder.name != run:
        words += ["--checkpoints_dir", str(folder.parent)]
    if protocol.phase != "auto":
        words += ["--phase", protocol.phase]
    if protocol.images is not None:
        words += ["--num_test", str(protocol.images)]
    if protocol.size is not None:
        words += ["--preprocess", "resize", "--load_size", str(protocol.size), "--crop_size", str(protocol.size)]
    words += [word for file in given["files"] for word in ("--plugin", file)]
    for option in ("dataroot", "device"):
        if given[option]:
            words += [f"--{option}", given[option]]
    resolved = resolve("test", words, plugins)
    require_run(resolved)
    return resolved
