"""Single remediations whose every span is reckoned by hand, from constant durations."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pytest

from engine.core.definition import Step, Workflow
from engine.core.effects import Resource
from scenarios.runspec import EngineSpec
from simulator import simulate
from simulator.attribution import Link, walk
from simulator.cluster.objects import is_ready
from tests.simulator.cluster.objects import Object, bare_pod, budget, deployment, node
from tests.simulator.cluster.rig import (
    BEHAVIOUR,
    CYCLE,
    ENGINE,
    MS,
    READ,
    REPORT,
    START,
    STARTUP,
    SYNC,
    VOLUMES,
    WATCH,
    WRITE,
    Rig,
    S,
    cluster_spec,
    constant,
    name_of,
)
from tests.simulator.worlds import acting, engine, of_type, run_spec

Spans = list[tuple[str, int]]
SEED = 7
RESTART = acting("restart_pod", namespace="default", deployment="web")
DELETED = [("API service", READ + READ + WRITE)]  # the Deployment, its pods, the deletion
CREATED = [("watch delay", WATCH), ("controller queue", SYNC), ("API service", WRITE)]
BOUND = [("watch delay", WATCH), ("scheduling", CYCLE), ("API service", WRITE), ("watch delay", WATCH)]
SEEN = [("API service", REPORT), ("watch delay", WATCH)]


def merged(spans: list[Any]) -> Spans:
    """Lengths by cause, neighbours of one cause together."""
    return [
        (str(cause), sum(end - start for _, start, end in group))
        for cause, group in groupby(spans, key=lambda span: span[0])
    ]


def length(spans: Spans) -> int:
    return sum(duration for _, duration in spans)


def attempts(
    *objects: Object,
    workflow: Workflow = RESTART,
    limits: EngineSpec = ENGINE,
    behaviours: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> list[Any]:
    """The rows of the attempts of one execution."""
    on = cluster_spec(*objects, behaviours=behaviours, parameters=parameters)
    result = simulate(run_spec(workflow, 1, on, limits, seed=SEED, detail=True))
    return of_type(result, "attempt")


def spans_of(*objects: Object, **more: Any) -> Spans:
    """The spans of the only attempt."""
    (row,) = attempts(*objects, **more)
    assert row["outcome"] == "succeeded"
    return merged(row["spans"])


def relist_after(at_ns: int) -> int:
    return Rig(node("n1"), seed=SEED).relist_after("n1", at_ns)


def behaves(**more: Any) -> dict[str, Any]:
    return {"*": {**BEHAVIOUR, **more}}


QUICK_EXIT = behaves(exit=constant(0.1))


def test_a_restart_that_the_new_pods_start_decides() -> None:
    started = length(DELETED + CREATED + BOUND) + VOLUMES + START
    starting = relist_after(started) - started + VOLUMES + START
    assert spans_of(node("n1"), deployment("web", 1), behaviours=QUICK_EXIT) == [
        *DELETED, *CREATED, *BOUND, ("container start", starting), *SEEN
    ]  # fmt: skip


def test_a_restart_that_the_old_pods_exit_decides() -> None:
    behaviours = behaves(exit=constant(9))
    assert spans_of(node("n1"), deployment("web", 1), behaviours=behaviours) == [
        *DELETED, ("watch delay", WATCH), ("termination grace", 9 * S), ("API service", REPORT + WRITE),
        ("watch delay", WATCH),
    ]  # fmt: skip


def test_a_restart_that_the_application_decides() -> None:
    """It is ready 1 s after its container has started, which the probe sees at 5 s."""
    spans = spans_of(node("n1"), deployment("web", 1, probe_s=5), behaviours=QUICK_EXIT)
    assert spans == [
        *DELETED, *CREATED, *BOUND, ("container start", VOLUMES + START), ("readiness", 5 * S), *SEEN
    ]  # fmt: skip


def test_a_restart_that_the_kubelets_relist_decides() -> None:
    """The application is ready at once; the first probe waits until the kubelet knows that it runs."""
    behaviours = behaves(exit=constant(0.1), startup=constant(0))
    started = length(DELETED + CREATED + BOUND) + VOLUMES + START
    seen = relist_after(started)
    assert seen - started < S - REPORT
    assert spans_of(node("n1"), deployment("web", 1, probe_s=1), behaviours=behaviours) == [
        *DELETED, *CREATED, *BOUND, ("container start", VOLUMES + seen - started + START),
        ("readiness", started + S - seen), *SEEN,
    ]  # fmt: skip


def test_a_restart_whose_registry_is_asked() -> None:
    parameters = {"image.cached": False, "image.pull_latency": constant(0.7)}
    spans = spans_of(
        node("n1"),
        deployment("web", 1, probe_s=5, image="web:latest"),
        behaviours=QUICK_EXIT,
        parameters=parameters,
    )
    assert spans == [
        *DELETED, *CREATED, *BOUND, ("image pull", 700 * MS), ("container start", VOLUMES + START),
        ("readiness", 5 * S), *SEEN,
    ]  # fmt: skip


def test_a_restart_behind_a_slow_client_bucket() -> None:
    """One call each 100 ms: two waits of what is left of that, then all goes on as ever."""
    limits = engine(client_qps=10, client_burst=1)
    started = 200 * MS + WRITE + length(CREATED + BOUND) + VOLUMES + START
    starting = relist_after(started) - started + VOLUMES + START
    assert spans_of(node("n1"), deployment("web", 1), behaviours=QUICK_EXIT, limits=limits) == [
        ("API service", READ), ("client throttle", 100 * MS - READ),
        ("API service", READ), ("client throttle", 100 * MS - READ),
        ("API service", WRITE), *CREATED, *BOUND, ("container start", starting), *SEEN,
    ]  # fmt: skip


@pytest.mark.parametrize("exit_s", [0.1, 3.0])
def test_a_restart_that_waits_for_its_own_room(exit_s: float) -> None:
    """The new pod fits only when the old one has ended; it is refused before, and backs off for 1 s."""
    freed = [
        *DELETED, ("watch delay", WATCH), ("termination grace", round(exit_s * S)),
        ("API service", REPORT), ("watch delay", WATCH),
    ]  # fmt: skip
    refused = length(DELETED + CREATED) + WATCH + CYCLE
    back_off = max(0, refused + S - length(freed))
    waited = [("scheduling back-off", back_off)] if back_off else []
    placed = [("scheduling", CYCLE), ("API service", WRITE), ("watch delay", WATCH)]
    spans = spans_of(
        node("n1", "1"),
        deployment("web", 1, cpu="800m", probe_s=5),
        behaviours=behaves(exit=constant(exit_s)),
        parameters={"scheduler.pop_from_backoff": False},
    )
    assert spans == [
        *freed, *waited, *placed, ("container start", VOLUMES + START), ("readiness", 5 * S), *SEEN
    ]  # fmt: skip


def test_an_eviction_that_a_budget_puts_off() -> None:
    """Of two evictions at once the second meets a conflict, is refused, and tried again after 5 s."""
    steps = tuple(
        Step(f"s{n}", action="restart_pod", parameters={
            "namespace": "default", "deployment": "web", "ordinal": n, "method": "evict",
        }) for n in range(2)
    )  # fmt: skip
    first, second = attempts(
        node("n1"),
        deployment("web", 2, probe_s=1),
        budget("web", maxUnavailable=1),
        workflow=Workflow("evictions", steps),
        behaviours=QUICK_EXIT,
        parameters={"apiserver.progress_period": 0.0},
    )
    rest = [
        *CREATED, *BOUND, ("container start", VOLUMES + START), ("readiness", 1 * S), *SEEN
    ]  # fmt: skip
    # The request is followed by three writes of the server's own: the budget, the pod's status, the deletion.
    evicted = [("API service", READ + READ + WRITE + 3 * WRITE)]
    assert merged(first["spans"]) == [*evicted, *rest]
    # The second finds the budget changed, is tried again by the server, is refused, and waits.
    conflict, anew, refused, *later = merged(second["spans"])
    assert conflict == ("API service", READ + READ + WRITE + WRITE)
    assert anew[0] == "eviction retry"
    assert 500 * MS <= anew[1] <= 550 * MS
    assert refused == ("API service", WRITE)
    assert later == [("eviction retry", 5 * S), ("API service", WRITE + 3 * WRITE), *rest]


def test_two_restarts_on_a_node_that_starts_one_at_a_time() -> None:
    steps = tuple(
        Step(f"s{n}", action="restart_pod", parameters={
            "namespace": "default", "deployment": f"web-{n}", "ordinal": 0,
        }) for n in range(2)
    )  # fmt: skip
    rows = attempts(
        node("n1"),
        *(deployment(f"web-{n}", 1, probe_s=5) for n in range(2)),
        workflow=Workflow("restarts", steps),
        behaviours=QUICK_EXIT,
    )
    second = dict(merged(rows[1]["spans"]))
    # It is scheduled a cycle later, and that much less is left of the other's start when it comes.
    assert second["scheduling"] == 2 * CYCLE
    assert second["container start"] == VOLUMES + START - CYCLE + START


def test_a_scale_up_behind_the_controllers_bucket() -> None:
    """One call a second of each controller: the first pod, a cluster event of it, then the two others."""
    workflow = acting("scale_deployment", namespace="default", deployment="web", replicas=4)
    spans = spans_of(
        node("n1"),
        deployment("web", 1, probe_s=5),
        workflow=workflow,
        parameters={"controller_manager.qps": 1, "controller_manager.burst": 1},
    )
    sized = spans.index(("controller queue", SYNC))
    assert spans[sized - 1 : sized + 7] == [
        ("watch delay", WATCH),
        ("controller queue", SYNC),
        ("API service", WRITE),
        ("watch delay", WATCH),
        ("controller queue", SYNC),
        ("API service", WRITE),
        ("controller throttle", 3 * S - WRITE),
        ("API service", WRITE),
    ]


def test_a_job_that_runs_its_time() -> None:
    workflow = acting("run_job", namespace="default", name="tidy", duration_s=5)
    spans = spans_of(node("n1"), workflow=workflow)
    created = [("API service", WRITE), *CREATED]
    started = length(created + BOUND) + VOLUMES + START
    running, over = relist_after(started) + REPORT, relist_after(started + 5 * S)
    assert spans == [
        *created, *BOUND, ("container start", relist_after(started) - started + VOLUMES + START),
        ("API service", REPORT), ("job run", started + 5 * S - running),
        ("container start", over - started - 5 * S), *SEEN,
        ("controller queue", 1 * S + SYNC), ("API service", 3 * WRITE), ("watch delay", WATCH),
    ]  # fmt: skip


# -- what led to a pod's readiness, told by the watch


def readiness_chain(rig: Rig, name: str) -> list[Link]:
    """The link with which a pod's readiness was delivered."""
    found: list[Link] = []

    def note(_before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is not None and name_of(after) == name and is_ready(after):
            found.append(link)

    rig.cluster.watch.subscribe(("Pod",), note)
    rig.run_until(lambda: bool(found))
    return found


def test_what_was_freed_too_late_leaves_the_wait_to_the_pods_own_path() -> None:
    """Room is made at 20 s by somebody whose story begins then; before, the pod itself was waiting."""
    rig = Rig(node("n1", "1"), bare_pod("old", cpu="800m", nodeName="n1"))
    rig.create(bare_pod("new", cpu="800m"))
    rig.run(20 * S)
    rig.delete("Pod", "old", grace_s=0)
    (link,) = readiness_chain(rig, "new")
    started = 20 * S + WATCH + CYCLE + WRITE + WATCH + VOLUMES + START
    starting = rig.relist_after("n1", started) - started + VOLUMES + START
    assert merged(walk([link], 0, rig.now)) == [
        ("watch delay", WATCH),
        ("scheduling", 20 * S - WATCH),
        ("watch delay", WATCH),
        ("scheduling", CYCLE),
        ("API service", WRITE),
        ("watch delay", WATCH),
        ("container start", starting),
        *SEEN,
    ]


def test_a_crash_is_charged_to_readiness_and_to_its_back_off() -> None:
    """The first restart is at once; the second waits 10 s."""
    behaviours = {"*": {**BEHAVIOUR, "crash_probability": 0.5}}
    for seed in range(40):
        rig = Rig(node("n1"), behaviours=behaviours, seed=seed)
        rig.create(bare_pod("a", nodeName="n1"))
        (link,) = readiness_chain(rig, "a")
        if rig.get("Pod", "a")["status"]["containerStatuses"][0]["restartCount"] == 2:
            break
    else:
        pytest.fail("no seed with exactly two crashes")
    started = WATCH + VOLUMES + 2 * (START + STARTUP) + 10 * S + START
    assert merged(walk([link], 0, rig.now)) == [
        ("watch delay", WATCH),
        ("container start", VOLUMES + START),
        ("readiness", STARTUP),
        ("container start", START),
        ("readiness", STARTUP),
        ("crash back-off", 10 * S),
        ("container start", START + rig.relist_after("n1", started) - started),
        *SEEN,
    ]
