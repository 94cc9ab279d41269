"""The cluster at time 0: what Kubernetes leaves behind once the Deployments of a profile have settled."""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.core.effects import Resource
from scenarios.quantities import resource_amount
from simulator.cluster.defaults import defaulted, defaulted_set
from simulator.cluster.diagnosis import message_of, unschedulable_message
from simulator.cluster.fleet import Fleet
from simulator.cluster.naming import settled_uid
from simulator.cluster.objects import has_ended, is_active, is_ready, key_of, matches, owner_of
from simulator.cluster.offspring import new_pod, new_replicaset
from simulator.cluster.placement import PODS, Demand
from simulator.cluster.podstatus import running_status
from simulator.cluster.preemption import NO_VICTIMS, NOT_HELPFUL
from simulator.cluster.revisions import REVISION
from simulator.cluster.rolling import resolve, surge_and_unavailable
from simulator.cluster.sets import SETS, is_ordered, settled_set, settled_status
from simulator.cluster.store import Key
from simulator.cluster.volumes import CLAIM, bound

SETTLED_AT = "2026-01-01T00:00:00Z"
BUDGET = "PodDisruptionBudget"
# Kinds whose metadata.generation counts changes of the spec.
_GENERATIONAL = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", BUDGET)
_SCALED = ("ReplicaSet", "StatefulSet")  # kinds whose scale a disruption budget reckons with
_QUOTA_NAMES = {"requests.cpu": "cpu", "requests.memory": "memory"}


def settled_at(objects: Iterable[Resource]) -> str:
    """Return the instant that time 0 stands for: no earlier than anything that a snapshot holds was created.

    Otherwise what a run creates would look older than what was there before, and "the oldest pod" be wrong.
    """
    stamps = (one["metadata"].get("creationTimestamp") or "" for one in objects)
    return max(SETTLED_AT, max(stamps, default=""))


def settle(objects: Iterable[Resource], now: str = SETTLED_AT) -> list[dict[str, Any]]:
    """Return the cluster as Kubernetes leaves it, everything that is new created at `now`.

    A Deployment that owns no ReplicaSet is given one, with pods where quotas, nodes and the scheduler's
    rules put them; a pod that fits nowhere stays Pending. What a snapshot brings of its own stays as it
    is. Objects keep their order, the new ones follow: ReplicaSets, then pods. Resource versions are the
    store's business.
    """
    return _Settling([_registered(resource, now) for resource in objects], now).run()


