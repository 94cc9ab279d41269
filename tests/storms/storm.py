"""Carry out a scene: people and faults, then calm; and what must hold of it."""

from collections.abc import Iterator
from typing import Any

from engine.core.effects import Resource
from engine.core.errors import ApiError
from simulator.cluster.faults.schedule import Faults
from simulator.cluster.objects import condition_of, has_ended, is_ready, is_terminating, key_of
from simulator.streams import Streams
from tests.simulator.cluster.objects import Object
from tests.simulator.cluster.rig import Rig, S, name_of
from tests.storms.scene import Operation, Scene

REST_NS = 3 * 3_600 * S
QUIET_NS = 1_200 * S
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
# Evictions by a status that is behind are allowed, by Kubernetes too.
_BY_A_STATUS_BEHIND = ("budget_violated",)


class Storm:
    """One scene, carried out."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.rig = Rig(*scene.objects, behaviours=scene.behaviours, parameters=scene.parameters, seed=seed)
        self.faults = Faults(self.rig.agenda, self.rig.cluster, scene.faults, Streams(seed, 0))
        self.rig.cluster.start()
        self.faults.start()
        self.refused = 0
        self._uids = {
            (kind, key): one["metadata"]["uid"]
            for kind in _WORKLOADS
            for key, one in self.rig.store.objects.get(kind, {}).items()
        }

    def violations(self) -> list[str]:
        """Carry the scene out and return what does not hold."""
        for operation in self.scene.operations:
            self.rig.agenda.run(until=max(operation.at_ns, self.rig.now))
            try:
                self._carry_out(operation)
            except ApiError:
                self.refused += 1
        self.rig.agenda.run(until=max(self.scene.calm_ns, self.rig.now))
        self._calm()
        return [*self._at_rest(), *self._judged()]

    def _carry_out(self, operation: Operation) -> None:
        rig, who, what = self.rig, operation.who, operation.what
        match operation.verb:
            case "scale":
                rig.scale(who, what % 5)
            case "roll out":
                rig.roll_out(who, f"v{what % 3}")
            case "pause":
                rig.patch("Deployment", who, {"spec": {"paused": what % 2 == 0 or None}})
            case "cordon":
                rig.patch("Node", who, {"spec": {"unschedulable": what % 2 == 0 or None}})
            case "recreate":
                self._recreate(who)
            case "delete":
                if pods := rig.pods():
                    rig.delete("Pod", name_of(pods[what % len(pods)]), (None, 0, 1)[what % 3])
            case "evict":
                if pods := rig.pods():
                    rig.evict(name_of(pods[what % len(pods)]))

    def _recreate(self, name: str) -> None:
        """Delete a Deployment and create it again under its name at once."""
        found = self.rig.get("Deployment", name)
        self.rig.delete("Deployment", name)
        metadata = {key: found["metadata"][key] for key in ("name", "namespace", "labels")}
        made = self.rig.create({**found, "metadata": metadata, "status": {}})
        self._uids["Deployment", key_of(made)] = made["metadata"]["uid"]

    def _calm(self) -> None:
        for (_, name), one in list(self.rig.store.objects["Node"].items()):
            if one["spec"].get("unschedulable"):
                self.rig.patch("Node", name, {"spec": {"unschedulable": None}})
        for (_, name), one in list(self.rig.store.objects.get("Deployment", {}).items()):
            if one["spec"].get("paused"):
                self.rig.patch("Deployment", name, {"spec": {"paused": None}})

    def _at_rest(self) -> Iterator[str]:
        """Wait until all is as wanted, and then for nothing to happen any more."""
        rig, limit = self.rig, self.rig.now + REST_NS
        while (missing := self._missing()) and rig.now < limit:
            rig.run(10 * S)
        if missing:
            yield f"{REST_NS // S} s after the calm: {missing}"
            return
        rig.run(QUIET_NS)  # what a watch or a back-off still holds
        count = len(rig.writes)
        rig.run(QUIET_NS)
        for write in rig.writes[count : count + 3]:
            written = (write.after or write.before or {})["metadata"]["name"]
            yield f"it does not come to rest: {write.kind} {written}"
        if missing := self._missing():
            yield f"as wanted, then not: {missing}"

    def _missing(self) -> str:
        """Return the first thing that is not as wanted."""
        return next(self._all_missing(), "")

    def _all_missing(self) -> Iterator[str]:
        rig = self.rig
        for (_, name), one in rig.store.objects["Node"].items():
            if condition_of(one, "Ready") not in ("True", ""):
                yield f"node {name} is not ready"
            if one["spec"].get("taints"):
                yield f"node {name} has taints {one['spec']['taints']}"
        for pod in rig.pods():
            if is_terminating(pod):
                yield f"pod {name_of(pod)} is terminating"
            if ("", pod["spec"].get("nodeName", "")) not in rig.store.objects["Node"] and not has_ended(pod):
                yield f"pod {name_of(pod)} is on no node: {condition_of(pod, 'PodScheduled')}"
        for _, name in rig.store.objects.get("Deployment", {}):
            if not rig.settled(name):
                yield f"Deployment {name} has {rig.get('Deployment', name).get('status')}"
        yield from self._sets_missing()

    def _sets_missing(self) -> Iterator[str]:
        objects = self.rig.store.objects
        for (_, name), one in objects.get("StatefulSet", {}).items():
            ready = sum(map(is_ready, self.rig.pods(name)))
            if ready != one["spec"]["replicas"] or len(self.rig.pods(name)) != ready:
                yield f"StatefulSet {name} has {ready} ready pods of {one['spec']['replicas']}"
        for _, name in objects.get("DaemonSet", {}):
            on = sorted(pod["spec"]["nodeName"] for pod in self.rig.pods(name) if is_ready(pod))
            if on != sorted(key[1] for key in objects["Node"]):
                yield f"DaemonSet {name} is ready on {on}"
        for (_, name), one in objects.get("Job", {}).items():
            if "True" not in (condition_of(one, "Complete"), condition_of(one, "Failed")):
                yield f"Job {name} has neither completed nor failed: {one.get('status')}"

    def _judged(self) -> Iterator[str]:
        """Judge what was written in all that time, and what is believed at its end."""
        rig = self.rig
        excused = _BY_A_STATUS_BEHIND if self.scene.deletes else ()
        for name, count in rig.checker.violations.items():
            if count and name not in excused:
                yield f"{name}: {count}"
        for (kind, key), uid in self._uids.items():
            found = rig.store.objects.get(kind, {}).get(key)
            if found is None or found["metadata"]["uid"] != uid:
                yield f"{kind} {key[1]} was lost"
        for kind, of_kind in rig.store.objects.items():
            if rig.cluster.watch.cache.get(kind, {}) != of_kind:
                yield f"the watches' {kind}s are not those of the store"
        yield from self._beliefs()
        for row in self.faults.rows:
            if not row["began_ns"] <= row["ended_ns"] <= row["whole_ns"]:
                yield f"a fault without its end: {row}"

    def _beliefs(self) -> Iterator[str]:
        rig = self.rig
        pods = [pod for pod in rig.pods() if not has_ended(pod)]
        used = rig.cluster.quotas.used("default").get("pods", len(pods))
        if used != len(pods):
            yield f"the quota counts {used} pods of {len(pods)}"
        for name, free in rig.cluster.scheduler.fleet.nodes.items():
            here = [pod for pod in pods if pod["spec"].get("nodeName") == name]
            if free.pods_taken != len(here):
                yield f"the scheduler believes in {free.pods_taken} pods on {name}, not {len(here)}"
        for (_, name), one in rig.store.objects.get("PodDisruptionBudget", {}).items():
            healthy = len(list(rig.ready(one["spec"]["selector"]["matchLabels"]["app"])))
            if (one.get("status") or {}).get("currentHealthy") != healthy:
                yield f"the budget {name} counts {one.get('status')} of {healthy} healthy pods"


def told(scene: Scene) -> Iterator[str]:
    """Tell a scene, a line a thing."""
    for one in scene.objects:
        yield f"  {one['kind']} {one['metadata']['name']} {_short(one)}"
    yield f"  {scene.parameters} {scene.behaviours['*']}"
    events: list[tuple[int, str]] = [
        (one.at_ns, f"{one.verb} {one.who} {one.what}") for one in scene.operations
    ]
    events += [
        (one.at_ns or 0, f"{one.fault} {one.candidates or one.workload} {one.lasts} {dict(one.options)}")
        for one in scene.faults
    ]
    yield from (f"  {at / S:9.3f} s {text}" for at, text in sorted(events))
    yield f"  {scene.calm_ns / S:9.3f} s calm"


def _short(one: Object) -> dict[str, Any]:
    spec: Resource = one.get("spec") or {}
    return {name: value for name, value in spec.items() if name not in ("template", "selector")}
