"""The durable host on SQLite with group commit, against a bare loop of the same inserts and commits."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from engine.core.action import ActionSpec
from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.conditions import Program
from engine.core.definition import Step, Workflow
from engine.core.durable_host import DurableHost
from engine.core.effects import Effect
from engine.core.errors import ConditionError
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.recovery import recover
from engine.core.snapshot import take_snapshot
from engine.stores import open_store
from tests.benchmarks.alternating import alternate

EXECUTIONS, STEPS = 100, 10  # a commit holds what happens in one instant: up to as many events as executions
STEPS_PER_S_MIN = 3_000


async def _nothing(_context: Any, _parameters: Any) -> dict[str, Any]:
    return {}


ACTIONS = {"nothing": ActionSpec("nothing", _nothing, {}, 0, "End at once.")}


class NoConditions:
    """A language without a word."""

    def compile(self, text: str) -> Program:
        raise ConditionError(text)


class AtOnce:
    """A world in which nothing takes time."""

    def begin(self, attempt: Attempt) -> None: ...

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None: ...

    def cancel(self, attempt: Attempt) -> None: ...

    def finish(self, attempt: Attempt) -> None:
        attempt.spans.append((Cause.DECLARED_WORK, attempt.started_ns, attempt.started_ns))


def host_on(url: str) -> DurableHost:
    store = open_store(url)
    recovered = recover(store, store.acquire("e", "me", 10**12))
    now = recovered.engine.now_ns
    host = DurableHost(
        recovered.engine, ACTIONS, NoConditions(), lambda: now, lambda _row: None, journal=recovered.journal
    )
    host.performer = AtOnce()
    host.take_up()
    steps = [Step("s0", action="nothing")]
    steps += [Step(f"s{n}", action="nothing", needs=(f"s{n - 1}",)) for n in range(1, STEPS)]
    host.feed(WorkflowRegistered(Workflow("w", tuple(steps))))
    return host


def steps_per_s(host: DurableHost, names: Iterator[int], group: int) -> float:
    """Run executions, so many at once; what comes in together is committed together."""
    began = perf_counter()
    for _ in range(EXECUTIONS // group):
        with host.batch():
            for _ in range(group):
                host.feed(ExecutionSubmitted(f"x{next(names)}", "w", {"n": 1}))
    took = perf_counter() - began
    assert host.engine.executions() == (), "everything has ended, was reported, and is forgotten"
    return EXECUTIONS * STEPS / took


def bare_rows_per_s(path: Path, group: int) -> float:
    """Insert as many rows as there are steps, in as many commits."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute("CREATE TABLE bare (n INTEGER PRIMARY KEY, line TEXT, chain TEXT)")
        rows = [(n, "x" * 120, "x" * 32) for n in range(EXECUTIONS * STEPS)]
        began = perf_counter()
        for start in range(0, len(rows), group):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO bare VALUES (?, ?, ?)", rows[start : start + group])
            connection.execute("COMMIT")
        return len(rows) / (perf_counter() - began)


@pytest.mark.parametrize(("group", "ratio"), [(100, 0.05), (1, 0.1)])
def test_steps_through_sqlite(tmp_path: Path, group: int, ratio: float) -> None:
    """With group commit at least 3,000 a second; alone, every step waits for a commit of its own."""
    host, names = host_on(f"sqlite:///{tmp_path}/engine.db"), count()
    found = alternate(
        f"steps through SQLite, {group} executions at once, against bare inserts in as many commits",
        lambda: steps_per_s(host, names, group),
        lambda: bare_rows_per_s(tmp_path / "bare.db", group),
        ratio,
    )
    assert group == 1 or found.rate >= STEPS_PER_S_MIN
    assert found.ratio >= found.target


def test_a_snapshot_of_a_busy_engine() -> None:
    """Steps in flight through a snapshot, against as many small dicts made and written as JSON."""
    engine = WorkflowEngine(Limits())
    steps = tuple(Step(f"s{n}", action="nothing") for n in range(STEPS))
    engine.handle(WorkflowRegistered(Workflow("w", steps)), 0)
    for number in range(1_000):
        engine.handle(ExecutionSubmitted(f"x{number}", "w", {"n": number}), 0)

    def snapshot_steps_per_s() -> float:
        began = perf_counter()
        json.dumps(take_snapshot(engine))
        return 1_000 * STEPS / (perf_counter() - began)

    def dicts_per_s() -> float:
        began = perf_counter()
        json.dumps([{"id": n, "state": "running", "attempts": [n], "memory": {}} for n in range(10_000)])
        return 10_000 / (perf_counter() - began)

    found = alternate(
        "steps in flight through a snapshot against dicts", snapshot_steps_per_s, dicts_per_s, 0.01
    )
    assert found.ratio >= found.target
