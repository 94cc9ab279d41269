"""`headroom run state-consistency` proves something: each fault, made in its runs, fails the command."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.headroom.command import ROOT, headroom

MODEL_ERROR = 4
THREE_AT_ONCE = ("--set", "sweep={load.burst: [3]}")

# The second execution comes under the name of the first.
SAME_NAME = """
from dataclasses import replace
from engine.core.events import ExecutionSubmitted
from simulator.environment import _Run

submit = _Run._submit

def submitting(self, index):
    feed = self._host.feed

    def feeding(event):
        if isinstance(event, ExecutionSubmitted) and index == 1:
            event = replace(event, execution_id=event.execution_id[:-1] + "0")
        feed(event)

    self._host.feed = feeding
    submit(self, index)
    self._host.feed = feed

_Run._submit = submitting
"""

# And an engine that remembers no names takes it.
DUPLICATE = (
    SAME_NAME
    + """
from engine.core.identifiers import EndedIds

EndedIds.__contains__ = lambda self, execution_id: False
"""
)

# Every step is given the variables of the first execution that had one.
LEAK = """
from engine.core.machine import WorkflowEngine

variables = WorkflowEngine._variables
seen = {}

def leaking(self, execution, step):
    return seen.setdefault(self, variables(self, execution, step))

WorkflowEngine._variables = leaking
"""

# An execution writes into what it was given, and those are the variables of another.
SHARED = """
from engine.core.machine import WorkflowEngine
from engine.core.events import ExecutionSubmitted

handle = WorkflowEngine.handle
first = {}

def handling(self, event, now):
    commands = handle(self, event, now)
    if isinstance(event, ExecutionSubmitted):
        execution = self._executions[event.execution_id]
        execution.variables = first.setdefault(self, execution.variables)
    return commands

WorkflowEngine.handle = handling
"""


ONE_AFTER_ANOTHER = (
    "--set", "workload.load={closed: {users: 1, for: 8s}}", "--set", "sweep={engine.client.qps: [20]}",
    "--set", "targets=[{id: unique-ids, metric: duplicate_ids_count, max: 0}]",
)  # fmt: skip
HARD = ("--set", "sweep={load.burst: [10]}")


@dataclass
class Result:
    """What the command said."""

    code: int
    broken: dict[str, int]  # invariants that do not hold
    verdicts: dict[str, str]
    causes: str


def run(folder: Path, scenario: str, *more: str, fault: str = "") -> Result:
    """Run the command with a fault in all of its processes."""
    (folder / "sitecustomize.py").write_text(fault)
    env = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    few = ("--replications", "5", "--workers", "1", "--allow-inconclusive", "--json")
    result = headroom("run", scenario, *few, *more, "--out", folder / "run", env=env)
    assert result.stdout, result.stderr
    summary = json.loads(result.stdout)
    return Result(
        result.returncode,
        {check["name"]: check["violations"] for check in summary["checks"] if check["violations"]},
        {one["id"]: one["verdict"] for one in summary["targets"]},
        " ".join(cause["message"] for cause in summary["causes"]),
    )


@pytest.mark.parametrize("load", [THREE_AT_ONCE, ONE_AFTER_ANOTHER])
def test_without_a_fault_all_hold(tmp_path: Path, load: tuple[str, ...]) -> None:
    result = run(tmp_path, "state-consistency", *load)
    assert (result.code, result.broken) == (0, {})


def test_an_id_that_is_given_twice_is_refused_by_the_engine(tmp_path: Path) -> None:
    result = run(tmp_path, "state-consistency", *THREE_AT_ONCE, fault=SAME_NAME)
    assert result.code == MODEL_ERROR
    assert "execution id 'state-consistency-0-0' is taken" in result.causes


def test_an_id_that_the_engine_takes_twice_is_found_in_the_history(tmp_path: Path) -> None:
    result = run(tmp_path, "state-consistency", *ONE_AFTER_ANOTHER, fault=DUPLICATE)
    assert result.code == MODEL_ERROR
    assert result.broken["invariant duplicate_ids"] == 5
    assert result.broken["unique ids"] == 5
    assert result.verdicts["unique-ids"] == "FAIL"


def test_updates_without_precondition_or_lock_are_lost(tmp_path: Path) -> None:
    """No fault in the program: the workflow itself leaves out what would have kept its writers apart."""
    open_counters = ("--set", "workload.parameters.locked=false")
    lost = run(tmp_path, "state-consistency-hard", *HARD, *open_counters)
    assert lost.code == MODEL_ERROR
    assert list(lost.broken) == ["invariant lost_updates"]
    assert lost.verdicts["no-lost-update"] == "FAIL"
    for guard in ("workload.parameters.locked=true", "workload.parameters.guarded=true"):
        kept = run(tmp_path, "state-consistency-hard", *HARD, *open_counters, "--set", guard)
        assert (kept.code, kept.broken) == (0, {}), guard


def test_variables_of_another_execution_are_found_by_what_is_written(tmp_path: Path) -> None:
    result = run(tmp_path, "state-consistency", *THREE_AT_ONCE, fault=LEAK)
    assert result.code == MODEL_ERROR
    assert list(result.broken) == ["invariant leaked_writes"]
    assert result.verdicts["no-leak"] == "FAIL"


def test_variables_that_are_no_longer_what_was_submitted_are_found(tmp_path: Path) -> None:
    result = run(tmp_path, "state-consistency", *THREE_AT_ONCE, fault=SHARED)
    assert result.code == MODEL_ERROR
    assert "invariant variables_changed" in result.broken
    assert result.verdicts["variables-preserved"] == "FAIL"
