"""Spans: the waits of a step are contiguous, and by cause exactly those of its record."""

import dataclasses
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

import scenarios
from reports.spans import GROUPS, execution_span, spans_of
from simulator import simulate

SCENARIOS = ("throttled", "optimiser-parts", "state-consistency-hard", "disaster-simulation", "smoke")


@cache
def rows_of(name: str) -> list[Any]:
    scenario = scenarios.load(name)
    spec = scenarios.compile(scenario, scenario.points()[-1], 0)
    return list(simulate(dataclasses.replace(spec, detail=True)).rows)


@pytest.mark.parametrize("name", SCENARIOS)
def test_waits_cover_each_step_once_and_sum_to_its_causes(name: str) -> None:
    rows = rows_of(name)
    steps = {(row["execution"], row["step"]): row for row in rows if row["type"] == "step"}
    seen = 0
    for execution in spans_of(rows):
        for span in execution.children:
            if span.kind != "step" or span.attributes["kind"] in GROUPS:
                continue
            waits = span.waits()
            spent = Counter[str]()
            for wait in waits:
                spent[wait.name] += wait.end_ns - wait.start_ns
            assert spent == Counter(
                {c: ns for c, ns in steps[execution.name, span.name]["causes"].items() if ns}
            )
            if waits:
                assert (waits[0].start_ns, waits[-1].end_ns) == (span.start_ns, span.end_ns)
            assert all(before.end_ns == after.start_ns for before, after in pairwise(waits))
            seen += len(waits)
    assert seen > 10


@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_is_inside_lies_inside(name: str) -> None:
    kinds = Counter[str]()
    for execution in spans_of(rows_of(name)):
        for span in execution.walk():
            kinds[span.kind] += 1
            for child in span.children:
                assert span.start_ns <= child.start_ns <= child.end_ns <= span.end_ns
    counted = Counter(row["type"] for row in rows_of(name))
    assert kinds["execution"] == counted["execution"]
    assert (kinds["attempt"], kinds["call"]) == (counted["attempt"], counted["effect"])


def step(**given: Any) -> dict[str, Any]:
    blank = {"type": "step", "execution": "x", "step": "s", "kind": "action", "action": "a", "failure": ""}
    return blank | {"state": "completed", "critical": True, "ready_ns": 10, "ended_ns": 100} | given


def attempt(number: int, start: int, end: int) -> dict[str, Any]:
    spans = [("API service", start, end)]
    told = {"outcome": "failed", "failure": "Timeout", "started_ns": start, "ended_ns": end, "spans": spans}
    return {"type": "attempt", "execution": "x", "step": "s", "attempt": number} | told


HEAD = {
    "type": "execution",
    "execution": "x",
    "workflow": "w",
    "index": 0,
    "state": "failed",
    "failure": "Timeout: s",
    "submitted_ns": 0,
    "admitted_ns": 10,
    "ended_ns": 100,
}


def test_back_off_lies_between_attempts_and_queues_before_the_first() -> None:
    causes = {"lock": 5, "dispatch queue": 5, "retry back-off": 30, "API service": 50}
    span = execution_span([HEAD, step(causes=causes), attempt(1, 20, 40), attempt(2, 70, 100)])
    assert [(it.name, it.start_ns, it.end_ns) for it in span.waits()] == [
        ("admission", 0, 10),
        ("dispatch queue", 10, 15),
        ("lock", 15, 20),
        ("API service", 20, 40),
        ("retry back-off", 40, 70),
        ("API service", 70, 100),
    ]


def test_after_an_attempt_back_off_comes_before_whatever_else_was_waited_for() -> None:
    causes = {"dispatch queue": 20, "retry back-off": 20, "API service": 50}
    span = execution_span([HEAD, step(causes=causes), attempt(1, 20, 40), attempt(2, 70, 100)])
    waits = [(it.name, it.start_ns, it.end_ns) for it in span.waits() if it.name != "API service"]
    assert waits[1:] == [("dispatch queue", 10, 20), ("retry back-off", 40, 60), ("dispatch queue", 60, 70)]


def test_one_that_was_never_admitted_waited_for_that_all_the_time() -> None:
    [only] = execution_span([HEAD | {"state": "unfinished", "admitted_ns": -1}]).waits()
    assert (only.name, only.start_ns, only.end_ns) == ("admission", 0, 100)


def test_what_never_began_is_left_out_and_executions_can_be_chosen() -> None:
    skipped = step(state="skipped", ready_ns=-1, ended_ns=-1, causes={})
    assert execution_span([HEAD, skipped]).children[1:] == []
    rows = rows_of("smoke")
    assert [span.name for span in spans_of(rows, ["smoke-0-1"])] == ["smoke-0-1"]
