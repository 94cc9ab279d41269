"""From a scenario's choice of a cluster to the `ClusterSpec` that a world is given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scenarios.behaviour_schema import Behaviour
from scenarios.cluster_choice import ClusterChoice
from scenarios.cluster_schema import ClusterFile
from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, one_of
from scenarios.objects import KubernetesObject, deployment_objects, namespace, objects_of, quota
from scenarios.parameters import defaults
from scenarios.pools import pools_of
from scenarios.problems import validated
from scenarios.runspec import ClusterSpec
from scenarios.snapshot import read_snapshot
from scenarios.versions import DEFAULT, KNOWN

EVERY_WORKLOAD: Final = "*"
DEFAULT_BEHAVIOUR: Final[Mapping[str, Any]] = {
    "startup": {"dist": "lognormal", "median_s": 1.0, "sigma": 0.3},
    "exit": {"dist": "lognormal", "median_s": 0.5, "sigma": 0.5},
    "image_mb": 50.0,
    "ignores_sigterm": False,
    "crash_probability": 0.0,
    "source": "assumption: a small service",
}
_WORKLOADS: Final = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Pod")
_BASE: Final[Path] = ("cluster",)


@dataclass(frozen=True)
class ClusterSource:
    """A cluster file or a snapshot that has been read. Exactly one of `file` and `items` is there."""

    document: Document
    name: str
    file: ClusterFile | None
    items: tuple[KubernetesObject, ...] = ()
    notes: tuple[Problem, ...] = ()  # of what a snapshot holds and nothing acts on

    @classmethod
    def read(cls, document: Document, name: str) -> "ClusterSource":
        """Check a cluster file, or take the objects out of a Kubernetes List."""
        data = document.data
        if isinstance(data, dict) and (data.get("kind") == "List" or "items" in data):
            return cls.of_snapshot([document], name)
        if not isinstance(data, dict):
            raise document.error((), "not a cluster", "a mapping with kind: Cluster, or a Kubernetes List")
        file = validated(ClusterFile, document)
        return cls(document, file.name, file)

    @classmethod
    def of_snapshot(cls, documents: Sequence[Document], name: str) -> "ClusterSource":
        """Take the objects out of Kubernetes Lists that together are one cluster."""
        found = read_snapshot(*documents)
        return cls(Document(documents[0].source), name, None, found.objects, found.notes)

    def kubernetes_version(self, scenario: Document) -> str:
        """Return the version that the nodes run; `ScenarioError` if a snapshot's is not modelled."""
        if self.file:
            return self.file.kubernetes_version
        versions = (
            _dig(item, "status", "nodeInfo", "kubeletVersion")
            for item in self.items
            if item["kind"] == "Node"
        )
        text = next((text for text in versions if isinstance(text, str) and text), DEFAULT)
        version = ".".join(text.removeprefix("v").split(".")[:2])
        if version not in KNOWN:
            found = f"the nodes of the snapshot run Kubernetes {text}, which is not modelled"
            raise scenario.error(_BASE, found, f"cluster.kubernetes_version as {one_of(KNOWN)}")
        return version


def _dig(item: Any, *keys: str) -> Any:
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def build_cluster(source: ClusterSource, choice: ClusterChoice, scenario: Document) -> ClusterSpec:
    """Return the cluster with the scenario's changes; `ScenarioError` points into the scenario."""
    file = source.file
    objects = _file_objects(file, choice) if file else _snapshot_objects(source, choice)
    _refuse_twice(objects, choice, scenario)
    deployments = [key_of(item) for item in objects if item["kind"] == "Deployment"]
    own = dict(file.behaviours) if file else {}
    entries = (*(file.deployments if file else ()), *choice.add.deployments)
    entered = {f"{entry.namespace}/{entry.name}": entry.behaviour for entry in entries}
    workloads = [key_of(item) for item in objects if item["kind"] in _WORKLOADS]
    _refuse_unknown(choice.behaviours, workloads, scenario, (*_BASE, "behaviours"))
    if file:
        _refuse_unknown(file.behaviours, workloads, source.document, ("behaviours",))
    named = (EVERY_WORKLOAD, *deployments, *own, *choice.behaviours)
    layers = (own, entered, choice.behaviours)
    version = source.kubernetes_version(scenario)
    values, overrides = _parameters(source, choice, scenario, version)
    return ClusterSpec(
        name=source.name,
        kubernetes_version=version,
        objects=tuple(objects),
        behaviours={name: _behaviour(name, layers) for name in dict.fromkeys(named)},
        parameters=values,
        overrides=overrides,
        pools=pools_of(file.nodes, version) if file else (),
    )


