"""A scheduler as plain as can be: every filter and score over every node, pod and term, each time anew.

Written from the documentation of kube-scheduler (kubernetes.io: "Scheduling Framework", "Assigning Pods to
Nodes", "Pod Topology Spread Constraints", "Taints and Tolerations", "Resource Bin Packing"; the defaults of
KubeSchedulerConfiguration v1) and the arithmetic of its plugins. It keeps nothing and shares no code with the
model: quantities are whole millicores and mebibytes, as the random clusters of the tests write them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, log
from typing import Any

Json = Mapping[str, Any]
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@dataclass
class World:
    """What there is: nodes in order, pods with `spec.nodeName`, and what else selectors are taken from."""

    nodes: Sequence[Json]
    pods: list[dict[str, Any]]
    owners: Mapping[str, Json] = field(default_factory=dict)  # by uid
    services: Sequence[Json] = ()
    most: bool = False


def cpu(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def memory(text: str) -> int:
    return int(text.removesuffix("Mi")) << 20


def requests(pod: Json) -> dict[str, int]:
    total: dict[str, int] = {}
    for container in pod["spec"]["containers"]:
        for name, text in container.get("resources", {}).get("requests", {}).items():
            size = cpu(text) if name == "cpu" else memory(text) if name == "memory" else int(text)
            total[name] = total.get(name, 0) + size
    for name, text in (pod["spec"].get("overhead") or {}).items():
        total[name] = total.get(name, 0) + (cpu(text) if name == "cpu" else memory(text))
    return total


def scored(pod: Json) -> tuple[int, int]:
    """cpu and memory, a container that requests none counting 100m or 200Mi."""
    both = [0, 0]
    for container in pod["spec"]["containers"]:
        wanted = container.get("resources", {}).get("requests", {})
        both[0] += cpu(wanted.get("cpu", "100m"))
        both[1] += memory(wanted.get("memory", "200Mi"))
    overhead = pod["spec"].get("overhead") or {}
    return both[0] + cpu(overhead.get("cpu", "0")), both[1] + memory(overhead.get("memory", "0Mi"))


def name_of(node: Json) -> str:
    return str(node["metadata"]["name"])


def labels_of(thing: Json) -> dict[str, str]:
    return dict(thing["metadata"].get("labels") or {})


def namespace_of(pod: Json) -> str:
    return str(pod["metadata"]["namespace"])


def on(world: World, node: Json) -> list[Json]:
    return [pod for pod in world.pods if pod["spec"].get("nodeName") == name_of(node)]


def allocatable(node: Json) -> dict[str, int]:
    stated = node["status"]["allocatable"]
    return {
        name: cpu(text) if name == "cpu" else memory(text) if name == "memory" else int(text)
        for name, text in stated.items()
    }


# Filters, in the order of the default plugins. Each returns the words of its refusal, or nothing.


def tolerated(taint: Json, pod: Json, effects: Sequence[str] = ()) -> bool:
    for one in pod["spec"].get("tolerations") or ():
        if effects and one.get("effect", "") not in effects:
            continue
        if one.get("effect") and one["effect"] != taint["effect"]:
            continue
        if one.get("key") and one["key"] != taint["key"]:
            continue
        if one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", ""):
            return True
    return False


def check_cordon(_world: World, node: Json, pod: Json) -> list[str]:
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if node["spec"].get("unschedulable") and not tolerated(taint, pod):
        return ["node(s) were unschedulable"]
    return []


def check_taints(_world: World, node: Json, pod: Json) -> list[str]:
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] != "PreferNoSchedule" and not tolerated(taint, pod):
            return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    return []


def requirement_holds(one: Json, labels: Mapping[str, str]) -> bool:
    here, values = labels.get(one["key"]), one.get("values") or []
    if one["operator"] == "In":
        return here in values
    if one["operator"] == "NotIn":
        return here not in values
    if one["operator"] == "Exists":
        return here is not None
    if one["operator"] == "DoesNotExist":
        return here is None
    if here is None or not here.isdecimal():
        return False
    return int(here) > int(values[0]) if one["operator"] == "Gt" else int(here) < int(values[0])


def term_holds(term: Json, node: Json) -> bool:
    labels, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    return bool(labels or fields) and (
        all(requirement_holds(one, labels_of(node)) for one in labels)
        and all(requirement_holds(one, {"metadata.name": name_of(node)}) for one in fields)
    )


def wants(pod: Json, node: Json) -> bool:
    """Node selector and required node affinity."""
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels_of(node).get(key) != value for key, value in selector.items()):
        return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    if REQUIRED not in affinity:
        return True
    return any(term_holds(term, node) for term in affinity[REQUIRED]["nodeSelectorTerms"])


def check_affinity(_world: World, node: Json, pod: Json) -> list[str]:
    return [] if wants(pod, node) else ["node(s) didn't match Pod's node affinity/selector"]


def host_ports(pod: Json) -> list[tuple[str, str, int]]:
    return [
        (port.get("protocol", "TCP"), port.get("hostIP", "0.0.0.0"), port["hostPort"])
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if "hostPort" in port
    ]


def check_ports(world: World, node: Json, pod: Json) -> list[str]:
    for protocol, address, number in host_ports(pod):
        for other in on(world, node):
            for theirs in host_ports(other):
                same = address == theirs[1] or "0.0.0.0" in (address, theirs[1])
                if (protocol, number) == (theirs[0], theirs[2]) and same:
                    return ["node(s) didn't have free ports for the requested pod ports"]
    return []


def check_resources(world: World, node: Json, pod: Json) -> list[str]:
    free = allocatable(node)
    there = on(world, node)
    words = ["Too many pods"] if len(there) + 1 > free["pods"] else []
    for name, size in sorted(
        requests(pod).items(), key=lambda one: (one[0] not in ("cpu", "memory"), one[0])
    ):
        taken = sum(requests(other).get(name, 0) for other in there)
        if size and taken + size > free.get(name, 0):
            words.append(f"Insufficient {name}")
    return words


def selected(selector: Json | None, labels: Mapping[str, str]) -> bool:
    if selector is None:
        return False
    return all(
        labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()
    ) and all(requirement_holds(one, labels) for one in selector.get("matchExpressions") or ())


def node_of(world: World, pod: Json) -> Json | None:
    return next((node for node in world.nodes if name_of(node) == pod["spec"].get("nodeName")), None)


def constraints(pod: Json, when: str) -> list[Json]:
    stated = pod["spec"].get("topologySpreadConstraints") or ()
    return [one for one in stated if one["whenUnsatisfiable"] == when]


def spread_selector(one: Json, pod: Json) -> Json:
    more = [
        {"key": key, "operator": "In", "values": [labels_of(pod)[key]]}
        for key in one.get("matchLabelKeys") or ()
        if key in labels_of(pod)
    ]
    selector = one["labelSelector"]
    return {**selector, "matchExpressions": [*(selector.get("matchExpressions") or ()), *more]}


def standing(world: World, node: Json, pod: Json, selector: Json) -> int:
    """The pods on a node that count for spreading."""
    return sum(
        namespace_of(other) == namespace_of(pod)
        and selected(selector, labels_of(other))
        and "deletionTimestamp" not in other["metadata"]
        for other in on(world, node)
    )


def eligible(world: World, pod: Json, one: Json, keys: Iterable[str]) -> list[Json]:
    return [
        node
        for node in world.nodes
        if all(key in labels_of(node) for key in keys)
        and (one.get("nodeAffinityPolicy", "Honor") == "Ignore" or wants(pod, node))
        and (
            one.get("nodeTaintsPolicy", "Ignore") == "Ignore"
            or not (check_taints(world, node, pod) or check_cordon(world, node, pod))
        )
    ]


def check_spread(world: World, node: Json, pod: Json) -> list[str]:
    hard = constraints(pod, "DoNotSchedule")
    for one in hard:
        key = one["topologyKey"]
        if key not in labels_of(node):
            return ["node(s) didn't match pod topology spread constraints (missing required label)"]
        selector = spread_selector(one, pod)
        domains: dict[str, int] = {}
        for other in eligible(world, pod, one, [each["topologyKey"] for each in hard]):
            value = labels_of(other)[key]
            domains[value] = domains.get(value, 0) + standing(world, other, pod, selector)
        least = min(domains.values(), default=0) if len(domains) >= one.get("minDomains", 1) else 0
        itself = selected(selector, labels_of(pod))
        if domains.get(labels_of(node)[key], 0) + itself - least > one["maxSkew"]:
            return ["node(s) didn't match pod topology spread constraints"]
    return []


def term_selects(term: Json, owner: Json, pod: Json) -> bool:
    """Whether a pod falls under a term of `owner`."""
    names = term.get("namespaces") or [namespace_of(owner)]
    return namespace_of(pod) in names and selected(term.get("labelSelector"), labels_of(pod))


def pod_terms(pod: Json, which: str, how: str) -> list[Json]:
    return list(((pod["spec"].get("affinity") or {}).get(which) or {}).get(how) or ())


def same_domain(world: World, key: str, node: Json, other: Json) -> bool:
    there = node_of(world, other)
    return there is not None and key in labels_of(node) and labels_of(there).get(key) == labels_of(node)[key]


def check_pod_affinity(world: World, node: Json, pod: Json) -> list[str]:
    terms = pod_terms(pod, "podAffinity", REQUIRED)
    if terms:
        falling = [other for other in world.pods if all(term_selects(term, pod, other) for term in terms)]
        satisfied = all(
            any(same_domain(world, term["topologyKey"], node, other) for other in falling) for term in terms
        )
        nobody = not any(
            there is not None and term["topologyKey"] in labels_of(there)
            for other in falling
            for there in [node_of(world, other)]
            for term in terms
        )
        labelled = all(term["topologyKey"] in labels_of(node) for term in terms)
        first = nobody and all(term_selects(term, pod, pod) for term in terms)
        if not labelled or not (satisfied or first):
            return ["node(s) didn't match pod affinity rules"]
    for term in pod_terms(pod, "podAntiAffinity", REQUIRED):
        for other in world.pods:
            if term_selects(term, pod, other) and same_domain(world, term["topologyKey"], node, other):
                return ["node(s) didn't match pod anti-affinity rules"]
    for other in world.pods:
        for term in pod_terms(other, "podAntiAffinity", REQUIRED):
            if term_selects(term, other, pod) and same_domain(world, term["topologyKey"], node, other):
                return ["node(s) didn't satisfy existing pods anti-affinity rules"]
    return []


FILTERS = (
    check_cordon, check_taints, check_affinity, check_ports, check_resources, check_spread,
    check_pod_affinity,
)  # fmt: skip


def refusals(world: World, node: Json, pod: Json) -> list[str]:
    for check in FILTERS:
        words = check(world, node, pod)
        if words:
            return words
    return []


# Scores. Each returns 0..100 for every feasible node, normalised.


def fit(world: World, feasible: Sequence[Json], pod: Json) -> list[int]:
    result = []
    for node in feasible:
        free = allocatable(node)
        shares = []
        for position, name in enumerate(("cpu", "memory")):
            taken = sum(scored(other)[position] for other in [*on(world, node), pod])
            if free[name] and world.most:
                shares.append(min(taken, free[name]) * 100 // free[name])
            elif free[name]:
                shares.append(max(0, free[name] - taken) * 100 // free[name])
        result.append(sum(shares) // len(shares) if shares else 0)
    return result


def balance(world: World, feasible: Sequence[Json], pod: Json) -> list[int]:
    wanted = requests(pod)
    if not wanted.get("cpu") and not wanted.get("memory"):
        return [0] * len(feasible)
    result = []
    for node in feasible:
        free = allocatable(node)
        shares = [
            min(1.0, sum(requests(other).get(name, 0) for other in [*on(world, node), pod]) / free[name])
            for name in ("cpu", "memory")
            if free[name]
        ]
        deviation = abs((shares[0] - shares[1]) / 2) if len(shares) > 1 else 0.0
        result.append(int((1 - deviation) * 100))
    return result


def taints(_world: World, feasible: Sequence[Json], pod: Json) -> list[int]:
    raw = [
        sum(
            taint["effect"] == "PreferNoSchedule" and not tolerated(taint, pod, ("", "PreferNoSchedule"))
            for taint in node["spec"].get("taints") or ()
        )
        for node in feasible
    ]
    return [100 - 100 * one // max(raw) if max(raw) else 100 for one in raw]


def node_affinity(_world: World, feasible: Sequence[Json], pod: Json) -> list[int]:
    terms = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(PREFERRED) or ()
    raw = [sum(one["weight"] for one in terms if term_holds(one["preference"], node)) for node in feasible]
    return [100 * one // max(raw) if max(raw) else 0 for one in raw]


def default_selector(world: World, pod: Json) -> Json | None:
    """The Services that select the pod, and its owner's selector, merged."""
    merged: dict[str, str] = {}
    for service in world.services:
        wanted = service["spec"]["selector"]
        same = namespace_of(service) == namespace_of(pod)
        if same and all(labels_of(pod).get(key) == value for key, value in wanted.items()):
            merged |= wanted
    owners = pod["metadata"].get("ownerReferences") or ()
    selector = world.owners[owners[0]["uid"]]["spec"]["selector"] if owners else {}
    expressions = [{"key": key, "operator": "In", "values": [value]} for key, value in merged.items()]
    expressions += [
        {"key": key, "operator": "In", "values": [value]}
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    expressions += selector.get("matchExpressions") or ()
    return {"matchExpressions": expressions} if expressions else None


def spread(world: World, feasible: Sequence[Json], pod: Json) -> list[int]:
    own = bool(pod["spec"].get("topologySpreadConstraints"))
    if own:
        wanted = [
            {**one, "labelSelector": spread_selector(one, pod)} for one in constraints(pod, "ScheduleAnyway")
        ]
    else:
        selector = default_selector(world, pod)
        wanted = [] if selector is None else [
            {"topologyKey": HOST, "maxSkew": 3, "labelSelector": selector},
            {"topologyKey": ZONE, "maxSkew": 5, "labelSelector": selector},
        ]  # fmt: skip
    if not wanted:
        return [0] * len(feasible)
    keys = [one["topologyKey"] for one in wanted] if own else []
    judged = [node for node in feasible if all(key in labels_of(node) for key in keys)]
    raw = []
    for node in judged:
        total = 0.0
        for one in wanted:
            key = one["topologyKey"]
            if key not in labels_of(node):
                continue
            if key == HOST:
                count = standing(world, node, pod, one["labelSelector"])
                size = len(judged)
            else:
                value = labels_of(node)[key]
                count = sum(
                    standing(world, other, pod, one["labelSelector"])
                    for other in eligible(world, pod, one, keys)
                    if labels_of(other).get(key) == value
                )
                size = len({labels_of(other).get(key, "") for other in judged})
            total += count * log(size + 2) + one["maxSkew"] - 1
        raw.append(floor(total + 0.5))
    most, least = max(raw, default=0), min(raw, default=0)
    found = {
        name_of(node): 100 * (most + least - one) // most if most else 100
        for node, one in zip(judged, raw, strict=True)
    }
    return [found.get(name_of(node), 0) for node in feasible]


def pod_affinity(world: World, feasible: Sequence[Json], pod: Json) -> list[int]:
    raw = []
    for node in feasible:
        total = 0
        for other in world.pods:
            for which, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
                for one in pod_terms(pod, which, PREFERRED):
                    term = one["podAffinityTerm"]
                    if term_selects(term, pod, other) and same_domain(
                        world, term["topologyKey"], node, other
                    ):
                        total += sign * one["weight"]
                for one in pod_terms(other, which, PREFERRED):
                    term = one["podAffinityTerm"]
                    if term_selects(term, other, pod) and same_domain(
                        world, term["topologyKey"], node, other
                    ):
                        total += sign * one["weight"]
            for term in pod_terms(other, "podAffinity", REQUIRED):
                if term_selects(term, other, pod) and same_domain(world, term["topologyKey"], node, other):
                    total += 1
        raw.append(total)
    least, most = min(raw), max(raw)
    if most == least:
        return [0] * len(raw)
    return [int(100 * ((one - least) / (most - least))) for one in raw]


SCORES = (
    (1, fit), (1, balance), (3, taints), (2, node_affinity), (2, spread), (2, pod_affinity),
)  # fmt: skip


def scores(world: World, feasible: Sequence[Json], pod: Json) -> list[int]:
    """The weighted sum of all scores for each feasible node."""
    totals = [0] * len(feasible)
    for weight, score in SCORES:
        totals = [
            total + weight * one for total, one in zip(totals, score(world, feasible, pod), strict=True)
        ]
    return totals


def enough(nodes: int) -> int:
    """How many feasible nodes are looked for."""
    if nodes < 100:
        return nodes
    return max(100, nodes * max(5, 50 - nodes // 125) // 100)


def in_turn(nodes: Sequence[Json]) -> list[Json]:
    """Zone after zone in turn, each in its own order."""
    zones: dict[str, list[Json]] = {}
    for node in nodes:
        zones.setdefault(labels_of(node).get(ZONE, ""), []).append(node)
    result: list[Json] = []
    while any(zones.values()):
        result += [of.pop(0) for of in zones.values() if of]
    return result


def choose(world: World, pod: Json, start: int = 0) -> tuple[str, int]:
    """Return the node, or nothing, and where the next search begins; the first of the best is taken."""
    order = in_turn(world.nodes)
    feasible: list[Json] = []
    looked_at = 0
    while looked_at < len(order) and len(feasible) < enough(len(order)):
        node = order[(start + looked_at) % len(order)]
        looked_at += 1
        if not refusals(world, node, pod):
            feasible.append(node)
    following = (start + looked_at) % len(order) if order else 0
    if not feasible:
        return "", following
    totals = scores(world, feasible, pod)
    return name_of(feasible[totals.index(max(totals))]), following
