"""Conditions and waits that ask the modelled world: metrics, objects, the clock."""

from typing import Any

import pytest

from engine.core.definition import Step, StepKind, Workflow
from simulator import RunResult, simulate
from tests.simulator import worlds
from tests.simulator.worlds import SECOND_NS, constant, of_type, run_row, run_spec

WEB = {"kind": "Deployment", "namespace": "default", "name": "web"}
AVAILABLE = 'kube_deployment_status_replicas_available{deployment="web"}'


def wait(step_id: str, fetch: str, condition: str, *needs: str, **parameters: Any) -> Step:
    return Step(
        step_id,
        StepKind.WAIT,
        needs=needs,
        fetch=fetch,
        condition=condition,
        poll_ns=SECOND_NS,
        parameters=parameters,
    )


def scale(step_id: str, replicas: int, *needs: str) -> Step:
    parameters = {"namespace": "default", "deployment": "web", "replicas": replicas}
    return Step(step_id, needs=needs, action="scale_deployment", parameters=parameters)


def run(*steps: Step, **changes: Any) -> RunResult:
    still = {"monitoring.service": constant(0.01), **changes}
    on = worlds.cluster(worlds.small_objects(), still)
    limits = worlds.engine(client_qps=None)
    result = simulate(run_spec(Workflow("w", steps), load=1, on=on, limits=limits, detail=True))
    for row in of_type(result, "step"):
        assert sum(row["causes"].values()) == row["ended_ns"] - row["ready_ns"]
    return result


def steps_of(result: RunResult) -> dict[str, Any]:
    return {row["step"]: row for row in of_type(result, "step")}


def test_a_wait_on_a_metric_ends_at_the_first_poll_after_the_scrape_that_shows_it() -> None:
    result = run(scale("up", 7), wait("seen", "metric", "value.number >= 7.0", query=AVAILABLE))
    steps = steps_of(result)
    assert run_row(result)["completed_count"] == 1
    assert steps["up"]["ended_ns"] < 30 * SECOND_NS < steps["seen"]["ended_ns"] < 32 * SECOND_NS
    assert "monitoring" in steps["seen"]["causes"]


def test_a_wait_on_an_object_sees_it_without_a_scrape() -> None:
    result = run(
        scale("up", 7), wait("seen", "resource", "value.field == 7", **WEB, path="status.availableReplicas")
    )
    steps = steps_of(result)
    assert 0 <= steps["seen"]["ended_ns"] - steps["up"]["ended_ns"] < 2 * SECOND_NS


def test_a_wait_on_the_clock_ends_when_the_window_opens() -> None:
    result = run(wait("window", "time", "value.in_window", windows=["00:01-00:10"]))
    ended = steps_of(result)["window"]["ended_ns"]
    assert 60 * SECOND_NS <= ended < 62 * SECOND_NS, "time 0 is midnight"


@pytest.mark.parametrize(("limit", "state"), [(5, "completed"), (6, "skipped")])
def test_a_condition_decides_by_what_it_has_fetched(limit: int, state: str) -> None:
    ask = Step(
        "ask",
        StepKind.CONDITION,
        fetch="metric",
        condition=f"value.number >= {limit}.0",
        parameters={"query": AVAILABLE},
    )
    result = run(ask, scale("up", 7, "ask"))
    assert steps_of(result)["up"]["state"] == state


def test_an_object_that_does_not_exist_can_be_waited_for_to_be_gone() -> None:
    gone = {"kind": "Pod", "namespace": "default", "name": "absent"}
    result = run(wait("gone", "resource", "!value.exists", **gone))
    assert run_row(result)["completed_count"] == 1
