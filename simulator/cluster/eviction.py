"""The eviction API as a call: budgets are listed consistently, and conflicts over one are tried again.

Source: pkg/registry/core/pod/storage/eviction.go. A pod that does not run is deleted without a look at
budgets. Else the server lists them (`simulator.cluster.consistent`), spends one disruption with the version
that it has read, and deletes the pod. Whoever else writes the budget meanwhile, another eviction or the
disruption controller's status, makes that a conflict: the server waits half a second, and up to a tenth
more, and reads anew, 20 times in all.
"""

from collections.abc import Callable
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ActionError, ServerError, TooManyRequests
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.consistent import ConsistentReads
from simulator.cluster.disruption import BUDGET, budget_of, is_spared, spend
from simulator.cluster.hosted import APISERVER, Host
from simulator.cluster.objects import with_condition
from simulator.cluster.store import Store
from simulator.streams import Stream

TRIES_MAX: Final = 20
BACKOFF_NS: Final = 500_000_000
JITTER: Final = 0.1
WHAT: Final = ("create", "Eviction")


class Evictions:
    """What all evictions of one cluster need."""

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        reads: ConsistentReads,
        host: Host | None,
        stream: Stream,
        timestamp: Callable[[], str],
    ) -> None:
        """Draw the jitter of the back-off from `stream`."""
        self.agenda = agenda
        self.store = store
        self.reads = reads
        self.host = host
        self.stream = stream
        self.timestamp = timestamp
        self.conflicts_count = 0

    def evict(self, client: Client, ref: Ref, uid: str | None, key: int, link: Link) -> "Eviction":
        """Send an eviction."""
        return Eviction(self, client, ref, uid, key, link)


class Eviction(Call):
    """One eviction; `done` is called with it as with any call."""

    __slots__ = ("_evictions", "_key", "_lost", "_ref", "_taken", "_tries", "_uid", "_unspent", "_writes")

    def __init__(
        self, evictions: Evictions, client: Client, ref: Ref, uid: str | None, key: int, link: Link
    ) -> None:
        """Reach the server as a write does; what follows is the server's own affair."""
        super().__init__(client, self._take, 0, link)
        self._evictions = evictions
        self._ref = ref
        self._uid = uid
        self._key = key
        self._tries = 0
        self._writes = 0
        self._unspent = ""  # the version of a pod that is not ready, so that nothing was spent on it
        self._taken: Resource | None = None  # the pod, once the server has the request
        self._lost: ActionError | None = None  # what the client is told of an answer that does not reach it
        client.write(self._take, key, link, WHAT).done = self._looked

    def _take(self, link: Link) -> Resource:
        self._taken = self._look(link)
        return self._taken

    def _look(self, _link: Link) -> Resource:
        store = self._evictions.store
        pod = store.get(self._ref)
        store.check_uid(self._ref, pod, self._uid)
        return pod

    def _look_again(self) -> Resource:
        """Return the pod, which is not to have become ready meanwhile if nothing was spent on it."""
        pod = self._look(self.link)
        if self._unspent and pod["metadata"]["resourceVersion"] != self._unspent:
            message = f"Cannot evict {self._ref} as it would violate the pod's disruption budget"
            raise TooManyRequests(message)
        return pod

    def _looked(self, call: Call) -> None:
        self.link = call.link
        self._lost = call.error
        if self._taken is None:
            self._over(call.error)
        elif is_spared(self._taken):  # the server carries it out, whether its answer arrives or not
            self._remove(None)
        else:
            self._evictions.reads.wait(BUDGET, self._listed)

    def _charge(self, cause: Cause = Cause.API_SERVICE) -> None:
        self.link = extend(self.link, cause, self._evictions.agenda.now)

    def _listed(self, _event: Any) -> None:
        """Find the pod's budget in the list, and spend of it if there is one."""
        self._charge()
        try:
            pod = self._look(self.link)
            budget = budget_of(self._evictions.store, self._ref, pod)
        except ActionError as error:
            self._over(error)
            return
        if budget is None:
            self._write(self._mark)
        else:
            version = budget["metadata"]["resourceVersion"]
            self._write(lambda _event: self._spend(version))

    def _spend(self, version: str) -> None:
        """Store the budget with one disruption less, unless it is another by now."""
        self._charge()
        evictions = self._evictions
        try:
            pod = self._look(self.link)
            budget = budget_of(evictions.store, self._ref, pod)
            if budget is not None and budget["metadata"]["resourceVersion"] != version:
                self._conflict(budget)
                return
            if budget is not None and not spend(evictions.store, self._ref, pod, budget, self.link):
                self._unspent = pod["metadata"]["resourceVersion"]
        except ActionError as error:
            self._over(error)
        else:
            self._write(self._mark)

    def _mark(self, _event: Any) -> None:
        """Tell in the pod's status why it goes, then delete it."""
        self._charge()
        store = self._evictions.store
        try:
            conditions = list((self._look_again().get("status") or {}).get("conditions") or ())
            since = self._evictions.timestamp()
            told = with_condition(
                conditions, "DisruptionTarget", "True", since, reason="EvictionByEvictionAPI"
            )
            marked = store.set_status(self._ref, {"conditions": told}, self.link)
            self._unspent = self._unspent and marked["metadata"]["resourceVersion"]
        except ActionError as error:
            self._over(error)
        else:
            self._write(self._remove)

    def _conflict(self, budget: Resource) -> None:
        evictions = self._evictions
        evictions.conflicts_count += 1
        self._tries += 1
        if self._tries == TRIES_MAX:
            name = budget["metadata"]["name"]
            message = f"couldn't update PodDisruptionBudget {name!r} due to conflicts"
            self._over(ServerError(message, reason="Timeout"))
            return
        jitter = evictions.stream.uniform(self._key, self._tries) * JITTER
        evictions.agenda.after(round(BACKOFF_NS * (1 + jitter)), self._read_anew)

    def _read_anew(self, _event: Any) -> None:
        self._charge(Cause.EVICTION_RETRY)
        self._listed(None)

    def _write(self, then: Callable[[Any], None]) -> None:
        """Let the server store something, and go on."""
        evictions, host = self._evictions, self._evictions.host
        self._writes += 1
        key = self._key ^ self._writes << 32
        if host is None:
            evictions.agenda.after(self._client.times.write(key), then)
        else:
            work_ns = host.work.serving(("update", ""), 0, key)
            host.cpu.run(APISERVER, work_ns, lambda _event: host.etcd.commit(then))

    def _remove(self, _event: Any) -> None:
        self._charge()
        try:
            self._look_again()
            self._evictions.store.delete(self._ref, self.link, self._uid)
        except ActionError as error:
            self._over(error)
        else:
            self._over(None)

    def _over(self, error: ActionError | None) -> None:
        self.error = self._lost or error
        self.done(self)
