"""Reading a real cluster, as ``kubectl get nodes,deployments,replicasets,pods,... -A -o json`` gives it.

A file holds one Kubernetes List as JSON or YAML, or several YAML documents; several files may make one
cluster. Every field is kept, known to the model or not, but for the values of Secrets: a run's files must
not hold them, so only their keys are taken, each with a made-up value. What would make a run meaningless is
refused, with its place in the file; a kind that the model does not know is kept, and noted.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, dotted, quoted
from scenarios.node_room import room_of, taken_by, total, written
from scenarios.object_checks import findings
from scenarios.object_rules import are_rivals, contradictions, labels_of

PROBLEMS_MAX = 50  # of one reading; the rest would only repeat
PODS_TOLD_MAX = 3  # of a node that is too full: the largest of them
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
"""The kinds that the model or an action reads."""
OPAQUE = (
    "APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding",
    "ControllerRevision", "CronJob", "CustomResourceDefinition", "EndpointSlice", "Endpoints", "Event",
    "FlowSchema", "Ingress", "IngressClass", "Lease", "LimitRange", "MutatingWebhookConfiguration",
    "Namespace", "PersistentVolume", "PodTemplate", "PriorityClass", "PriorityLevelConfiguration",
    "ReplicationController", "Role", "RoleBinding", "RuntimeClass", "Service", "ServiceAccount",
    "ValidatingAdmissionPolicy", "ValidatingWebhookConfiguration", "VolumeAttachment",
)  # fmt: skip
"""The other kinds of Kubernetes itself: kept as they are, and nothing to tell."""

_OWNERS_TOLD = ("Deployment", "ReplicaSet", "Node")  # kinds that every snapshot holds in full
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The objects, in order of kind, namespace and name; and notes."""

    objects: tuple[Object, ...]
    notes: tuple[Problem, ...] = ()  # of what is kept although nothing will act on it, or not as it should


