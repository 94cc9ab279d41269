"""The scheduler: one pod at a time from its queue; binding runs beside the next cycle.

A pod that fits nowhere is set aside until something happens that may help (`simulator.cluster.hints`); if it
is more important than others it may have some of them go (`simulator.cluster.preemption`) and waits for the
place that they leave. Resources are reckoned against the scheduler's own view of the nodes, in which a pod
counts from the moment it is chosen a node for (an assumed pod) until its object is gone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError, Conflict
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.census import Nominee
from simulator.cluster.changes import ENDED, GOING, GONE, GRANTED, NEW, OWNED, SPEC
from simulator.cluster.deleting import delete_if_there
from simulator.cluster.demands import Demands
from simulator.cluster.diagnosis import message_of, plugins_of, unschedulable_message
from simulator.cluster.events import EventRecorder
from simulator.cluster.fleet import FEASIBLE_MIN, Fleet, nodes_to_find
from simulator.cluster.hints import Happening, may_help
from simulator.cluster.injection import CREATE_POD, DELETE_POD, PATCH_POD
from simulator.cluster.objects import has_ended, key_of, with_condition
from simulator.cluster.placement import Demand, Refusal
from simulator.cluster.preemption import Preemptor, Victims, find_victims, may_preempt
from simulator.cluster.priorities import CLASS, priority_of
from simulator.cluster.schedqueue import Queue, Waiting
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.stations import Meter
from simulator.streams import Sampler, Stream, entity
from simulator.tasks import Story, Task

NAME = "default-scheduler"
_GATED = "SchedulingGates"


class SchedulerSettings(NamedTuple):
    """The scheduler's own numbers."""

    cycle: Sampler
    stream: Stream
    per_node_ns: int  # of a cycle, for each feasible node looked for, from the 101st on
    backoff_ns: tuple[int, int]  # (first, most)
    takes_early: bool  # from the back-off part of the queue when nothing is active
    most_allocated: bool
    percentage: int  # percentageOfNodesToScore; 0: by the size of the cluster


