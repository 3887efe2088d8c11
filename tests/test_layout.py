"""The shape of the project: what is packaged, and how its parts import each other."""

import ast
import tomllib
from pathlib import Path

import pytest
from imports import FLOORS, FOLDERS, circles, folder, graph, place, sources
from paths import ROOT

SOURCES = sorted(sources().values())
GRAPH = graph()


def test_every_sub_package_is_listed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = {path.parent for name in FOLDERS for path in (ROOT / name).rglob("__init__.py")}
    folders = {folder for folder in found if "template" not in folder.parts}  # those are data: packages to be copied
    expected = {"pixlate"} | {".".join(("pixlate", *path.relative_to(ROOT).parts)) for path in folders}
    assert set(settings["packages"]) == expected
    for package, path in settings["package-dir"].items():
        assert (ROOT / path / "__init__.py").is_file()
        assert package == "pixlate" or package.removeprefix("pixlate.").replace(".", "/") == path


def test_the_root_is_no_package() -> None:
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_imports_go_down(module: str) -> None:
    """To a floor below, or within the folder; only on the top floor may one folder import another of the same floor."""
    here = place(module)
    for target in GRAPH[module]:
        there = place(target)
        same = there == here or FLOORS[here] == FLOORS[there] == max(FLOORS.values())
        assert same or FLOORS[there] < FLOORS[here], (
            f"{module} (floor {FLOORS[here]}) imports {target} (floor {FLOORS[there]})"
        )


def test_no_module_imports_itself_through_others() -> None:
    assert circles(GRAPH) == []


def test_no_folder_imports_itself_through_others() -> None:
    edges: dict[str, set[str]] = {}
    for module, targets in GRAPH.items():
        here = folder(module)
        edges.setdefault(here, set()).update(folder(target) for target in targets if folder(target) != here)
    assert circles(edges) == []


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
