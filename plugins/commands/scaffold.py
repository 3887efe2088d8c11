"""`pixlate new-plugin NAME`: creates a package with an example of one kind, its options and tests.

The package is a copy of the files in `template/common/` and in the folder of the kind, which together are a working
plugin named "example", linted, type-checked and tested itself.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from pixlate.errors import OptionError
from pixlate.plugins.manager import Plugins
from pixlate.util.files import cannot_write

MAX_LENGTH = 40  # characters of a name
TEMPLATES = Path(__file__).with_name("template")  # a folder for each kind of component
COMMON, HIDDEN = "common", "github"  # the folder of all kinds; a folder that is written with a dot before its name
KINDS = ("model", "dataset", "viewer", "reader", "metric")
# Of a template's files; others in its folders are caches of tools (.pyc).
SUFFIXES, NAMES = (".md", ".py", ".toml", ".yml"), ("LICENSE", "py.typed")


def write_package(plugins: Plugins, name: str, folder: Path, kind: str = "model") -> Path:
    """Write the package pixlate-NAME into a folder, and return its path. Existing files are never overwritten.

    - kind: one of `KINDS`.

    Raises OptionError for a name that is invalid or taken, DataError where the folder cannot be written.
    """
    files = package_files(plugins, name, kind)
    package = folder / f"pixlate-{plugin_name(name)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        package.mkdir()
        for path, text in files.items():
            (package / path).parent.mkdir(parents=True, exist_ok=True)
            (package / path).write_text(text, "utf-8")
    except FileExistsError:
        raise OptionError(
            f"'{package}' exists already and is not overwritten: give another name or --folder."
        ) from None
    except OSError as error:
        raise cannot_write(package, error) from error
    return package


def package_files(plugins: Plugins, name: str, kind: str = "model") -> Mapping[str, str]:
    """The files of the package: their text by path. Raises OptionError for a name that is invalid or taken."""
    dashed = plugin_name(name)
    identifier = dashed.replace("-", "_")
    components = [(kind, identifier), *([("network", f"{identifier}_small")] if kind == "model" else [])]
    for registered, component in components:
        registry = plugins.registry(registered)
        if component in registry:
            owner = registry.get(component).plugin
            raise OptionError(
                f"there is a {registered} named '{component}' already, from {owner}: give the plugin another name."
            )
    class_name = "".join(part.capitalize() for part in identifier.split("_"))
    return renamed({**template_files(COMMON), **template_files(kind)}, dashed, identifier, class_name)


def plugin_name(name: str) -> str:
    """The plugin's name, without "pixlate-" before it. Raises OptionError for an invalid one."""
    short = name.removeprefix("pixlate-").removeprefix("pixlate_")
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", short) or len(short) > MAX_LENGTH:
        raise OptionError(
            f"'{name}' is not a valid name for a plugin: use at most {MAX_LENGTH} lower-case letters and "
            "digits, with single '-' or '_' between them, as in 'pixlate-cut'."
        )
    return short


def template_files(kind: str) -> dict[str, str]:
    """The files of a template: their text by path."""
    folder = TEMPLATES / kind
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES or path.name in NAMES]
    files = {path.relative_to(folder).as_posix(): path for path in found}
    # Hidden folders are caches of tools, too: that of pytest contains a README.md.
    texts = {name: path.read_text("utf-8") for name, path in files.items() if not name.startswith(".")}
    return {f".{name}" if name.startswith(f"{HIDDEN}/") else name: text for name, text in texts.items()}


def renamed(files: Mapping[str, str], dashed: str, identifier: str, class_name: str) -> dict[str, str]:
    """The same files, in whose paths and texts "example" is replaced by a plugin's name.

    There is one pass for all replacements, because the new name may contain the word "example" itself.
    """
    names = {"pixlate-example": f"pixlate-{dashed}", "example": identifier, "Example": class_name}
    placeholder = re.compile("|".join(names))  # alternatives are tried in order, the longest one first

    def rename(text: str) -> str:
        return placeholder.sub(lambda match: names[match[0]], text)

    return {rename(path): rename(text) for path, text in files.items()}
