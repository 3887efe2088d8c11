"""Every import of the package, as the floors see it: which module needs which, lazy and type-checking ones included."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from paths import ROOT

#: Each folder (or file) and the floor it lies on; the longest match counts. CONTRIBUTING.md has the picture.
FLOORS = {
    "train": 6,
    "test": 6,
    "pixlate": 6,
    "plugins.commands": 6,
    "runs": 5,
    "inference": 5,
    "plugins.viewers": 5,
    "plugins.testing": 5,
    "models": 4,
    "data": 4,
    "metrics": 4,
    "options.command": 4,
    "plugins": 3,
    "options": 2,
    "util": 2,
    "pixlate.errors": 1,
    "pixlate._version": 1,
}
FOLDERS = ("data", "inference", "metrics", "models", "options", "plugins", "runs", "util")


@functools.cache
def sources() -> dict[str, Path]:
    """The modules of the package by name, without the leading `pixlate.` where they lie in a folder beside it."""
    modules = {"train": ROOT / "train.py", "test": ROOT / "test.py"}
    for folder in (*FOLDERS, "pixlate"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "template" not in parts:
                modules[".".join(parts).removesuffix(".__init__")] = path
    return modules


def imports(module: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a module imports, wherever in it: a string that names one counts too.

    A string "module:Name" is the target of a registration, which is imported by whoever asks for the name.
    """
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    tree = ast.parse(path.read_text("utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join(["pixlate", *(above[1:] if above[:1] == ["pixlate"] else above), *filter(None, [base])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            names = [node.value] if re.fullmatch(r"pixlate(\.\w+)+", node.value) else []
        else:
            continue
        for name in names:
            target = resolved(name, modules)
            if target and target != module:
                yield target


def resolved(name: str, modules: dict[str, Path]) -> str | None:
    """The module of the package that a dotted name leads to; None where it leads elsewhere."""
    if name != "pixlate" and not name.startswith("pixlate."):
        return None
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        for candidate in (".".join(parts[1:end]), ".".join(parts[:end])):
            if candidate in modules:
                return candidate
    return None


def graph() -> dict[str, set[str]]:
    """Which modules each module imports."""
    modules = sources()
    return {module: set(imports(module, path, modules)) for module, path in modules.items()}


def place(module: str) -> str:
    """The entry of `FLOORS` that a module belongs to."""
    return max((p for p in FLOORS if module == p or module.startswith(f"{p}.")), key=len)


def folder(module: str) -> str:
    """The folder that a module lies in; train.py and test.py travel in `pixlate`, whose floor-1 modules stand alone."""
    if module in ("train", "test"):
        return "pixlate"
    if FLOORS[place(module)] == 1:
        return module
    path = sources()[module].relative_to(ROOT)
    return ".".join(path.parent.parts)


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other (Tarjan's strongly connected components of more than one node)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                groups.append(sorted(group))

    for node in list(edges):
        if node not in index:
            visit(node)
    return groups
