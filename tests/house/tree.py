"""The source tree as the house rules see it: files, their layer, their imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "simulator", "scenarios", "reports", "headroom")


class Import(NamedTuple):
    """One import: the dotted name it asks for, and its line."""

    name: str
    line: int


def sources(*packages: str) -> list[Path]:
    """Return the Python files of some packages, all by default."""
    return sorted(path for package in packages or PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.AST) -> Iterator[Import]:
    """Yield everything that a tree imports; `from a import b` asks for `a.b`, module or name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the layer they reach into"
            yield from (Import(f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
