"""Infeasible by configuration: the floor is true, and what it proves is refused before the run."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import scenarios
import simulator
from engine.core import Branch, RetryPolicy, Step, StepKind, Workflow
from headroom.feasibility import Floor, certain_steps, examine
from reports.questions import matches
from scenarios import LoadSpec, RunSpec
from tests.headroom.command import headroom

BASE = """\
apiVersion: headroom/v1
name: bounds
cluster:
  profile: high-load-production
  behaviours:
    default/api-gateway: {startup: 3s, exit: 1s}
engine: {max_concurrency: 4, client: {qps: 5, burst: 10}}
workload:
  workflow: restart-pods
  targets: {deployments: [default/api-gateway]}
  load: {burst: 4}
sweep: {load.burst: [1, 4, 12, 60]}
experiment: {replications: 2}
targets:
  - {id: all, metric: makespan, stat: max, max: 5s}
  - {id: each, metric: execution_duration, stat: max, max: 2s}
  - {id: map, metric: makespan, stat: mean, max: 1ms, severity: info}
"""
SECOND = 10**9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bounds.yaml"
    path.write_text(BASE)
    return path


def spec_of(file: Path, point: int, *overrides: str) -> RunSpec:
    scenario = scenarios.load(file, overrides)
    return scenarios.compile(scenario, scenario.points()[point], 0)


def with_steps(spec: RunSpec, *steps: Step) -> RunSpec:
    workload = dataclasses.replace(spec.workload, workflow=Workflow("made-up", steps).to_json())
    return dataclasses.replace(spec, workload=workload)


def wait(name: str, seconds: int, **more: Any) -> Step:
    return Step(name, StepKind.WAIT, wait_ns=seconds * SECOND, **more)


def restart(name: str, **more: Any) -> Step:
    parameters = {"namespace": "default", "deployment": "api-gateway"}
    return Step(name, action="restart_pod", parameters=parameters, **more)


@pytest.mark.parametrize("point", range(3))
@pytest.mark.parametrize("steps", [1, 3])
def test_no_run_is_faster_than_its_floor(file: Path, point: int, steps: int) -> None:
    scenario = scenarios.load(file, [f"workflow.steps={steps}"])
    for replication in range(2):
        spec = scenarios.compile(scenario, scenario.points()[point], replication)
        rows: list[Any] = list(simulator.simulate(spec).rows)
        assert rows[0]["completed_count"] == rows[0]["submitted_count"]
        floor = Floor(spec)
        assert rows[0]["makespan_ns"] >= floor.makespan().seconds * SECOND > 0
        durations = [row["ended_ns"] - row["submitted_ns"] for row in rows if row["type"] == "execution"]
        assert min(durations) >= floor.execution().seconds * SECOND > 0


def test_calls_through_the_bucket_are_counted(file: Path) -> None:
    bound = Floor(spec_of(file, 3, "engine.client.qps=1")).makespan()
    assert bound.seconds == pytest.approx(60 * 3 - 10)  # 60 restarts of at least 3 calls
    assert "at least 180 API calls" in bound.because


def test_without_a_bucket_the_rounds_of_admission_count(file: Path) -> None:
    bound = Floor(spec_of(file, 3, "engine.client=unlimited")).makespan()
    assert bound.seconds == pytest.approx(60 / 4 * 5)  # 15 rounds of a start-up of 3 s that a probe sees at 5
    assert "15 rounds" in bound.because


def test_an_ignored_sigterm_costs_the_whole_grace(file: Path) -> None:
    override = "cluster.behaviours.default/api-gateway.ignores_sigterm=true"
    bound = Floor(spec_of(file, 0, override)).execution()
    assert bound.seconds == 30
    assert "ignores SIGTERM" in bound.because


def test_the_scales_of_the_assumptions_count(file: Path) -> None:
    override = "cluster.parameters.assumptions.startup_scale=4"
    assert Floor(spec_of(file, 0, override)).execution().seconds == pytest.approx(15)  # 12 s, probed every 5


STEPS: dict[str, tuple[tuple[Step, ...], float]] = {
    "one after the other": ((wait("a", 4), wait("b", 5, needs=("a",))), 9),
    "side by side": ((wait("a", 4), wait("b", 5)), 5),
    "a parallel group": ((Step("g", StepKind.PARALLEL, steps=(wait("a", 4), wait("b", 5))),), 5),
    "a sequential group": ((Step("g", StepKind.SEQUENTIAL, steps=(wait("a", 4), wait("b", 5))),), 9),
    "a step that may be skipped": ((wait("a", 4), wait("b", 50, needs=("a",), when="false")), 4),
    "a step behind a condition": (
        (Step("c", StepKind.CONDITION, condition="true"), wait("b", 50, needs=("c",)), wait("a", 4)),
        4,
    ),
    "branches of a decision": (
        (
            Step("d", StepKind.DECISION, branches=(Branch(("x",), "true"), Branch(("y",)))),
            wait("x", 50),
            wait("y", 50),
            wait("a", 4),
        ),
        4,
    ),
    "a restart on the way": ((wait("a", 4), restart("r", needs=("a",))), 9),
    "defined in another order": ((wait("b", 5, needs=("a",)), wait("a", 4)), 9),
}


@pytest.mark.parametrize("case", STEPS)
def test_the_longest_certain_chain_counts(file: Path, case: str) -> None:
    steps, seconds = STEPS[case]
    assert Floor(with_steps(spec_of(file, 0), *steps)).execution().seconds == pytest.approx(seconds)


def probed(spec: RunSpec, **probe: int) -> RunSpec:
    """The same run, whose pods are probed otherwise."""
    objects = json.loads(json.dumps(spec.cluster.objects))
    for item in objects:
        if item["kind"] == "Deployment" and item["metadata"]["name"] == "api-gateway":
            item["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    return dataclasses.replace(spec, cluster=dataclasses.replace(spec.cluster, objects=tuple(objects)))


@pytest.mark.parametrize(
    ("probe", "seconds"),
    [
        ({"periodSeconds": 1}, 3),
        ({"periodSeconds": 2}, 4),
        ({}, 10),
        ({"initialDelaySeconds": 7}, 7),
        ({"initialDelaySeconds": 2, "periodSeconds": 5}, 7),
        ({"initialDelaySeconds": 4, "periodSeconds": 6, "successThreshold": 3}, 16),
    ],
)
def test_a_pod_is_ready_when_a_probe_has_seen_it(file: Path, probe: dict[str, int], seconds: float) -> None:
    spec = probed(spec_of(file, 0), **probe)
    floor = Floor(spec).execution()
    assert floor.seconds == pytest.approx(seconds)
    if seconds > 3:
        assert "is probed" in floor.because
    assert fastest(spec) >= seconds * SECOND


def fastest(spec: RunSpec) -> int:
    """The shortest duration of an execution in a run that completed."""
    rows: list[Any] = list(simulator.simulate(spec).rows)
    assert rows[0]["completed_count"] == rows[0]["submitted_count"] > 0
    return min(int(row["ended_ns"]) - int(row["submitted_ns"]) for row in rows if row["type"] == "execution")


def makespan(spec: RunSpec) -> int:
    """The makespan of a run that completed."""
    rows: list[Any] = list(simulator.simulate(spec).rows)
    assert rows[0]["completed_count"] == rows[0]["submitted_count"] > 0
    return int(rows[0]["makespan_ns"])


def limited(spec: RunSpec, **engine: Any) -> RunSpec:
    return dataclasses.replace(
        spec, engine=dataclasses.replace(spec.engine, client_qps=None, max_concurrency=None, **engine)
    )


def test_work_over_slots_is_a_floor(file: Path) -> None:
    """Twelve restarts of 5 s at least, three at a time."""
    spec = limited(with_steps(spec_of(file, 2), restart("r")), step_slots=3)
    floor = Floor(spec).makespan()
    assert floor.seconds == pytest.approx(20)
    assert "60 / 3 = 20 s" in floor.because
    assert makespan(spec) >= 20 * SECOND


def test_an_attempt_that_may_be_made_again_frees_its_slot(file: Path) -> None:
    again = restart("r", retry=RetryPolicy(max_attempts=2))
    assert Floor(limited(with_steps(spec_of(file, 2), again), step_slots=3)).makespan().seconds == 5


def test_a_lock_that_all_take_is_a_floor(file: Path) -> None:
    spec = limited(with_steps(spec_of(file, 1), restart("r", lock="door")))
    floor = Floor(spec).makespan()
    assert floor.seconds == pytest.approx(20)
    assert "'door' for 5 s" in floor.because
    assert makespan(spec) >= 20 * SECOND
    two = limited(spec, semaphores={"door": 2})
    assert Floor(two).makespan().seconds == pytest.approx(10)
    assert 10 * SECOND <= makespan(two) < 20 * SECOND
    own = with_steps(spec_of(file, 1), restart("r", lock="door-${workflow_id}"))
    assert Floor(limited(own)).makespan().seconds == 5


def test_a_rate_of_starts_is_a_floor(file: Path) -> None:
    spec = limited(with_steps(spec_of(file, 2), restart("r")), rates={"restart_pod": (0.5, 2)})
    floor = Floor(spec).makespan()
    assert floor.seconds == pytest.approx((12 - 2) / 0.5)
    assert "12 starts of restart_pod" in floor.because
    assert makespan(spec) >= 20 * SECOND


def test_pods_that_must_be_made_pass_the_controllers_bucket(file: Path) -> None:
    """From the pods there are to 12: each new one is a call of its own."""
    parameters = {"namespace": "default", "deployment": "api-gateway", "replicas": 12, "autoscaled": "ignore"}
    spec = limited(with_steps(spec_of(file, 0), Step("s", action="scale_deployment", parameters=parameters)))
    new = 12 - 5
    slow = {**spec.cluster.parameters, "controller_manager.qps": 0.5, "controller_manager.burst": 3}
    spec = dataclasses.replace(spec, cluster=dataclasses.replace(spec.cluster, parameters=slow))
    floor = Floor(spec).makespan()
    assert f"{new} new pods" in floor.because
    assert floor.seconds == pytest.approx((new - 3) / 0.5 + 5)
    assert makespan(spec) >= floor.seconds * SECOND


def test_a_recording_lasts_as_long_as_it_was_recorded(file: Path) -> None:
    load = LoadSpec("trace", for_ns=60 * SECOND, gaps=f"{SECOND} 0 {40 * SECOND}")
    spec = spec_of(file, 0)
    spec = dataclasses.replace(spec, workload=dataclasses.replace(spec.workload, load=load))
    floor = Floor(spec).makespan()
    assert floor.seconds == pytest.approx(45)
    assert "the last execution arrives 40 s after the first" in floor.because
    assert makespan(spec) >= 45 * SECOND


def test_targets_are_held_against_their_floors(file: Path) -> None:
    scenario = scenarios.load(file)
    rows = examine(scenario, scenario.points())
    assert [(row["target"], row["point"]) for row in rows] == [
        ("each", 0),
        ("each", 1),
        ("all", 2),
        ("each", 2),
        ("all", 3),
        ("each", 3),
    ]
    assert all(row["bound_s"] > row["limit_s"] for row in rows)


def test_the_command_refuses_and_says_why(file: Path) -> None:
    out = file.parent / "run"
    result = headroom("run", file, "--out", out, "--json")
    assert result.returncode == 15, result.stderr
    assert json.loads(result.stdout)["exit_code"] == 15
    rows = json.loads((out / "infeasible.json").read_text())
    assert {row["target"] for row in rows} == {"all", "each"}
    assert list((out / "records").iterdir()) == []


def test_forced_it_runs_and_is_infeasible_still(file: Path) -> None:
    out = file.parent / "run"
    result = headroom("run", file, "--out", out, "--force", "--set", "sweep={load.burst: [1, 4]}")
    assert result.returncode == 15, result.stderr
    assert len(list((out / "records").iterdir())) == 4


def test_the_plan_shows_the_arithmetic(file: Path) -> None:
    result = headroom("plan", file, "--set", "engine.client.qps=1")
    assert result.returncode == 0, result.stderr
    assert "(180 - 10) / 1 = 170 s" in result.stdout


@pytest.mark.parametrize("where", ["{load.burst: 60}", '{load.burst: "60"}'])
def test_a_floor_is_sought_where_the_verdict_is(where: str, file: Path) -> None:
    file.write_text(BASE.replace("stat: max, max: 5s", f"stat: max, max: 5s, where: {where}"))
    scenario = scenarios.load(file)
    index = {
        point.index for point in scenario.points() if matches(scenario.targets[0].where, point.coordinates)
    }
    rows = examine(scenario, scenario.points())
    assert {row["point"] for row in rows if row["target"] == "all"} == index == {3}


def test_what_a_failure_or_an_empty_loop_leaves_out_is_not_certain() -> None:
    steps = (
        Step("main", action="wait", parameters={"duration_s": 1}, on_failure=("rescue",), on_success=("go",)),
        Step("rescue", kind=StepKind.WAIT, wait_ns=60 * 10**9),
        Step("go", kind=StepKind.WAIT, wait_ns=5 * 10**9),
        Step("each", kind=StepKind.LOOP, items="${names}", steps=(Step("one", action="log", parameters={}),)),
    )
    assert [step.id for step in certain_steps(steps)] == ["main", "each"]


def test_the_plan_shows_the_highest_floor_of_every_target_that_can_fail(file: Path) -> None:
    planned = headroom("plan", file, "--json")
    rows = {row["target"]: row for row in json.loads(planned.stdout)["floors"]}
    assert list(rows) == ["all", "each"]  # not what is only for the map
    assert rows["all"]["coordinates"] == {"load.burst": 60}
    assert rows["all"]["bound_s"] == pytest.approx(75)
    assert rows["each"]["bound_s"] == pytest.approx(5)
    text = headroom("plan", file).stdout
    assert "floor         all: makespan is never below 75 s, asked at most 5 s" in text
    assert "60 executions, 4 at a time" in text
