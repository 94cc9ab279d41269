"""Attribution means something: what is charged to a cause is what shortening that cause gives back.

Two runs that differ in one duration only, under common random numbers. A step whose critical chain holds the
cause gets shorter by exactly what its charge for it lost, or it changes chain, and then gets shorter by less;
a step whose chain does not hold it keeps its duration to the nanosecond.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine.core.definition import RetryPolicy, Step, StepKind, Workflow
from scenarios.runspec import EngineSpec, RunSpec
from simulator import simulate
from tests.simulator import worlds
from tests.simulator.worlds import SECOND_NS, constant, of_type, run_spec

# Nothing is quantised and nobody queues, so that durations may shift freely: PLEG relists every nanosecond,
# starts and workers are many. The tests of a queue bring their own.
FREE = {
    **worlds.STILL,
    "kubelet.pleg_period": 1e-9,
    "kubelet.start_concurrency": 0,
    "controller_manager.qps": 10_000.0,
    "controller_manager.burst": 10_000,
    "controller_manager.workers.deployment": 100,
    "controller_manager.workers.replicaset": 100,
    "controller_manager.sync": constant(0.004),
    "scheduler.cycle": constant(0.03),
    "scheduler.qps": 10_000.0,
    "scheduler.burst": 10_000,
    "watch.delay": constant(0.02),
}
WORKLOADS = {  # name -> (startup, exit): what ends a restart differs
    "slow-start": (6.0, 0.1),
    "slow-exit": (0.5, 9.0),
    "quick": (0.0, 0.0),
    "even": (2.0, 2.0),
}


def objects() -> list[dict[str, Any]]:
    """Each Deployment alone on a node of its own size, so that nobody waits for room."""
    probes = {"slow-start": 1, "slow-exit": 1, "quick": 0, "even": 1}
    return [*worlds.nodes(4), *(worlds.deployment(name, 1, probe=probes[name]) for name in WORKLOADS)]


def behaviours(startup: float = 1.0, exit_: float = 1.0) -> dict[str, dict[str, Any]]:
    declared = {
        f"default/{name}": {"startup": constant(times[0] * startup), "exit": constant(times[1] * exit_)}
        for name, times in WORKLOADS.items()
    }
    return {**worlds.behaviours(), **declared}


def each_its_own(steps: int = 2) -> Workflow:
    """One chain of restarts per Deployment, side by side."""
    chains = []
    for name in WORKLOADS:
        for number in range(steps):
            needs = (f"{name}-{number - 1}",) if number else ()
            parameters = {"namespace": "default", "deployment": name}
            chains.append(Step(f"{name}-{number}", action="restart_pod", needs=needs, parameters=parameters))
    return Workflow("each", tuple(chains))


def free_spec(
    changes: Mapping[str, Any] | None = None, behaves: Mapping[str, Any] | None = None, **limits: Any
) -> RunSpec:
    on = worlds.cluster(objects(), {**FREE, **(changes or {})}, behaves or behaviours())
    settings = worlds.engine(**{"max_concurrency": None, "client_qps": None, **limits})
    return run_spec(each_its_own(), 1, on, settings)


STARTING = ("slow-start", "quick", "even")  # whose restart ends with the new pod's readiness
ALL = tuple(WORKLOADS)


@dataclass(frozen=True)
class Knob:
    """One duration, long and short, and by how much the second step of each workload is then shorter."""

    cause: str
    long: RunSpec
    short: RunSpec
    gained_ms: Mapping[str, float]
    step: int = 1
    changes_chain: tuple[str, ...] = ()


def parameter(cause: str, name: str, long_s: float, short_s: float, gained_ms: Mapping[str, float]) -> Knob:
    return Knob(cause, free_spec({name: constant(long_s)}), free_spec({name: constant(short_s)}), gained_ms)


def pulling(latency_s: float) -> RunSpec:
    changes = {"image.cached": False, "kubelet.serialize_image_pulls": False}
    return free_spec({**changes, "image.pull_latency": constant(latency_s)})


# The chain of a restart: get, list, delete -> (controller, create, scheduler, bind, start, ready) or (exit,
# status, removal); each "->" and each write that others see costs one watch delay.
KNOBS = {
    "exit": Knob(
        "termination grace", free_spec(), free_spec(behaves=behaviours(exit_=0.75)), {"slow-exit": 2_250}
    ),
    "start-up": Knob(
        "readiness",
        free_spec(),
        free_spec(behaves=behaviours(startup=0.5)),
        {"slow-start": 3_000, "even": 979},  # 1 s readiness would have been saved; then the exit came last
        changes_chain=("even",),
    ),
    "container start": parameter(
        "container start", "kubelet.container_start", 0.5, 0.3, dict.fromkeys(STARTING, 200)
    ),
    "volume set-up": parameter(
        "container start", "kubelet.volume_setup", 0.3, 0.1, dict.fromkeys(STARTING, 200)
    ),
    "API reads": parameter("API service", "apiserver.service.read", 0.008, 0.002, dict.fromkeys(ALL, 3 * 6)),
    "API writes": parameter(
        "API service",
        "apiserver.service.write",
        0.015,
        0.005,
        {**dict.fromkeys(STARTING, 4 * 10), "slow-exit": 3 * 10},
    ),
    "watch": parameter(
        "watch delay", "watch.delay", 0.05, 0.01, {**dict.fromkeys(STARTING, 4 * 40), "slow-exit": 2 * 40}
    ),
    "scheduling": parameter("scheduling", "scheduler.cycle", 0.05, 0.01, dict.fromkeys(STARTING, 40)),
    "controller": replace(
        parameter("controller queue", "controller_manager.sync", 0.05, 0.01, dict.fromkeys(STARTING, 40)),
        step=0,
    ),
    "image pull": Knob("image pull", pulling(0.5), pulling(0.2), dict.fromkeys(STARTING, 300), step=0),
    "decision": Knob(
        "engine decision",
        free_spec(decision_ns=30_000_000),
        free_spec(decision_ns=10_000_000),
        dict.fromkeys(ALL, 2 * 20),  # an attempt waits for the decision to start it, and for that on its end
    ),
}


def duration_ns(row: Any) -> int:
    duration: int = row["ended_ns"] - row["ready_ns"]
    return duration


def lost_charges(long: Any, short: Any) -> dict[str, int]:
    """By how much each cause's charge became smaller; those that did not change are left out."""
    causes = {**long["causes"], **short["causes"]}
    lost = {cause: long["causes"].get(cause, 0) - short["causes"].get(cause, 0) for cause in causes}
    return {cause: ns for cause, ns in lost.items() if ns}


