"""The HorizontalPodAutoscaler controller: every 15 s each autoscaler reads its metrics and sets a scale.

One pass reads the scale and each metric, writes the scale if it is to be another, and then its own status, by
a client of its own. While nothing can have changed (the replicas of time 0, whose use nobody declares), a
pass is its requests alone, which cost no agenda entries.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import NotFound
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.apiserver import Client
from simulator.cluster.events import EventRecorder
from simulator.cluster.hpalimits import Pace
from simulator.cluster.hpareplicas import (
    RESOURCE,
    Moment,
    NoMetrics,
    Proposal,
    Settings,
    propose,
    resource_of,
)
from simulator.cluster.instants import SECOND_NS, seconds_of
from simulator.cluster.objects import key_of, matches, with_condition
from simulator.cluster.podmetrics import PodMetrics, requested
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.streams import Stream, entity
from simulator.tasks import Task, Waitable

KIND = "HorizontalPodAutoscaler"
Steps = Generator["int | Waitable", Any, Link]


class _Loop:
    """What is known of one autoscaler."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.number = 0  # of its requests
        self.rest: int | None = None  # the replicas of its target when it was first seen
        self.still: tuple[Any, Any] | None = (
            None  # its spec and the pods' template, while nothing is to be done
        )


class Autoscalers:
    """Runs the loops of all autoscalers."""

    def __init__(
        self,
        agenda: Agenda,
        store: Store,
        watch: Watch,
        client: Client,
        timestamp: Callable[[], str],
        times_ns: tuple[int, int],
        settings: Settings,
    ) -> None:
        """`times_ns`: how often each is looked at, and how long the highest recommendation counts."""
        self.events: EventRecorder
        self.metrics: PodMetrics
        self._agenda = agenda
        self._store = store
        self._watch = watch
        self._client = client
        self._timestamp = timestamp
        self._period_ns, self._stabilization_ns = times_ns
        self._settings = settings
        self._settled_s = seconds_of(timestamp())
        self._loops: dict[Key, _Loop] = {}
        self._halted = False
        watch.subscribe((KIND,), self._changed)

    def start(self, stream: Stream) -> None:
        """Begin with those that exist, each at an instant of its own."""
        for key in self._watch.cache.get(KIND, {}):
            phase = stream.uniform(_number(key))
            self._begin(key, round(self._period_ns * phase))

    def halt(self) -> None:
        """Stop looking, as if the controller manager were down."""
        self._halted = True

    def resume(self) -> None:
        """Go on with what is due next."""
        self._halted = False

    def _changed(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        if before is None and after is not None and key_of(after) not in self._loops:
            self._begin(key_of(after), self._period_ns)
        elif after is None:
            self._loops.pop(key_of(before or {}), None)

    def _begin(self, key: Key, delay_ns: int) -> None:
        loop = self._loops[key] = _Loop(Pace(self._stabilization_ns))
        found = self._watch.cache[KIND][key]
        target = self._target(found)
        if target is not None:
            loop.rest = target["spec"].get("replicas", 1)
        self._agenda.after(delay_ns, partial(self._beat, key, loop))

    def _beat(self, key: Key, loop: _Loop, _entry: Any) -> None:
        if self._loops.get(key) is not loop:
            return
        found = self._watch.cache[KIND][key]
        if self._halted:
            self._agenda.after(self._period_ns, partial(self._beat, key, loop))
        elif self._is_still(loop, found):
            left = len(found["spec"].get("metrics") or ()) + 2
            self._pass_by(key, loop, left, None)
        else:
            Task(self._agenda, self._sync(key, loop, found), partial(self._again, key, loop))

    def _again(self, key: Key, loop: _Loop, _value: Any) -> None:
        self._agenda.after(self._period_ns, partial(self._beat, key, loop))

    # What nothing comes of.

    def _pass_by(self, key: Key, loop: _Loop, left: int, _entry: Any) -> None:
        """Send the next of so many requests, the last of which is a write."""
        loop.number += 1
        served = partial(self._passed, key, loop, left - 1)
        self._client.unattended(_number(key) + loop.number, served, writes=left == 1)

    def _passed(self, key: Key, loop: _Loop, left: int, end_ns: int) -> None:
        if left:
            self._agenda.after(end_ns - self._agenda.now, partial(self._pass_by, key, loop, left))
        else:
            self._agenda.after(self._period_ns, partial(self._beat, key, loop))

    def _is_still(self, loop: _Loop, found: Resource) -> bool:
        """Say whether a pass would find what the last one found, or what there was at time 0."""
        target = self._target(found)
        if target is None or target["spec"].get("replicas", 1) != loop.rest:
            return False
        if loop.still is None and loop.pace.is_new and self._rests(found, target):
            loop.still = (found["spec"], target["spec"]["template"])
        return loop.still is not None and (
            loop.still[0] is found["spec"] and loop.still[1] is target["spec"]["template"]
        )

    def _rests(self, found: Resource, target: Resource) -> bool:
        """Say whether the replicas of time 0 are what the use that is assumed of them asks for."""
        spec, replicas = found["spec"], target["spec"].get("replicas", 1)
        if not spec.get("minReplicas", 1) <= replicas <= spec["maxReplicas"] or not replicas:
            return False
        wanted = 0
        for metric in spec.get("metrics") or ():
            share = _aim(metric)
            if share is None or not self._is_assumed(found, target, metric):
                return False
            ratio = self.metrics.use_of_requests / share
            near = abs(1 - ratio) <= self._settings.tolerance
            wanted = max(wanted, replicas if near else -int(-ratio * replicas // 1))
        return bool(max(wanted, spec.get("minReplicas", 1)) == replicas)

    def _is_assumed(self, found: Resource, target: Resource, metric: Mapping[str, Any]) -> bool:
        """Say whether what the pods use is a part of what they request, as nobody declares it."""
        pod = next(iter(self._pods(key_of(found)[0], target)), None)
        name = metric["resource"]["name"]
        return pod is not None and requested(pod, name) > 0 and not self.metrics.is_declared(pod, name)

    # What something may come of.

    def _target(self, found: Resource) -> Resource | None:
        reference = found["spec"]["scaleTargetRef"]
        key = (key_of(found)[0], reference["name"])
        return self._watch.cache.get(reference["kind"], {}).get(key)

    def _pods(self, namespace: str, target: Resource) -> list[Resource]:
        selector = target["spec"].get("selector")
        pods = self._watch.cache.get("Pod", {})
        return [
            pod
            for key, pod in sorted(pods.items())
            if key[0] == namespace and matches(selector, pod["metadata"].get("labels"))
        ]

    def _sync(self, key: Key, loop: _Loop, found: Resource) -> Steps:
        """One pass (reconcileAutoscaler)."""
        link = root(self._agenda.now)
        spec = found["spec"]
        reference = spec["scaleTargetRef"]
        ref = Ref(reference["kind"], reference["name"], key[0])
        call = self._client.read(
            lambda _link: self._store.get(ref), self._next(key, loop), link, what=("get", ref.kind)
        )
        yield call
        if call.error is not None:
            failed = ("AbleToScale", "False", "FailedGetScale", str(call.error))
            return (yield from self._write_status(key, loop, found, {}, [failed], call.link))
        target = call.value
        current: int = target["spec"].get("replicas", 1)
        if loop.rest is None:
            loop.rest = current
        if loop.pace.is_new:  # until now it has recommended what there was
            loop.pace.recommend(self._agenda.now, loop.rest)
        link = call.link
        for _ in spec.get("metrics") or ():
            call = self._client.read(
                lambda _link: None, self._next(key, loop), link, what=("list", "PodMetrics")
            )
            yield call
            link = call.link
        wanted, said, metrics = self._decide(loop, found, target, current)
        changes: dict[str, Any] = {"currentReplicas": (target.get("status") or {}).get("replicas", current)}
        changes["desiredReplicas"] = wanted
        changes["currentMetrics"] = metrics
        if wanted != current:
            link, done = yield from self._scale(key, loop, target, ref, wanted, link)
            said.append(done)
            if done[1] == "True":
                loop.pace.scaled(self._agenda.now, wanted - current)
                changes["lastScaleTime"] = self._timestamp()
        else:
            said.append(("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"))
        return (yield from self._write_status(key, loop, found, changes, said, link))

    def _next(self, key: Key, loop: _Loop) -> int:
        loop.number += 1
        return _number(key) + loop.number

    def _decide(
        self, loop: _Loop, found: Resource, target: Resource, current: int
    ) -> tuple[int, list[tuple[str, str, str, str]], list[Any]]:
        """Return the replicas to go to, what conditions say, and the metrics as they are."""
        spec = found["spec"]
        fewest, most = spec.get("minReplicas", 1), spec["maxReplicas"]
        if current == 0 and fewest:
            message = "scaling is disabled since the replica count of the target is zero"
            return 0, [("ScalingActive", "False", "ScalingDisabled", message)], []
        if current > most or current < fewest:
            return (most if current > most else fewest), [], []
        proposals, failures = self._proposals(loop, found, target, current)
        if not proposals or (failures and max(one.replicas for one in proposals) < current):
            said = [
                (
                    "ScalingActive",
                    "False",
                    "FailedGetResourceMetric",
                    failures[0] if failures else "no metrics",
                )
            ]
            return current, said, [one.metric for one in proposals]
        best = max(proposals, key=lambda one: one.replicas)
        message = f"the HPA was able to successfully calculate a replica count from {best.name}"
        wanted, limited = loop.pace.limited(spec, current, best.replicas, self._agenda.now)
        said = [("ScalingActive", "True", "ValidMetricFound", message), ("ScalingLimited", *limited)]
        return wanted, said, [one.metric for one in proposals]

    def _proposals(
        self, loop: _Loop, found: Resource, target: Resource, current: int
    ) -> tuple[list[Proposal], list[str]]:
        now, text = self._agenda.now, self._timestamp()
        now_s = seconds_of(text)
        read_s = now_s - (now - self.metrics.read_at(now)) // SECOND_NS
        moment = Moment(now_s, read_s, self._settled_s)
        pods = self._pods(key_of(found)[0], target)
        proposals, failures = list[Proposal](), list[str]()
        for metric in found["spec"].get("metrics") or ():
            try:
                name = resource_of(metric)
                uses = self.metrics.of(pods, name, loop.rest or current, text, now)
                proposals.append(propose(metric, current, pods, uses, self._settings, moment))
            except NoMetrics as missing:
                failures.append(str(missing))
        return proposals, failures

    def _scale(
        self, key: Key, loop: _Loop, target: Resource, ref: Ref, wanted: int, link: Link
    ) -> Generator["int | Waitable", Any, tuple[Link, tuple[str, str, str, str]]]:
        version = target["metadata"]["resourceVersion"]
        changes = {"spec": {"replicas": wanted}}
        call = self._client.write(
            lambda at: self._store.patch(ref, changes, at, version),
            self._next(key, loop),
            link,
            ("update", ref.kind),
        )
        yield call
        self.events.record(key, self._next(key, loop))  # SuccessfulRescale, or FailedRescale
        if call.error is not None:
            message = f"the HPA controller was unable to update the target scale: {call.error}"
            return call.link, ("AbleToScale", "False", "FailedUpdateScale", message)
        message = f"the HPA controller was able to update the target scale to {wanted}"
        return call.link, ("AbleToScale", "True", "SucceededRescale", message)

    def _write_status(
        self,
        key: Key,
        loop: _Loop,
        found: Resource,
        changes: Mapping[str, Any],
        said: Sequence[tuple[str, str, str, str]],
        link: Link,
    ) -> Steps:
        before = found.get("status") or {}
        conditions = list(before.get("conditions") or ())
        for name, status, reason, message in said:
            conditions = with_condition(
                conditions, name, status, self._timestamp(), reason=reason, message=message
            )
        told = {**changes, "conditions": conditions}
        operation = partial(self._set_status, Ref(KIND, key[1], key[0]), told)
        call = self._client.write(operation, self._next(key, loop), link, ("update", KIND))
        yield call
        return call.link

    def _set_status(self, ref: Ref, status: Mapping[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, status, link)
        except NotFound:
            return


def _number(key: Key) -> int:
    """Return the key of an autoscaler's requests, the first of which has the next number."""
    return entity(f"heartbeat/{'/'.join(key)}")


def _aim(metric: Mapping[str, Any]) -> float | None:
    """Return the share of its requests that a workload is to use, where a metric says one."""
    if metric["type"] != RESOURCE:
        return None
    percent = metric["resource"]["target"].get("averageUtilization")
    return None if percent is None else percent / 100
