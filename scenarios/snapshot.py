"""Reading a real cluster, as ``kubectl get nodes,deployments,replicasets,pods,... -A -o json`` gives it.

A file holds one Kubernetes List, as JSON or YAML. Every field is kept, known to the model or not, but for the
values of Secrets: a run's files must not hold them, so only their keys are taken, each with a made-up value.
What would make a run meaningless is refused, with its path in the file; what the model does not act on is
kept and counted.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, dotted, quoted
from scenarios.quantities import QuantityError, resource_amount

PROBLEMS_MAX = 50  # of one reading; the rest would only repeat
MODELLED = (
    "Node",
    "Deployment",
    "ReplicaSet",
    "Pod",
    "PodDisruptionBudget",
    "ResourceQuota",
    "HorizontalPodAutoscaler",
    "Job",
    "ConfigMap",
    "StatefulSet",
    "DaemonSet",
    "PersistentVolumeClaim",
    "StorageClass",
    "NetworkPolicy",
    "Secret",
)
"""The kinds that the model or an action reads; others are opaque."""

_OWNERS_TOLD = ("Deployment", "ReplicaSet", "Node")  # kinds that every snapshot holds in full
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_DOCUMENT_MARKER = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)

Object = dict[str, Any]
Finding = tuple[Path, str, str]
"""Where in an object, what was found, what was expected."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The objects, in order of kind, namespace and name, and a count of each kind that is opaque."""

    objects: tuple[Object, ...]
    opaque_counts: Mapping[str, int]


def read_snapshot(document: Document) -> Snapshot:
    """Take the objects out of a List and check that they make a cluster; `ScenarioError` names the places."""
    checking = _Checking()
    checking.take(document, document.data, ())
    checking.check(document)
    ordered = sorted(checking.found, key=lambda one: _identity(one.resource))
    kinds = Counter(one.resource["kind"] for one in ordered)
    opaque = {kind: count for kind, count in sorted(kinds.items()) if kind not in MODELLED}
    return Snapshot(tuple(one.resource for one in ordered), opaque)


@dataclass(frozen=True, slots=True)
class _Found:
    """An object and where it stands."""

    resource: Object
    document: Document
    path: Path


class _Checking:
    """Collects objects and what is wrong with them."""

    def __init__(self) -> None:
        self.found: list[_Found] = []
        self.problems: list[Problem] = []

    def take(self, document: Document, data: Any, path: Path, kind: str = "") -> None:
        """Take one object, or all of a List; `kind` is what a typed list (PodList) says of its items."""
        if not isinstance(data, dict):
            self._tell(
                document,
                path,
                f"{quoted(data)} is not a Kubernetes object",
                "a mapping with kind and metadata",
            )
            return
        found = data.get("kind") or kind
        if not isinstance(found, str) or not found:
            self._tell(document, (*path, "kind"), "missing", "the kind of the object, such as Pod or List")
        elif found.endswith("List"):
            self._take_items(document, data.get("items"), path, found.removesuffix("List"))
        else:
            self._take_object(document, {**data, "kind": found}, path)

    def _take_items(self, document: Document, items: Any, path: Path, kind: str) -> None:
        if not isinstance(items, list):
            self._tell(document, (*path, "items"), f"{quoted(items)} is not a list", "a list of objects")
            return
        for index, item in enumerate(items):
            self.take(document, item, (*path, "items", index), kind)

    def _take_object(self, document: Document, resource: Object, path: Path) -> None:
        metadata = resource.get("metadata")
        if not isinstance(metadata, dict):
            self._tell(document, (*path, "metadata"), "missing", "the object's metadata")
        elif not isinstance(metadata.get("name"), str) or not metadata["name"]:
            self._tell(document, (*path, "metadata", "name"), "missing", "the object's name")
        else:
            found = without_values(resource) if resource["kind"] == "Secret" else resource
            self.found.append(_Found(found, document, path))

    def check(self, first: Document) -> None:
        """Look at every object, then raise what was found wrong."""
        if not self.problems and not self._named("Node"):
            self._tell(first, (), "no Node in the snapshot", "the nodes too: kubectl get nodes,...")
        self._check_unique()
        for one in self.found:
            for path, message, expected in findings(one.resource):
                self._tell(one.document, (*one.path, *path), message, expected)
        self._check_owners()
        self._check_nodes()
        if self.problems:
            raise ScenarioError(self.problems[:PROBLEMS_MAX])

    def _check_unique(self) -> None:
        first_at: dict[tuple[str, str, str], _Found] = {}
        for one in self.found:
            identity = _identity(one.resource)
            first = first_at.setdefault(identity, one)
            if first is not one:
                kind, namespace, name = identity
                message = f"a second {kind} {namespace}/{name}; the first is at {dotted(first.path)}"
                self._tell(one.document, one.path, message, "names that are unique")

    def _check_owners(self) -> None:
        """Refuse owners that ought to be here and are not; a kind that was not asked for may be missing."""
        uids = {one.resource["metadata"].get("uid"): None for one in self.found}
        kinds = dict.fromkeys((*_OWNERS_TOLD, *(one.resource["kind"] for one in self.found)))
        for one in self.found:
            owners = map(_mapping, _list(one.resource["metadata"].get("ownerReferences")))
            for index, owner in enumerate(owners):
                if owner.get("kind") in kinds and owner.get("uid") not in uids:
                    path = (*one.path, "metadata", "ownerReferences", index)
                    named = f"{owner.get('kind')} {owner.get('name')!r} ({owner.get('uid')})"
                    message = f"its owner {named} is not in the snapshot"
                    self._tell(one.document, path, message, "a snapshot of all owners, taken at once")

    def _check_nodes(self) -> None:
        nodes = self._named("Node")
        for one in self.found:
            node = _mapping(one.resource.get("spec")).get("nodeName")
            if one.resource["kind"] == "Pod" and node and node not in nodes:
                hint = did_you_mean(str(node), nodes)
                self._tell(
                    one.document,
                    (*one.path, "spec", "nodeName"),
                    f"no Node {node!r}",
                    "a node of the snapshot",
                    hint,
                )

    def _named(self, kind: str) -> Mapping[str, None]:
        return {one.resource["metadata"]["name"]: None for one in self.found if one.resource["kind"] == kind}

    def _tell(self, document: Document, path: Path, message: str, expected: str = "", hint: str = "") -> None:
        self.problems.append(document.problem(path, message, expected, hint))