@pytest.mark.parametrize("name", KNOBS)
def test_shortening_a_cause_gives_back_what_was_charged_to_it(name: str) -> None:
    knob = KNOBS[name]
    before, after = (of_type(simulate(spec), "step") for spec in (knob.long, knob.short))
    assert [row["step"] for row in before] == [row["step"] for row in after]
    for long, short in zip(before, after, strict=True):
        workload, _, number = long["step"].rpartition("-")
        gained = duration_ns(long) - duration_ns(short)
        if int(number) == knob.step:
            assert gained == knob.gained_ms.get(workload, 0) * 1_000_000, long["step"]
        if workload not in knob.gained_ms:
            assert lost_charges(long, short) == {}
        elif int(number) == knob.step and workload not in knob.changes_chain:
            assert lost_charges(long, short) == {knob.cause: gained}
        assert 0 <= gained <= long["causes"].get(knob.cause, 0)


def test_a_step_that_changes_chain_is_then_charged_to_the_other() -> None:
    knob = KNOBS["start-up"]
    long, short = (
        next(row for row in of_type(simulate(spec), "step") if row["step"] == "even-1")
        for spec in (knob.long, knob.short)
    )
    assert "termination grace" not in long["causes"]
    assert "readiness" not in short["causes"]
    assert short["causes"]["termination grace"] == 2 * SECOND_NS


# -- queues: of two executions, the second waits for what the first has


def two(limits: EngineSpec, workflow: Workflow | None = None, **changes: Any) -> list[Any]:
    """The step rows of two executions, each restarting the one pod of a Deployment of its own."""
    on = worlds.cluster(objects()[:6], {**FREE, **changes.pop("parameters", {})}, behaviours())
    spec = run_spec(workflow or worlds.restarts(1), changes.pop("load", 2), on, limits, **changes)
    assert spec.workload.targets is not None
    targets = replace(spec.workload.targets, assign="round-robin")
    result = simulate(replace(spec, workload=replace(spec.workload, targets=targets)))
    return [*of_type(result, "execution"), *of_type(result, "step")]


def free(**limits: Any) -> EngineSpec:
    return worlds.engine(**{"max_concurrency": None, "client_qps": None, **limits})


@pytest.mark.parametrize(
    ("cause", "limited", "rows"),
    [
        ("admission", free(max_concurrency=1), slice(0, 2)),
        ("dispatch queue", free(step_slots=1), slice(2, 4)),
    ],
)
def test_taking_a_limit_away_gives_the_second_its_wait_back_and_the_first_nothing(
    cause: str, limited: EngineSpec, rows: slice
) -> None:
    before, after = two(limited)[rows], two(free())[rows]
    begins = "submitted_ns" if cause == "admission" else "ready_ns"
    first, second = (
        (long["ended_ns"] - long[begins]) - (short["ended_ns"] - short[begins])
        for long, short in zip(before, after, strict=True)
    )
    assert cause not in before[0]["causes"]
    assert first == 0
    waited = before[1]["causes"][cause]
    assert waited == before[0]["ended_ns"]
    assert lost_charges(before[1], after[1]) == {cause: waited}
    assert second == waited


