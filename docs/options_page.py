"""Writes docs/options.md from the options themselves: `python docs/options_page.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pixlate.default_plugins import builtin_plugins
from pixlate.options.command.parser import FILES
from pixlate.options.fields import ConfigOption, options_of, title_of
from pixlate.options.shared import OWNERS
from pixlate.plugins.component import CONFIGURED
from pixlate.plugins.discovery import load_plugins

PAGE = Path(__file__).parents[1] / "docs" / "options.md"
HEAD = """# Options

All options of `train.py` and `test.py`, as in `--help`. `_` and `-` are equivalent: `--n_epochs` and `--n-epochs` are
the same option. A switch such as `--flip / --no_flip` is on or off. Sources of a value, in order of precedence: the
command line, `--config FILE.toml`, the stored run (for `test`, and for `train --continue_train`), the defaults of the
selected model and data set, and the defaults below.
"""


def sections() -> Iterator[tuple[str, list[ConfigOption]]]:
    """The titles and options of every owner, the shared ones first."""
    commands_of: dict[type, list[str]] = {}
    for command, owners in OWNERS.items():
        for owner in owners:
            commands_of.setdefault(owner, []).append(command)
    for owner, commands in commands_of.items():
        suffix = f" ({commands[0]})" if len(commands) == 1 else ""
        yield f"{title_of(owner)}{suffix}", options_of(owner)
    plugins = load_plugins(builtin_plugins(), {"PIXLATE_PLUGINS": ""})
    for kind in CONFIGURED:
        for component in plugins.registry(kind):
            if component.config:
                yield f"{kind.capitalize()} {component.name}", options_of(component.config)


def line(option: ConfigOption) -> str:
    """A row of the table."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    default = "" if option.default in (None, "") else f"`{option.default}`"
    if isinstance(option.default, bool):
        default = "on" if option.default else "off"
    return f"| {names} | {default} | {option.help} |"


def page() -> str:
    """The whole page."""
    parts = [HEAD.rstrip()]
    shown: set[str | None] = set()
    for title, declared in sections():
        options = [option for option in declared if option.name not in shown]
        shown |= {option.name for option in options}
        parts += [f"\n## {title}\n", "| option | default | |", "| --- | --- | --- |", *map(line, options)]
    parts += ["\n## Files\n", "| option | |", "| --- | --- |"]
    parts += [f"| `{option.opts[0]}` | {option.help} |" for option in FILES]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE} is written\n")
