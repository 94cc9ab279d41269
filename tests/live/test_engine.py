"""The engine at work over HTTP: workflows run to their end, and every nanosecond of theirs is charged."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest

import scenarios
from engine.cel import CelConditions
from engine.core.causes import Cause
from engine.core.definition import Workflow
from engine.core.limits import Limits
from engine.live.api import KubernetesApi
from engine.live.bucket import TokenBucket
from engine.live.engine import LiveEngine
from engine.registry import runnable
from tests.live.bench import connected
from tests.serving.served import Served, production, serving

SPEED = 20.0
CATALOGUE = (runnable(), CelConditions())
DEPLOYMENTS = ("api-gateway", "message-queue", "order-processing-service", "redis-cache", "user-service")


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(production(SPEED)) as place:
        yield place


def restarts(attempts: int = 2) -> Workflow:
    scenario = scenarios.load("smoke", [f"workload.parameters.attempts={attempts}"])
    return Workflow.from_json(scenarios.compile(scenario, scenario.points()[0], 0).workload.workflow)


def engine_on(served: Served, rows: list[Mapping[str, Any]], qps: float | None = None) -> LiveEngine:
    api = KubernetesApi(connected(served), TokenBucket(qps, 5))
    limits = Limits(max_concurrency=10, step_timeout_ns=30_000_000_000)
    return LiveEngine(api, limits, CATALOGUE, rows.append, detail=True)


def target(index: int) -> dict[str, Any]:
    """A pod of a Deployment of its own, so that no two executions choose the same."""
    return {"namespace": "default", "deployment": DEPLOYMENTS[index], "ordinal": 0}


def run(engine: LiveEngine, workflow: Workflow, count: int) -> None:
    engine.register([workflow])
    for index in range(count):
        engine.submit(f"e-{index}", workflow.name, {"targets": [target(index)]})
    engine.run(lambda at: len(at.ended) == count)


def test_restarts_over_http_end_with_new_pods_that_are_ready(served: Served) -> None:
    before = names(served)
    rows: list[Mapping[str, Any]] = []
    run(engine_on(served, rows), restarts(), 5)
    executions = [row for row in rows if row["type"] == "execution"]
    assert [row["state"] for row in executions] == ["completed"] * 5, executions
    after = names(served)
    assert len(after - before) == len(before - after) == 5


def test_what_time_was_spent_on_is_charged_without_a_gap(served: Served) -> None:
    rows: list[Mapping[str, Any]] = []
    run(engine_on(served, rows, qps=2), restarts(), 4)
    seen: set[str] = set()
    for row in rows:
        if row["type"] in ("execution", "step"):
            began = row["submitted_ns"] if row["type"] == "execution" else row["ready_ns"]
            assert sum(row["causes"].values()) == row["ended_ns"] - began
            seen |= row["causes"].keys()
        if row["type"] == "attempt":
            spans = row["spans"]
            assert [spans[0][1], spans[-1][2]] == [row["started_ns"], row["ended_ns"]]
            assert all(one[2] == other[1] for one, other in pairwise(spans))
    assert {Cause.CLIENT_THROTTLE, Cause.API_SERVICE, Cause.UNATTRIBUTED} <= seen


def test_a_step_that_takes_too_long_is_given_up_at_its_deadline(served: Served) -> None:
    rows: list[Mapping[str, Any]] = []
    api = KubernetesApi(connected(served), TokenBucket(None, 1))
    engine = LiveEngine(api, Limits(step_timeout_ns=50_000_000), CATALOGUE, rows.append)
    run(engine, restarts(attempts=1), 1)
    [execution] = [row for row in rows if row["type"] == "execution"]
    assert execution["state"] == "failed"
    assert "timeout" in execution["failure"].lower()


def test_it_can_be_stopped_and_says_what_it_left_unfinished(served: Served) -> None:
    rows: list[Mapping[str, Any]] = []
    engine = engine_on(served, rows)
    engine.register([restarts()])
    engine.submit("e-0", restarts().name, {"targets": [target(0)]})
    engine.loop.post(lambda: engine.loop.after(30_000_000, lambda _entry: engine.stop()))
    engine.run(lambda at: bool(at.ended))
    [execution] = [row for row in rows if row["type"] == "execution"]
    assert execution["state"] == "unfinished"


def names(served: Served) -> set[str]:
    pods = served.get("/api/v1/namespaces/default/pods")["items"]
    return {
        pod["metadata"]["name"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])
    }
