"""The documentation is correct: options, links, the commands and the tests that it names, the floors, public names."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import click
import commands_page
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


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    """`python docs/commands_page.py` writes it anew."""
    assert commands_page.PAGE.read_text("utf-8") == commands_page.page()


def test_every_option_has_help() -> None:
    missing = [option.name for _, options in options_page.sections() for option in options if not option.help]
    for name, command in commands_page.commands().items():
        assert command.help, name
        missing += [
            f"{name} {option.name}" for option in commands_page.options(command) if not (option.help or option.hidden)
        ]
    assert not missing


def _flags(options: Iterable[click.Option]) -> set[str]:
    return {name.replace("-", "_") for option in options for name in (*option.opts, *option.secondary_opts)}


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
    training = _flags(option for _, options in options_page.sections() for option in options)
    training |= {"__config", "__plugin", "__help", "__json", "__nce_T", "__CUT_mode"}
    known = {"train": training, "test": training, "train.py": training, "test.py": training}
    known |= {
        f"pixlate {name}": _flags(commands_page.options(command))
        | {"__help"}
        # Those that pass options on to a training or a data set take all of its options too.
        | (training if command.context_settings.get("ignore_unknown_options") else set())
        for name, command in commands_page.commands().items()
    }
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    for name, words in re.findall(rf"(?<![\w/-])({names}) ([^`\n|();]*)", path.read_text("utf-8")):
        flags = {flag.replace("-", "_") for flag in re.findall(r"(?<![\w-])--[A-Za-z][\w-]*", words)}
        assert flags <= known[name], f"{name} {words}"


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
