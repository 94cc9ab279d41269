"""Whoever is refused a request tries again until it is done, and what comes late undoes nothing."""

from collections.abc import Generator
from itertools import pairwise
from typing import Any

import pytest

from engine.core.causes import Cause
from engine.core.effects import Resource
from engine.core.errors import ServerError, TooManyRequests
from simulator.agenda import Agenda
from simulator.attribution import Link, extend, root
from simulator.cluster.apiserver import Refused
from simulator.cluster.disruption import DELETION_TIMEOUT_NS
from simulator.cluster.expectations import EXPIRE_NS
from simulator.cluster.faults.kinds import CLIENTS
from simulator.cluster.injection import REQUEST_TIMEOUT_NS, Injection
from simulator.cluster.objects import condition_of, is_ready, key_of
from simulator.cluster.reporter import SYNC_NS
from simulator.cluster.store import Key
from simulator.cluster.workqueue import BACKOFF_NS, WorkQueue
from simulator.tasks import Task, Waitable
from tests.simulator.cluster.objects import bare_pod, budget, deployment, job, node, ref
from tests.simulator.cluster.rig import MS, WATCH, WRITE, Rig, S, name_of
from tests.simulator.cluster.sets import daemonset, statefulset
from tests.simulator.cluster.test_faults import Struck, fault

NODES = [node("n1", "16"), node("n2", "16")]


