"""Evictions as calls: what they wait for, and what they conflict over."""

from typing import Any

from engine.core.effects import Ref
from engine.core.errors import NotFound, TooManyRequests
from simulator.attribution import root
from simulator.cluster.apiserver import Call
from simulator.cluster.eviction import Eviction
from simulator.cluster.objects import condition_of, is_terminating
from tests.simulator.cluster.objects import budget, deployment, node
from tests.simulator.cluster.rig import MS, WRITE, Rig, S, name_of

NODES = [node("n1", "64"), node("n2", "64")]
PERIOD = 100 * MS
ROUND_TRIP = 3 * MS


def evict(rig: Rig, name: str) -> Eviction:
    now = rig.agenda.now
    call = rig.cluster.evictions.evict(
        rig.cluster.engine_client, Ref("Pod", name, "default"), None, now, root(now)
    )
    ended: list[int] = []
    call.done = lambda _call: ended.append(rig.agenda.now - now)
    rig.run_until(lambda: bool(ended))
    call.value = ended[0]
    return call


def quiet(**parameters: Any) -> Rig:
    rig = Rig(*NODES, deployment("web", 4), parameters=parameters)
    rig.run(1 * S)
    return rig


def test_the_first_eviction_asks_for_progress_at_once_and_the_next_waits_for_its_turn() -> None:
    rig = quiet()
    first, second = map(name_of, rig.pods("web")[:2])
    call = evict(rig, first)
    assert call.error is None
    assert is_terminating(rig.get("Pod", first))
    assert condition_of(rig.get("Pod", first), "DisruptionTarget") == "True"
    # Looked at, told of progress, the condition and the deletion stored.
    assert call.value == WRITE + ROUND_TRIP + 2 * WRITE
    assert evict(rig, second).value > PERIOD - 3 * WRITE


def test_lists_from_etcd_wait_for_nothing() -> None:
    rig = quiet(**{"apiserver.progress_period": 0.0})
    for pod in map(name_of, rig.pods("web")[:2]):
        assert evict(rig, pod).value == 3 * WRITE


def test_what_the_disruption_controller_writes_meanwhile_is_a_conflict_that_is_tried_again() -> None:
    rig = Rig(*NODES, deployment("web", 6), budget("web", maxUnavailable=4))
    rig.run(1 * S)
    names = [name_of(pod) for pod in rig.pods("web")]
    ends: list[Call] = []
    for number, name in enumerate(names[:3]):
        ref, now = Ref("Pod", name, "default"), rig.agenda.now
        call = rig.cluster.evictions.evict(rig.cluster.engine_client, ref, None, number, root(now))
        call.done = ends.append
    rig.run_until(lambda: len(ends) == 3)
    assert [call.error for call in ends] == [None] * 3
    assert rig.cluster.evictions.conflicts_count >= 2
    assert rig.agenda.now > 1500 * MS  # half a second and up to a tenth more
    standing = {name_of(pod): pod for pod in rig.pods("web")}
    assert all(is_terminating(standing[name]) for name in names[:3] if name in standing)


def test_an_exhausted_budget_refuses_without_saying_when_to_come_back() -> None:
    rig = Rig(*NODES, deployment("web", 2), budget("web", maxUnavailable=0))
    rig.run(1 * S)
    call = evict(rig, name_of(rig.pods("web")[0]))
    assert isinstance(call.error, TooManyRequests)
    assert not call.error.retry_after_ns


def test_nobody_cannot_be_evicted() -> None:
    assert isinstance(evict(quiet(), "nobody").error, NotFound)
