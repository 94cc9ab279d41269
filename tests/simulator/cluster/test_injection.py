"""Injected faults of API requests, and watches that lag or break."""

from typing import Any

import pytest

from engine.core.causes import Cause
from engine.core.definition import Step, Workflow
from engine.core.errors import ActionError, Conflict, ServerError, TooManyRequests, Unreachable
from scenarios.fault_spec import FaultSpec
from simulator import simulate
from simulator.attribution import root
from simulator.cluster.apiserver import Call
from simulator.cluster.injection import REQUEST_TIMEOUT_NS, Injection
from simulator.cluster.objects import is_terminating
from tests.simulator import worlds
from tests.simulator.cluster.objects import bare_pod, deployment, node, ref
from tests.simulator.cluster.rig import MS, READ, WATCH, WRITE, Rig, S, name_of


def config_map(name: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def ask(rig: Rig, name: str = "a", key: int = 1) -> Call:
    """The engine creates a pod."""
    store = rig.cluster.store
    return rig.cluster.engine_client.write(
        lambda link: store.create(bare_pod(name), link), key, rig.link, ("create", "Pod")
    )


@pytest.mark.parametrize(
    ("injection", "error", "reason"),
    [
        (Injection(409), Conflict, "Conflict"),
        (Injection(429), TooManyRequests, "TooManyRequests"),
        (Injection(500), ServerError, "InternalError"),
        (Injection(503), ServerError, "ServiceUnavailable"),
        (Injection(504, delay_ns=S), ServerError, "Timeout"),
        (Injection("timeout", delay_ns=S), Unreachable, "Unreachable"),
    ],
)
def test_each_fault_is_what_a_client_would_see(
    injection: Injection, error: type[ActionError], reason: str
) -> None:
    rig = Rig(node("n1"))
    rig.cluster.server.injections.append(injection)
    call = ask(rig)
    rig.run(5 * S)
    assert type(call.error) is error
    assert call.error.reason == reason
    assert call.link[2] == WRITE + injection.delay_ns


def test_only_those_are_hit_that_are_meant() -> None:
    rig = Rig(node("n1"))
    for injection in (
        Injection(500, clients=("kubelet.*",)),
        Injection(500, verbs=("read",)),
        Injection(500, kinds=("Deployment",)),
        Injection(500, probability=0.0),
    ):
        rig.cluster.server.injections.append(injection)
    call = ask(rig)
    rig.run(S)
    assert call.error is None
    rig.cluster.server.injections.append(Injection(500, clients=("eng*",), verbs=("write",), kinds=("Pod",)))
    again = ask(rig, "b")
    rig.run(2 * S)
    assert isinstance(again.error, ServerError)


def test_what_is_not_answered_is_done_or_not() -> None:
    rig = Rig(node("n1"))
    rig.cluster.server.injections.append(Injection("timeout"))
    calls = [ask(rig, f"p{number}", number) for number in range(40)]
    rig.run(REQUEST_TIMEOUT_NS + S)
    assert all(isinstance(call.error, Unreachable) for call in calls)
    assert all(call.link[2] == REQUEST_TIMEOUT_NS + WRITE for call in calls)
    made = sum(("default", f"p{number}") in rig.cluster.store.objects["Pod"] for number in range(40))
    assert 10 < made < 30


def test_an_eviction_that_is_not_answered_is_carried_out_or_not() -> None:
    names = [f"p{number}" for number in range(40)]
    rig = Rig(node("n1"), *(bare_pod(name, nodeName="n1") for name in names))
    rig.cluster.server.injections.append(Injection(504))
    evictions, client = rig.cluster.evictions, rig.cluster.engine_client
    calls = [evictions.evict(client, ref("Pod", name), None, key, rig.link) for key, name in enumerate(names)]
    rig.run(REQUEST_TIMEOUT_NS + 5 * S)
    assert {type(call.error) for call in calls} == {ServerError}
    gone = sum(
        key not in rig.cluster.store.objects["Pod"] or is_terminating(rig.cluster.store.objects["Pod"][key])
        for key in (("default", name) for name in names)
    )
    assert 10 < gone < 30


def test_a_share_of_the_requests_is_hit_whatever_their_order() -> None:
    def hit(order: range) -> dict[int, bool]:
        rig = Rig(node("n1"))
        rig.cluster.server.injections.append(Injection(503, probability=0.25))
        calls = {number: ask(rig, f"p{number}", number) for number in order}
        rig.run(S)
        return {number: call.error is not None for number, call in calls.items()}

    forwards = hit(range(200))
    assert forwards == hit(range(199, -1, -1))
    assert 30 < sum(forwards.values()) < 70


def test_controllers_come_back_after_what_the_server_asks_for() -> None:
    """Each creation of a pod is refused until the storm is over; the eleventh time its controller is told."""
    rig = Rig(node("n1"), deployment("web", 0))
    rig.run(S)
    rig.cluster.server.injections.append(Injection(429, retry_after_s=2))
    rig.scale("web", 1)
    rig.run(6 * S)
    assert not rig.pods("web")
    rig.cluster.server.injections.clear()
    rig.run(9 * S)
    assert len(rig.pods("web")) == 1


def test_a_slow_request_is_served_longer() -> None:
    rig = Rig(node("n1"))
    rig.cluster.server.injections.append(Injection(delay_ns=300 * MS))
    call = rig.cluster.engine_client.read(lambda _link: 7, 1, root(0))
    rig.run(S)
    assert (call.value, call.link[1:3]) == (7, (Cause.API_SERVICE, READ + 300 * MS))


def test_deliveries_lag_in_order_and_catch_up() -> None:
    rig = Rig(node("n1"))
    watch, store = rig.cluster.watch, rig.cluster.store
    seen: list[tuple[str, int]] = []
    watch.subscribe(("ConfigMap",), lambda _b, after, _l: seen.append((name_of(after or {}), rig.now)))

    def make(name: str) -> None:
        store.create(config_map(name), rig.link)

    start = rig.now
    make("before")
    watch.lag(5 * S)
    make("during")
    rig.run(S)
    watch.lag(0)
    make("after")
    rig.run(10 * S)
    late = start + 5 * S + WATCH
    assert seen == [("before", start + WATCH), ("during", late), ("after", late)]


def test_a_break_loses_what_was_on_its_way_until_the_relist() -> None:
    rig = Rig(node("n1"), deployment("web", 2))
    rig.run(10 * S)
    watch, store = rig.cluster.watch, rig.cluster.store
    gone = min(rig.pods("web"), key=lambda pod: pod["metadata"]["name"])["metadata"]["name"]
    store.delete(ref("Pod", gone), rig.link, grace_s=0)
    store.create(bare_pod("new"), rig.link)
    watch.drop()
    watch.drop()  # broken already
    rig.run(700 * MS)
    assert [watch.is_connected] == [False]
    assert ("default", gone) in watch.cache["Pod"]
    assert ("default", "new") not in watch.cache["Pod"]
    rig.run(10 * S)
    assert watch.is_connected
    assert watch.cache == store.objects
    assert len(rig.ready("web")) == 2
    assert rig.cluster.relists.count == 1


def test_what_the_relist_has_brought_is_not_undone_by_what_comes_late() -> None:
    rig = Rig(node("n1"))
    watch, store = rig.cluster.watch, rig.cluster.store
    watch.lag(20 * S)
    for name in "ab":
        store.create(config_map(name), rig.link)
    store.remove(ref("ConfigMap", "a"), rig.link)
    watch.drop()
    rig.run(5 * S)
    store.patch(ref("ConfigMap", "b"), {"data": {"x": "2"}}, rig.link)
    for _ in range(25):  # the late deliveries of what was there before the relist change nothing
        assert list(watch.cache["ConfigMap"]) == [("default", "b")]
        rig.run(S)
    assert watch.cache == store.objects


def test_every_request_says_what_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that names verbs or kinds hits the requests of the engine and of all controllers."""
    asked: dict[str, set[tuple[str, str]]] = {}
    concerns = Injection.concerns

    def noting(self: Injection, client: str, what: tuple[str, str]) -> bool:
        asked.setdefault(client, set()).add(what)
        return concerns(self, client, what)

    monkeypatch.setattr(Injection, "concerns", noting)
    harmless = FaultSpec(
        "api-slow", 0, None, None, options={"share": 0.0, "factor": 1.0, "verbs": ("patch",)}
    )
    objects = [
        *worlds.nodes(),
        worlds.deployment("web", 3),
        worlds.budget("web", 1),
        worlds.config_map("numbers", n="0"),
    ]
    steps = (
        Step("restart", action="restart_pod", parameters={"namespace": "default", "deployment": "web"}),
        Step("scale", action="scale_deployment", needs=("restart",), parameters={
            "namespace": "default", "deployment": "web", "replicas": 1,
        }),
        Step("roll", action="rollout_restart", needs=("scale",), parameters={
            "namespace": "default", "deployment": "web",
        }),
        Step("job", action="run_job", needs=("roll",), parameters={
            "namespace": "default", "name": "job", "duration_s": 1,
        }),
    )  # fmt: skip
    spec = worlds.run_spec(Workflow("all", steps), 1, worlds.cluster(objects), faults=(harmless,))
    assert worlds.run_row(simulate(spec))["completed_count"] == 1
    unsaid = {client: sorted(whats) for client, whats in asked.items() if any(not kind for _, kind in whats)}
    assert unsaid == {}
    assert {("get", "Deployment"), ("delete", "Pod"), ("patch", "Deployment")} <= asked["engine"]
    assert {("create", "Pod"), ("delete", "Pod"), ("update", "ReplicaSet")} <= asked["replicaset-controller"]
    assert {("create", "ReplicaSet"), ("update", "Deployment")} <= asked["deployment-controller"]
    assert ("create", "Pod") in asked["scheduler"]
