"""The documentation is correct: options, links, the commands and the tests that it names, the floors, public names."""

import ast
import re
from pathlib import Path

import options_page
import pytest
from imports import FLOORS
from paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LAZY = [ROOT / folder / "__init__.py" for folder in ("pixlate", "models", "data")]


def name_of(path: Path) -> str:
    """The path in the repository, as the name of a test."""
    return path.relative_to(ROOT).as_posix()


def test_the_page_of_options_is_what_the_options_say() -> None:
    """`python docs/options_page.py` writes it anew."""
    assert options_page.PAGE.read_text("utf-8") == options_page.page()


def test_every_option_has_help() -> None:
    missing = [option.name for _, options in options_page.sections() for option in options if not option.help]
    assert not missing


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
        if not target.startswith(("http", "#")):
            assert (path.parent / target.split("#")[0]).exists(), target


def test_every_page_is_linked() -> None:
    """From the README, or from the index of the API reference."""
    linked = set()
    for index in (ROOT / "README.md", ROOT / "docs" / "api" / "index.md"):
        targets = re.findall(r"\]\(([^)#]+\.md)\)", index.read_text("utf-8"))
        linked |= {(index.parent / target).resolve() for target in targets}
    assert set(PAGES) - linked == {ROOT / "README.md"}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_flags_in_the_text_exist(path: Path) -> None:
    known = {name for _, options in options_page.sections() for o in options for name in (*o.opts, *o.secondary_opts)}
    known = {name.replace("-", "_") for name in known}
    known |= {"__config", "__plugin", "__help", "__json"}
    text = path.read_text("utf-8")
    commands = set(re.findall(r"(?:train|test)(?:\.py)? ([^`\n]*)", text))
    flags = {flag for command in commands for flag in re.findall(r"--[A-Za-z][\w-]*", command)}
    foreign = {"--nce_T", "--CUT_mode"}
    assert not {flag for flag in flags - foreign if flag.replace("-", "_") not in known}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_tests_in_the_text_exist(path: Path) -> None:
    tests = {
        file.relative_to(ROOT / "tests").as_posix(): file.read_text("utf-8") for file in ROOT.glob("tests/**/*.py")
    }
    text = path.read_text("utf-8")
    for name in re.findall(r"`(?:tests/)?((?:\w+/)?test_\w+\.py)`", text):
        assert name in tests
    for name in re.findall(r"`(test_\w+)`", text):
        assert any(f"def {name}(" in source for source in tests.values()), name


def test_the_floors_are_those_that_are_tested() -> None:
    picture = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Floors")[2].split("```")[1]
    for folder, floor in FLOORS.items():
        (line,) = re.findall(rf"(?m)^ {floor}  .*$", picture)
        path = ROOT / folder.replace(".", "/")
        name = f"{path.relative_to(ROOT).as_posix()}{'/' if path.is_dir() else '.py'}"
        assert f" {name} " in f"{line} ", f"{name} on floor {floor}"


@pytest.mark.parametrize("path", LAZY, ids=name_of)
def test_names_imported_when_used_are_known_without_importing(path: Path) -> None:
    """Type checkers and the API reference read the imports under TYPE_CHECKING; a name without one is missing there."""
    tree = ast.parse(path.read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    known = {alias.name for node in imports for alias in node.names}
    (exported,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert set(exported) - known == set()
