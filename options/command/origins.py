"""What a run remembers of its plugins: which to install where one is missing, and which have changed."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pixlate.errors import OptionError
from pixlate.plugins.manager import Plugins

from .resolved import ResolvedOptions
from .stored import StoredRun

BUILTIN = "pixlate"


def missing_plugin(
    plugins: Plugins, option: str, part: Mapping[str, str], files: Mapping[str, str]
) -> OptionError | None:
    """The error for a stored component that nothing provides; None for one that was built in."""
    distribution, version = part.get("distribution", ""), part.get("version", "")
    if distribution == BUILTIN:
        return None
    what = f"{option} '{part['name']}' came from"
    if not distribution:
        path = next((path for path in files if Path(path).stem == part.get("plugin")), f"{part.get('plugin')}.py")
        return OptionError(f"{what} the plugin file '{path}': add --plugin {path} (its code runs).")
    here = next((info for info in plugins.infos if info.distribution == distribution), None)
    if here is None:
        cure = f"which is not installed: pip install {distribution}"
    elif here.status == "disabled":
        cure = f"which PIXLATE_PLUGINS leaves out: add {here.name} to it"
    elif here.status == "broken":
        cure = "which is installed and cannot be loaded"
    else:
        cure = f"and {here.version} does not have it: pip install {distribution}=={version}"
    return OptionError("\n".join([f"{what} {distribution} {version}, {cure}.", *plugins.complaints()]))


def changed_plugins(stored: StoredRun, resolved: ResolvedOptions) -> Iterator[str]:
    """A line for each plugin that the run and the command share and that is of another version, or another file."""
    now = resolved.to_store({})
    versions: dict[str, tuple[str, str]] = {}
    for option, after in now.components.items():
        before = stored.components.get(option, {})
        if before.get("distribution") == after["distribution"] != BUILTIN:
            versions[after["distribution"]] = before.get("version", ""), after["version"]
    for distribution, (trained, here) in versions.items():
        if trained != here:
            yield f"the run was trained with {distribution} {trained}, and {here} is installed"
    for path, digest in now.plugin_files.items():
        if stored.plugin_files.get(path, digest) != digest:
            yield f"the plugin file '{path}' has changed since the run was trained"