class Scheduler:
    """Chooses a node for every pod that has none."""

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        watch: Watch,
        client: Client,
        demands: Demands,
        settings: SchedulerSettings,
        timestamp: Callable[[], str],
    ) -> None:
        """Follow nodes and pods, as `watch` delivers them."""
        self.meter = Meter("scheduler", 1)
        self.events: EventRecorder
        self.fleet = Fleet(watch.cache, most=settings.most_allocated)
        self.fleet.percentage = settings.percentage
        self.queue = Queue(agenda, self.meter, settings.backoff_ns, self._begin, early=settings.takes_early)
        self._agenda = agenda
        self._store = store
        self._watch = watch
        self._client = client
        self._demands = demands
        self._settings = settings
        self._timestamp = timestamp
        self._gated: dict[Key, None] = {}
        self._running = False
        self._halted = False
        watch.subscribe(("Node",), self._node_changed)
        watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + SPEC + ENDED + GRANTED + GOING + OWNED)
        watch.subscribe(("Service", "ReplicaSet", "StatefulSet"), self._owner_changed, NEW + GONE + SPEC)

    def load(self, link: Link) -> None:
        """Take in the nodes and pods that exist before time 0."""
        for node in self._watch.cache.get("Node", {}).values():
            self.fleet.set_node(node)
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
        if not self._running and not self._halted and self.queue.is_ready:
            self._running = True
            Task(self._agenda, self._run())

    # What happens in the cluster.

    def _owner_changed(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        """Whose pods are spread from whose may have changed; not by what is new and has no pods yet."""
        if (after or before or {})["kind"] == "Service" or before is not None:
            self.fleet.neighbours.forget_groups()

    def _node_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        name = (after or before or {})["metadata"]["name"]
        if after is None:
            self.fleet.remove_node(name)
            return
        was = self.fleet.nodes.get(name)
        self.fleet.set_node(after)
        if self.queue.unschedulable:
            self._happened(Happening(node=self.fleet.nodes[name], node_before=was), link)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        pod = after or before or {}
        key = key_of(pod)
        if after is None or has_ended(after):
            self.queue.forget(key)
            self.fleet.nominees.pop(key, None)
            self._gated.pop(key, None)
            self._release(key, link)
            return
        node = after["spec"].get("nodeName")
        if node:
            self._has_node(key, node, before, after, link)
        elif key in self.fleet.placed:
            return  # assumed; its binding will tell
        elif before is None or key in self._gated:
            self._add(key, after, link)
        elif key in self.queue.unschedulable and self._demands.of(before) != self._demands.of(after):
            self.queue.try_again(self.queue.unschedulable.pop(key), link)  # resized

    def _add(self, key: Key, pod: Resource, link: Link) -> None:
        if pod["spec"].get("schedulerName", NAME) != NAME:
            return  # somebody else's
        if pod["spec"].get("schedulingGates"):
            self._gated[key] = None
            return
        self._gated.pop(key, None)
        priority = pod["spec"].get("priority")
        if priority is None and ("priorityClassName" in pod["spec"] or self._watch.cache.get(CLASS)):
            priority = priority_of(pod, self._watch.cache)
        nominated = (pod.get("status") or {}).get("nominatedNodeName")
        if nominated:
            self.fleet.nominees[key] = Nominee(nominated, priority or 0, self._demands.of(pod))
        self.queue.add(Waiting(key, priority or 0, link))

    def _has_node(self, key: Key, node: str, before: Resource | None, after: Resource, link: Link) -> None:
        placed, demand = self.fleet.placed.get(key), self._demands.reserved(after)
        shrunk = False
        if placed is None or placed.node != node or placed.demand != demand:  # bound elsewhere, or resized
            self.queue.forget(key)
            self.fleet.nominees.pop(key, None)
            if placed is not None:
                shrunk = placed.demand.cpu_m > demand.cpu_m or placed.demand.memory_b > demand.memory_b
                self._release(key, link)
            self.fleet.place(key, node, demand, after)
        elif "deletionTimestamp" in after["metadata"]:
            self.fleet.going(key)
        elif self._watch.changes & OWNED and before is not None:  # its labels
            self.fleet.release(key)
            self.fleet.place(key, node, demand, after)
        if self.queue.unschedulable:
            self._happened(Happening(came=after, shrunk=shrunk), link)

    def _release(self, key: Key, link: Link) -> None:
        placed = self.fleet.release(key)
        if placed is not None and self.queue.unschedulable:
            self._happened(Happening(gone=placed), link)

    def _happened(self, happening: Happening, link: Link) -> None:
        """Let those that were set aside try again whom it may help."""
        pods = self._watch.cache["Pod"]

        def helps(waiting: Waiting) -> bool:
            pod = pods.get(waiting.key)
            return pod is not None and may_help(waiting.plugins, pod, self._demands.of(pod), happening)

        self.queue.move(helps, link)

    # Cycles.

    def _run(self) -> Story:
        """Schedule pod after pod until none is active."""
        settings, queue = self._settings, self.queue
        while queue.is_ready and not self._halted:
            waiting = queue.take()
            now = self._agenda.now
            self.meter.begin(now)
            duration = settings.cycle(
                settings.stream.uniform(entity("/".join(waiting.key)), waiting.attempts)
            )
            looked_for = nodes_to_find(len(self.fleet.nodes), settings.percentage)
            if looked_for > FEASIBLE_MIN:
                duration += settings.per_node_ns * (looked_for - FEASIBLE_MIN)
            waiting.attempts += 1
            waiting.link = extend(waiting.link, Cause.SCHEDULING, now + duration)
            yield duration
            self.meter.end(self._agenda.now)
            self._schedule(waiting)
        self._running = False

    def _schedule(self, waiting: Waiting) -> None:
        key = waiting.key
        pod = self._watch.cache["Pod"].get(key)
        if pod is None or self.queue.pending.get(key) is not waiting:
            return
        if "deletionTimestamp" in pod["metadata"]:
            self.queue.forget(key)
            return
        demand = self._demands.of(pod)
        node = self.fleet.choose(pod, key, demand, waiting.priority)
        if node is None:
            self._refuse(waiting, pod, demand)
            return
        self.queue.pending.pop(key, None)
        self.fleet.place(key, node.name, demand, pod)
        ref = Ref("Pod", key[1], key[0])
        call = self._client.write(
            partial(self._bind, ref, pod["metadata"]["uid"], node.name, demand),
            entity(f"bind/{ref.namespace}/{ref.name}"),
            waiting.link,
            CREATE_POD,  # its binding
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

    def _bound(self, waiting: Waiting, call: Call) -> None:
        """Forget the assumption if the binding was refused; a pod that still has no node tries again."""
        key = waiting.key
        if call.error is None:
            self.fleet.nominees.pop(key, None)
            self.events.record(key, entity(f"bind/{key[0]}/{key[1]}") + 1)
            return
        pod = self._watch.cache["Pod"].get(key)
        if pod is None or not pod["spec"].get("nodeName"):
            self._release(key, call.link)
        if pod is not None and not pod["spec"].get("nodeName"):
            self.queue.back_off(waiting)
            self.queue.try_again(waiting, call.link, failed=True)

    # Pods that fit nowhere.

    def _refuse(self, waiting: Waiting, pod: Resource, demand: Demand) -> None:
        """Set the pod aside, look for victims, and say why in its status."""
        refused = self.fleet.refusals(pod, demand)
        nominated = (pod.get("status") or {}).get("nominatedNodeName", "")
        victims, words = self._look_for_victims(waiting, pod, demand, refused)
        self.queue.set_aside(waiting, plugins_of(refused))
        if victims is not None:
            nominated = victims.node
        elif words.startswith("0/"):
            nominated = ""
        if nominated:
            self.fleet.nominees[waiting.key] = Nominee(nominated, waiting.priority, demand)
        else:
            self.fleet.nominees.pop(waiting.key, None)
        self._say(waiting, pod, unschedulable_message(refused, words), nominated)
        if victims is not None:
            self._preempt(waiting, victims)

    def _look_for_victims(
        self, waiting: Waiting, pod: Resource, demand: Demand, refused: list[Refusal | None]
    ) -> tuple[Victims | None, str]:
        """Return the victims, or why there are none."""
        if not refused:
            return None, ""
        preemptor = Preemptor(pod, waiting.key, demand, waiting.priority)
        resolvable = {
            node.name: why is None or why.resolvable
            for node, why in zip(self.fleet.ordered(), refused, strict=True)
        } if (pod.get("status") or {}).get("nominatedNodeName") else {}  # fmt: skip
        cache = self._watch.cache
        if not may_preempt(self.fleet, cache, preemptor, resolvable):
            never = (
                "preemptionPolicy=Never." if not resolvable else "a terminating pod on the nominated node."
            )
            return None, f"not eligible due to {never}"
        offset = self._settings.stream.uniform(entity("preempt/" + "/".join(waiting.key)), waiting.attempts)
        victims, reasons = find_victims(self.fleet, cache, preemptor, refused, offset)
        return victims, message_of(len(refused), reasons) if victims is None else ""

    def _say(self, waiting: Waiting, pod: Resource, message: str, nominated: str) -> None:
        """Write why the pod waits, and where for, if that is news."""
        status = pod.get("status") or {}
        conditions = list(status.get("conditions") or ())
        told = with_condition(
            conditions, "PodScheduled", "False", self._timestamp(), reason="Unschedulable", message=message
        )
        changes: dict[str, Any] = {"conditions": told} if told != conditions else {}
        if nominated != status.get("nominatedNodeName", ""):
            changes["nominatedNodeName"] = nominated
        if changes:
            ref = Ref("Pod", waiting.key[1], waiting.key[0])
            key = entity(f"unschedulable/{ref.namespace}/{ref.name}/{waiting.attempts}")
            self._client.write(partial(self._tell, ref, changes), key, waiting.link, PATCH_POD)
            self.events.record(waiting.key, key + 1)  # FailedScheduling

    def _preempt(self, waiting: Waiting, victims: Victims) -> None:
        """Ask the victims to go, each for itself, and take the nomination from less important pods."""
        for key, nominee in list(self.fleet.nominees.items()):
            if nominee.node == victims.node and nominee.priority < waiting.priority:
                del self.fleet.nominees[key]
                ref = Ref("Pod", key[1], key[0])
                number = self._client.repeated(f"denominate/{key[0]}/{key[1]}")
                taken = partial(self._tell, ref, {"nominatedNodeName": ""})
                self._client.write(taken, number, waiting.link, PATCH_POD)
        for key in victims.pods:
            pod = self._watch.cache["Pod"][key]
            Task(self._agenda, self._evict(key, pod["metadata"]["uid"], waiting.link))

    def _evict(self, key: Key, uid: str, link: Link) -> Story:
        """Say in the victim's status why it goes, then delete it."""
        ref = Ref("Pod", key[1], key[0])
        number = self._client.repeated(f"preempt/{key[0]}/{key[1]}")
        told = self._client.write(partial(self._mark, ref, uid), number, link, PATCH_POD)
        yield told
        number = self._client.repeated(f"preempt/{key[0]}/{key[1]}")
        yield self._client.write(
            partial(delete_if_there, self._store, ref, uid), number, told.link, DELETE_POD
        )
        self.events.record(key, number + 1)  # Preempted

    def _mark(self, ref: Ref, uid: str, link: Link) -> None:
        pod = self._store.objects["Pod"].get((ref.namespace, ref.name))
        if pod is not None and pod["metadata"]["uid"] == uid:
            conditions = with_condition(
                list((pod.get("status") or {}).get("conditions") or ()), "DisruptionTarget", "True",
                self._timestamp(), reason="PreemptionByScheduler",
                message=f"{NAME}: preempting to accommodate a higher priority pod",
            )  # fmt: skip
            self._store.set_status(ref, {"conditions": conditions}, link)

    def _tell(self, ref: Ref, changes: dict[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, changes, link)
        except ApiError:
            return  # the pod is gone; nobody is left to tell
