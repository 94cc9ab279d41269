"""Random small RunSpecs: clusters, workloads, limits, loads that a run ends of, and faults that end."""

from typing import Any

from hypothesis import strategies as st

from engine.core.definition import RetryPolicy, Step, StepKind, Workflow
from scenarios.runspec import ClusterSpec, EngineSpec, LoadSpec, RunSpec
from tests.simulator import worlds
from tests.simulator.random_faults import faults
from tests.simulator.worlds import SECOND_NS


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 4))):
        needs = tuple(step.id for step in steps if draw(st.booleans()))
        kind = draw(
            st.sampled_from(["restart", "evict", "restart", "scale", "rollout", "wait", "count", "job"])
        )
        steps.append(_step(draw, f"s{number}", kind, needs, number))
    return Workflow("random", tuple(steps))


def _step(draw: st.DrawFn, step_id: str, kind: str, needs: tuple[str, ...], number: int) -> Step:
    target = {
        "namespace": f"${{targets.{number}.namespace}}",
        "deployment": f"${{targets.{number}.deployment}}",
    }
    ordinal = {"ordinal": f"${{targets.{number}.ordinal}}"}
    choices: dict[str, tuple[str, dict[str, Any]]] = {
        "restart": ("restart_pod", {**target, **ordinal}),
        "evict": ("restart_pod", {**target, **ordinal, "method": "evict"}),
        "scale": ("scale_deployment", {**target, "replicas": draw(st.integers(0, 5))}),
        "rollout": ("rollout_restart", target),
        "count": ("update_counter", {"namespace": "default", "name": "numbers", "key": "n"}),
        "job": ("run_job", {"namespace": "default", "name": "job", "duration_s": draw(st.integers(0, 3))}),
        "wait": ("", {}),
    }
    action, parameters = choices[kind]
    if kind == "wait":
        return Step(step_id, StepKind.WAIT, needs=needs, wait_ns=draw(st.integers(0, 3)) * SECOND_NS)
    retry = RetryPolicy(draw(st.integers(1, 3)), SECOND_NS)
    lock = draw(st.sampled_from(["", "", "one", "other"]))
    timeout = draw(st.sampled_from([None, 8 * SECOND_NS, 15 * SECOND_NS]))
    return Step(
        step_id, needs=needs, action=action, parameters=parameters, retry=retry, lock=lock, timeout_ns=timeout
    )


@st.composite
def durations(draw: st.DrawFn, most_s: float) -> dict[str, Any]:
    mean = draw(st.sampled_from([0.0, most_s / 10, most_s]))
    kind = draw(st.sampled_from(["constant", "exponential", "lognormal"] if mean else ["constant"]))
    return {
        "constant": {"dist": "constant", "value_s": mean},
        "exponential": {"dist": "exponential", "mean_s": mean},
        "lognormal": {"dist": "lognormal", "median_s": mean, "sigma": 0.5},
    }[kind]


@st.composite
def clusters(draw: st.DrawFn) -> ClusterSpec:
    objects = [*worlds.nodes(draw(st.integers(1, 3)), cpu=draw(st.sampled_from(["1", "4"])))]
    for name in ("web", "db")[: draw(st.integers(1, 2))]:
        objects.append(
            worlds.deployment(name, draw(st.integers(1, 4)), probe=draw(st.sampled_from([0, 1, 10])))
        )
        if draw(st.booleans()):
            objects.append(worlds.budget(name, draw(st.integers(1, 2))))
    objects.append(worlds.config_map("numbers", n="3"))
    if draw(st.booleans()):
        objects.append(worlds.quota(draw(st.integers(8, 14))))
    changes = {
        "watch.delay": draw(durations(0.05)),
        "apiserver.service.write": draw(durations(0.2)),
        "scheduler.cycle": draw(durations(0.1)),
        "controller_manager.sync": worlds.constant(draw(st.sampled_from([0.0, 0.0002]))),
        "kubelet.container_start": draw(durations(2.0)),
        "kubelet.pleg_period": draw(st.sampled_from([1, 0.1])),
        "image.cached": draw(st.booleans()),
        "apiserver.seats.workload-low": draw(st.sampled_from([1, 245])),
    }
    behaves = {
        "*": {
            "startup": draw(durations(5.0)),
            "exit": draw(durations(3.0)),
            "image_mb": 20.0,
            "ignores_sigterm": draw(st.integers(0, 9)) == 0,
            "crash_probability": draw(st.sampled_from([0.0, 0.3])),
        }
    }
    return worlds.cluster(objects, changes, behaves)


@st.composite
def engines(draw: st.DrawFn) -> EngineSpec:
    return worlds.engine(
        max_concurrency=draw(st.sampled_from([None, 1, 3])),
        step_slots=draw(st.sampled_from([None, 1, 2])),
        step_timeout_ns=draw(st.sampled_from([20, 60])) * SECOND_NS,
        execution_timeout_ns=draw(st.sampled_from([None, 40 * SECOND_NS])),
        dispatch=draw(st.sampled_from(["fifo", "critical-path"])),
        client_qps=draw(st.sampled_from([None, 1.0, 20.0])),
        client_burst=draw(st.sampled_from([1, 10])),
        decision_ns=draw(st.sampled_from([0, 3_000_000])),
    )


loads = st.sampled_from(
    [
        LoadSpec("burst", count=1),
        LoadSpec("burst", count=6),
        LoadSpec("closed", users=3, think_ns=SECOND_NS, for_ns=20 * SECOND_NS),
        LoadSpec("open", rate_per_s=0.3, for_ns=20 * SECOND_NS),
    ]
)


@st.composite
def run_specs(draw: st.DrawFn, faults_max: int = 2) -> RunSpec:
    """Two specs in five have faults, up to `faults_max`."""
    cluster = draw(clusters())
    return worlds.run_spec(
        draw(workflows()),
        draw(loads),
        cluster,
        draw(engines()),
        faults=tuple(draw(faults(cluster)) for _ in range(draw(st.integers(-faults_max, faults_max)))),
        seed=draw(st.integers(0, 1_000)),
        horizon_ns=draw(st.sampled_from([10, 300])) * SECOND_NS,
        detail=draw(st.booleans()),
    )
