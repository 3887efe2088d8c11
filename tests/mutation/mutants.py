"""Single faults in a module: cosmic-ray's operators, and four of our own for faults that its operators do not make.

Not mutated: annotations, `if TYPE_CHECKING`, and what is only text for a person (the arguments of `raise`, `fail` and
of log calls).
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import ExprStmt, Function, Keyword, Name, String

Position = tuple[int, int]
_SIDE = re.compile(r"(?<![A-Za-z])[AB](?![A-Za-z])")
_TEXT_CALLS = re.compile(r"(log|logging|warnings)\.|(self\.)?fail\b|print\b|click\.echo")


@dataclass(frozen=True)
class Mutant:
    """One fault: the operator that makes it, and the module's text with it."""

    module: str
    line: int
    operator: str
    source: str
    before: str
    after: str
    in_function: bool

    @property
    def key(self) -> str:
        """The fault in one line, as `explained.toml` names it."""
        return f"{self.module}: {self.before} -> {self.after}"


class SwapSides(Operator):
    """`lambda_A` for `lambda_B`, "fake_B" for "fake_A"."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        word = isinstance(node, String) and " " not in node.value  # others are text for a person
        if (isinstance(node, Name) or word) and _SIDE.search(node.value):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.value = _SIDE.sub(lambda match: "B" if match[0] == "A" else "A", node.value)
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        return ()


class DropArgument(Operator):
    """A call without one of its keyword arguments."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        for child in self._arguments(node):
            yield child.start_pos, child.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        child = self._arguments(node)[index]
        place = node.children.index(child)
        after = place + 1 < len(node.children) and node.children[place + 1].type == "operator"
        comma = after and node.children[place + 1].value == ","
        del node.children[place : place + 2 if comma else place + 1]
        return node

    @staticmethod
    def _arguments(node: Any) -> list[Any]:
        if node.type not in ("arglist", "trailer"):
            return []
        named = [child for child in node.children if child.type == "argument" and child.children[0].type == "name"]
        return [child for child in named if child.children[0].value not in ("help", "metavar")]

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        return ()


class DropCall(Operator):
    """A call whose result is not used, left out."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        if node.type in ("atom_expr", "power") and node.parent.type == "simple_stmt":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        return Keyword("pass", node.start_pos, node.get_first_leaf().prefix)

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        return ()


class WhileToIf(Operator):
    """A loop that runs at most once."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Position, Position]]:
        if node.type == "while_stmt":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        node.children[0].value = "if"
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        return ()


def sample(folder: Path, modules: list[str], count: int, seed: int) -> list[Mutant]:
    """So many random mutants of these modules, one at a place: first a place and a kind of fault, then one fault."""
    places: dict[tuple[str, Position, str], list[tuple[str, Any, int, Any]]] = {}
    for module in modules:
        tree = get_ast((folder / module).read_text("utf-8"))
        nodes = list(ast_nodes(tree))
        for name, operator in _operators():
            occurrence = 0
            for node in nodes:
                for start, _ in operator.mutation_positions(node):
                    if not _excluded(node, name):
                        family = re.match(r"Replace(?:Binary|Comparison|Unary)?|[A-Z]\w+", name)
                        kind = family[0] if family else name
                        places.setdefault((module, start, kind), []).append((name, operator, occurrence, node))
                    occurrence += 1
    rng = random.Random(seed)
    chosen = rng.sample(sorted(places), len(places))
    mutants: list[Mutant] = []
    for module, start, kind in chosen:
        if len(mutants) == count:
            break
        name, operator, occurrence, node = rng.choice(places[module, start, kind])
        mutant = _mutant(folder, module, start[0], name, operator, occurrence, node)
        if mutant:
            mutants.append(mutant)
    return mutants


def _mutant(
    folder: Path, module: str, line: int, name: str, operator: Any, occurrence: int, node: Any
) -> Mutant | None:
    original = (folder / module).read_text("utf-8")
    source = mutate_code(original, operator, occurrence)
    try:
        compile(source or "", module, "exec")
    except (SyntaxError, ValueError):
        return None
    if source is None or source == original:
        return None
    old, new = original.splitlines(), source.splitlines()
    first = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
    last = next((i for i, pair in enumerate(zip(old[::-1], new[::-1], strict=False)) if pair[0] != pair[1]), 0)
    before = " ".join(part.strip() for part in old[first : len(old) - last])
    after = " ".join(part.strip() for part in new[first : len(new) - last])
    return Mutant(module, line, name, source, before, after, _in_function(node))


def _operators() -> Iterator[tuple[str, Any]]:
    for name in operator_names():
        operator = get_operator(name)
        if not operator.arguments():
            yield name.split("/")[1], operator()
    for ours in (SwapSides, DropArgument, DropCall, WhileToIf):
        yield ours.__name__, ours()


def _parents(node: Any) -> Iterator[Any]:
    while node is not None:
        yield node
        node = node.parent


def _in_function(node: Any) -> bool:
    """Whether the code runs when a function is called, not when the module is imported."""
    inner = node
    for parent in _parents(node.parent):
        if isinstance(parent, Function) and inner is parent.children[-1]:
            return True
        inner = parent
    return False


def _excluded(node: Any, operator: str) -> bool:
    if "BitOr" in operator and not _in_function(node):
        return True  # a type
    if operator == "RemoveDecorator" and "abstractmethod" in node.get_code():
        return True
    inner = node
    for parent in _parents(node):
        code = parent.get_code(include_prefix=False)
        if parent.type in ("tfpdef", "annassign") and inner is not parent and inner is not parent.children[-1]:
            return True
        if parent.type == "tfpdef" and inner is parent.children[-1] and inner is not parent:
            return True
        if parent.type == "annassign" and inner is parent.children[1]:
            return True
        if isinstance(parent, Function) and inner is parent.annotation:
            return True
        if parent.type == "if_stmt" and parent.children[1].get_code().strip() == "TYPE_CHECKING":
            return True
        if parent.type in ("raise_stmt", "import_from", "import_name", "assert_stmt"):
            return True
        if parent.type in ("atom_expr", "power") and _TEXT_CALLS.match(code) and inner is not parent:
            return True
        if parent.type in ("atom_expr", "power") and _TEXT_CALLS.match(code):
            return True
        if isinstance(parent, ExprStmt) and code.startswith("__all__"):
            return True
        inner = parent
    return False