def key_of(item: Mapping[str, Any]) -> str:
    """Return ``namespace/name`` of an object."""
    metadata = item["metadata"]
    return f"{metadata.get('namespace', 'default')}/{metadata['name']}"


def _file_objects(file: ClusterFile, choice: ClusterChoice) -> list[KubernetesObject]:
    quotas = {name: hard for name, hard in (file.quotas | choice.quotas).items() if hard is not None}
    changed = {
        "quotas": quotas,
        "namespaces": file.namespaces + choice.add.namespaces,
        "deployments": file.deployments + choice.add.deployments,
        "objects": file.objects + choice.add.objects,
    }
    return objects_of(file.model_copy(update=changed))


def _snapshot_objects(source: ClusterSource, choice: ClusterChoice) -> list[KubernetesObject]:
    objects = [
        item
        for item in source.items
        if item["kind"] != "ResourceQuota" or _dig(item, "metadata", "namespace") not in choice.quotas
    ]
    present = {item["metadata"]["name"] for item in objects if item["kind"] == "Namespace"}
    wanted = [*choice.add.namespaces, *(entry.namespace for entry in choice.add.deployments)]
    objects += [namespace(name) for name in dict.fromkeys(wanted) if name not in present]
    objects += [quota(name, hard) for name, hard in choice.quotas.items() if hard is not None]
    for entry in choice.add.deployments:
        objects += deployment_objects(entry)
    return objects + [dict(item) for item in choice.add.objects]


def _refuse_twice(objects: Iterable[KubernetesObject], choice: ClusterChoice, scenario: Document) -> None:
    added = "add" if choice.add.deployments or choice.add.objects else "workloads"
    place: Path = (*_BASE, added) if added == "add" or choice.workloads else _BASE
    seen: set[tuple[str, str]] = set()
    problems: list[Problem] = []
    for item in objects:
        key = (item["kind"], key_of(item))
        if key in seen:
            problems.append(scenario.problem(place, f"a second {key[0]} '{key[1]}'", "names that are unique"))
        seen.add(key)
    if problems:
        raise ScenarioError(problems)


def _refuse_unknown(behaviours: Iterable[str], workloads: list[str], document: Document, base: Path) -> None:
    known = [EVERY_WORKLOAD, *workloads]
    problems = [
        document.problem(
            (*base, name), f"unknown workload '{name}'", one_of(known), did_you_mean(name, known), key=True
        )
        for name in behaviours
        if name not in known
    ]
    if problems:
        raise ScenarioError(problems)


def _behaviour(name: str, layers: Iterable[Mapping[str, Behaviour]]) -> dict[str, Any]:
    """Return how a workload behaves: what is said of it, else of every workload, else the default."""
    behaviour = dict(DEFAULT_BEHAVIOUR)
    for key in dict.fromkeys((EVERY_WORKLOAD, name)):
        for layer in layers:
            if said := layer.get(key):
                behaviour |= said.declared()
    return behaviour


def _parameters(
    source: ClusterSource, choice: ClusterChoice, scenario: Document, version: str
) -> tuple[dict[str, Any], dict[str, str]]:
    standard = defaults(version)
    values = dict(standard)
    overrides: dict[str, str] = {}
    changes = [(f"cluster {source.name}", source.file.parameters if source.file else {})]
    changes.append(("scenario", choice.parameters))
    for who, given in changes:
        for name, value in given.items():
            if value != values[name]:
                overrides[name] = choice.overridden_by.get(name) or _who(who, name, scenario)
            values[name] = value
    return values, {name: who for name, who in overrides.items() if values[name] != standard[name]}


def _who(who: str, name: str, scenario: Document) -> str:
    place = scenario.mark((*_BASE, "parameters", name)).source
    return "--set" if who == "scenario" and place.startswith("--set") else who
