"""What a kubelet tells the API server: the status of its pods, and cluster events about them.

PLEG lists the node's containers once a period, from a phase of its own; the status manager gets a pod
before it patches its status.
"""

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.events import EventRecorder
from simulator.cluster.injection import DELETE_POD, GET_POD, PATCH_POD
from simulator.cluster.objects import key_of
from simulator.cluster.store import Store
from simulator.streams import entity
from simulator.tasks import Waitable

# What a kubelet asks for about one pod, once each; the get before a status's patch has the number after it.
TOKEN, REMOVE, RUNNING, READY, OVER, FAILED, STOPPED, CREATING = 1, 2, 10, 20, 30, 40, 50, 60
# Its cluster events, one a container each: k containers use the numbers from 100 to 100 + 5 k.
PULLED, CREATED, STARTED, KILLING, BACK_OFF, KINDS = 100, 101, 102, 103, 104, 5

SYNC_NS: Final = 10_000_000_000  # status_manager.go syncPeriod: what failed is tried again then
ANY: Final = 1 << 62  # the order of a status that is never too late

StatusOf = Callable[[Resource], Mapping[str, Any]]
"""The fields of a pod's status to replace, made of the pod as it is found at that instant."""


class Reporter:
    """One kubelet's side of the API."""

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        client: Client,
        relists: tuple[int, int],
        timestamp: Callable[[], str],
    ) -> None:
        """`relists` is the period of PLEG, and an instant at which it lists."""
        self.events: EventRecorder
        self.client = client
        self.timestamp = timestamp
        self._agenda = agenda
        self.store = store
        self._period, self._phase = relists
        self._asked = 0  # statuses so far
        self._told: dict[str, tuple[int, StatusOf]] = {}  # the last that stands in the API, by the pod's uid

    def next_relist(self, at: int) -> int:
        """Return the first instant >= `at` at which PLEG relists."""
        return at + (self._phase - at) % self._period

    @staticmethod
    def key(what: int, pod: Resource) -> int:
        """Return the key of a request about a pod, and of its cluster events: neighbours draw apart."""
        return entity("/".join(key_of(pod))) + what

    def tell_of(self, pod: Resource, what: int) -> None:
        """Record a cluster event about each of the pod's containers."""
        about = key_of(pod)
        key = entity("/".join(about)) + what  # that of `key`
        for _ in pod["spec"]["containers"]:
            self.events.record(about, key)
            key += KINDS

    def tell_again(self, pod: Resource, what: str) -> None:
        """Record one of many cluster events about a pod."""
        about = key_of(pod)
        self.events.record(about, self.client.repeated(f"{what}/{'/'.join(about)}"))

    def forget(self, uid: str = "") -> None:
        """A pod is gone from the API; or nothing is known of any, as the kubelet is down."""
        if uid:
            self._told.pop(uid, None)
        else:
            self._told.clear()

    def is_inconsistent(self, pod: Resource) -> bool | None:
        """Say whether the API shows another status than was told (needsReconcile); None if none was."""
        told = self._told.get(pod["metadata"]["uid"])
        found = self.store.objects["Pod"].get(key_of(pod))
        if told is None or found is None:
            return None
        status = found.get("status") or {}
        return any(status.get(name) != value for name, value in told[1](found).items())

    def tell_last(self, pod: Resource, link: Link) -> Generator["int | Waitable", Any, Call]:
        """Tell the last status once more."""
        order, status = self._told[pod["metadata"]["uid"]]
        key = self.client.repeated(f"reconcile/{'/'.join(key_of(pod))}")
        return self.write_status(pod, status, key, link, order)

    def write_status(
        self, pod: Resource, status: StatusOf, key: int, link: Link, order: int = 0
    ) -> Generator["int | Waitable", Any, Call]:
        """Get the pod, then patch its status (k/k pkg/kubelet/status/status_manager.go syncPod).

        What fails is tried again at the next look, unless a later status has been told by then. `order` is
        that of an earlier one, to be told again, or `ANY` for what concerns but a part of the status, so
        that no later one says it.
        """
        if not order:
            order = self._asked = self._asked + 1
        while True:
            call = self.client.read(nothing, key + 1, link, what=GET_POD)
            yield call
            if call.error is None:
                call = self.client.write(partial(self._report, pod, status, order), key, call.link, PATCH_POD)
                yield call
                if call.error is None:
                    return call
            told = self._told.get(pod["metadata"]["uid"])
            if told is not None and told[0] > order:
                return call
            link = extend(call.link, Cause.CONTAINER_START, self._agenda.now + SYNC_NS)
            yield SYNC_NS

    def patch_status(self, pod: Resource, status: StatusOf, key: int, link: Link) -> Call:
        """Patch a pod's status without asking for the pod first."""
        order = self._asked = self._asked + 1
        return self.client.write(partial(self._report, pod, status, order), key, link, PATCH_POD)

    def _report(self, pod: Resource, status: StatusOf, order: int, link: Link) -> None:
        """Write the pod's status, unless the pod is gone, or is another by now, or a later one is there."""
        namespace, name = key_of(pod)
        uid = pod["metadata"]["uid"]
        found = self.store.objects["Pod"].get((namespace, name))
        if found is None or found["metadata"]["uid"] != uid:
            return
        told = self._told.get(uid)
        if told is not None and told[0] > order:
            return
        if order != ANY:
            self._told[uid] = order, status
        self.store.set_status(Ref("Pod", name, namespace), status(found), link)

    def next_look(self, at: int) -> int:
        """Return the first instant after `at` at which the status manager looks at all pods."""
        return at + SYNC_NS - (at - self._phase) % SYNC_NS

    def remove(self, pod: Resource, link: Link) -> Call:
        """Take the pod off the API: it has ended."""
        ref = Ref("Pod", pod["metadata"]["name"], pod["metadata"].get("namespace", ""))
        return self.client.write(
            partial(self._remove, ref, pod["metadata"]["uid"]), self.key(REMOVE, pod), link, DELETE_POD
        )

    def removed(self, pod: Resource, link: Link) -> Generator["int | Waitable", Any, None]:
        """Take the pod off the API, however often that has to be asked for."""
        call = self.remove(pod, link)
        yield call
        while call.error is not None:
            link = extend(call.link, Cause.TERMINATION_GRACE, self._agenda.now + SYNC_NS)
            yield SYNC_NS
            call = self.remove(pod, link)
            yield call

    def _remove(self, ref: Ref, uid: str, link: Link) -> None:
        try:
            self.store.remove(ref, link, uid)
        except ApiError:
            return  # somebody removed it by force

    def pods_of(self, node: str) -> list[Resource]:
        """Return the pods that the API has on a node, in order of name."""
        pods = self.store.objects.get("Pod", {})
        return [pods[key] for key in sorted(pods) if pods[key]["spec"].get("nodeName") == node]


def nothing(_link: Link) -> None:
    """Change nothing: a request that is made for its answer, or for what is not modelled."""
