"""The style sheets and scripts of pages: files in web_files/, which pages carry inside, so that they load nothing."""

from functools import cache
from importlib.resources import files


@cache
def web_file(name: str) -> str:
    """The text of a file of web_files/: "page.css"."""
    return (files(__package__) / "web_files" / name).read_text(encoding="utf-8")
