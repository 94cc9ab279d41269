"""A layer imports only from layers below it; the engine's core knows no clock, no randomness and no I/O."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, imports, module_name, parse, sources

# From the bottom up; members of one row do not import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("engine.core",),
    ("engine.actions",),
    ("engine.cel_cost",),
    ("engine.live", "engine.stores", "engine.cel", "engine.registry"),
    ("scenarios",),
    ("simulator",),
    ("reports",),
    ("headroom",),
)
# Narrower than the drawing: who sees only a part of what lies below.
ONLY = {
    "reports": ("engine.core.records", "engine.core.causes", "engine.core.errors", "scenarios"),
}
PURE = ("engine.core", "engine.actions")
INSTEAD = {
    "time": "the `now` that is passed in",
    "datetime": "the `now` that is passed in",
    "random": "a keyed stream of the world",
    "secrets": "a keyed stream of the world",
    "uuid": "an id derived from the run",
    "os": "a parameter",
    "io": "a parameter",
    "pathlib": "a parameter",
    "tempfile": "a parameter",
    "socket": "an effect",
    "subprocess": "an effect",
    "threading": "commands and events: the engine has no threads",
    "multiprocessing": "commands and events",
    "asyncio": "effects: an action is driven by its world",
    "simpy": "the agenda, in the simulator",
    "open": "a parameter: the engine does no I/O",
    "print": "an effect: Log",
    "input": "a parameter",
    "id": "a key of your own: object ids differ from process to process",
    "hash": "a key of your own: hashes differ from process to process",
}


def layer_of(name: str) -> str | None:
    """Return the layer that a dotted name belongs to; None for what is not of this project."""
    known = [layer for row in LAYERS for layer in row]
    return next((layer for layer in known if name == layer or name.startswith(f"{layer}.")), None)


def rank(layer: str) -> int:
    return next(number for number, row in enumerate(LAYERS) if layer in row)


def misplaced(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports that it may not."""
    own = layer_of(module)
    assert own is not None, f"{module} belongs to no layer of the drawing"
    for name, line in imports(tree):
        other = layer_of(name)
        if other is None:
            top = name.partition(".")[0]
            if own in PURE and top not in sys.stdlib_module_names and top != "engine":
                yield f"{module}:{line}: {name}: {own} uses the standard library only"
            continue
        if other != own and rank(other) >= rank(own):
            yield f"{module}:{line}: {name}: {own} does not lie above {other}"
        if other != own and own in ONLY and not name.startswith(ONLY[own]):
            yield f"{module}:{line}: {name}: {own} sees only {', '.join(ONLY[own])}"


def banned(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield banned names that a pure module uses, each with what to use instead."""
    for name, line in imports(tree):
        top = name.partition(".")[0]
        if top in INSTEAD:
            yield f"{module}:{line}: {name}: use {INSTEAD[top]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in INSTEAD:
            yield f"{module}:{node.lineno}: {node.func.id}(): use {INSTEAD[node.func.id]}"


def set_iterations(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield iterations over sets, whose order differs from process to process; `sorted(...)` is the way."""
    sets = set_names(tree)
    for node in ast.walk(tree):
        places: list[ast.expr] = []
        if isinstance(node, ast.For | ast.comprehension):
            places = [node.iter]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("list", "tuple")
        ):
            places = node.args[:1]
        elif isinstance(node, ast.Starred):
            places = [node.value]
        yield from (
            f"{module}:{place.lineno}: iterates over a set: use sorted(...) or a dict"
            for place in places
            if is_set(place, sets)
        )


def set_names(tree: ast.AST) -> list[str]:
    """Return the names and attributes that are bound or annotated as sets."""
    names = []
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign) and is_set(node.value, []):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign) and is_set_type(node.annotation):
            targets = [node.target]
        elif isinstance(node, ast.arg) and node.annotation is not None and is_set_type(node.annotation):
            names.append(node.arg)
        names += [ast.unparse(target) for target in targets]
    return names


def is_set_type(node: ast.expr) -> bool:
    return ast.unparse(node).partition("[")[0] in ("set", "frozenset", "AbstractSet", "Set")


def is_set(node: ast.expr, names: list[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return is_set(node.left, names) or is_set(node.right, names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Subscript):
        return ast.unparse(node.func).partition("[")[0] in ("set", "frozenset")
    return ast.unparse(node) in names


def pure_sources() -> list[Path]:
    return sources("engine/core", "engine/actions")


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_a_layer_imports_only_from_below(path: Path) -> None:
    if path == ROOT / "engine" / "__init__.py":
        assert not list(imports(parse(path))), "`import engine` must not drag a layer in"
        return
    assert not list(misplaced(module_name(path), parse(path)))


def test_the_pure_layers_avoid_what_breaks_determinism() -> None:
    found = [line for path in pure_sources() for line in banned(module_name(path), parse(path))]
    assert not found


def test_the_pure_layers_do_not_iterate_over_sets() -> None:
    found = [line for path in pure_sources() for line in set_iterations(module_name(path), parse(path))]
    assert not found


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("engine.core.x", "import simpy"),
        ("engine.core.x", "from engine.actions import CATALOGUE"),
        ("engine.actions.x", "import ruamel.yaml"),
        ("simulator.x", "from engine.live import loop"),
        ("scenarios.x", "import simulator"),
        ("reports.x", "from engine.core.machine import WorkflowEngine"),
        ("reports.x", "import simulator.agenda"),
        ("engine.live.x", "import simulator"),
    ],
)
def test_a_forbidden_import_is_seen(module: str, code: str) -> None:
    layered = [*misplaced(module, ast.parse(code))]
    if module == "simulator.x":  # the one pair that the ranks alone would allow
        layered += worlds_meeting(module, ast.parse(code))
    assert layered


@pytest.mark.parametrize(
    "code",
    [
        "import time",
        "from datetime import datetime",
        "from uuid import uuid4",
        "open('x')",
        "hash(x)",
        "import os",
    ],
)
def test_a_banned_name_is_seen(code: str) -> None:
    assert list(banned("engine.core.x", ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "for x in {1, 2}: pass",
        "a = set()\nfor x in a: pass",
        "def f(a: set[int]):\n    return [x for x in a]",
        "self.a: set[int] = set()\nlist(self.a)",
        "a = frozenset(b) | c\n[*a]",
    ],
)
def test_an_iteration_over_a_set_is_seen(code: str) -> None:
    assert list(set_iterations("engine.core.x", ast.parse(code)))


@pytest.mark.parametrize("code", ["for x in sorted({1, 2}): pass", "for x in {1: 2}: pass", "x in {1, 2}"])
def test_an_ordered_iteration_is_not(code: str) -> None:
    assert not list(set_iterations("engine.core.x", ast.parse(code)))


def worlds_meeting(module: str, tree: ast.AST) -> list[str]:
    """Return imports between the two worlds, which must not know of each other."""
    pairs = (("simulator", "engine.live"), ("engine.live", "simulator"))
    return [
        f"{module}:{line}: {name}: the worlds never import each other"
        for name, line in imports(tree)
        for own, other in pairs
        if layer_of(module) == own and layer_of(name) == other
    ]


def test_the_worlds_do_not_know_each_other() -> None:
    assert not [line for path in sources() for line in worlds_meeting(module_name(path), parse(path))]
