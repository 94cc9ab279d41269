import pytest

from engine.core.errors import Conflict, NotFound, ServerError, TooManyRequests
from simulator.cluster.disruption import evict
from simulator.cluster.objects import is_terminating
from tests.simulator.cluster.objects import Object, bare_pod, budget, deployment, node, ref, rolling
from tests.simulator.cluster.rig import MS, SYNC, WATCH, WRITE, Rig, S, name_of

NODES = [node("n1", "64"), node("n2", "64")]


def counts(rig: Rig, name: str = "web") -> tuple[int, int, int, int]:
    """(healthy, desired, expected, allowed)."""
    status = rig.get("PodDisruptionBudget", name)["status"]
    return (
        status["currentHealthy"],
        status["desiredHealthy"],
        status["expectedPods"],
        status["disruptionsAllowed"],
    )


@pytest.mark.parametrize(
    ("spec", "replicas", "desired", "allowed"),
    [
        ({"maxUnavailable": 1}, 4, 3, 1),
        ({"maxUnavailable": 9}, 4, 0, 4),
        ({"maxUnavailable": 0}, 4, 4, 0),
        ({"maxUnavailable": "25%"}, 5, 3, 2),  # a share of pods is rounded up
        ({"maxUnavailable": "100%"}, 5, 0, 5),
        ({"minAvailable": 3}, 4, 3, 1),
        ({"minAvailable": 9}, 4, 9, 0),
        ({"minAvailable": "50%"}, 5, 3, 2),
        ({"minAvailable": "0%"}, 5, 0, 5),
    ],
)
def test_what_a_budget_allows(spec: Object, replicas: int, desired: int, allowed: int) -> None:
    rig = Rig(*NODES, deployment("web", replicas), budget("web", **spec))
    assert counts(rig) == (replicas, desired, replicas, allowed)
    rig.run(1 * S)
    assert counts(rig) == (replicas, desired, replicas, allowed)
    rig = Rig(*NODES, deployment("web", replicas))
    rig.create(budget("web", **spec))
    rig.run(1 * S)
    assert counts(rig) == (replicas, desired, replicas, allowed)


def test_an_eviction_spends_what_its_budget_allows() -> None:
    rig = Rig(*NODES, deployment("web", 4), budget("web", maxUnavailable=2))
    rig.run(1 * S)
    first, second, third, _ = map(name_of, rig.pods("web"))
    rig.evict(first)
    rig.evict(second)
    with pytest.raises(TooManyRequests):
        rig.evict(third)
    assert [is_terminating(rig.get("Pod", name)) for name in (first, second, third)] == [True, True, False]
    assert counts(rig)[3] == 0
    # What an eviction has spent is given back by the replacement, not by the controller's next look.
    rig.run(500 * MS)
    assert counts(rig) == (2, 2, 4, 0)
    with pytest.raises(TooManyRequests):
        rig.evict(third)
    rig.run_until(lambda: counts(rig) == (4, 2, 4, 2))
    rig.evict(third)
    assert rig.checker.violations["budget_violated"] == 0


def test_the_status_follows_the_pods() -> None:
    """Seen, looked at, written: 10 ms after the pod's change."""
    rig = Rig(*NODES, deployment("web", 3), budget("web", maxUnavailable=1))
    rig.run(1 * S)
    rig.delete("Pod", name_of(rig.pods("web")[0]))
    at = rig.run_until(lambda: counts(rig) == (2, 2, 3, 0))
    assert at == 1 * S + WATCH + SYNC + WRITE
    rig.run_until(lambda: len(rig.ready("web")) == 3)
    ready = rig.now
    assert rig.run_until(lambda: counts(rig) == (3, 2, 3, 1)) == ready + WATCH + SYNC + WRITE


def test_a_roll_out_does_not_change_what_is_expected() -> None:
    """The Deployment's replicas count, not the sum of its ReplicaSets."""
    rig = Rig(*NODES, deployment("web", 4, strategy=rolling(2, 0)), budget("web", maxUnavailable=1))
    rig.roll_out("web", "v2")
    seen = set()
    rig.store.published.append(lambda *_: seen.add(counts(rig)[1:3]))
    rig.settle("web")
    assert len(rig.replicasets("web")) == 2
    assert seen == {(3, 4)}


def test_two_budgets_over_a_pod_are_an_error() -> None:
    rig = Rig(
        *NODES, deployment("web", 2), budget("web", maxUnavailable=1), budget("web", "more", minAvailable=1)
    )
    rig.run(1 * S)
    name = name_of(rig.pods("web")[0])
    with pytest.raises(ServerError):
        rig.evict(name)
    rig.delete("Pod", name)  # a deletion asks no budget
    assert is_terminating(rig.get("Pod", name))
    rig.evict(name)  # nor does a pod that is going


def test_a_pod_that_does_not_run_spends_nothing() -> None:
    rig = Rig(*NODES, deployment("web", 2), budget("web", maxUnavailable=0))
    rig.run(1 * S)
    rig.create(bare_pod("pending", labels={"app": "web"}, nodeSelector={"no": "such"}))
    rig.create({**bare_pod("ended", labels={"app": "web"}, nodeName="n1"), "status": {"phase": "Failed"}})
    for name in ("pending", "ended"):
        rig.evict(name)
        with pytest.raises(NotFound):
            rig.get("Pod", name)


