"""From a scenario's choice of a cluster to the `ClusterSpec` that a world is given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scenarios.cluster_schema import Behaviour, ClusterChoice, ClusterFile
from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, one_of
from scenarios.objects import KubernetesObject, deployment_objects, namespace, objects_of, quota
from scenarios.parameters import CATALOGUE, defaults
from scenarios.problems import validated
from scenarios.runspec import ClusterSpec
from scenarios.snapshot import read_snapshot

EVERY_WORKLOAD: Final = "*"
FOR_TESTS: Final = {  # kind of test -> profile and number of nodes
    "unit": ("basic-development", 1),
    "safety": ("resource-constrained", 2),
    "workflow": ("high-load-production", 3),
    "integration": ("high-load-production", 3),
}
DEFAULT_BEHAVIOUR: Final[Mapping[str, Any]] = {
    "startup": {"dist": "lognormal", "median_s": 1.0, "sigma": 0.3},
    "exit": {"dist": "lognormal", "median_s": 0.5, "sigma": 0.5},
    "image_mb": 50.0,
    "ignores_sigterm": False,
    "crash_probability": 0.0,
    "source": "assumption: a small service",
}
_BASE: Final[Path] = ("cluster",)


@dataclass(frozen=True)
class ClusterSource:
    """A cluster file or a snapshot that has been read. Exactly one of `file` and `items` is there."""

    document: Document
    name: str
    file: ClusterFile | None
    items: tuple[KubernetesObject, ...] = ()

    @classmethod
    def read(cls, document: Document, name: str) -> "ClusterSource":
        """Check a cluster file, or take the objects out of a Kubernetes List."""
        data = document.data
        if isinstance(data, dict) and (data.get("kind") == "List" or "items" in data):
            return cls(document, name, None, read_snapshot(document).objects)
        if not isinstance(data, dict):
            raise document.error((), "not a cluster", "a mapping with kind: Cluster, or a Kubernetes List")
        file = validated(ClusterFile, document)
        return cls(document, file.name, file)

    @property
    def kubernetes_version(self) -> str:
        """The version that the nodes run."""
        if self.file:
            return self.file.kubernetes_version
        versions = (
            _dig(item, "status", "nodeInfo", "kubeletVersion")
            for item in self.items
            if item["kind"] == "Node"
        )
        version = next((text for text in versions if isinstance(text, str) and text), "v1.34")
        return ".".join(version.removeprefix("v").split(".")[:2])


def _dig(item: Any, *keys: str) -> Any:
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def build_cluster(source: ClusterSource, choice: ClusterChoice, scenario: Document) -> ClusterSpec:
    """Return the cluster with the scenario's changes; `ScenarioError` points into the scenario."""
    objects = (
        _file_objects(source.file, choice) if source.file else _snapshot_objects(source, choice, scenario)
    )
    _refuse_twice(objects, scenario)
    deployments = [key_of(item) for item in objects if item["kind"] == "Deployment"]
    file = source.file
    own = dict(file.behaviours) if file else {}
    entries = (*(file.deployments if file else ()), *choice.add.deployments)
    entered = {f"{entry.namespace}/{entry.name}": entry.behaviour for entry in entries}
    _refuse_unknown(choice.behaviours, deployments, scenario, (*_BASE, "behaviours"))
    if file:
        _refuse_unknown(file.behaviours, deployments, source.document, ("behaviours",))
    layers = (own, entered, choice.behaviours)
    values, overrides = _parameters(source, choice, scenario)
    return ClusterSpec(
        name=source.name,
        kubernetes_version=source.kubernetes_version,
        objects=tuple(objects),
        behaviours={name: _behaviour(name, layers) for name in (EVERY_WORKLOAD, *deployments)},
        parameters=values,
        overrides=overrides,
    )


def key_of(item: Mapping[str, Any]) -> str:
    """Return ``namespace/name`` of an object."""
    metadata = item["metadata"]
    return f"{metadata.get('namespace', 'default')}/{metadata['name']}"


def _file_objects(file: ClusterFile, choice: ClusterChoice) -> list[KubernetesObject]:
    pools = file.nodes
    if choice.nodes is not None:
        pools = (pools[0].model_copy(update={"count": choice.nodes}), *pools[1:])
    quotas = {name: hard for name, hard in (file.quotas | choice.quotas).items() if hard is not None}
    changed = {
        "nodes": pools,
        "quotas": quotas,
        "namespaces": file.namespaces + choice.add.namespaces,
        "deployments": file.deployments + choice.add.deployments,
        "objects": file.objects + choice.add.objects,
    }
    return objects_of(file.model_copy(update=changed))


def _snapshot_objects(
    source: ClusterSource, choice: ClusterChoice, scenario: Document
) -> list[KubernetesObject]:
    if choice.nodes is not None:
        raise scenario.error(
            (*_BASE, "nodes"), "a snapshot has the nodes that it has", "no `nodes` beside a snapshot"
        )
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


def _refuse_twice(objects: Iterable[KubernetesObject], scenario: Document) -> None:
    seen: set[tuple[str, str]] = set()
    problems: list[Problem] = []
    for item in objects:
        key = (item["kind"], key_of(item))
        if key in seen:
            place = (*_BASE, "add")
            problems.append(scenario.problem(place, f"a second {key[0]} '{key[1]}'", "names that are unique"))
        seen.add(key)
    if problems:
        raise ScenarioError(problems)


def _refuse_unknown(
    behaviours: Iterable[str], deployments: list[str], document: Document, base: Path
) -> None:
    known = [EVERY_WORKLOAD, *deployments]
    problems = [
        document.problem(
            (*base, name), f"unknown Deployment '{name}'", one_of(known), did_you_mean(name, known), key=True
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
                given = {field: getattr(said, field) for field in Behaviour.model_fields}
                behaviour |= {field: value for field, value in given.items() if value is not None}
    return behaviour


def _parameters(
    source: ClusterSource, choice: ClusterChoice, scenario: Document
) -> tuple[dict[str, Any], dict[str, str]]:
    values = defaults()
    overrides: dict[str, str] = {}
    changes = [(f"cluster {source.name}", source.file.parameters if source.file else {})]
    changes.append(("scenario", choice.parameters))
    for who, given in changes:
        for name, value in given.items():
            if value != values[name]:
                overrides[name] = choice.overridden_by.get(name) or _who(who, name, scenario)
            values[name] = value
    kept = {name: who for name, who in overrides.items() if values[name] != CATALOGUE[name].value}
    return values, kept


def _who(who: str, name: str, scenario: Document) -> str:
    place = scenario.mark((*_BASE, "parameters", name)).source
    return "--set" if who == "scenario" and place.startswith("--set") else who
