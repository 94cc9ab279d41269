"""Whatever is asked of it and in whatever order, the cluster keeps its invariants and comes to rest."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import ServerError, TooManyRequests
from simulator.cluster.objects import has_ended
from simulator.cluster.placement import Demand
from simulator.cluster.slots import SLOT_ANNOTATION
from tests.simulator.cluster.objects import budget, deployment, node, quota
from tests.simulator.cluster.rig import MS, Rig, S, constant, name_of, node_of

APPS = ("web", "db", "mono")
NODES = ("n1", "n2")
PODS_MAX = 4
# Evictions by a status that a deletion has just made stale are allowed, by Kubernetes too.
NOT_PROMISED = ("budget_violated",)

Operation = tuple[str, Any, Any]
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.tuples(st.just("scale"), st.sampled_from(APPS), st.integers(0, PODS_MAX)),
    st.tuples(st.just("roll out"), st.sampled_from(APPS), st.integers(0, 2)),
    st.tuples(st.just("delete"), st.integers(0, 20), st.sampled_from([None, 0, 1])),
    st.tuples(st.just("evict"), st.integers(0, 20), st.none()),
    st.tuples(st.just("cordon"), st.sampled_from(NODES), st.booleans()),
    st.tuples(st.just("quota"), st.integers(0, 20), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1 * MS, 30 * MS, 900 * MS, 4 * S, 40 * S]), st.none()),
)


def new_rig(watch_s: float) -> Rig:
    return Rig(
        *(node(name, "8", pods="30") for name in NODES),
        deployment("web", 3, cpu="500m", probe_s=2),
        deployment("db", 2, cpu="500m"),
        deployment("mono", 1, cpu="500m", strategy={"type": "Recreate"}),
        budget("web", maxUnavailable=1),
        budget("db", minAvailable="50%"),
        quota(pods="30"),
        parameters={"watch.delay": constant(watch_s)},
    )


def perform(rig: Rig, operation: Operation) -> None:
    match operation:
        case "scale", app, size:
            rig.scale(app, size)
        case "roll out", app, number:
            rig.roll_out(app, f"v{number}")
        case "delete", number, grace_s:
            if pods := rig.pods():
                rig.delete("Pod", name_of(pods[number % len(pods)]), grace_s)
        case "evict", number, _:
            if pods := rig.pods():
                try:
                    rig.evict(name_of(pods[number % len(pods)]))
                except (TooManyRequests, ServerError):
                    return
        case "cordon", name, closed:
            rig.patch("Node", name, {"spec": {"unschedulable": closed or None}})
        case "quota", pods, _:
            rig.patch("ResourceQuota", "compute", {"spec": {"hard": {"pods": str(pods)}}})
        case "wait", duration_ns, _:
            rig.run(duration_ns)


def assert_whole(rig: Rig) -> None:
    """What everybody believes is what there is."""
    pods = rig.pods()
    for name in NODES:
        here = [Demand.of(pod["spec"]) for pod in pods if node_of(pod) == name and not has_ended(pod)]
        free = rig.cluster.scheduler.fleet.nodes[name]
        assert (free.cpu_m_taken, free.pods_taken) == (sum(one.cpu_m for one in here), len(here))
        known = rig.cluster.kubelets[name]._pods  # noqa: SLF001 - as above
        assert sorted(key[1] for key in known) == [name_of(pod) for pod in pods if node_of(pod) == name]
    assert rig.cluster.quotas.used("default")["pods"] == len(pods)
    places = Counter(
        (pod["metadata"]["ownerReferences"][0]["uid"], pod["metadata"]["annotations"][SLOT_ANNOTATION])
        for pod in pods
    )
    assert max(places.values(), default=1) == 1
    for app in APPS:
        wanted = rig.get("Deployment", app)["spec"]["replicas"]
        assert sum(one["status"]["replicas"] for one in rig.replicasets(app)) == wanted
    for name in ("web", "db"):
        status = rig.get("PodDisruptionBudget", name)["status"]
        assert status["currentHealthy"] == len(rig.ready(name))
        assert not status.get("disruptedPods")


def run_through(operations: list[Operation], watch_s: float) -> None:
    rig = new_rig(watch_s)
    for operation in operations:
        perform(rig, operation)
    perform(rig, ("quota", 30, None))
    for name in NODES:
        perform(rig, ("cordon", name, False))
    for app in APPS:
        rig.settle(app, 7200 * S)
    rig.run(1200 * S)
    count = len(rig.writes)
    rig.run(1200 * S)
    assert len(rig.writes) == count, "it does not come to rest"
    assert all(rig.settled(app) for app in APPS)
    assert_whole(rig)
    broken = {name: count for name, count in rig.checker.violations.items() if count}
    assert not {name for name in broken if name not in NOT_PROMISED}, broken
    versions = [int(w.after["metadata"]["resourceVersion"]) for w in rig.writes if w.after is not None]
    assert all(earlier < later for earlier, later in pairwise(versions))


SEQUENCES = st.lists(OPERATIONS, min_size=1, max_size=14)
WATCHES = st.sampled_from([0.0, 0.002, 0.35])


@settings(max_examples=30, deadline=None)
@given(SEQUENCES, WATCHES)
def test_it_comes_to_rest_as_wanted(operations: list[Operation], watch_s: float) -> None:
    run_through(operations, watch_s)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(st.lists(OPERATIONS, min_size=1, max_size=40), WATCHES)
def test_it_comes_to_rest_as_wanted_many_times_over(operations: list[Operation], watch_s: float) -> None:
    run_through(operations, watch_s)
