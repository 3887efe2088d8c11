"""The style sheets and scripts of pages: files in web_files/, which pages carry inside, so that they load nothing."""

from functools import cache
from importlib.resources import files


@cache
def web_file(name: str) -> str:
    """The text of a file of web_files/: "page.css"."""
    return (files(__package__) / "web_files" / name).read_text(encoding="utf-8")


@cache
def script(*names: str) -> str:
    """Files of JavaScript as one script, in a block of its own: a later file uses the functions of earlier ones."""
    return "".join(('"use strict";\n{\n', *(web_file(name) for name in names), "}\n"))
