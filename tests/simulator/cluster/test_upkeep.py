"""What a cluster writes about itself: who asks for how much, and when."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.causes import Cause
from simulator.agenda import Agenda
from simulator.cluster.apiserver import Client, Level
from simulator.cluster.events import QUEUED_MAX, EventRecorder
from simulator.cluster.heartbeats import Heartbeats
from simulator.cluster.service import ServiceTimes
from simulator.cluster.upkeep import Upkeep
from simulator.stations import TokenBucket
from simulator.streams import Constant, Streams
from tests.simulator.cluster.objects import deployment, node, quota
from tests.simulator.cluster.rig import BEHAVIOUR, MS, WRITE, Rig, S, constant, name_of

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web-service", "namespace": "default"},
    "spec": {"selector": {"app": "web"}},
}
WEB = ("default", "web")


def client_of(agenda: Agenda, qps: float | None = None, burst: int = 1) -> Client:
    times = ServiceTimes(Streams(1, 0).stream("service"), Constant(3 * MS), Constant(WRITE), 0)
    return Client(Level(agenda, "x", 1), times, TokenBucket("x", qps, burst), Cause.CONTROLLER_THROTTLE)


def at(agenda: Agenda, at_ns: int, what: Callable[[], None]) -> None:
    agenda.after(at_ns - agenda.now, lambda _entry: what())


def requests(rig: Rig, name: str) -> int:
    clients = {client.bucket.name: client for client in rig.cluster.clients}
    return clients[f"client.{name}"].requests_count


def test_events_about_one_object_are_limited_and_about_another_are_not() -> None:
    agenda = Agenda()
    recorder = EventRecorder(agenda, client_of(agenda), burst=25, refill_ns=300 * S)
    for _ in range(40):
        recorder.record(WEB, 1)
    recorder.record(("default", "other"), 1)
    agenda.run(until=299 * S)
    assert (recorder.written_count, recorder.filtered_count) == (26, 15)
    for at_ns, more in ((299 * S, 0), (301 * S, 1), (302 * S, 1), (602 * S, 2)):
        at(agenda, at_ns, lambda: recorder.record(WEB, 1))
        agenda.run(until=at_ns + S)
        assert recorder.written_count == 26 + more


def test_a_broadcaster_writes_one_event_after_the_other() -> None:
    agenda = Agenda()
    client = client_of(agenda)
    recorder = EventRecorder(agenda, client)
    for number in range(5):
        recorder.record(("default", f"p{number}"), number)
    for number in range(5):
        assert client.requests_count == number + 1
        agenda.run(until=(number + 1) * WRITE + 1)
    agenda.run()
    assert agenda.now == 4 * WRITE + 1 * WRITE + 1


def test_a_broadcaster_drops_what_its_queue_cannot_hold() -> None:
    agenda = Agenda()
    recorder = EventRecorder(agenda, client_of(agenda, qps=1))
    for number in range(QUEUED_MAX + 11):
        recorder.record(("default", f"p{number}"), number)
    assert recorder.dropped_count == 10
    agenda.run()
    assert recorder.written_count == QUEUED_MAX + 1
    assert agenda.now >= QUEUED_MAX * S


@given(st.lists(st.integers(0, 40), max_size=30), st.sampled_from([None, 100.0]))
def test_an_object_that_changed_is_written_afterwards(changes: list[int], qps: float | None) -> None:
    """Never more often than it changed, and never before the write under way is done."""
    agenda = Agenda()
    client = client_of(agenda, qps)
    controller = Upkeep("x", agenda, client)
    counts: list[tuple[int, int]] = []
    for at_ms in changes:
        at(agenda, at_ms * MS, lambda: controller.changed(WEB))
    while agenda.peek() < 10**15:
        agenda.step()
        if not counts or counts[-1][1] != client.requests_count:
            counts.append((agenda.now, client.requests_count))
    assert bool(changes) <= client.requests_count <= len(changes)
    written = [at_ns for at_ns, count in counts if count]
    assert all(later - earlier >= WRITE for earlier, later in pairwise(written))
    if changes:
        assert written[-1] >= max(changes) * MS


def test_heartbeats_go_on_once_they_are_started() -> None:
    agenda = Agenda()
    lease, autoscaler = client_of(agenda), client_of(agenda)
    heartbeats = Heartbeats(agenda, Streams(1, 0).stream("heartbeat"))
    heartbeats.every(10 * S, lease, "lease/n1")
    heartbeats.every(15 * S, autoscaler, "default/web", requests=4)
    agenda.run()
    assert lease.requests_count == 0
    heartbeats.start()
    agenda.run(until=600 * S)
    assert lease.requests_count == 60
    assert autoscaler.requests_count in (156, 160)  # a round takes 16 ms more than its period


def test_nothing_keeps_a_cluster_awake_that_was_not_started() -> None:
    rig = Rig(node("n1"), deployment("web", 2))
    rig.run(100 * S)
    assert rig.agenda.peek() == float("inf")
    rig.cluster.start()
    rig.run(100 * S)
    assert requests(rig, "heartbeat.n1") in (10, 11)
    assert requests(rig, "leader-election") == 100


def test_the_requests_of_one_restart() -> None:
    """Every one that a real cluster makes for a pod that is replaced, by client."""
    behaviours = {"*": {**BEHAVIOUR, "startup": constant(6)}}
    rig = Rig(node("n1"), SERVICE, quota(pods="9"), deployment("web", 2, probe_s=5), behaviours=behaviours)
    (victim, _) = rig.pods("web")
    rig.delete("Pod", victim["metadata"]["name"])
    rig.settle("web")
    rig.run(60 * S)
    assert {
        name: requests(rig, name)
        for name in ("scheduler", "kubelet.n1", "kubelet-events.n1", "endpointslice-controller",
                     "endpoint-controller", "resourcequota-controller", "apiserver")
    } == {
        "scheduler": 2,  # the binding; Scheduled
        # the token; get and patch: being created, Running, ready; get and patch: stopped, and the removal
        "kubelet.n1": 1 + 6 + 3,
        "kubelet-events.n1": 5,  # Killing; Pulled, Created, Started; Unhealthy, 5 s after
        "endpointslice-controller": 4,  # terminating, gone; there, ready
        "endpoint-controller": 3,  # gone; there, ready
        "resourcequota-controller": 1,  # what the old pod gives back
        "apiserver": 1,  # what the new one takes, at admission
    }  # fmt: skip


def test_a_pod_that_is_relabelled_leaves_its_service() -> None:
    rig = Rig(node("n1"), SERVICE, deployment("web", 2, probe_s=5))
    (pod, _) = rig.pods("web")
    rig.patch("Pod", name_of(pod), {"metadata": {"labels": {"more": "words"}}})
    rig.run(1 * S)
    assert requests(rig, "endpointslice-controller") == 0
    rig.patch("Pod", name_of(pod), {"metadata": {"labels": {"app": "other"}}})
    rig.run(100 * MS)
    assert requests(rig, "endpointslice-controller") == 1


@pytest.mark.parametrize(("labels", "selector"), [({"app": "other"}, {"app": "web"}), ({"app": "web"}, None)])
def test_what_a_service_does_not_select_is_not_written(
    labels: dict[str, str], selector: dict[str, str] | None
) -> None:
    service = {**SERVICE, "spec": {"selector": selector} if selector else {}}
    rig = Rig(node("n1"), service, deployment(labels["app"], 1))
    rig.delete("Pod", rig.pods()[0]["metadata"]["name"])
    rig.run(60 * S)
    assert requests(rig, "endpointslice-controller") == 0
    rig.patch("Service", "web-service", {"spec": {"selector": labels}})
    rig.run(1 * S)
    assert requests(rig, "endpointslice-controller") == 1
