"""Tables of plugins and of the components that they register."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pixlate.plugins.component import PluginInfo
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import Registry
from pixlate.util.output import print_result

STYLES = {"loaded": "green", "disabled": "dim", "broken": "red"}


def plugins_table(plugins: Plugins) -> Table:
    """A row for each plugin: name, origin, status, and its components or the reason why it is not loaded."""
    rows = [
        (
            Text(info.name, style="bold"),
            Text(info.origin),
            Text(info.status, style=STYLES[info.status]),
            Text(info.reason or _contents(info)),
        )
        for info in plugins.infos
    ]
    return table(("plugin", "from", "status", "what"), rows)


def plugins_json(plugins: Plugins) -> str:
    """The plugins as JSON: a list of objects, with the components and hooks of each."""
    return json.dumps([_plugin_facts(info) for info in plugins.infos], indent=2)


def components_table(registry: Registry) -> Table:
    """A row for each component: name, help, and the plugin that registered it."""
    rows = [
        (
            Text(component.name, style="bold"),
            Text(f"{component.role}: {component.help}" if component.role else component.help),
            Text(f"{component.plugin.name} ({component.plugin.origin})", style="dim"),
        )
        for component in sorted(registry, key=lambda component: (component.role, component.name))
    ]
    return table(("name", "what", "plugin"), rows)


def show(table: Table) -> None:
    """Print a table, as wide as the terminal; where stdout is no terminal, with one line for each row.

    There rich would wrap rows at 80 columns, which breaks the lines for programs that read them.
    """
    terminal = sys.stdout.isatty()
    console = Console(
        width=None if terminal else 10_000, highlight=False, no_color=not terminal, force_terminal=terminal
    )
    with console.capture() as capture:
        console.print(table)
    print_result("\n".join(line.rstrip() for line in capture.get().splitlines()))


def table(headings: Sequence[str], rows: Iterable[Sequence[Text]]) -> Table:
    """A table without lines."""
    drawn = Table(*headings, box=None, pad_edge=False, header_style="bold underline", padding=(0, 2, 0, 0))
    for row in rows:
        drawn.add_row(*row)
    return drawn


def _contents(info: PluginInfo) -> str:
    names: dict[str, list[str]] = {}
    for kind, name in info.registered:
        names.setdefault(kind, []).append(name)
    descriptions = [f"{kind} {', '.join(kind_names)}" for kind, kind_names in names.items()]
    # The other register_* hooks are left out: the components that they registered are listed already.
    hooks = [hook for hook in info.hooks if not hook.startswith("register_") or hook == "register_commands"]
    if hooks:
        descriptions.append(f"hooks {', '.join(hooks)}")
    return "; ".join(descriptions)


def _plugin_facts(info: PluginInfo) -> dict[str, Any]:
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
