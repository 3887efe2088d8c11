"""What has changed between a stored run and the command that continues it."""

import json
from collections.abc import Mapping
from typing import Any

from pixlate.errors import OptionError
from pixlate.options.command.resolved import ResolvedOptions

Change = tuple[Any, Any]


def harmless_changes(resolved: ResolvedOptions) -> dict[str, Change]:
    """What differs from the stored run and may: options, plugins' versions and files, before and now, by name.

    Raises OptionError, with every difference, when the architecture or the data would be another.
    """
    stored = resolved.stored
    if stored is None:
        return {}
    options = {
        name: (stored.options[name], value)
        for name, value in resolved.values.items()
        if name in stored.options and resolved.on_change(name) != "ignore" and _plain(value) != stored.options[name]
    }
    fixed = {name: change for name, change in options.items() if resolved.on_change(name) == "refuse"}
    if fixed:
        raise OptionError(
            f"run '{resolved.name}' cannot be continued with other networks or data ({'; '.join(said(fixed))}): "
            "leave these out, or start a new run under another --name."
        )
    now = resolved.to_store({})
    parts = {
        f"{option} {part.get('name')}": (_origin(stored.components[option]), _origin(part))
        for option, part in now.components.items()
        if option in stored.components and option not in options and _origin(stored.components[option]) != _origin(part)
    }
    files = {
        f"plugin file {path}": (stored.plugin_files[path], digest)
        for path, digest in now.plugin_files.items()
        if stored.plugin_files.get(path, digest) != digest
    }
    return options | parts | files


def said(changes: Mapping[str, Change]) -> list[str]:
    """Changes as people read them: "lr: 0.0002 -> 0.0001"."""
    return [f"{name}: {before} -> {now}" for name, (before, now) in changes.items()]


def check_data(stored: Mapping[str, Any], now: Mapping[str, Any], name: str) -> None:
    """Raise OptionError when the images are not those that the run was trained on."""
    before, after = stored["data"], now["data"]
    if before == after:
        return
    counts = f"{before.get('files')} files and there are {after.get('files')} now"
    if before.get("files") == after.get("files"):
        counts = f"{after.get('files')} files of other names"
    raise OptionError(
        f"run '{name}' was trained on {counts}: give the same data, or start a new run under another --name."
    )


def machine_changes(stored: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Change]:
    """What differs in versions, threads and device, so that going on is not bit for bit the same."""
    before, after = stored["machine"], now["machine"]
    return {key: (before.get(key), after[key]) for key in after if before.get(key) != after[key]}


def _plain(value: Any) -> Any:
    """A value as it comes back from options.json."""
    return json.loads(json.dumps(value))


def _origin(part: Mapping[str, str]) -> str:
    return " ".join(filter(None, [part.get("distribution") or part.get("plugin", ""), part.get("version", "")]))
