"""What a pod asks of its place besides resources: node affinity, pod affinity, spreading, host ports.

Read once from a pod's spec; a pod that asks for none of it has no rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Json = Mapping[str, Any]
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NAME = "metadata.name"
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the name of "every address", nothing is bound here


class Port(NamedTuple):
    """A port of the node that a container takes for itself."""

    protocol: str
    address: str
    number: int


class Requirement(NamedTuple):
    """One requirement on a label of a node (or on its name, as a field)."""

    key: str
    operator: str
    values: tuple[str, ...]

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels satisfy it."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compares(value)
            case _:
                return False

    def _compares(self, value: str | None) -> bool:
        try:
            found, bound = int(value or ""), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return found > bound if self.operator == "Gt" else found < bound


class NodeTerm(NamedTuple):
    """One term of a node selector: all of its requirements hold; an empty term matches nothing."""

    labels: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]

    def holds(self, name: str, labels: Mapping[str, str]) -> bool:
        """Say whether a node satisfies it."""
        if not self.labels and not self.fields:
            return False
        named = {_NAME: name}
        return all(one.holds(labels) for one in self.labels) and all(one.holds(named) for one in self.fields)


@dataclass(frozen=True, slots=True)
class PodTerm:
    """One term of a pod (anti-)affinity, with its weight where it is only preferred."""

    topology_key: str
    selector: Json | None
    namespaces: tuple[str, ...]  # the pod's own, where none is named
    namespace_selector: Json | None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Constraint:
    """One topology spread constraint."""

    topology_key: str
    max_skew: int
    selector: Json | None
    min_domains: int = 1
    honours_affinity: bool = True
    honours_taints: bool = False
    match_label_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """All that one pod asks for."""

    required_nodes: tuple[NodeTerm, ...] | None = None  # one of them must hold
    preferred_nodes: tuple[tuple[int, NodeTerm], ...] = ()
    ports: tuple[Port, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    preferred_pods: tuple[PodTerm, ...] = ()  # those to keep away from weigh negatively
    hard_spread: tuple[Constraint, ...] = ()
    soft_spread: tuple[Constraint, ...] = ()

    def __hash__(self) -> int:
        """Leave out what holds selectors, which are dictionaries: equal rules still have equal hashes."""
        return hash((self.required_nodes, self.preferred_nodes, self.ports))

    @property
    def looks_around(self) -> bool:
        """Whether a place depends on what runs on other nodes, or scores are weighed against one another."""
        return bool(
            self.preferred_nodes
            or self.affinity
            or self.anti_affinity
            or self.preferred_pods
            or self.hard_spread
            or self.soft_spread
        )

    @property
    def spreads(self) -> bool:
        """Whether the pod says itself how it is to be spread."""
        return bool(self.hard_spread or self.soft_spread)

    def admits_node(self, name: str, labels: Mapping[str, str]) -> bool:
        """Say whether the required node affinity holds."""
        return self.required_nodes is None or any(one.holds(name, labels) for one in self.required_nodes)

    @classmethod
    def of(cls, pod_spec: Json) -> "Rules | None":
        """Read a pod's spec; None if it asks for nothing of the kind."""
        ports = tuple(_ports(pod_spec))
        affinity = pod_spec.get("affinity") or {}
        spread = pod_spec.get("topologySpreadConstraints") or ()
        if not ports and not affinity and not spread:
            return None
        nodes = affinity.get("nodeAffinity") or {}
        near, apart = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
        preferred = [_weighted(one, 1) for one in near.get(_PREFERRED) or ()]
        preferred += [_weighted(one, -1) for one in apart.get(_PREFERRED) or ()]
        rules = cls(
            required_nodes=_required_nodes(pod_spec),
            preferred_nodes=tuple(
                (one["weight"], _node_term(one.get("preference") or {}))
                for one in nodes.get(_PREFERRED) or ()
            ),
            ports=ports,
            affinity=tuple(_pod_term(one) for one in near.get(_REQUIRED) or ()),
            anti_affinity=tuple(_pod_term(one) for one in apart.get(_REQUIRED) or ()),
            preferred_pods=tuple(preferred),
            hard_spread=tuple(_constraint(one) for one in spread if _is_hard(one)),
            soft_spread=tuple(_constraint(one) for one in spread if not _is_hard(one)),
        )
        asks = rules.required_nodes is not None or rules.ports or rules.looks_around
        return rules if asks else None


