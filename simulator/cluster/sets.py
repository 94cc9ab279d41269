"""What StatefulSets and DaemonSets create, and what both their controllers ask of pods."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.core.effects import Resource
from simulator.cluster.naming import pod_suffix, template_hash
from simulator.cluster.offspring import TOLERATED, owner_reference
from simulator.cluster.placement import Demand, NodeFree
from simulator.cluster.store import Key

SETS = ("StatefulSet", "DaemonSet")
REVISION_HASH = "controller-revision-hash"
POD_INDEX = "apps.kubernetes.io/pod-index"
POD_NAME = "statefulset.kubernetes.io/pod-name"
# What every DaemonSet's pod tolerates: pkg/controller/daemon/util AddOrUpdateDaemonPodTolerations.
_DAEMON_TOLERATED = (
    *({"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
      for key in ("not-ready", "unreachable")),
    *({"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoSchedule"}
      for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")),
)  # fmt: skip


def revision_of(owner: Resource) -> str:
    """Return the name of the revision of an owner's template, as its pods bear it."""
    return f"{owner['metadata']['name']}-{template_hash(owner['spec']['template'])}"


def pod_revision(pod: Resource) -> str:
    """Return the revision that a pod was created from, or an empty text."""
    text: str = (pod["metadata"].get("labels") or {}).get(REVISION_HASH, "")
    return text


class SetRevisions:
    """The revisions that pods are of: those of a snapshot bear names that another cluster gave them."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: dict[tuple[Key, str], str] = {}

    def load(self, key: Key, owner: Resource, pod: Resource) -> None:
        """Take in a pod from before time 0: of today's revision if it is as today's template says."""
        if _is_as(pod, owner["spec"]["template"]):
            self._known[key, pod_revision(pod)] = revision_of(owner)

    def of(self, key: Key, pod: Resource) -> str:
        """Return the name by which the revision of an owner's pod goes here."""
        name = pod_revision(pod)
        return self._known.get((key, name), name)


def _is_as(pod: Resource, template: Resource) -> bool:
    """Say whether a pod bears what a template says, whatever was added to it on its way."""
    metadata, wanted = pod["metadata"], template.get("metadata") or {}
    for field in ("labels", "annotations"):
        carried = metadata.get(field) or {}
        if any(carried.get(name) != value for name, value in (wanted.get(field) or {}).items()):
            return False
    containers = {one["name"]: one for one in pod["spec"]["containers"]}
    return all(
        containers.get(one["name"], {}).get(field) == one.get(field)
        for one in template["spec"]["containers"]
        for field in ("image", "command", "args", "resources")
    )


def ordinal_of(pod: Resource, owner: str) -> int:
    """Return a StatefulSet's pod's ordinal, or -1 if it is not named as one."""
    text = pod["metadata"]["name"].removeprefix(f"{owner}-")
    return int(text) if text.isdecimal() else -1


def start_of(statefulset: Resource) -> int:
    """Return the ordinal of a StatefulSet's first pod."""
    start: int = (statefulset["spec"].get("ordinals") or {}).get("start", 0)
    return start


def ordinals_of(statefulset: Resource) -> range:
    """Return the ordinals of the pods that a StatefulSet wants."""
    start = start_of(statefulset)
    return range(start, start + statefulset["spec"].get("replicas", 1))


def claim_name(template: Mapping[str, Any], owner: str, ordinal: int) -> str:
    """Return the name of the claim that a volume claim template gives one pod."""
    return f"{template['metadata']['name']}-{owner}-{ordinal}"


def claims_of(statefulset: Resource, ordinal: int) -> Iterator[dict[str, Any]]:
    """Yield the claims of the pod with this ordinal, as the controller creates them."""
    metadata, spec = statefulset["metadata"], statefulset["spec"]
    kept = (spec.get("persistentVolumeClaimRetentionPolicy") or {}).get("whenDeleted", "Retain") == "Retain"
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    for template in spec.get("volumeClaimTemplates") or ():
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": claim_name(template, metadata["name"], ordinal),
                "namespace": metadata["namespace"],
                "labels": {**(template["metadata"].get("labels") or {}), **labels},
                **({} if kept else {"ownerReferences": [owner_reference(statefulset)]}),
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }


