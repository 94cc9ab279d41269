"""The contract of the Kubernetes catalogue: done, undone, and crashed at every boundary of either."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from engine.actions import CATALOGUE
from tests.actions.bench import ModelBench, attempt, bound, roll_back, run
from tests.actions.contract import CASES, parameters_of


def begun(name: str) -> tuple[ModelBench, Mapping[str, Any]]:
    bench, case = ModelBench(), CASES[name]
    case.before(bench)
    bench.settle()
    return bench, parameters_of(case, bench)


@pytest.mark.parametrize("name", CASES)
def test_it_does_what_it_says_and_undoes_it(name: str) -> None:
    case = CASES[name]
    bench, parameters = begun(name)
    memory: dict[str, Any] = {}
    outputs = run(bench, case.action, memory, **parameters)
    if case.calls:
        assert " ".join(bench.calls) == case.calls
    bench.settle()
    assert case.after(bench)
    if case.undone is None:
        return
    assert roll_back(bench, case.action, memory, outputs, **parameters)["undone"] is True
    bench.settle()
    assert case.undone(bench)
    assert not any(bench.rig.checker.violations.values())


@pytest.mark.parametrize("name", CASES)
def test_a_second_step_of_the_same_finds_it_done(name: str) -> None:
    """Level-triggered: an attempt that remembers all of the first one writes nothing."""
    case = CASES[name]
    bench, parameters = begun(name)
    memory: dict[str, Any] = {}
    outputs = run(bench, case.action, memory, **parameters)
    bench.mutations.clear()
    assert run(bench, case.action, memory, **parameters) == outputs
    assert bench.mutations == []


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.undone is not None])
def test_undoing_what_was_not_done_changes_nothing(name: str) -> None:
    case = CASES[name]
    bench, parameters = begun(name)
    state = bench.state()
    assert roll_back(bench, case.action, {}, {}, **parameters) == {"undone": False}
    bench.settle()
    assert bench.state() == state


Play = tuple[ModelBench, list[Mapping[str, Any]], int]


def crashed(name: str, boundary: int | None, *, undo: bool, moves_on: bool) -> Play:
    """Crash an attempt (or the rollback after one) at a boundary and run the next to its end."""
    case = CASES[name]
    bench, given = begun(name)
    parameters = bound(case.action, given)
    memory: dict[str, Any] = {}
    outputs: list[Mapping[str, Any]] = []
    function: Callable[..., Any] | None = CATALOGUE[case.action].run
    if undo:
        for _ in attempt(bench, CATALOGUE[case.action].run, parameters, memory, outputs):
            pass
        function = CATALOGUE[case.action].rollback
        bench.mutations.clear()
    assert function is not None
    if boundary is not None:
        steps = attempt(bench, function, parameters, memory, outputs)
        for _ in range(boundary):
            next(steps)
        steps.close()  # type: ignore[attr-defined]  # it is a generator
        if moves_on:
            bench.settle()
    count = sum(1 for _ in attempt(bench, function, parameters, memory, outputs, 2))
    bench.settle()
    return bench, outputs, count


@pytest.mark.parametrize(
    ("name", "undo"),
    [(name, undo) for name in CASES for undo in (False, True) if not undo or CASES[name].undone],
)
def test_a_crash_at_any_boundary_ends_in_the_same_world(
    name: str,
    undo: bool,  # noqa: FBT001 - a case of the table
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference, outputs, boundaries = crashed(name, None, undo=undo, moves_on=False)
    state, points = reference.state(), 0
    for boundary in range(boundaries + 1):
        bench, found, _ = crashed(name, boundary, undo=undo, moves_on=boundary % 2 == 1)
        told = f"{name}, undone: {undo}: crash at {boundary}"
        assert sorted(bench.mutations) == sorted(reference.mutations), told
        assert found == outputs, told
        assert bench.state() == state, told
        points += 1
    with capsys.disabled():
        sys.stdout.write(f"\n{name}{', undone' if undo else ''}: {points} crash points")
