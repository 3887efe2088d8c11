"""Tables of plugins and of what they registered."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pixlate.plugins.component import PluginInfo
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import Registry

STYLES = {"loaded": "green", "disabled": "dim", "broken": "red"}


def plugins_table(plugins: Plugins) -> Table:
    """A row for each plugin: name, where it is from, status, and what it does or why it does not."""
    rows = [
        (
            Text(info.name, style="bold"),
            Text(info.origin),
            Text(info.status, style=STYLES[info.status]),
            Text(info.reason or _contents(info)),
        )
        for info in plugins.infos
    ]
    return _table(("plugin", "from", "status", "what"), rows)


def plugins_json(plugins: Plugins) -> str:
    """The same for programs: a list of objects, with the components and hooks of each plugin."""
    return json.dumps([_facts(info) for info in plugins.infos], indent=2)


def components_table(registry: Registry) -> Table:
    """A row for each component: name, help, and the plugin that it is from."""
    rows = [
        (
            Text(made.name, style="bold"),
            Text(f"{made.role}: {made.help}" if made.role else made.help),
            Text(f"{made.plugin.name} ({made.plugin.origin})", style="dim"),
        )
        for made in sorted(registry, key=lambda made: (made.role, made.name))
    ]
    return _table(("name", "what", "plugin"), rows)


def show(table: Table) -> None:
    """Print a table: as wide as the terminal, or whole lines where there is none."""
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    wide = Console(width=10_000, highlight=False, no_color=True)
    with wide.capture() as lines:
        wide.print(table)
    click.echo("\n".join(line.rstrip() for line in lines.get().splitlines()))


def _table(headings: Sequence[str], rows: Iterable[Sequence[Text]]) -> Table:
    table = Table(*headings, box=None, pad_edge=False, header_style="bold underline", padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    return table


def _contents(info: PluginInfo) -> str:
    names: dict[str, list[str]] = {}
    for kind, name in info.registered:
        names.setdefault(kind, []).append(name)
    parts = [f"{kind} {', '.join(found)}" for kind, found in names.items()]
    others = [hook for hook in info.hooks if not hook.startswith("register_") or hook == "register_commands"]
    return "; ".join([*parts, *([f"hooks {', '.join(others)}"] if others else [])])


def _facts(info: PluginInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "file": info.file,
        "status": info.status,
        "reason": info.reason,
        "components": [{"kind": kind, "name": name} for kind, name in info.registered],
        "hooks": info.hooks,
    }
