"""ResourceQuota admission: what would exceed a quota of its namespace is refused with 403.

Compute of pods (requests and limits), the storage that claims ask for, and numbers of objects: `pods`,
`services`, `configmaps`, `secrets`, `persistentvolumeclaims`, `replicationcontrollers`, `resourcequotas`, and
any `count/RESOURCE.GROUP`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.effects import Resource
from scenarios.quantities import format_bytes, format_cpu, resource_amount
from simulator.attribution import Link
from simulator.cluster.demands import Demands
from simulator.cluster.objects import has_ended, key_of
from simulator.cluster.store import Store
from simulator.cluster.words import forbidden, qualified

CLAIM: Final = "PersistentVolumeClaim"
STORAGE: Final = "requests.storage"
_NAMES = {
    "cpu": "cpu",
    "requests.cpu": "cpu",
    "memory": "memory",
    "requests.memory": "memory",
    "pods": "pods",
    "count/pods": "pods",
}
_LIMITS: Final = ("limits.cpu", "limits.memory")
_MUST_SPECIFY = ("cpu", "requests.cpu", "memory", "requests.memory", *_LIMITS)
_COUNTED: Final = {  # by its own name, besides count/...
    "Service": "services",
    "ConfigMap": "configmaps",
    "Secret": "secrets",
    CLAIM: "persistentvolumeclaims",
    "ResourceQuota": "resourcequotas",
}
_COUNTABLE: Final = (
    *_COUNTED, "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob",
    "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Ingress", "Lease",
)  # fmt: skip


class Quotas:
    """What each namespace uses, kept up to date with every write, and what it may use."""

    def __init__(self, store: Store, demands: Demands) -> None:
        """Count the pods in the store from now on, and refuse what exceeds."""
        self._store = store
        self._demands = demands
        self._used: dict[str, dict[str, int]] = {}
        store.published.append(self._written)
        store.admit.setdefault("Pod", []).append(self.admit)
        for kind in _COUNTABLE:
            store.admit.setdefault(kind, []).append(self.admit_object)

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
        limits = self.limits(key_of(pod)[0])
        if limits:
            _specified(pod, limits)
            self._admit(pod, self._amounts(pod))

    def admit_resize(self, before: Resource, after: Resource) -> None:
        """Raise `Forbidden` if what a pod would use more would exceed a quota."""
        had, has = self._amounts(before), self._amounts(after)
        self._admit(after, {name: max(0, has[name] - had[name]) for name in has})

    def admit_object(self, resource: Resource) -> None:
        """Raise `Forbidden` if a namespace has as many of a kind as it may have, or as much storage."""
        namespace, name = key_of(resource)
        limits = self.limits(namespace)
        if not limits:
            return
        kind = resource["kind"]
        wanted = {f"count/{qualified(kind)}": 1}
        if kind in _COUNTED:
            wanted[_COUNTED[kind]] = 1
        if kind == CLAIM:
            wanted[STORAGE] = _storage(resource)
        for quota, hard in limits:
            self._check(
                kind, name, quota, hard, wanted, lambda what: self._objects_used(kind, namespace, what)
            )

    def _objects_used(self, kind: str, namespace: str, what: str) -> int:
        those = [one for key, one in self._store.objects.get(kind, {}).items() if key[0] == namespace]
        return sum(map(_storage, those)) if what == STORAGE else len(those)

    def _admit(self, pod: Resource, counted: Mapping[str, int]) -> None:
        namespace, name = key_of(pod)
        used = self.used(namespace)
        wanted = {resource: counted[counts] for resource, counts in _NAMES.items()}
        for quota, hard in self.limits(namespace):
            if any(limit in hard for limit in _LIMITS):
                wanted |= {limit: _limit(pod, limit) for limit in _LIMITS}
            self._check(
                "Pod",
                name,
                quota,
                hard,
                wanted,
                lambda what: used.get(_NAMES[what], 0) if what in _NAMES else self._limited(namespace, what),
            )

    def _limited(self, namespace: str, what: str) -> int:
        """Return the sum of a limit over the pods of a namespace."""
        pods = self._store.objects.get("Pod", {}).items()
        return sum(_limit(pod, what) for key, pod in pods if key[0] == namespace and not has_ended(pod))

    @staticmethod
    def _check(
        kind: str,
        name: str,
        quota: str,
        hard: Mapping[str, Any],
        wanted: Mapping[str, int],
        used: Callable[[str], int],
    ) -> None:
        exceeded = [
            what
            for what in sorted(hard)
            if wanted.get(what) and used(what) + wanted[what] > resource_amount(_unit(what), hard[what])
        ]
        if exceeded:
            requested = ",".join(f"{one}={_text(one, wanted[one])}" for one in exceeded)
            in_use = ",".join(f"{one}={_text(one, used(one))}" for one in exceeded)
            limited = ",".join(f"{one}={hard[one]}" for one in exceeded)
            message = f"exceeded quota: {quota}, requested: {requested}, used: {in_use}, limited: {limited}"
            raise forbidden(kind, name, message)

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


def _specified(pod: Resource, limits: list[tuple[str, Mapping[str, Any]]]) -> None:
    """Raise `Forbidden` unless every container says what a quota limits."""
    for quota, hard in limits:
        lacking = []
        for what in sorted(hard):
            if what not in _MUST_SPECIFY:
                continue
            names = [one["name"] for one in pod["spec"]["containers"] if not _says(one, what)]
            if names:
                lacking.append(f"{what} for: {','.join(sorted(names))}")
        if lacking:
            message = f"failed quota: {quota}: must specify {'; '.join(lacking)}"
            raise forbidden("Pod", pod["metadata"]["name"], message)


def _says(container: Mapping[str, Any], what: str) -> bool:
    """Say whether a container states a request or limit; a limit is a request too."""
    resources = container.get("resources") or {}
    part, _, resource = what.rpartition(".")
    limits = resources.get("limits") or {}
    return resource in limits or (part != "limits" and resource in (resources.get("requests") or {}))


def _limit(pod: Resource, what: str) -> int:
    resource = what.rpartition(".")[2]
    limits = [(one.get("resources") or {}).get("limits") or {} for one in pod["spec"]["containers"]]
    return sum(resource_amount(resource, one[resource]) for one in limits if resource in one)


def _storage(claim: Resource) -> int:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return resource_amount("storage", requests.get("storage", 0))


def _unit(what: str) -> str:
    """Return what a quota's entry is measured as: `cpu` is in millicores."""
    return what.rpartition(".")[2] if what in _MUST_SPECIFY or what == STORAGE else what


def _text(what: str, value: int) -> str:
    """Write an amount as the API server does."""
    match _unit(what):
        case "cpu":
            return format_cpu(value)
        case "memory" | "storage":
            return format_bytes(value)
        case _:
            return str(value)
