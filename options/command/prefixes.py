"""Unambiguous beginnings of options, as argparse and therefore the reference accept them: --batch for --batch_size."""

from collections.abc import Iterable

import click

from pixlate.util.text import either


def with_whole_names(args: Iterable[str], options: Iterable[click.Parameter]) -> list[str]:
    """Arguments with beginnings of options replaced by the whole names; what begins no option stays as it is.

    Raises NoSuchOption for a beginning of several options.
    """
    names = sorted({name for option in options for name in (*option.opts, *option.secondary_opts)} | {"--help"})
    by_key = {_key(name): name for name in names if name.startswith("--")}
    result, whole = [], False
    for arg in args:
        whole |= arg == "--"  # what follows are no options
        result.append(arg if whole or not arg.startswith("--") else _whole(arg, by_key))
    return result


def _whole(arg: str, by_key: dict[str, str]) -> str:
    flag, equals, value = arg.partition("=")
    key = _key(flag)
    if key in by_key:
        return arg
    begun = [name for known, name in by_key.items() if known.startswith(key)]
    if len(begun) > 1:
        raise click.NoSuchOption(flag, message=f"'{flag}' may mean {either(begun)}: write the whole name.")
    return f"{begun[0]}{equals}{value}" if begun else arg


def _key(name: str) -> str:
    return name.replace("_", "-")