class _Settling:
    """The objects while they settle, and what nodes and quotas have left."""

    def __init__(self, objects: list[dict[str, Any]], now: str) -> None:
        self.objects = objects
        self.now = now
        self.known: dict[str, dict[Key, Resource]] = {}  # what the scheduler's rules look into
        for one in objects:
            if one["kind"] in ("Service", "ReplicaSet", "StatefulSet", "Namespace"):
                self.known.setdefault(one["kind"], {})[key_of(one)] = one
        self.fleet = Fleet(self.known)
        for one in objects:
            if one["kind"] == "Node":
                self.fleet.set_node(one)
        self.quotas = _Quotas(one for one in objects if one["kind"] == "ResourceQuota")
        self.owning = {owner_of(one, "Deployment"): None for one in objects if one["kind"] == "ReplicaSet"}
        self.owned = {
            owner["uid"]: None
            for one in objects
            if one["kind"] == "Pod"
            for owner in one["metadata"].get("ownerReferences") or ()
        }
        self.replicasets: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []
        self.pods: list[dict[str, Any]] = []
        for pod in objects:
            if pod["kind"] == "Pod" and not has_ended(pod):
                demand = Demand.of(pod["spec"])
                self.quotas.use(pod["metadata"].get("namespace", ""), demand)
                if pod["spec"].get("nodeName"):
                    self.fleet.place(key_of(pod), pod["spec"]["nodeName"], demand, pod)

    def run(self) -> list[dict[str, Any]]:
        for index, one in enumerate(self.objects):
            if one["kind"] == "Deployment" and key_of(one) not in self.owning:
                self.objects[index] = self._deploy(defaulted(one))
            elif one["kind"] == CLAIM and "status" not in one:
                self.objects[index] = bound(one)
            elif one["kind"] in SETS and one["metadata"]["uid"] not in self.owned:
                self.objects[index] = self._fill_set(defaulted_set(one))
        everything = [*self.objects, *self.replicasets, *self.claims, *self.pods]
        for index, one in enumerate(self.objects):
            if one["kind"] == BUDGET and "currentHealthy" not in (one.get("status") or {}):
                everything[index] = {**one, "status": _budget_status(one, everything)}
        return everything

    def _deploy(self, deployment: dict[str, Any]) -> dict[str, Any]:
        metadata, wanted = deployment["metadata"], deployment["spec"]["replicas"]
        metadata = {**metadata, "annotations": {**(metadata.get("annotations") or {}), REVISION: "1"}}
        replicaset = _registered(new_replicaset(deployment, wanted, 1), self.now)
        self.known.setdefault("ReplicaSet", {})[key_of(replicaset)] = replicaset
        pods, refusal = self._fill(replicaset)
        ready = sum(map(is_ready, pods))
        replicaset["status"] = _replicaset_status(len(pods), ready, refusal, self.now)
        self.replicasets.append(replicaset)
        self.pods.extend(pods)
        status = _deployment_status(deployment, replicaset, self.now)
        return {**deployment, "metadata": metadata, "status": status}

    def _fill(self, replicaset: Resource) -> tuple[list[dict[str, Any]], str]:
        """Create a ReplicaSet's pods until a quota refuses one; return them and the refusal."""
        pods: list[dict[str, Any]] = []
        demand: Demand | None = None
        for slot in range(replicaset["spec"]["replicas"]):
            pod = _registered(new_pod(replicaset, slot, 0), self.now)
            if demand is None:
                demand = Demand.of(pod["spec"])
            refusal = self.quotas.refusal(pod, demand)
            if refusal:
                return pods, refusal
            self.quotas.use(pod["metadata"]["namespace"], demand)
            self._place(pod, demand)
            pods.append(pod)
        return pods, ""

    def _fill_set(self, owner: dict[str, Any]) -> dict[str, Any]:
        """Create the pods and claims of a StatefulSet or DaemonSet that has none."""
        nodes = [one for one in self.objects if one["kind"] == "Node"]
        claims, pods = settled_set(owner, nodes)
        there = [key_of(one) for one in self.objects if one["kind"] == CLAIM]
        made = [bound(_registered(one, self.now)) for one in claims if key_of(one) not in there]
        self.claims += made
        created = []
        for new in pods:
            pod = _registered(new, self.now)
            demand = Demand.of(pod["spec"])
            if self.quotas.refusal(pod, demand):
                break
            self.quotas.use(pod["metadata"]["namespace"], demand)
            self._place(pod, demand)
            created.append(pod)
            if owner["kind"] == "StatefulSet" and not is_ready(pod) and is_ordered(owner):
                break  # the ones after it wait
        self.pods += created
        return {
            **owner,
            "status": settled_status(owner, len(pods), len(created), sum(map(is_ready, created))),
        }

    def _place(self, pod: dict[str, Any], demand: Demand) -> None:
        node = self.fleet.choose(pod, key_of(pod), demand)
        if node is not None:
            self.fleet.place(key_of(pod), node.name, demand, pod)
            pod["spec"]["nodeName"] = node.name
            pod["status"] = running_status(pod, self.now, ready=True, restarts=0)
            return
        refused = self.fleet.refusals(pod, demand)
        preemption = message_of(
            len(refused),
            (NO_VICTIMS if one is not None and one.resolvable else NOT_HELPFUL for one in refused),
        )
        message = unschedulable_message(refused, preemption)
        pod["status"]["conditions"] = [
            _condition("PodScheduled", "False", "Unschedulable", self.now, message)
        ]


class _Quotas:
    """What the ResourceQuotas of each namespace admit, and what is used."""

    def __init__(self, quotas: Iterable[Resource]) -> None:
        self._limits: dict[str, list[tuple[str, str, str, int]]] = {}
        self._used: dict[tuple[str, str], int] = {}
        for quota in quotas:
            namespace, name = key_of(quota)
            for resource, limit in (quota["spec"].get("hard") or {}).items():
                counted = _QUOTA_NAMES.get(resource, resource)
                if counted in ("cpu", "memory", PODS):
                    row = (name, resource, counted, resource_amount(counted, limit))
                    self._limits.setdefault(namespace, []).append(row)

    def refusal(self, pod: Resource, demand: Demand) -> str:
        """Return why the pod is refused, in the API server's words, or nothing."""
        namespace, pod_name = key_of(pod)
        for name, resource, counted, limit in self._limits.get(namespace, ()):
            wanted, used = _amount(demand, counted), self._used.get((namespace, counted), 0)
            if used + wanted > limit:
                return (
                    f'pods "{pod_name}" is forbidden: exceeded quota: {name}, requested: '
                    f"{resource}={wanted}, used: {resource}={used}, limited: {resource}={limit}"
                )
        return ""

    def use(self, namespace: str, demand: Demand) -> None:
        """Count a pod."""
        if namespace in self._limits:
            for counted in ("cpu", "memory", PODS):
                used = self._used.get((namespace, counted), 0)
                self._used[namespace, counted] = used + _amount(demand, counted)