def test_a_sync_that_is_refused_a_request_is_tried_again_after_its_back_off() -> None:
    """5 ms, doubling, begun anew by a success; the time of the request is charged to what it was."""
    agenda = Agenda()
    begun: list[int] = []
    links: list[Link] = []

    def sync(_key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        begun.append(agenda.now)
        links.append(link)
        yield 10 * MS
        if len(begun) < 4:
            raise Refused(ServerError("no"), extend(link, Cause.API_SERVICE, agenda.now))
        return False

    queue = WorkQueue(agenda, "test", 1, 0, sync)
    queue.add(("", "a"), root(0))
    agenda.run()
    waits = [after - before - 10 * MS for before, after in pairwise(begun)]
    assert waits == [BACKOFF_NS, 2 * BACKOFF_NS, 4 * BACKOFF_NS]
    assert links[1][1:3] == (Cause.CONTROLLER_QUEUE, begun[1])
    assert links[1][0] is not None
    assert links[1][0][1:3] == (Cause.API_SERVICE, 10 * MS)
    queue.add(("", "a"), root(agenda.now))
    begun[:] = begun[:2]
    agenda.run()
    assert begun[3] - begun[2] - 10 * MS == BACKOFF_NS


def test_a_refusal_that_nobody_expects_is_not_swallowed() -> None:
    def story() -> Generator[int | Waitable, Any, None]:
        yield 1
        raise Refused(ServerError("no"), root(0))

    agenda = Agenda()
    Task(agenda, story())
    with pytest.raises(Refused):
        agenda.run()


def refuse(rig: Rig, who: str, status: Any, probability: float = 1.0) -> None:
    rig.cluster.server.injections.append(Injection(status, probability, clients=CLIENTS[who]))


@pytest.mark.parametrize("status", [409, 500, 503, "timeout"])
@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_what_is_created_and_changed_while_controllers_are_refused_is_as_wanted_afterwards(
    status: Any, probability: float
) -> None:
    standing = deployment("old", 3), statefulset("kept", 2), daemonset("proxy")
    rig = Rig(*NODES, *standing, budget("old", maxUnavailable=1))
    rig.run(S)
    refuse(rig, "controllers", status, probability)
    for made in (deployment("web", 2), statefulset("store", 2), daemonset("agent"), job("batch", 1)):
        rig.create(made)
    rig.scale("old", 1)
    rig.patch("StatefulSet", "kept", {"spec": {"replicas": 1}})
    marked = {"metadata": {"annotations": {"mark": "v2"}}}
    rig.patch("DaemonSet", "proxy", {"spec": {"template": marked}})
    rig.run(100 * S)
    rig.roll_out("web", "v2")
    rig.run(100 * S)
    rig.cluster.server.injections.clear()
    rig.run(300 * S)
    assert rig.settled("old")
    assert rig.settled("web")
    revision = "deployment.kubernetes.io/revision"
    last = rig.replicasets("web")[-1]["metadata"]["annotations"]
    assert rig.get("Deployment", "web")["metadata"]["annotations"][revision] == last[revision]
    for name, kind, wanted in (("store", "StatefulSet", 2), ("kept", "StatefulSet", 1)):
        assert rig.get(kind, name)["status"]["readyReplicas"] == len(rig.ready(name)) == wanted
    for name in ("agent", "proxy"):
        assert rig.get("DaemonSet", name)["status"]["numberReady"] == len(rig.ready(name)) == 2
    assert all(pod["metadata"]["annotations"].get("mark") == "v2" for pod in rig.pods("proxy"))
    assert condition_of(rig.get("Job", "batch"), "Complete") == "True"
    assert rig.get("PodDisruptionBudget", "old")["status"]["currentHealthy"] == 1


def set_ready(rig: Rig, *, ready: bool) -> None:
    for pod in rig.pods():
        known = pod["status"]["conditions"]
        told = [{**one, "status": str(ready)} if one["type"] == "Ready" else one for one in known]
        rig.store.set_status(ref("Pod", name_of(pod)), {"conditions": told}, rig.link)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("clients", [CLIENTS["controllers"], ("deployment-controller",)])
def test_a_status_whose_write_was_not_answered_is_written_again(seed: int, clients: tuple[str, ...]) -> None:
    """It may stand there or not; what is to stand there now is what the controller had written before it."""
    rig = Rig(
        *NODES, deployment("web", 2), statefulset("store", 2), job("batch", 5_000), seed=seed,
        parameters={"controller_manager.job_batch_period": 0.1},
    )  # fmt: skip
    rig.run(60 * S)
    for ready in (False, True):  # so that they have written a status before
        set_ready(rig, ready=ready)
        rig.run(5 * S)
    rig.cluster.server.injections.append(Injection("timeout", clients=clients))
    set_ready(rig, ready=False)
    rig.run(5 * S)
    set_ready(rig, ready=True)
    rig.run(REQUEST_TIMEOUT_NS + 5 * S)
    rig.cluster.server.injections.clear()
    rig.run(5 * REQUEST_TIMEOUT_NS)
    assert rig.settled("web")
    assert rig.replicasets("web")[0]["status"]["readyReplicas"] == 2
    assert rig.get("StatefulSet", "store")["status"]["readyReplicas"] == 2
    assert rig.get("Job", "batch")["status"]["ready"] == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_pod_whose_creation_was_not_answered_stands_in_the_way_of_no_other(seed: int) -> None:
    rig = Rig(*NODES, deployment("web", 0), seed=seed)
    rig.run(S)
    refuse(rig, "controllers", "timeout")
    rig.scale("web", 3)
    rig.run(3 * REQUEST_TIMEOUT_NS)
    rig.cluster.server.injections.clear()
    rig.run(5 * REQUEST_TIMEOUT_NS)
    for pod in rig.pods("web"):
        rig.delete("Pod", name_of(pod))
        rig.run(60 * S)
        assert rig.settled("web")


def test_dependents_go_although_the_collector_was_refused() -> None:
    rig = Rig(*NODES, deployment("web", 2))
    rig.run(S)
    refuse(rig, "controllers", 500)
    rig.delete("Deployment", "web")
    rig.run(10 * S)
    assert len(rig.pods("web")) == 2
    rig.cluster.server.injections.clear()
    rig.run(60 * S)
    assert not rig.pods("web")
    assert not rig.replicasets("web")


def test_an_orphan_is_adopted_although_that_was_refused() -> None:
    rig = Rig(*NODES, deployment("web", 2))
    rig.run(S)
    refuse(rig, "controllers", 500)
    labels = rig.pods("web")[0]["metadata"]["labels"]
    pod = name_of(rig.create(bare_pod("stray", labels=labels)))
    rig.run(10 * S)
    assert not rig.get("Pod", pod)["metadata"].get("ownerReferences")
    rig.cluster.server.injections.clear()
    rig.run(60 * S)
    assert len(rig.pods("web")) == 2
    assert all(one["metadata"].get("ownerReferences") for one in rig.pods("web"))


# Kubelets.


def started(*, probability: float, until_s: int) -> Rig:
    """One pod that starts while its kubelet's requests are not answered."""
    rig = Rig(node("n1"), deployment("web", 0, probe_s=1), parameters={"kubelet.sync_latency": 0.5}, seed=3)
    rig.run(S)
    refuse(rig, "kubelets", "timeout", probability)
    rig.scale("web", 1)
    rig.run(until_s * S)
    rig.cluster.server.injections.clear()
    return rig


@pytest.mark.parametrize("probability", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("until_s", [3, 30, 200])
def test_a_status_that_comes_late_undoes_no_later_one(probability: float, until_s: int) -> None:
    """What was said first (ContainerCreating) may be carried out last, a minute later."""
    rig = started(probability=probability, until_s=until_s)
    rig.run(5 * REQUEST_TIMEOUT_NS)
    assert rig.settled("web")


def test_a_status_over_a_later_one_is_not_written() -> None:
    rig = Rig(node("n1"), deployment("web", 1))
    rig.run(S)
    pod = rig.pods("web")[0]
    reporter = rig.cluster.kubelets["n1"]._reporter  # noqa: SLF001 - the order is its affair alone
    orders: list[str] = []

    def tell(phase: str, delay_ns: int) -> None:
        def status(_pod: Resource) -> Resource:
            orders.append(phase)
            return {"phase": phase}

        rig.cluster.server.injections[:] = [Injection(delay_ns=delay_ns)]
        reporter.patch_status(pod, status, len(orders) + delay_ns, rig.link)

    tell("Pending", 5 * S)
    tell("Running", 0)
    rig.run(10 * S)
    assert orders == ["Running"]
    assert rig.get("Pod", name_of(pod))["status"]["phase"] == "Running"


def test_a_kubelet_mends_what_another_has_written_of_its_pod() -> None:
    """The node controller's late "not ready" stands until the kubelet's next look, 10 s later at most."""
    rig = Struck(node("n1"), node("n2"), deployment("web", 1))
    rig.run(S)
    pod = rig.pods("web")[0]
    name, name_of_node = name_of(pod), pod["spec"]["nodeName"]
    lifecycle = rig.cluster.nodes.health.lifecycle
    for _ in range(2):  # the first time the kubelet has told nothing of it yet, the second it has
        lifecycle._set_not_ready(ref("Pod", name), rig.link)  # noqa: SLF001 - a write that comes late
        rig.run(WATCH)
        assert not is_ready(rig.get("Pod", name))
        rig.run(SYNC_NS + 10 * S)
        assert is_ready(rig.get("Pod", name))
    assert rig.get("Pod", name)["spec"]["nodeName"] == name_of_node
    assert rig.settled("web")


def test_a_token_that_is_refused_is_asked_for_again() -> None:
    """Volumes are not mounted without it: 0.5 s, doubling, after each refusal."""
    rig = Rig(node("n1"), deployment("web", 0))
    rig.run(S)
    rig.cluster.server.injections.append(
        Injection(500, clients=("kubelet.*",), verbs=("create",), kinds=("ServiceAccount",))
    )
    rig.scale("web", 1)
    rig.run(20 * S)
    kubelet = rig.cluster.kubelets["n1"]
    assert kubelet.begun(rig.pods("web")[0]) is None
    rig.cluster.server.injections.clear()
    rig.settle("web")


def test_a_kubelet_that_comes_back_lists_until_it_is_answered() -> None:
    rig = Rig(node("n1"), deployment("web", 0))
    kubelet = rig.cluster.kubelets["n1"]
    kubelet.halt()
    rig.scale("web", 1)
    rig.run(S)
    rig.cluster.server.injections.append(Injection(503, clients=("kubelet.*",), verbs=("list",)))
    kubelet.resume(rig.link)
    rig.run(10 * S)
    assert kubelet.begun(rig.pods("web")[0]) is None
    rig.cluster.server.injections.clear()
    rig.settle("web")


# Nodes.


def test_pods_that_could_not_be_marked_are_marked_at_the_next_look() -> None:
    rig = Struck(*NODES, deployment("web", 4), faults=(fault("node-crash", 1, candidates=("n1",)),))
    rig.run_until(lambda: condition_of(rig.get("Node", "n1"), "Ready") == "Unknown")
    refuse(rig, "controllers", 500)
    rig.run(2 * S)

    def still_ready() -> list[str]:
        return [name_of(pod) for pod in rig.ready("web") if pod["spec"]["nodeName"] == "n1"]

    assert still_ready()  # all but the one whose write was under way
    rig.cluster.server.injections.clear()
    rig.run(6 * S)
    assert not still_ready()


def test_taints_that_were_refused_follow_the_node_as_it_is_then() -> None:
    """Not as it was when they were refused: it is ready again by now."""
    crash = fault("node-crash", 1, 70, candidates=("n1",))
    rig = Struck(*NODES, deployment("web", 2), faults=(crash,))
    rig.run_until(lambda: bool(rig.get("Node", "n1")["spec"].get("taints")))
    refuse(rig, "controllers", 500)
    rig.run_until(lambda: condition_of(rig.get("Node", "n1"), "Ready") == "True")
    rig.run(20 * S)
    assert rig.get("Node", "n1")["spec"]["taints"]
    rig.cluster.server.injections.clear()
    rig.run(20 * S)
    assert not rig.get("Node", "n1")["spec"]["taints"]


def test_a_taint_that_is_shown_late_is_taken_off_a_node_that_is_well() -> None:
    """It was written of a node that was not, and the watch shows it when that is known to be over."""
    rig = Struck(*NODES, deployment("web", 2))
    rig.run(S)
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    rig.patch("Node", "n1", {"spec": {"taints": [taint]}})
    rig.run(20 * S)
    assert not rig.get("Node", "n1")["spec"]["taints"]
    assert rig.settled("web")


# Watches that break.


def test_a_pod_that_came_and_went_unseen_is_awaited_for_five_minutes() -> None:
    rig = Rig(*NODES, deployment("web", 1))
    rig.run(S)
    rig.scale("web", 2)
    rig.run_until(lambda: len(rig.pods("web")) == 2)
    rig.cluster.watch.drop()  # before its creation is told
    unseen = next(pod for pod in rig.pods("web") if key_of(pod) not in rig.cluster.watch.cache["Pod"])
    rig.delete("Pod", name_of(unseen), 0)
    rig.run(EXPIRE_NS - 10 * S)
    assert len(rig.pods("web")) == 1
    rig.run(60 * S)
    assert rig.settled("web")


def test_broken_watches_are_whole_with_the_relist_though_nothing_is_written() -> None:
    rig = Struck(*NODES, deployment("web", 1), faults=(fault("watch-drop", 5),))
    rig.run_until(lambda: bool(rig.faults.rows))
    relisted: list[int] = []
    rig.cluster.watch.relisted.append(lambda _link: relisted.append(rig.now))
    rig.run(60 * S)
    assert relisted
    assert rig.row["whole_ns"] == relisted[0]


def test_a_status_that_the_cache_does_not_show_yet_is_looked_at_again() -> None:
    """The budget is as the cache says, but not as the store says: the controller has written it meanwhile."""
    rig = Rig(*NODES, deployment("web", 2), budget("web", maxUnavailable=1))
    rig.run(S)
    rig.cluster.watch.lag(5 * S)
    pod = rig.pods("web")[0]
    ready = list(pod["status"]["conditions"])
    not_ready = [{**one, "status": "False"} if one["type"] == "Ready" else one for one in ready]
    for conditions in (not_ready, ready):
        rig.store.set_status(ref("Pod", name_of(pod)), {"conditions": conditions}, rig.link)
        rig.run(WRITE + 10 * MS)
    rig.run(60 * S)
    assert rig.get("PodDisruptionBudget", "web")["status"]["currentHealthy"] == 2


# Evictions.


def test_what_was_spent_on_a_pod_that_does_not_go_is_given_back() -> None:
    rig = Rig(*NODES, deployment("web", 3), budget("web", maxUnavailable=1))
    rig.run(S)
    pod = name_of(rig.pods("web")[0])
    spent = {"disruptionsAllowed": 0, "disruptedPods": {pod: "evicted"}}
    rig.patch("PodDisruptionBudget", "web", {"status": spent})
    rig.run(DELETION_TIMEOUT_NS)
    assert rig.get("PodDisruptionBudget", "web")["status"]["disruptionsAllowed"] == 0
    rig.run(S)
    status = rig.get("PodDisruptionBudget", "web")["status"]
    assert (status["disruptionsAllowed"], status["disruptedPods"]) == (1, {})


@pytest.mark.parametrize("becomes_ready", [False, True])
def test_an_unready_pod_that_becomes_ready_is_not_evicted_for_nothing(becomes_ready: bool) -> None:  # noqa: FBT001
    rig = Rig(*NODES, deployment("web", 3), budget("web", minAvailable=2))
    rig.run(S)
    pod = rig.pods("web")[0]
    ready = list(pod["status"]["conditions"])
    unready = [{**one, "status": "False"} if one["type"] == "Ready" else one for one in ready]
    rig.store.set_status(ref("Pod", name_of(pod)), {"conditions": unready}, rig.link)
    rig.run(S)
    call = rig.cluster.evictions.evict(rig.cluster.engine_client, ref("Pod", name_of(pod)), None, 7, rig.link)
    ended: list[int] = []
    call.done = lambda _call: ended.append(rig.now)
    rig.run(WRITE + 3 * MS + WRITE + 1)  # looked at, listed, found to cost nothing
    if becomes_ready:
        rig.store.set_status(ref("Pod", name_of(pod)), {"conditions": ready}, rig.link)
    rig.run(S)
    assert ended
    assert isinstance(call.error, TooManyRequests) == becomes_ready
    assert is_ready(pod)
    assert ("deletionTimestamp" in rig.get("Pod", name_of(pod))["metadata"]) != becomes_ready
