"""ResourceQuota admission: a pod that would exceed a quota of its namespace is refused with 403."""

from collections.abc import Mapping
from typing import Any

from engine.core.effects import Resource
from engine.core.errors import Forbidden
from scenarios.quantities import format_bytes, format_cpu, resource_amount
from simulator.attribution import Link
from simulator.cluster.demands import Demands
from simulator.cluster.objects import has_ended, key_of
from simulator.cluster.store import Store

_NAMES = {
    "cpu": "cpu",
    "requests.cpu": "cpu",
    "memory": "memory",
    "requests.memory": "memory",
    "pods": "pods",
}


class Quotas:
    """What each namespace uses, kept up to date with every write, and what it may use."""

    def __init__(self, store: Store, demands: Demands) -> None:
        """Count the pods in the store from now on, and refuse what exceeds."""
        self._store = store
        self._demands = demands
        self._used: dict[str, dict[str, int]] = {}
        store.published.append(self._written)
        store.admit.setdefault("Pod", []).append(self.admit)

    def load(self) -> None:
        """Count the pods that exist before time 0."""
        for pod in self._store.objects.get("Pod", {}).values():
            self._count(pod, 1)

    def limits(self, namespace: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the quotas of a namespace as (name, hard)."""
        return [
            (key[1], quota["spec"].get("hard") or {})
            for key, quota in self._store.objects.get("ResourceQuota", {}).items()
            if key[0] == namespace
        ]

    def used(self, namespace: str) -> Mapping[str, int]:
        """Return millicores, bytes and pods in use."""
        return self._used.get(namespace, {})

    def admit(self, pod: Resource) -> None:
        """Raise `Forbidden` if the pod would exceed a quota, in the API server's words."""
        self._admit(pod, self._amounts(pod))

    def admit_resize(self, before: Resource, after: Resource) -> None:
        """Raise `Forbidden` if what a pod would use more would exceed a quota."""
        had, has = self._amounts(before), self._amounts(after)
        self._admit(after, {name: max(0, has[name] - had[name]) for name in has})

    def _admit(self, pod: Resource, wanted: Mapping[str, int]) -> None:
        namespace, name = key_of(pod)
        for quota, hard in self.limits(namespace):
            used = self.used(namespace)
            exceeded = [
                resource
                for resource in sorted(hard)
                if resource in _NAMES
                and wanted[_NAMES[resource]]
                and _exceeds(_NAMES[resource], wanted, used, hard[resource])
            ]
            if exceeded:
                requested = ",".join(f"{one}={_text(_NAMES[one], wanted)}" for one in exceeded)
                in_use = ",".join(f"{one}={_text(_NAMES[one], used)}" for one in exceeded)
                limited = ",".join(f"{one}={hard[one]}" for one in exceeded)
                message = (
                    f'pods "{name}" is forbidden: exceeded quota: {quota}, '
                    f"requested: {requested}, used: {in_use}, limited: {limited}"
                )
                raise Forbidden(message)

    def _amounts(self, pod: Resource) -> dict[str, int]:
        demand = self._demands.of(pod)
        return {"cpu": demand.cpu_m, "memory": demand.memory_b, "pods": 1}

    def _count(self, pod: Resource, sign: int) -> None:
        if has_ended(pod):
            return
        used = self._used.setdefault(pod["metadata"].get("namespace", ""), {})
        for resource, value in self._amounts(pod).items():
            used[resource] = used.get(resource, 0) + sign * value

    def _written(self, kind: str, before: Resource | None, after: Resource | None, _link: Link) -> None:
        if kind != "Pod":
            return
        if (
            before is not None
            and after is not None
            and has_ended(before) == has_ended(after)
            and before["spec"]["containers"] is after["spec"]["containers"]
        ):
            return  # neither over nor resized
        if before is not None:
            self._count(before, -1)
        if after is not None:
            self._count(after, 1)


def _exceeds(counted: str, wanted: Mapping[str, int], used: Mapping[str, int], limit: Any) -> bool:
    return used.get(counted, 0) + wanted[counted] > resource_amount(counted, limit)


def _text(counted: str, amounts: Mapping[str, int]) -> str:
    """Write an amount as the API server does."""
    value = amounts.get(counted, 0)
    match counted:
        case "cpu":
            return format_cpu(value)
        case "memory":
            return format_bytes(value)
        case _:
            return str(value)