def pinned_to(pod_spec: Json) -> str:
    """Return the node that a required affinity names by its field metadata.name, or an empty text."""
    term = _only_term(pod_spec)
    field = _pin_of(term)
    return str(field["values"][0]) if field is not None else ""


def overlaps(wanted: Iterable[Port], taken: Mapping[Port, int]) -> bool:
    """Say whether a wanted port is taken: the same on the same address, or on all addresses."""
    return any(
        count
        and port.number == other.number
        and port.protocol == other.protocol
        and (port.address == other.address or _ANY_ADDRESS in (port.address, other.address))
        for port in wanted
        for other, count in taken.items()
    )


def _terms(pod_spec: Json) -> list[Json]:
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    return list((affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ())


def _only_term(pod_spec: Json) -> Json:
    terms = _terms(pod_spec)
    return terms[0] if len(terms) == 1 else {}


def _pin_of(term: Json) -> Json | None:
    """Return the field by which a term names its one node."""
    for one in term.get("matchFields") or ():
        if one["key"] == _NAME and one["operator"] == "In" and len(one["values"]) == 1:
            pin: Json = one
            return pin
    return None


def _required_nodes(pod_spec: Json) -> tuple[NodeTerm, ...] | None:
    """Return the terms one of which must hold, but for the one node that `pinned_to` tells."""
    terms = _terms(pod_spec)
    pin = _pin_of(_only_term(pod_spec))
    if pin is not None:
        fields = [one for one in terms[0].get("matchFields") or () if one is not pin]
        rest = {**terms[0], "matchFields": fields}
        if not fields and not rest.get("matchExpressions"):
            return None
        terms = [rest]
    return tuple(map(_node_term, terms)) if terms else None


def _node_term(term: Json) -> NodeTerm:
    return NodeTerm(
        tuple(map(_requirement, term.get("matchExpressions") or ())),
        tuple(map(_requirement, term.get("matchFields") or ())),
    )


def _requirement(entry: Json) -> Requirement:
    return Requirement(entry["key"], entry["operator"], tuple(map(str, entry.get("values") or ())))


def _pod_term(term: Json, weight: int = 0) -> PodTerm:
    return PodTerm(
        term["topologyKey"],
        term.get("labelSelector"),
        tuple(term.get("namespaces") or ()),
        term.get("namespaceSelector"),
        tuple(term.get("matchLabelKeys") or ()),
        tuple(term.get("mismatchLabelKeys") or ()),
        weight,
    )


def _weighted(entry: Json, sign: int) -> PodTerm:
    return _pod_term(entry["podAffinityTerm"], sign * entry["weight"])


def _is_hard(entry: Json) -> bool:
    return bool(entry.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule")


def _constraint(entry: Json) -> Constraint:
    return Constraint(
        entry["topologyKey"],
        entry["maxSkew"],
        entry.get("labelSelector"),
        entry.get("minDomains") or 1,
        entry.get("nodeAffinityPolicy", "Honor") == "Honor",
        entry.get("nodeTaintsPolicy", "Ignore") == "Honor",
        tuple(entry.get("matchLabelKeys") or ()),
    )


def _ports(pod_spec: Json) -> Iterable[Port]:
    containers = [*(pod_spec.get("containers") or ())]
    containers += [
        one for one in pod_spec.get("initContainers") or () if one.get("restartPolicy") == "Always"
    ]
    for container in containers:
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                address = port.get("hostIP") or _ANY_ADDRESS
                yield Port(port.get("protocol") or "TCP", address, port["hostPort"])