def stateful_pod(statefulset: Resource, template: Resource, revision: str, ordinal: int) -> dict[str, Any]:
    """Return a StatefulSet's pod from a template, which may be of an older revision (without uid)."""
    owner = statefulset["metadata"]["name"]
    name = f"{owner}-{ordinal}"
    pod = _pod(statefulset, template, name, revision)
    pod["metadata"]["labels"] |= {POD_NAME: name, POD_INDEX: str(ordinal)}
    claimed = [
        {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": claim_name(claim, owner, ordinal)},
        }
        for claim in statefulset["spec"].get("volumeClaimTemplates") or ()
    ]
    names = [volume["name"] for volume in claimed]
    kept = [one for one in template["spec"].get("volumes") or () if one["name"] not in names]
    pod["spec"] |= {
        "hostname": name,
        "subdomain": statefulset["spec"].get("serviceName", ""),
        "tolerations": [*(template["spec"].get("tolerations") or ()), *TOLERATED],
    }
    if kept or claimed:
        pod["spec"]["volumes"] = [*kept, *claimed]
    return pod


def daemon_pod(daemonset: Resource, node: str, place: int, generation: int) -> dict[str, Any]:
    """Return a DaemonSet's pod for one node; the scheduler binds it, as its affinity says where to."""
    template, metadata = daemonset["spec"]["template"], daemonset["metadata"]
    owner = f"{metadata['namespace']}/{metadata['name']}"
    name = f"{metadata['name']}-{pod_suffix(owner, place, generation)}"
    pod = _pod(daemonset, template, name, revision_of(daemonset))
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity = {"requiredDuringSchedulingIgnoredDuringExecution": required}
    pod["spec"] |= {
        "affinity": {"nodeAffinity": affinity},
        "tolerations": [*(template["spec"].get("tolerations") or ()), *_DAEMON_TOLERATED],
    }
    return pod


def _pod(owner: Resource, template: Resource, name: str, revision: str) -> dict[str, Any]:
    inherited = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": {**(inherited.get("labels") or {}), REVISION_HASH: revision},
            "annotations": {**(inherited.get("annotations") or {})},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {**template["spec"]},
        "status": {"phase": "Pending"},
    }


def runs_on(daemonset: Resource, node: Resource, *, already: bool = False) -> bool:
    """Say whether a DaemonSet's pod belongs on a node, or may go on running there.

    Resources are the scheduler's business. NoSchedule taints keep new pods away only.
    """
    spec = daemonset["spec"]["template"]["spec"]
    demand = Demand.of({**spec, "tolerations": [*(spec.get("tolerations") or ()), *_DAEMON_TOLERATED]})
    free = NodeFree.of(node)
    selected = all(free.labels.get(key) == value for key, value in demand.node_selector)
    return selected and all(
        any(toleration.covers(taint) for toleration in demand.tolerations)
        or (already and taint.effect == "NoSchedule")
        for taint in free.taints
    )


def is_ordered(statefulset: Resource) -> bool:
    """Say whether pods of a StatefulSet come and go one after the other."""
    policy: str = statefulset["spec"].get("podManagementPolicy", "OrderedReady")
    return policy == "OrderedReady"


def settled_set(
    owner: Resource, nodes: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the claims and pods that a set has once it has settled, those of each place in order."""
    if owner["kind"] == "StatefulSet":
        template, revision = owner["spec"]["template"], revision_of(owner)
        ordinals = ordinals_of(owner)
        claims = [claim for ordinal in ordinals for claim in claims_of(owner, ordinal)]
        return claims, [stateful_pod(owner, template, revision, ordinal) for ordinal in ordinals]
    places = sorted(node["metadata"]["name"] for node in nodes)
    chosen = [node["metadata"]["name"] for node in nodes if runs_on(owner, node)]
    return [], [daemon_pod(owner, name, places.index(name), 0) for name in chosen]


def settled_status(owner: Resource, wanted: int, created: int, ready: int) -> dict[str, Any]:
    """Return the status of a set that has settled with so many pods of those wanted."""
    generation = {"observedGeneration": owner["metadata"].get("generation", 1)}
    if owner["kind"] == "StatefulSet":
        revision = revision_of(owner)
        counts = dict.fromkeys(("replicas", "currentReplicas", "updatedReplicas"), created)
        readiness = {"readyReplicas": ready, "availableReplicas": ready}
        revisions = {"currentRevision": revision, "updateRevision": revision}
        return {**generation, **counts, **readiness, **revisions}
    return {
        **generation,
        "desiredNumberScheduled": wanted,
        "currentNumberScheduled": created,
        "updatedNumberScheduled": created,
        "numberReady": ready,
        "numberAvailable": ready,
        "numberUnavailable": wanted - ready,
        "numberMisscheduled": 0,
    }
