"""`--output_template`: how the files of results are named, checked when the command line is parsed."""

import string
from typing import Any

import click

from pixlate.errors import OptionError

DEFAULT = "{stem}_{label}"  # the reference's
FIELDS = ("stem", "label", "folder", "index", "name", "phase", "epoch")
DISTINCT = {"stem", "index"}  # a template needs one of them: others are equal for several inputs
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
MAX_LENGTH = 200  # characters of a template


def template_parts(template: str) -> list[tuple[str, str]]:
    """The texts of a template, each with the field after it, which is empty at the end.

    Raises ValueError, with the reason as its message, for a template that is not valid.
    """
    parts: list[tuple[str, str]] = []
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"its braces do not match ({error}); {{{{ and }}}} stand for braces") from None
    for text, field, form, conversion in parsed:
        if field is not None and (field not in FIELDS or form or conversion):
            known = ", ".join(f"{{{name}}}" for name in FIELDS)
            written = field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise ValueError(f"{{{written}}} is none of its fields, which are {known}")
        parts.append((text, field or ""))
    return parts


def require_template(template: str) -> None:
    """Raise ValueError, with the reason as its message, where a template cannot name files inside of a folder."""
    parts = template_parts(template)
    fields = {field for _, field in parts}
    # As names will be: {folder} may be empty, with all that is between it and the next slash.
    written = "".join(f"{text}{'x' if field else ''}" for text, field in parts)
    names = written.split("/")
    if len(template) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters")
    if not written.isprintable() or any(character in written for character in "\\:"):
        raise ValueError("backslashes, colons and control characters cannot be part of the names of files")
    if written.startswith("/"):
        raise ValueError("it is an absolute path, and results stay in their folder: begin with a name or a field")
    if "" in names:
        raise ValueError("it has an empty name between, or after, its slashes")
    if any(name.startswith(".") for name in names):
        raise ValueError("names that begin with a dot lead out of the folder of the results, or are hidden")
    if written.lower().endswith(SUFFIXES):
        raise ValueError("it ends with the suffix of a format, which --image_format adds")
    if not fields & DISTINCT:
        raise ValueError("it gives all results the same names: it needs {stem} or {index}")


def require_label(template: str, visuals: tuple[str, ...]) -> None:
    """Raise OptionError where several images of an input would have the same name."""
    if len(set(visuals)) != 1 and not any(field == "label" for _, field in template_parts(template)):
        raise OptionError(
            f"--output_template '{template}' gives the images of an input the same name: add {{label}}, or choose one "
            "image with --visuals."
        )


class OutputTemplate(click.ParamType[str]):
    """A template such as "{folder}/{stem}_{label}", whose fields are those of `FIELDS`."""

    name = "template"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            require_template(str(value))
        except ValueError as error:
            self.fail(f"{value!r} cannot name results: {error}.", param, ctx)
        return str(value)
