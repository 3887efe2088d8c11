"""The documentation holds: options, links, and the commands it names."""

import re
from pathlib import Path

import options_page
import pytest
from paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_page_of_options_is_what_the_options_say() -> None:
    """`python docs/options_page.py` writes it anew."""
    assert options_page.PAGE.read_text("utf-8") == options_page.page()


def test_every_option_has_help() -> None:
    missing = [option.name for _, options in options_page.sections() for option in options if not option.help]
    assert not missing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
        if not target.startswith(("http", "#")):
            assert (path.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_flags_in_the_text_exist(path: Path) -> None:
    known = {name for _, options in options_page.sections() for o in options for name in (*o.opts, *o.secondary_opts)}
    known = {name.replace("-", "_") for name in known}
    known |= {"__config", "__plugin", "__help", "__json"}
    text = path.read_text("utf-8")
    said = set(re.findall(r"(?:train|test)(?:\.py)? ([^`\n]*)", text))
    flags = {flag for words in said for flag in re.findall(r"--[A-Za-z][\w-]*", words)}
    foreign = {"--nce_T", "--CUT_mode"}
    assert not {flag for flag in flags - foreign if flag.replace("-", "_") not in known}