def read_snapshot(*documents: Document) -> Snapshot:
    """Take the objects out of one or more Lists and check that they make a cluster.

    `ScenarioError` names the places of all that is wrong.
    """
    checking = _Checking()
    for document in documents:
        checking.take(document, document.data, ())
    checking.check(documents[0])
    ordered = sorted(checking.found, key=lambda one: _identity(one.resource))
    return Snapshot(tuple(one.resource for one in ordered), tuple(checking.notes()))


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
            sound = without_nulls(resource)
            found = without_values(sound) if sound["kind"] == "Secret" else sound
            self.found.append(_Found(found, document, path))

    def check(self, first: Document) -> None:
        """Look at every object, then raise what was found wrong."""
        if not self.problems and not self._of_kind("Node"):
            self._tell(first, (), "no Node in the snapshot", "the nodes too: kubectl get nodes,...")
        self._check_unique()
        sound = [one for one in self.found if self._is_sound(one)]
        self._check_uids()
        self._check_owners()
        self._check_nodes()
        self._check_room({_identity(one.resource): one for one in reversed(sound)})
        if self.problems:
            raise ScenarioError(self.problems[:PROBLEMS_MAX])

    def _is_sound(self, one: _Found) -> bool:
        """Tell what is wrong inside one object: its fields, or else what they are to each other."""
        wrong = list(findings(one.resource)) or list(contradictions(one.resource))
        for path, message, expected in wrong:
            self._tell(one.document, (*one.path, *path), message, expected)
        return not wrong

    def _check_unique(self) -> None:
        first_at: dict[tuple[str, str, str], _Found] = {}
        for one in self.found:
            identity = _identity(one.resource)
            first = first_at.setdefault(identity, one)
            if first is not one:
                message = f"a second {_named(one.resource)}; the first is at {_at(first)}"
                self._tell(one.document, one.path, message, "names that are unique")

    def _check_uids(self) -> None:
        first_at: dict[str, _Found] = {}
        for one in self.found:
            uid = one.resource["metadata"].get("uid")
            first = first_at.setdefault(uid, one) if isinstance(uid, str) else one
            if first is not one and _identity(first.resource) != _identity(one.resource):
                path = (*one.path, "metadata", "uid")
                message = f"the uid of {_named(first.resource)} once more; the first is at {_at(first)}"
                self._tell(one.document, path, message, "uids that are unique")

    def _check_owners(self) -> None:
        """Refuse owners that ought to be here and are not; a kind that was not asked for may be missing."""
        by_uid = {_text(one.resource["metadata"].get("uid")): one.resource for one in self.found}
        kinds = dict.fromkeys((*_OWNERS_TOLD, *(one.resource["kind"] for one in self.found)))
        for one in self.found:
            owners = map(_mapping, _list(one.resource["metadata"].get("ownerReferences")))
            for index, owner in enumerate(owners):
                path = (*one.path, "metadata", "ownerReferences", index)
                named = f"{owner.get('kind')} {owner.get('name')!r} ({owner.get('uid')})"
                known = by_uid.get(_text(owner.get("uid")))
                if known is None and _text(owner.get("kind")) in kinds:
                    message = f"its owner {named} is not in the snapshot"
                    self._tell(one.document, path, message, "a snapshot of all owners, taken at once")
                elif known and (known["kind"], known["metadata"]["name"]) != (
                    owner.get("kind"),
                    owner.get("name"),
                ):
                    message = f"its owner {named} has the uid of {_named(known)}"
                    self._tell(one.document, path, message, "kind, name and uid of one object")

    def _check_nodes(self) -> None:
        nodes = self._of_kind("Node")
        for one in self.found:
            node = _text(_mapping(one.resource.get("spec")).get("nodeName"))
            if one.resource["kind"] == "Pod" and node and node not in nodes:
                hint = did_you_mean(str(node), nodes)
                self._tell(
                    one.document,
                    (*one.path, "spec", "nodeName"),
                    f"no Node {node!r}",
                    "a node of the snapshot",
                    hint,
                )

    def _check_room(self, sound: Mapping[tuple[str, str, str], _Found]) -> None:
        """Refuse pods that ask for more than their node has: no scheduler or kubelet lets it come to that."""
        on_node: dict[str, list[tuple[_Found, Mapping[str, int]]]] = {}
        for one in sound.values():
            node = one.resource["spec"].get("nodeName") if one.resource["kind"] == "Pod" else ""
            if node and (taken := taken_by(one.resource)):
                on_node.setdefault(node, []).append((one, taken))
        for name, pods in on_node.items():
            if node_at := sound.get(("Node", "", name)):
                self._check_node_room(node_at, pods)

    def _check_node_room(self, node: _Found, pods: Sequence[tuple[_Found, Mapping[str, int]]]) -> None:
        field, room = room_of(node.resource)
        for resource, size in room.items():
            asked = total((taken for _, taken in pods), resource)
            if asked <= size:
                continue
            largest = sorted(pods, key=lambda pod: (-pod[1].get(resource, 0), pod[0].path))
            told = [
                f"{_named(pod.resource)} {written(resource, taken.get(resource, 0))} at {_at(pod)}"
                for pod, taken in largest[:PODS_TOLD_MAX]
            ]
            more = f" and {len(pods) - len(told)} more" if len(pods) > len(told) else ""
            message = f"{_named(node.resource)} has {written(resource, size)} {resource}, and its pods that "
            message += f"have not ended ask for {written(resource, asked)}: {', '.join(told)}{more}"
            path = (*node.path, "status", field, resource)
            self._tell(node.document, path, message, f"at least {written(resource, asked)}, or fewer pods")

    def notes(self) -> Iterator[Problem]:
        """Tell of what is kept although nothing acts on it, or several do."""
        yield from self._unknown_kinds()
        yield from self._fights()

    def _fights(self) -> Iterator[Problem]:
        """Tell of Deployments that take each other's pods for their own: Kubernetes does not refuse them."""
        deployments = [one for one in self.found if one.resource["kind"] == "Deployment"]
        carrying: dict[tuple[str, str, str], list[int]] = {}
        for index, one in enumerate(deployments):
            namespace = _identity(one.resource)[1]
            for label, value in labels_of(one.resource).items():
                carrying.setdefault((namespace, label, value), []).append(index)
        for index, one in enumerate(deployments):
            namespace = _identity(one.resource)[1]
            wanted = _mapping(one.resource["spec"]["selector"].get("matchLabels"))
            near = [carrying.get((namespace, *label), []) for label in wanted.items()]
            for other in min(near, key=len, default=()):
                rival = deployments[other]
                if other < index and are_rivals(one.resource, rival.resource):
                    message = f"{_named(one.resource)} and {_named(rival.resource)} at {_at(rival)} select "
                    message += "each other's pods: they would fight over them"
                    path = (*one.path, "spec", "selector")
                    yield one.document.problem(path, message, "selectors that do not overlap")
                    break

    def _unknown_kinds(self) -> Iterator[Problem]:
        """Tell of each kind that Kubernetes itself does not have, at its first object."""
        counts = Counter(one.resource["kind"] for one in self.found)
        for one in self.found:
            kind = one.resource["kind"]
            if kind not in MODELLED and kind not in OPAQUE and (count := counts.pop(kind, 0)):
                more = f", {count} objects" if count > 1 else ""
                message = f"kind '{kind}' is not modelled{more}: kept, but nothing acts on it"
                hint = did_you_mean(kind, (*MODELLED, *OPAQUE))
                yield one.document.problem((*one.path, "kind"), message, "", hint)

    def _of_kind(self, kind: str) -> Mapping[str, None]:
        return {one.resource["metadata"]["name"]: None for one in self.found if one.resource["kind"] == kind}

    def _tell(self, document: Document, path: Path, message: str, expected: str = "", hint: str = "") -> None:
        self.problems.append(document.problem(path, message, expected, hint))


def without_nulls(resource: Object) -> Object:
    """Return an object without the fields that are null, which the API takes as left out."""
    kept = {field: value for field, value in resource.items() if value is not None}
    for part in ("metadata", "spec", "status"):
        if part in kept:
            kept[part] = _without_nulls(kept[part])
    return kept


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


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


def _named(resource: Mapping[str, Any]) -> str:
    kind, namespace, name = _identity(resource)
    return f"{kind} '{namespace}/{name}'" if namespace else f"{kind} '{name}'"


def _at(one: _Found) -> str:
    """Return where an object stands, for a message about another."""
    mark = one.document.mark(one.path)
    place = f"line {mark.line}" if mark.line else mark.source
    return f"{dotted(one.path)} ({place})" if one.path else place


def _identity(resource: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = resource["metadata"]
    return resource["kind"], _text(metadata.get("namespace")), metadata["name"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
