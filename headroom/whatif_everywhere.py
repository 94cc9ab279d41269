"""Settings that each workload or step has for itself, found wherever a scenario has them.

Workloads stand as entries of a cluster file, as Kubernetes objects, and in snapshots, which are JSON text.
"""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from engine.core.definition import SECOND_NS
from headroom.whatif_knobs import GRACE, PROBES, RETRIES
from headroom.whatif_steps import NotApplicable

Turn = Callable[[Any, int | None], Any]
"""The value of a setting, and the unit of which it has to be a multiple, to the value after the step."""
GRACE_S = 30  # terminationGracePeriodSeconds that a pod does not state
PERIOD_S = 10  # periodSeconds of a probe that does not state it


class Everywhere:
    """One setting, turned in all its places; what can be turned no further in one place stays as it is."""

    def __init__(self, turn: Turn) -> None:
        """Turn by `turn`, which raises `NotApplicable`."""
        self._turn = turn
        self.changes: list[tuple[Any, Any]] = []
        self.reason = ""

    def at(self, holder: dict[str, Any], key: str, default: Any = None, whole: int | None = None) -> None:
        """Turn what a mapping has under a key, or has by default."""
        before = holder.get(key, default)
        try:
            after = self._turn(before, whole)
        except NotApplicable as error:
            self.reason = self.reason or str(error)
            return
        holder[key] = after
        self.changes.append((before, after))

    def turn(self, data: dict[str, Any], path: str) -> dict[str, Any]:
        """Return what to put in place of what a whole scenario has, by path.

        Raises:
            NotApplicable: there is no place, or none where the step leads on.
        """
        section = "workload" if path == RETRIES else "cluster"
        made = copy.deepcopy(data[section])
        if path == RETRIES:
            self._retries(made)
        else:
            self._workloads(made, path)
        if not self.changes:
            raise NotApplicable(self.reason or "there is none")
        return {section: made}

    def _retries(self, workload: dict[str, Any]) -> None:
        for holder in _mappings(workload["workflow"]):
            retry = holder.get("retry")
            if isinstance(retry, dict) and isinstance(retry.get("delay"), str) and "{" not in retry["delay"]:
                self.at(retry, "delay")

    def _workloads(self, cluster: dict[str, Any], path: str) -> None:
        inline, added = cluster.get("inline", {}), cluster.get("add", {})
        for entry in (*inline.get("deployments", ()), *added.get("deployments", ())):
            if path == GRACE:
                self.at(entry, "termination_grace", whole=SECOND_NS)
            elif "readiness" in entry:
                self.at(entry["readiness"], "period", whole=SECOND_NS)
        objects = [*inline.get("objects", ()), *added.get("objects", ())]
        snapshot = json.loads(cluster["snapshot"]) if "snapshot" in cluster else None
        for item in (*objects, *(snapshot["items"] if snapshot else ())):
            for pod in _pod_specs(item):
                self._pod(pod, path)
        if snapshot is not None:
            cluster["snapshot"] = json.dumps(snapshot)

    def _pod(self, pod: dict[str, Any], path: str) -> None:
        if path == GRACE:
            self.at(pod, "terminationGracePeriodSeconds", GRACE_S)
            return
        for container in pod.get("containers") or ():
            probe = container.get("readinessProbe")
            if path == PROBES and isinstance(probe, dict):
                self.at(probe, "periodSeconds", PERIOD_S)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _mappings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _mappings(item)


def _pod_specs(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the pod spec of a Pod, or of the template of a workload."""
    spec = item.get("spec")
    if not isinstance(spec, dict):
        return
    if item.get("kind") == "CronJob":
        spec = ((spec.get("jobTemplate") or {}).get("spec")) or {}
    held = spec if item.get("kind") == "Pod" else (spec.get("template") or {}).get("spec")
    if isinstance(held, dict) and isinstance(held.get("containers"), list):
        yield held