def without_values(secret: Object) -> Object:
    """Return a Secret whose values are made up of its name and their keys; two Secrets share none."""
    _, namespace, name = _identity(secret)
    keys = [key for field in ("data", "stringData") for key in _mapping(secret.get(field))]
    data = {key: b64encode(f"not read: {namespace}/{name}/{key}".encode()).decode() for key in keys}
    kept = {field: value for field, value in secret.items() if field not in ("data", "stringData")}
    annotations = _mapping(secret["metadata"].get("annotations"))
    if _LAST_APPLIED in annotations:  # the values once more
        left = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
        kept["metadata"] = {**secret["metadata"], "annotations": left}
    return {**kept, "data": data} if keys else kept


def findings(resource: Mapping[str, Any]) -> Iterator[Finding]:
    """Return what is wrong inside one object, as far as the model reads it."""
    kind, spec = resource["kind"], _mapping(resource.get("spec"))
    if kind == "Node":
        status = _mapping(resource.get("status"))
        for name in ("allocatable", "capacity"):
            yield from _amounts(status.get(name), ("status", name))
    elif kind == "Pod":
        yield from _containers(spec, ("spec",))
    elif kind == "ResourceQuota":
        yield from _amounts(spec.get("hard"), ("spec", "hard"))
    elif kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        replicas = spec.get("replicas", 1)
        if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
            yield ("spec", "replicas"), f"{quoted(replicas)} replicas", "a whole number, 0 or more"
        if not _mapping(spec.get("selector")):
            yield ("spec", "selector"), "missing", "the labels that select its pods"
        pod_spec = _mapping(_mapping(spec.get("template")).get("spec"))
        yield from _containers(pod_spec, ("spec", "template", "spec"))


def _containers(pod_spec: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    if not _list(pod_spec.get("containers")):
        yield (*path, "containers"), "missing", "at least one container"
    for name in ("containers", "initContainers"):
        for index, container in enumerate(_list(pod_spec.get(name))):
            resources = _mapping(_mapping(container).get("resources"))
            for what in ("requests", "limits"):
                yield from _amounts(resources.get(what), (*path, name, index, "resources", what))


def _amounts(amounts: Any, path: Path) -> Iterator[Finding]:
    for name, value in _mapping(amounts).items():
        try:
            size = resource_amount(name, value)
        except QuantityError as error:
            yield (*path, name), str(error), "a quantity such as 500m, 2 or 1Gi"
        else:
            if size < 0:
                yield (*path, name), f"a negative quantity, {value!r}", "0 or more"


def _identity(resource: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = resource["metadata"]
    return resource["kind"], metadata.get("namespace") or "", metadata["name"]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