def _amount(demand: Demand, counted: str) -> int:
    return {"cpu": demand.cpu_m, "memory": demand.memory_b}.get(counted, 1)


def _registered(resource: Resource, now: str) -> dict[str, Any]:
    """Return the object with what the API server gives every object, where it has none yet."""
    metadata = {"creationTimestamp": now, **resource["metadata"]}
    kind = resource["kind"]
    if "uid" not in metadata:
        metadata["uid"] = settled_uid(kind, metadata.get("namespace", ""), metadata["name"])
    if kind in _GENERATIONAL:
        metadata.setdefault("generation", 1)
    registered = {**resource, "metadata": metadata}
    if kind == "Node" and not (resource.get("status") or {}).get("conditions"):
        ready = _condition("Ready", "True", "KubeletReady", now)
        registered["status"] = {**(resource.get("status") or {}), "conditions": [ready]}
    return registered


def _replicaset_status(pods: int, ready: int, refusal: str, now: str) -> dict[str, Any]:
    status: dict[str, Any] = {
        "replicas": pods,
        "fullyLabeledReplicas": pods,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "observedGeneration": 1,
    }
    if refusal:
        status["conditions"] = [_condition("ReplicaFailure", "True", "FailedCreate", now, refusal)]
    return status


def _deployment_status(deployment: Resource, replicaset: Resource, now: str) -> dict[str, Any]:
    wanted, theirs = deployment["spec"]["replicas"], replicaset["status"]
    _, unavailable = surge_and_unavailable(deployment)
    whole = wanted == theirs["replicas"] == theirs["availableReplicas"]
    enough = theirs["availableReplicas"] >= wanted - unavailable
    name = replicaset["metadata"]["name"]
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": theirs["replicas"],
        "updatedReplicas": theirs["replicas"],
        "readyReplicas": theirs["readyReplicas"],
        "availableReplicas": theirs["availableReplicas"],
        "unavailableReplicas": theirs["replicas"] - theirs["availableReplicas"],
        "conditions": [
            _condition("Available", "True", "MinimumReplicasAvailable", now)
            if enough
            else _condition("Available", "False", "MinimumReplicasUnavailable", now),
            _condition(
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                now,
                f'ReplicaSet "{name}" has successfully progressed.',
            )
            if whole
            else _condition(
                "Progressing", "True", "ReplicaSetUpdated", now, f'ReplicaSet "{name}" is progressing.'
            ),
        ],
    }


def _budget_status(budget: Resource, objects: Sequence[Resource]) -> dict[str, Any]:
    namespace, _ = key_of(budget)
    spec = budget["spec"]
    pods = [
        one
        for one in objects
        if one["kind"] == "Pod"
        and one["metadata"].get("namespace", "") == namespace
        and is_active(one)
        and matches(spec.get("selector"), one["metadata"].get("labels"))
    ]
    owners = {(kind, owner_of(pod, kind)): None for pod in pods for kind in _SCALED}
    bare = sum(all(owner_of(pod, kind) is None for kind in _SCALED) for pod in pods)
    scales = [
        one["spec"]["replicas"]
        for one in objects
        if one["kind"] in _SCALED and (one["kind"], key_of(one)) in owners
    ]
    expected = sum(scales) + bare
    if "maxUnavailable" in spec:
        desired = max(0, expected - resolve(spec["maxUnavailable"], expected, up=True))
    else:
        desired = resolve(spec.get("minAvailable", 1), expected, up=True)
    healthy = sum(map(is_ready, pods))
    return {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "disruptionsAllowed": max(0, healthy - desired),
        "observedGeneration": budget["metadata"]["generation"],
    }


def _condition(name: str, status: str, reason: str, since: str, message: str = "") -> dict[str, Any]:
    condition = {"type": name, "status": status, "reason": reason, "lastTransitionTime": since}
    return {**condition, "message": message} if message else condition


__all__ = ["SETTLED_AT", "settle", "settled_at"]
