"""Which module imports which, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "har_labels"


@dataclass(frozen=True)
class Module:
    """One module: `ours` are the modules of the package it imports when it runs, `others` all others by full name."""

    name: str
    path: Path
    ours: frozenset[str]
    others: frozenset[str]


def modules() -> dict[str, Module]:
    """Every module by its name inside the package; the package itself is ``."""
    paths = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {name: _module(name, path, paths) for name, path in paths.items()}


def reached(name: str, graph: Mapping[str, Module]) -> frozenset[str]:
    """`name` and everything it imports, directly or through others."""
    found, todo = set(), [name]
    while todo:
        if (one := todo.pop()) not in found:
            found.add(one)
            todo += graph[one].ours
    return frozenset(found)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def _module(name: str, path: Path, paths: Mapping[str, Path]) -> Module:
    ours, others = set(), set()
    for imported in _imports(ast.parse(path.read_text("utf-8"))):
        package, _, rest = imported.partition(".")
        if package != "har_labels":
            others.add(imported)
            continue
        # `har_labels.model.address.ApiBase` is of the module address, `har_labels.__version__` of the package itself
        ours.add(next(one for one in (rest, rest.rpartition(".")[0], "") if one in paths))
    return Module(name, path, frozenset(ours), frozenset(others))


def _imports(tree: ast.AST) -> Iterator[str]:
    """What is imported when it runs, also inside functions; not what only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imports(node)
