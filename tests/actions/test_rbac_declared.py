"""Every action asks only for what it declares of RBAC, and declares nothing that it never asks for."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from engine.actions import CATALOGUE
from engine.core.effects import Create, Delete, Effect, Evict, Get, List, Patch, WaitUntil
from tests.actions.bench import ModelBench, roll_back, run
from tests.actions.contract import CASES, parameters_of

Permission = tuple[str, str]  # resource, verb
ACTIONS = sorted({case.action for case in CASES.values()})


def resource(kind: str) -> str:
    return kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")


def needed(effect: Effect[Any]) -> Iterator[Permission]:
    match effect:
        case Get(ref):
            yield resource(ref.kind), "get"
        case List(selection):
            yield resource(selection.kind), "list"
        case Create(made):
            yield resource(made["kind"]), "create"
        case Patch(ref):
            yield resource(ref.kind) + (f"/{effect.subresource}" if effect.subresource else ""), "patch"
        case Delete(ref):
            yield resource(ref.kind), "delete"
        case Evict(ref):
            yield "pods/eviction", "create"
        case WaitUntil(selections):
            for selection in selections:
                yield resource(selection.kind), "list"
                yield resource(selection.kind), "watch"


class Noting(ModelBench):
    """A bench that notes what RBAC would be asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[Permission, None] = {}

    def perform(self, effect: Effect[Any]) -> Any:
        self.asked.update(dict.fromkeys(needed(effect)))
        return super().perform(effect)


def asked(action: str) -> Mapping[Permission, None]:
    """Return what the cases of an action ask for, done and undone."""
    found: dict[Permission, None] = {}
    for case in CASES.values():
        if case.action != action:
            continue
        bench = Noting()
        case.before(bench)
        bench.settle()
        parameters, memory = parameters_of(case, bench), dict[str, Any]()
        outputs = run(bench, action, memory, **parameters)
        run(bench, action, memory, **parameters)  # a second start may read what a first one writes
        if case.undone is not None:
            bench.settle()
            roll_back(bench, action, memory, outputs, **parameters)
        found |= bench.asked
    return found


# Asked for only when the attempt is cancelled: its Job goes too.
SELDOM = {name: {("jobs", "delete")} for name in ("backup_data", "cleanup_storage", "compact_storage")}


@pytest.mark.parametrize("action", ACTIONS)
def test_what_it_asks_for_is_what_it_declares(action: str) -> None:
    declared = {
        (name, verb) for rule in CATALOGUE[action].rbac for name in rule.resources for verb in rule.verbs
    }
    assert set(asked(action)) == declared - SELDOM.get(action, set())
