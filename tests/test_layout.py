"""The shape of the project: what is packaged, and how its parts import each other."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("data", "models", "options", "plugins", "runs", "util")
SOURCES = sorted(path for folder in (*FOLDERS, "pixlate") for path in (ROOT / folder).rglob("*.py"))


def test_every_sub_package_is_listed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    folders = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("__init__.py")}
    expected = {"pixlate"} | {".".join(("pixlate", *path.relative_to(ROOT).parts)) for path in folders}
    assert set(settings["packages"]) == expected
    for package, folder in settings["package-dir"].items():
        assert (ROOT / folder / "__init__.py").is_file()
        assert package == "pixlate" or package.removeprefix("pixlate.").replace(".", "/") == folder


def test_the_root_is_no_package() -> None:
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_bare_imports(path: Path) -> None:
    """`import models` instead of `import pixlate.models` makes a second copy of every class."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        assert not {name.split(".")[0] for name in names} & {*FOLDERS, "train", "test"}


def test_no_source_file_looks_like_a_test() -> None:
    assert not [path for path in SOURCES if path.name.startswith("test_")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 300
