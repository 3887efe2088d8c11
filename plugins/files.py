"""Plugins that are single files: those of `--plugin FILE.py` and of PIXLATE_PLUGIN_PATH."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pixlate.errors import OptionError

PREFIX = "pixlate_plugin_"  # of the names under which plugin files are imported


def files_of(paths: str) -> Iterator[Path]:
    """The plugin files of PIXLATE_PLUGIN_PATH: files, and files in folders unless their names begin with `_` or `.`."""
    for entry in filter(None, paths.split(os.pathsep)):
        path = Path(entry).expanduser()
        if path.is_dir():
            yield from (file for file in sorted(path.glob("*.py")) if not file.name.startswith(("_", ".")))
        else:
            yield path


def import_file(path: Path) -> ModuleType:
    """Import a file as the module `pixlate_plugin_<stem>`. Its code runs: import only trusted files.

    Raises OptionError where it is not a Python file, and whatever its code raises.
    """
    name = f"{PREFIX}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if path.suffix != ".py" or spec is None or spec.loader is None or not path.is_file():
        raise OptionError("it is not a Python file" if path.exists() else "there is no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before the code runs: dataclasses and pickle look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@dataclass(frozen=True)
class PluginFiles:
    """The plugin files imported by this process. Unpickling it in another process imports them there too.

    Pickle it before instances of classes from plugin files: a process that has not imported a file cannot find its
    classes by name.
    """

    paths: tuple[str, ...]

    @classmethod
    def imported(cls) -> "PluginFiles":
        """The files that this process has imported."""
        modules = [module for name, module in list(sys.modules.items()) if name.startswith(PREFIX)]
        return cls(tuple(str(module.__file__) for module in modules))

    def __reduce__(self) -> tuple[Any, ...]:
        return _import_all, (self.paths,)


def _import_all(paths: tuple[str, ...]) -> PluginFiles:
    for path in map(Path, paths):
        if f"{PREFIX}{path.stem}" not in sys.modules:  # a forked process has imported them already
            import_file(path)
    return PluginFiles(paths)
