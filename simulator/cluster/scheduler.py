"""The scheduler: one pod at a time from a queue in three parts; binding runs beside the next cycle.

A pod that fits nowhere is *unschedulable* until something changes that may help it, then waits out its
*back-off* (1 s doubling to 10 s) before it is *active* again. Resources are reckoned against the
scheduler's own view of the nodes, in which a pod counts from the moment it is chosen a node for (an assumed
pod) until its object is gone.
"""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError, Conflict
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.changes import ENDED, GONE, GRANTED, NEW, SPEC
from simulator.cluster.demands import Demands
from simulator.cluster.events import EventRecorder
from simulator.cluster.objects import has_ended, key_of, with_condition
from simulator.cluster.placement import Demand, NodeFree, choose, unschedulable_message
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.stations import Meter
from simulator.streams import Sampler, Stream, entity
from simulator.tasks import Story, Task


class _Waiting:
    """A pod that is not bound yet."""

    __slots__ = ("attempts", "backoff_until", "key", "link", "priority")

    def __init__(self, key: Key, priority: int, link: Link) -> None:
        self.key = key
        self.priority = priority
        self.link = link
        self.attempts = 0
        self.backoff_until = 0


class Scheduler:
    """Chooses a node for every pod that has none."""

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        watch: Watch,
        client: Client,
        demands: Demands,
        cycle: tuple[Sampler, Stream],
        backoff_ns: tuple[int, int],
        timestamp: Callable[[], str],
    ) -> None:
        """`cycle` is the time of one scheduling cycle; `backoff_ns` is (first, most)."""
        self.meter = Meter("scheduler", 1)
        self.events: EventRecorder
        self._agenda = agenda
        self._store = store
        self._watch = watch
        self._client = client
        self._demands = demands
        self._cycle, self._stream = cycle
        self._backoff_ns, self._backoff_ns_max = backoff_ns
        self._timestamp = timestamp
        self._nodes: dict[str, NodeFree] = {}
        self._placed: dict[Key, tuple[str, Demand]] = {}
        self._active: list[tuple[int, int, _Waiting]] = []
        self._order = 0
        self._pending: dict[Key, _Waiting] = {}
        self._unschedulable: dict[Key, _Waiting] = {}
        self._running = False
        self._halted = False
        watch.subscribe(("Node",), self._node_changed)
        watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + SPEC + ENDED + GRANTED)

    def load(self, link: Link) -> None:
        """Take in the nodes and pods that exist before time 0."""
        for node in self._watch.cache.get("Node", {}).values():
            self._node_changed(None, node, link)
        for pod in self._watch.cache.get("Pod", {}).values():
            self._pod_changed(None, pod, link)

    def halt(self) -> None:
        """Stop taking pods from the queue: the cycle under way ends, bindings sent are carried out."""
        self._halted = True

    def resume(self) -> None:
        """Go on with what has gathered in the queue."""
        self._halted = False
        self._begin()

    def _begin(self) -> None:
        if not self._running and not self._halted and self._active:
            self._running = True
            Task(self._agenda, self._run())

    def _node_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        node = after or before or {}
        name = node["metadata"]["name"]
        if after is None:
            self._nodes.pop(name, None)
            return
        fresh = NodeFree.of(after)
        for on, demand in self._placed.values():
            if on == name:
                fresh.take(demand)
        self._nodes[name] = fresh
        self._wake(link)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        key = key_of(after or before or {})
        if after is None or has_ended(after):
            self._pending.pop(key, None)
            self._unschedulable.pop(key, None)
            self._release(key, link)
            return
        node = after["spec"].get("nodeName")
        if node:
            placed, demand = self._placed.get(key), self._demands.reserved(after)
            if placed is None or placed[0] != node or placed[1] != demand:  # bound elsewhere, or resized
                self._pending.pop(key, None)
                self._unschedulable.pop(key, None)
                self._release(key, link)
                self._place(key, node, demand)
        elif after["spec"].get("schedulingGates"):
            return
        elif before is None:
            self._add(_Waiting(key, after["spec"].get("priority", 0), link))
        elif key in self._unschedulable and self._demands.of(before) != self._demands.of(after):  # resized
            self._try_again(self._unschedulable.pop(key), link)

    def _place(self, key: Key, node: str, demand: Demand) -> None:
        self._placed[key] = (node, demand)
        if node in self._nodes:
            self._nodes[node].take(demand)

    def _release(self, key: Key, link: Link) -> None:
        placed = self._placed.pop(key, None)
        if placed is not None:
            if placed[0] in self._nodes:
                self._nodes[placed[0]].give_back(placed[1])
            self._wake(link)

    def _add(self, waiting: _Waiting) -> None:
        self._pending[waiting.key] = waiting
        self.meter.arrive(self._agenda.now)
        heappush(self._active, (-waiting.priority, self._order, waiting))
        self._order += 1
        if not self._running:
            self._begin()

    def _run(self) -> Story:
        """Schedule pod after pod until none is active."""
        while self._active and not self._halted:
            waiting = heappop(self._active)[2]
            now = self._agenda.now
            self.meter.begin(now)
            duration = self._cycle(self._stream.uniform(entity("/".join(waiting.key)), waiting.attempts))
            waiting.attempts += 1
            waiting.link = extend(waiting.link, Cause.SCHEDULING, now + duration)
            yield duration
            self.meter.end(self._agenda.now)
            self._schedule(waiting)
        self._running = False

    def _schedule(self, waiting: _Waiting) -> None:
        pod = self._watch.cache["Pod"].get(waiting.key)
        if pod is None or self._pending.get(waiting.key) is not waiting:
            return
        demand = self._demands.of(pod)
        node = choose(self._nodes.values(), demand)
        ref = Ref("Pod", waiting.key[1], waiting.key[0])
        if node is None:
            self._refuse(waiting, ref, pod, unschedulable_message(list(self._nodes.values()), demand))
            return
        del self._pending[waiting.key]
        self._place(waiting.key, node.name, demand)
        call = self._client.write(
            partial(self._bind, ref, pod["metadata"]["uid"], node.name, demand),
            entity(f"bind/{ref.namespace}/{ref.name}"),
            waiting.link,
        )
        call.done = partial(self._bound, waiting)

    def _bind(self, ref: Ref, uid: str, node: str, demand: Demand, link: Link) -> None:
        pod = self._store.get(ref)
        self._store.check_uid(ref, pod, uid)
        if self._demands.of(pod) != demand:
            # The API would bind it and the kubelet refuse what it has no room for; here it is placed anew.
            message = f"{ref} was resized after node {node!r} was chosen for it"
            raise Conflict(message)
        if pod["spec"].get("nodeName"):
            message = f"{ref} is already assigned to node {pod['spec']['nodeName']!r}"
            raise Conflict(message)
        conditions = list((pod.get("status") or {}).get("conditions") or ())
        status = {"conditions": with_condition(conditions, "PodScheduled", "True", self._timestamp())}
        self._store.bind(ref, node, status, link)

    def _bound(self, waiting: _Waiting, call: Call) -> None:
        """Forget the assumption if the binding was refused; a pod that still has no node tries again."""
        if call.error is None:
            self.events.record(waiting.key, entity(f"bind/{waiting.key[0]}/{waiting.key[1]}") + 1)
            return
        pod = self._watch.cache["Pod"].get(waiting.key)
        if pod is None or not pod["spec"].get("nodeName"):
            self._release(waiting.key, call.link)
        if pod is not None and not pod["spec"].get("nodeName"):
            waiting.backoff_until = self._agenda.now + self._backoff_after(waiting)
            self._pending[waiting.key] = waiting
            self._try_again(waiting, call.link)

    def _backoff_after(self, waiting: _Waiting) -> int:
        return min(self._backoff_ns << min(waiting.attempts - 1, 30), self._backoff_ns_max)

    def _refuse(self, waiting: _Waiting, ref: Ref, pod: Resource, message: str) -> None:
        """Set the pod aside, and say why in its status."""
        waiting.backoff_until = self._agenda.now + self._backoff_after(waiting)
        self._unschedulable[waiting.key] = waiting
        conditions = list((pod.get("status") or {}).get("conditions") or ())
        told = with_condition(
            conditions, "PodScheduled", "False", self._timestamp(), reason="Unschedulable", message=message
        )
        if told != conditions:
            key = entity(f"unschedulable/{ref.namespace}/{ref.name}/{waiting.attempts}")
            self._client.write(partial(self._tell, ref, told), key, waiting.link)
            self.events.record(waiting.key, key + 1)  # FailedScheduling

    def _tell(self, ref: Ref, conditions: list[Any], link: Link) -> None:
        try:
            self._store.set_status(ref, {"conditions": conditions}, link)
        except ApiError:
            return  # the pod is gone; nobody is left to tell

    def _wake(self, link: Link) -> None:
        """Something was freed: every pod set aside tries again, after what is left of its back-off."""
        if not self._unschedulable:
            return
        woken, self._unschedulable = self._unschedulable, {}
        for waiting in woken.values():
            self._try_again(waiting, link)

    def _try_again(self, waiting: _Waiting, link: Link) -> None:
        now = self._agenda.now
        # Its own path, in case the path of what has changed began later than this pod began to wait.
        own = extend(waiting.link, Cause.SCHEDULING, now)
        waiting.link = (link, Cause.SCHEDULING, now, own)
        if waiting.backoff_until > now:
            waiting.link = extend(waiting.link, Cause.SCHEDULING_BACKOFF, waiting.backoff_until)
            self._agenda.after(waiting.backoff_until - now, partial(self._ready_again, waiting))
        else:
            self._add(waiting)

    def _ready_again(self, waiting: _Waiting, _event: Any) -> None:
        if self._pending.get(waiting.key) is waiting:
            self._add(waiting)