def not_ready(rig: Rig, name: str) -> None:
    conditions = [{"type": "Ready", "status": "False", "lastTransitionTime": ""}]
    rig.patch("Pod", name, {"status": {"conditions": conditions}})


def test_an_unready_pod_spends_nothing_while_the_budget_is_healthy() -> None:
    rig = Rig(*NODES, deployment("web", 3), budget("web", maxUnavailable=1))
    rig.run(1 * S)
    first, second, _ = map(name_of, rig.pods("web"))
    not_ready(rig, first)
    rig.run(100 * MS)
    assert counts(rig) == (2, 2, 3, 0)
    rig.evict(first)
    assert is_terminating(rig.get("Pod", first))
    with pytest.raises(TooManyRequests):
        rig.evict(second)


def test_an_unready_pod_is_kept_while_the_budget_is_not_healthy() -> None:
    rig = Rig(*NODES, deployment("web", 3), budget("web", maxUnavailable=1))
    rig.run(1 * S)
    for pod in rig.pods("web")[:2]:
        not_ready(rig, name_of(pod))
    rig.run(100 * MS)
    assert counts(rig) == (1, 2, 3, 0)
    with pytest.raises(TooManyRequests):
        rig.evict(name_of(rig.pods("web")[0]))


def test_a_budget_whose_change_is_not_yet_seen_allows_nothing() -> None:
    rig = Rig(*NODES, deployment("web", 3), budget("web", maxUnavailable=1))
    rig.run(1 * S)
    rig.patch("PodDisruptionBudget", "web", {"spec": {"maxUnavailable": 2}})
    name = name_of(rig.pods("web")[0])
    with pytest.raises(TooManyRequests, match="still being processed"):
        rig.evict(name)
    rig.run(100 * MS)
    assert counts(rig) == (3, 1, 3, 2)
    rig.evict(name)
    rig.create(budget("other"))
    rig.create(bare_pod("o", labels={"app": "other"}, nodeName="n1"))
    rig.patch("Pod", "o", {"status": {"phase": "Running"}})
    with pytest.raises(TooManyRequests):
        rig.evict("o")


def test_a_pod_without_a_budget_is_deleted() -> None:
    rig = Rig(*NODES, deployment("web", 2), budget("other", maxUnavailable=0))
    name = name_of(rig.pods("web")[0])
    with pytest.raises(Conflict):
        evict(rig.store, ref("Pod", name), "another's uid", rig.link)
    assert not is_terminating(rig.get("Pod", name))
    rig.evict(name)
    assert is_terminating(rig.get("Pod", name))
    with pytest.raises(NotFound):
        rig.evict("nobody")


def test_a_budget_may_let_unready_pods_go_at_any_time() -> None:
    one = budget("web", maxUnavailable=1, unhealthyPodEvictionPolicy="AlwaysAllow")
    rig = Rig(*NODES, deployment("web", 3), one)
    rig.run(1 * S)
    pods = [name_of(pod) for pod in rig.pods("web")]
    for name in pods[:2]:
        not_ready(rig, name)
    rig.run(100 * MS)
    with pytest.raises(TooManyRequests):
        rig.evict(pods[2])
    rig.evict(pods[0])
    assert is_terminating(rig.get("Pod", pods[0]))


def test_an_evicted_unready_pod_is_not_counted_against_the_others() -> None:
    """It spends, as the budget is not healthy enough to let it go for nothing; then it is nobody's loss."""
    rig = Rig(*NODES, deployment("web", 3), budget("web", minAvailable=0))
    rig.run(1 * S)
    name = name_of(rig.pods("web")[0])
    not_ready(rig, name)
    rig.run(100 * MS)
    assert counts(rig) == (2, 0, 3, 2)
    rig.evict(name)
    assert counts(rig)[3] == 1
    healthy = []
    rig.store.published.append(lambda *_: healthy.append(counts(rig)[0]))
    rig.run(100 * MS)
    assert set(healthy) == {2}


def test_what_an_eviction_spends_is_not_given_back_by_a_look_taken_before() -> None:
    """The controller has counted, and its write is on the way: the budget has changed, so it counts again."""
    rig = Rig(*NODES, deployment("web", 4), budget("web", maxUnavailable=2))
    rig.run(1 * S)
    first, second, third, fourth = map(name_of, rig.pods("web"))
    not_ready(rig, fourth)
    rig.run(WATCH + SYNC + 1)
    rig.evict(first)
    rig.evict(second)
    rig.run(WRITE)
    assert counts(rig)[3] == 0
    with pytest.raises(TooManyRequests):
        rig.evict(third)
    rig.run(100 * MS)
    assert counts(rig) == (1, 2, 4, 0)


def test_an_evicted_pod_does_not_count_while_its_end_is_not_yet_seen() -> None:
    rig = Rig(*NODES, deployment("web", 4), budget("web", maxUnavailable=2))
    rig.run(1 * S)
    first, second, *_ = map(name_of, rig.pods("web"))
    rig.patch("PodDisruptionBudget", "web", {"status": {"disruptedPods": {second: "evicted"}}})
    not_ready(rig, first)
    rig.run(100 * MS)
    assert counts(rig) == (2, 2, 4, 0)
    rig.delete("Pod", second)
    rig.run(100 * MS)
    assert not rig.get("PodDisruptionBudget", "web")["status"]["disruptedPods"]
    assert counts(rig) == (2, 2, 4, 0)
