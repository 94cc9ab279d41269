"""Which transitions of the tables are taken, and by which family of tests.

`python -m tests.engine.transitions` prints it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import engine.core
from engine.core import states as tables
from engine.core.definition import Step
from engine.core.rates import Rate
from tests.engine.random_control import Story
from tests.engine.rig import Rig, act, retrying
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.world import run

Transition = tuple[str, str, str]
MODULES = [
    importlib.import_module(f"engine.core.{module.name}")
    for module in pkgutil.iter_modules(engine.core.__path__)
]
NAMES = ("EXECUTION", "STEP", "ATTEMPT")


class Watched(dict[Any, Any]):
    """A row of a table that notes which of its entries are looked up."""

    def __init__(
        self, row: Mapping[Any, Any], note: Callable[[Transition], None], table: str, state: str
    ) -> None:
        super().__init__(row)
        self._note = note
        self._table = table
        self._state = state

    def __getitem__(self, put: Any) -> Any:
        following = super().__getitem__(put)
        self._note((self._table, self._state, str(put)))
        return following


def legal() -> list[Transition]:
    """Return all transitions of the tables."""
    return [
        (name, str(state), str(put))
        for name in NAMES
        for state, row in getattr(tables, name).items()
        for put in row
    ]


@contextmanager
def watching(note: Callable[[Transition], None]) -> Iterator[None]:
    """Note every transition that any engine takes meanwhile."""
    before = [
        (module, name, getattr(module, name)) for module in MODULES for name in NAMES if hasattr(module, name)
    ]
    for module, name, _ in before:
        table = getattr(tables, name) if module is not tables else None
        if table is not None:
            watched = {state: Watched(row, note, name, str(state)) for state, row in table.items()}
            setattr(module, name, watched)
    try:
        yield
    finally:
        for module, name, table in before:
            setattr(module, name, table)


def random_runs() -> Iterator[None]:
    """Random workflows over a stub cluster, in the differential oracle's world."""
    for seed in range(300):
        run(HeapAgenda(), seed, tying=seed % 2 == 0)
        yield


def random_hands() -> Iterator[None]:
    """Random nested workflows under random outcomes and control."""
    for seed in range(20_000):
        Story(seed)
        yield


def rare() -> Iterator[None]:
    """What needs several things to fall together, one by one."""
    _a_twin_whose_own_lock_cannot_be_named()
    yield
    _a_twin_whose_own_turn_waits_for_a_token()
    yield
    _a_twin_that_comes_again_and_finds_its_lock_taken()
    yield


def _a_twin_whose_own_lock_cannot_be_named() -> None:
    twin = act("b", lock="${absent}", ensure="false", retry=retrying(2))
    rig = Rig(act("a"), twin, coalesce=("act",), workflow={"on_step_failure": "continue"})
    rig.submit()
    rig.succeed("a")
    rig.sleep()
    assert rig.states()["b"] == "failed"


def _a_twin_whose_own_turn_waits_for_a_token() -> None:
    rig = Rig(
        act("a"),
        act("b"),
        coalesce=("act",),
        rates={"act": Rate(per_s=1.0, burst=1)},
        workflow={"on_step_failure": "continue"},
    )
    rig.submit()
    rig.fail("a")
    assert rig.states()["b"] == "rated"


def _a_twin_that_comes_again_and_finds_its_lock_taken() -> None:
    holder = Step("c", action="other", lock="l")
    twin = act("b", lock="l", ensure="false", retry=retrying(2))
    rig = Rig(holder, act("a"), twin, coalesce=("act",))
    rig.submit()
    rig.succeed("a")
    rig.sleep()
    assert rig.states()["b"] == "locking"


FAMILIES: Mapping[str, Callable[[], Iterator[None]]] = {
    "rare cases": rare,
    "random runs": random_runs,
    "random hands": random_hands,
}


def coverage() -> dict[Transition, list[str]]:
    """Return, for every transition, the families that take it; each stops once all are taken."""
    taken: dict[Transition, dict[str, None]] = {transition: {} for transition in legal()}
    for family, steps in FAMILIES.items():
        with watching(lambda transition, family=family: taken[transition].setdefault(family)):  # type: ignore[misc]
            for _ in steps():
                if all(taken.values()):
                    break
    return {transition: list(families) for transition, families in taken.items()}


def report() -> str:
    """Return the coverage as a table."""
    found = coverage()
    lines = [f"{sum(map(bool, found.values()))} of {len(found)} transitions are taken"]
    lines += [
        f"{table:<9} {state:<12} {put:<10} {', '.join(families) or 'MISSING'}"
        for (table, state, put), families in found.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())  # noqa: T201 - that is what it is for
