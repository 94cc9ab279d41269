"""Capacity reports: what the engine is told is what the cluster has, and it is told once an instant."""

from itertools import pairwise
from typing import Any

import pytest

from engine.core.definition import RetryPolicy, Step, Workflow
from engine.core.events import CapacityReported
from simulator import RunResult, simulate
from simulator.capacity import CapacityReports
from simulator.cluster.watch import Watch
from simulator.streams import Constant
from tests.simulator.worlds import (
    SECOND_NS,
    cluster,
    deployment,
    engine,
    node,
    nodes,
    of_type,
    run_row,
    run_spec,
)

MEGABYTE = 1 << 20


def jobs(count: int, cpu: str = "900m", cpu_m: int = 900) -> Workflow:
    """Independent jobs that say what they demand."""
    steps = tuple(
        Step(
            f"job-{number}",
            action="run_job",
            parameters={
                "namespace": "default",
                "name": f"job-{number}",
                "duration_s": 3,
                "cpu": cpu,
                "memory": "64Mi",
            },
            demand={"cpu_m": cpu_m, "memory_b": 64 * MEGABYTE, "pods": 1},
            retry=RetryPolicy(3),
        )
        for number in range(count)
    )
    return Workflow("jobs", steps)


def run(*, aware: bool, objects: list[dict[str, Any]] | None = None, steps: int = 4) -> RunResult:
    changes = {"scheduler.pop_from_backoff": False}  # so that it shows who waits at the scheduler
    on = cluster(objects or [*nodes(1, cpu="2"), deployment("web", 1, cpu="100m")], changes)
    return simulate(run_spec(jobs(steps), 1, on, engine(capacity_aware=aware)))


def reports(result: RunResult) -> list[tuple[int, dict[str, int]]]:
    return [(now, dict(event.free)) for now, event in result.history if isinstance(event, CapacityReported)]


def spent(result: RunResult, *causes: str) -> int:
    return sum(row["causes"].get(cause, 0) for row in of_type(result, "step") for cause in causes)


def test_the_engine_is_told_at_the_start_and_whenever_it_has_changed() -> None:
    found = reports(run(aware=True))
    assert found[0] == (0, {"cpu_m": 1_900, "memory_b": (8_192 - 256) * MEGABYTE, "pods": 49})
    assert found[-1][1] == found[0][1]  # all jobs are done, and their pods hold nothing
    instants = [now for now, _ in found]
    assert instants == sorted(dict.fromkeys(instants))
    assert all(before[1] != after[1] for before, after in pairwise(found))


def test_without_the_switch_it_is_told_nothing() -> None:
    assert reports(run(aware=False)) == []


def test_what_does_not_fit_waits_in_the_engine_and_not_at_the_scheduler() -> None:
    aware, unaware = run(aware=True), run(aware=False)
    assert run_row(aware)["completed_count"] == run_row(unaware)["completed_count"] == 1
    assert spent(aware, "capacity") > SECOND_NS
    assert spent(aware, "scheduling", "scheduling back-off") < SECOND_NS
    assert spent(unaware, "capacity") == 0
    assert spent(unaware, "scheduling", "scheduling back-off") > SECOND_NS


def test_nodes_that_do_not_take_any_pod_do_not_count() -> None:
    cordoned = node("cordoned")
    cordoned["spec"] = {"unschedulable": True}
    first = reports(run(aware=True, objects=[*nodes(1, cpu="2"), cordoned]))[0]
    assert first[1]["cpu_m"] == 2_000


def test_the_first_goes_though_nothing_is_free() -> None:
    """Nobody starves: a demand that no report will ever meet is tried when nothing else is under way."""
    objects = [*nodes(1, cpu="1"), deployment("web", 1, cpu="500m")]
    result = run(aware=True, objects=objects, steps=1)
    assert of_type(result, "step")[0]["attempts_count"] >= 1


@pytest.mark.parametrize("seed", range(5))
def test_what_was_told_last_is_what_the_store_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a count from scratch over the watch cache, at the end of every report."""
    told: list[tuple[int, int, int]] = []
    counted: list[tuple[int, int, int]] = []
    tell = CapacityReports._tell  # noqa: SLF001 - the seam of the test

    def telling(self: CapacityReports, entry: object) -> None:
        tell(self, entry)
        told.append(self.free())
        watch = Watch(self._agenda, Constant(0), self._watch._stream)  # noqa: SLF001 - as above
        watch.load(self._watch.cache)
        counted.append(CapacityReports(self._agenda, watch, lambda _: None).free())

    monkeypatch.setattr(CapacityReports, "_tell", telling)
    on = cluster([*nodes(2, cpu="2"), deployment("web", 2, cpu="100m")])
    simulate(run_spec(jobs(5), 2, on, engine(capacity_aware=True), seed=seed))
    assert len(told) > 5
    assert told == counted
