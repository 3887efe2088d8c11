"""Plugins that are one file each: `--plugin FILE.py` and the files and folders of PIXLATE_PLUGIN_PATH."""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pixlate.errors import OptionError


def files_of(paths: str) -> Iterator[Path]:
    """The plugin files that PIXLATE_PLUGIN_PATH names: files, and those in folders whose names begin with no `_`."""
    for part in filter(None, paths.split(os.pathsep)):
        path = Path(part).expanduser()
        if path.is_dir():
            yield from (file for file in sorted(path.glob("*.py")) if not file.name.startswith(("_", ".")))
        else:
            yield path


def import_file(path: Path) -> ModuleType:
    """The module in a file, imported as `pixlate_plugin_<stem>`. The file's code runs: name only files you trust."""
    name = f"pixlate_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if path.suffix != ".py" or spec is None or spec.loader is None or not path.is_file():
        raise OptionError("it is not a Python file" if path.exists() else "there is no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def file_digest(path: Path) -> str:
    """The SHA-256 of a plugin file, recorded with the runs that use it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class PluginFiles:
    """The plugin files of this process; where a copy of this arrives in another one, they are loaded there too.

    Pickle it before whatever is an instance of a plugin file's class: no other process can import such a class.
    """

    paths: tuple[str, ...]

    @classmethod
    def loaded(cls) -> "PluginFiles":
        """Those that this process has loaded."""
        from .loading import get_plugins

        return cls(tuple(map(str, get_plugins().files)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.paths,)


def _arrived(paths: tuple[str, ...]) -> PluginFiles:
    from .loading import get_plugins_quietly

    for path in paths:
        get_plugins_quietly().load_file(Path(path))
    return PluginFiles(paths)