def test_without_the_lock_the_second_has_its_wait_back() -> None:
    chain = worlds.restarts(1)
    locked = [two(free(), Workflow("w", (replace(chain.steps[0], lock=lock),))) for lock in ("one", "")]
    (_, _, first, second), (_, _, free_first, free_second) = locked
    assert duration_ns(first) == duration_ns(free_first)
    assert second["causes"]["lock"] == first["ended_ns"]
    assert duration_ns(second) - duration_ns(free_second) == second["causes"]["lock"]


def test_a_wider_client_bucket_gives_back_the_throttle() -> None:
    """At 1 request/s and no burst, the three calls of the only execution wait 1 s less their service."""
    one, two_per_s = (
        two(free(client_qps=qps, client_burst=1), load=1)[1] for qps in (1.0, 2.0)
    )  # get at once; list and delete throttled
    assert lost_charges(one, two_per_s) == {"client throttle": 2 * 500_000_000}
    assert duration_ns(one) - duration_ns(two_per_s) == SECOND_NS


def test_a_wider_controller_bucket_gives_back_the_controllers_throttle() -> None:
    """A roll-out makes its controllers write one after the other; without a burst each write waits."""
    rolling = worlds.acting("rollout_restart", namespace="default", deployment="slow-exit")
    slow, fast = (
        two(
            free(),
            rolling,
            load=1,
            parameters={"controller_manager.qps": qps, "controller_manager.burst": 1},
        )[1]
        for qps in (1.0, 2.5)
    )
    assert slow["causes"]["controller throttle"] > fast["causes"]["controller throttle"] > 0
    gained = duration_ns(slow) - duration_ns(fast)
    assert gained > SECOND_NS
    lost = lost_charges(slow, fast)  # a pass also waits for the one before it, which waits for its tokens
    assert lost.keys() == {"controller throttle", "controller queue"}
    assert lost["controller throttle"] > 0.5 * gained
    assert sum(lost.values()) == gained


def test_more_seats_give_back_the_wait_for_a_seat_and_nothing_else() -> None:
    """A single seat serves the calls of eight executions one by one."""
    reading = worlds.acting("scale_deployment", namespace="default", deployment="quick", replicas=1)
    narrow, wide = (
        of_type(
            simulate(
                run_spec(
                    reading,
                    8,
                    worlds.cluster(objects(), {**FREE, "apiserver.seats.workload-low": seats}),
                    free(),
                )
            ),
            "step",
        )
        for seats in (1, 100)
    )
    assert all("API queue" not in row["causes"] for row in wide)
    assert sum("API queue" in row["causes"] for row in narrow) == 8
    for long, short in zip(narrow, wide, strict=True):  # a Deployment as wanted: one get and one list
        gained = duration_ns(long) - duration_ns(short)
        assert lost_charges(long, short) == {"API queue": gained}


def test_a_shorter_back_off_between_attempts_is_given_back() -> None:
    step = replace(worlds.restarts(1).steps[0], timeout_ns=SECOND_NS)  # too short for any start
    long, short = (
        two(free(), Workflow("w", (replace(step, retry=RetryPolicy(2, delay_s * SECOND_NS)),)), load=1)[1]
        for delay_s in (20, 15)
    )
    assert long["attempts_count"] == short["attempts_count"] == 2
    assert lost_charges(long, short) == {"retry back-off": 5 * SECOND_NS}


def test_a_shorter_back_off_of_the_scheduler_is_given_back() -> None:
    """The node is full until the old pod has gone, after 0.3 s; then the back-off has to be waited out."""
    rows = []
    for backoff_s in (1.0, 0.7):
        full = [*worlds.nodes(1, cpu="1"), worlds.deployment("web", 1, cpu="800m", probe=0)]
        changes = {
            **FREE, "scheduler.backoff.initial": backoff_s, "scheduler.pop_from_backoff": False,
        }  # fmt: skip
        on = worlds.cluster(full, changes, worlds.behaviours(startup_s=0.0, exit_s=0.3))
        rows += of_type(simulate(run_spec(worlds.restarts(1), 1, on, free())), "step")
    long, short = rows
    assert lost_charges(long, short) == {"scheduling back-off": 300_000_000}
    assert duration_ns(long) - duration_ns(short) == 300_000_000


def test_declared_work_is_given_back() -> None:
    long, short = (
        two(free(), Workflow("w", (Step("s", StepKind.WAIT, wait_ns=seconds * SECOND_NS),)), load=1)[1]
        for seconds in (9, 4)
    )
    assert long["causes"] == {"declared work": 9 * SECOND_NS}
    assert duration_ns(long) - duration_ns(short) == 5 * SECOND_NS


def test_a_job_s_work_is_given_back() -> None:
    long, short = (
        two(free(), worlds.acting("run_job", namespace="default", name="j", duration_s=seconds), load=1)[1]
        for seconds in (9, 4)
    )
    assert lost_charges(long, short) == {"job run": 5 * SECOND_NS}
