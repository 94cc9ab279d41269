"""The Kubernetes catalogue through the whole simulator: engine, client, performer, cluster, attribution."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from engine.core.definition import Step, Workflow
from simulator import RunResult, simulate
from tests.actions.contract import CASES, FIRST_WEB
from tests.actions.town import NEW, OLD, town
from tests.simulator import worlds
from tests.simulator.worlds import of_type, run_row, run_spec

# Steps of one workflow, each after the one before; a pod's name is known only when the run is on.
ORDER = [name for name, case in CASES.items() if case.parameters.get("pod") != FIRST_WEB]


def flow(*names: str) -> Workflow:
    steps = []
    for number, name in enumerate(names):
        case = CASES[name]
        parameters: Mapping[str, Any] = case.parameters
        if "node" not in parameters:
            parameters = {"namespace": "default", **parameters}
        needs = (f"s{number - 1}",) if number else ()
        steps.append(Step(f"s{number}", action=case.action, needs=needs, parameters=parameters))
    return Workflow("catalogue", tuple(steps))


def run(*names: str, **changes: Any) -> RunResult:
    on = worlds.cluster(town("v1.34.0"), changes.pop("parameters", None))
    return simulate(run_spec(flow(*names), 1, on, detail=True, **changes))


def check(result: RunResult) -> None:
    row = run_row(result)
    failures = [step for step in of_type(result, "step") if step["state"] != "completed"]
    assert failures == []
    assert row["completed_count"] == row["submitted_count"] == 1
    assert not any(row["checks"].values()), row["checks"]
    for step in of_type(result, "step"):
        spent = step["ended_ns"] - step["ready_ns"]
        assert sum(step["causes"].values()) == spent, step["step"]


RUN = [name for name in ORDER if name not in ("roll a deployment back", "drain a node with nothing on it")]


@pytest.mark.parametrize("name", RUN)
def test_each_action_runs_in_the_modelled_world(name: str) -> None:
    check(run(name))


def test_one_after_the_other_in_one_workflow() -> None:
    last = ("drain", "more resources", "uncordon")
    names = [name for name in RUN if not name.startswith(last) and name != "scale a deployment"]
    names += ["more resources in place", "drain", "uncordon", "drain without budgets"]
    result = run(*names)
    check(result)
    again = run(*names)
    assert again.history.digest == result.history.digest
    assert json.dumps(again.rows) == json.dumps(result.rows)


def test_a_rotated_secret_is_in_no_row_and_no_history() -> None:
    result = run("rotate secrets")
    written = json.dumps(result.rows) + "".join(result.history.to_lines())
    assert NEW not in written
    assert OLD not in written


@pytest.mark.parametrize(
    ("name", "parameter", "cause", "longer_s"),
    [
        ("expand a claim", "storage.expand", "controller queue", 7),
        ("expand a claim", "storage.filesystem", "container start", 7),
        ("scale a stateful set up", "storage.provision", "controller queue", 7),
    ],
)
def test_a_slower_storage_system_is_charged_to_its_cause(
    name: str, parameter: str, cause: str, longer_s: int
) -> None:
    usual = of_type(run(name), "step")[0]["causes"]
    default = worlds.parameters()[parameter]["value_s"]
    slow = of_type(run(name, parameters={parameter: worlds.constant(default + longer_s)}), "step")[0][
        "causes"
    ]
    grown = {one: slow.get(one, 0) - usual.get(one, 0) for one in {**usual, **slow}}
    times = 2 if parameter == "storage.provision" else 1  # two claims, one pod after the other
    assert abs(grown.pop(cause) - times * longer_s * 1_000_000_000) < 1_100_000_000, "up to a relist"
    assert all(abs(change) < 1_100_000_000 for change in grown.values())
