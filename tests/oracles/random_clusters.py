"""Random nodes and pods for the scheduler: small worlds in which every rule is met often."""

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
KEYS = (HOST, ZONE, "rack")
EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")
APPS, TIERS, NAMESPACES = ("a", "b"), ("x", "y"), ("one", "two")

operators = st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist"))
sizes = st.sampled_from(("50m", "100m", "100m", "250m", "2"))
memories = st.sampled_from(("64Mi", "100Mi", "300Mi", "3000Mi"))


@st.composite
def node(draw: st.DrawFn, number: int) -> Object:
    labels = {}
    if draw(st.integers(0, 5)):
        labels[HOST] = f"n{number}"
    if draw(st.integers(0, 4)):
        labels[ZONE] = draw(st.sampled_from(("z1", "z2", "z3")))
    if draw(st.integers(0, 2)):
        labels["rack"] = draw(st.sampled_from(("1", "2", "7")))
    taints = draw(
        st.lists(
            st.builds(
                lambda key, value, effect: {"key": key, "value": value, "effect": effect},
                st.sampled_from(("k", "l")), st.sampled_from(("v", "w")), st.sampled_from(EFFECTS),
            ),
            max_size=2, unique_by=lambda one: (one["key"], one["effect"]),
        )
    ) if not draw(st.integers(0, 2)) else []  # fmt: skip
    spec: Object = {"taints": taints}
    if not draw(st.integers(0, 7)):
        spec["unschedulable"] = True
    allocatable = {
        "cpu": draw(st.sampled_from(("1", "2", "4"))),
        "memory": draw(st.sampled_from(("2048Mi", "4096Mi", "6000Mi"))),
        "pods": draw(st.sampled_from(("3", "8", "20"))),
    }
    if draw(st.booleans()):
        allocatable["nvidia.com/gpu"] = "2"
    return {
        "kind": "Node",
        "metadata": {"name": f"n{number}", "labels": labels},
        "spec": spec,
        "status": {"allocatable": allocatable},
    }


def selectors() -> st.SearchStrategy[Object]:
    return st.one_of(
        st.builds(lambda app: {"matchLabels": {"app": app}}, st.sampled_from(APPS)),
        st.builds(lambda tier: {"matchLabels": {"tier": tier}}, st.sampled_from(TIERS)),
        st.builds(
            lambda operator, tier: {
                "matchExpressions": [
                    {"key": "tier", "operator": operator}
                    | ({"values": [tier]} if operator in ("In", "NotIn") else {})
                ]
            },
            operators,
            st.sampled_from(TIERS),
        ),
    )


def requirements() -> st.SearchStrategy[Object]:
    return st.one_of(
        st.builds(
            lambda key, operator, value: {"key": key, "operator": operator}
            | ({"values": [value]} if operator in ("In", "NotIn") else {}),
            st.sampled_from(KEYS), operators, st.sampled_from(("z1", "z2", "n0", "n1", "1", "2")),
        ),
        st.builds(
            lambda operator, bound: {"key": "rack", "operator": operator, "values": [bound]},
            st.sampled_from(("Gt", "Lt")), st.sampled_from(("1", "2", "5")),
        ),
    )  # fmt: skip


@st.composite
def node_terms(draw: st.DrawFn) -> Object:
    term: Object = {"matchExpressions": draw(st.lists(requirements(), max_size=2))}
    if not draw(st.integers(0, 3)):
        names = draw(st.lists(st.sampled_from(("n0", "n1", "n2")), min_size=1, max_size=2, unique=True))
        operator = draw(st.sampled_from(("In", "NotIn")))
        term["matchFields"] = [{"key": "metadata.name", "operator": operator, "values": names}]
    return term


@st.composite
def pod_terms(draw: st.DrawFn) -> Object:
    term: Object = {"topologyKey": draw(st.sampled_from(KEYS)), "labelSelector": draw(selectors())}
    if not draw(st.integers(0, 3)):
        term["namespaces"] = draw(st.lists(st.sampled_from(NAMESPACES), min_size=1, unique=True))
    return term


def weighted(terms: st.SearchStrategy[Object], name: str) -> st.SearchStrategy[list[Object]]:
    one = st.builds(lambda weight, term: {"weight": weight, name: term}, st.integers(1, 100), terms)
    return st.lists(one, max_size=2)


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@st.composite
def affinities(draw: st.DrawFn) -> Object:
    found: Object = {}
    if draw(st.booleans()):
        found["nodeAffinity"] = {PREFERRED: draw(weighted(node_terms(), "preference"))}
        if draw(st.booleans()):
            terms = draw(st.lists(node_terms(), min_size=1, max_size=2))
            found["nodeAffinity"][REQUIRED] = {"nodeSelectorTerms": terms}
    for which in ("podAffinity", "podAntiAffinity"):
        if draw(st.booleans()):
            found[which] = {
                REQUIRED: draw(st.lists(pod_terms(), max_size=2)),
                PREFERRED: draw(weighted(pod_terms(), "podAffinityTerm")),
            }
    return found


@st.composite
def spreads(draw: st.DrawFn) -> Object:
    found: Object = {
        "topologyKey": draw(st.sampled_from(KEYS)),
        "maxSkew": draw(st.sampled_from((1, 1, 2))),
        "whenUnsatisfiable": draw(st.sampled_from(("DoNotSchedule", "ScheduleAnyway"))),
        "labelSelector": draw(selectors()),
    }
    if not draw(st.integers(0, 3)):
        found["matchLabelKeys"] = ["tier"]
    if found["whenUnsatisfiable"] == "DoNotSchedule" and not draw(st.integers(0, 3)):
        found["minDomains"] = draw(st.integers(1, 3))
    for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if not draw(st.integers(0, 3)):
            found[policy] = draw(st.sampled_from(("Honor", "Ignore")))
    return found


@st.composite
def rules(draw: st.DrawFn) -> Object:
    found: Object = {}
    if not draw(st.integers(0, 5)):
        found["nodeSelector"] = {ZONE: draw(st.sampled_from(("z1", "z2")))}
    if not draw(st.integers(0, 2)):
        found["affinity"] = draw(affinities())
    if not draw(st.integers(0, 2)):
        unique = st.lists(spreads(), min_size=1, max_size=2, unique_by=lambda one: one["topologyKey"])
        found["topologySpreadConstraints"] = draw(unique)
    return found


@st.composite
def pod(draw: st.DrawFn, number: int, *, plain: bool = False) -> Object:
    wanted: Object = {}
    if draw(st.integers(0, 4)):
        wanted["cpu"] = draw(sizes)
    if draw(st.integers(0, 4)):
        wanted["memory"] = draw(memories)
    if not draw(st.integers(0, 6)):
        wanted["nvidia.com/gpu"] = "1"
    container: Object = {"name": "c", "resources": {"requests": wanted}}
    if not plain and not draw(st.integers(0, 4)):
        ports: list[Object] = [{"hostPort": draw(st.sampled_from((80, 81)))}]
        if draw(st.booleans()):
            ports[0]["hostIP"] = draw(st.sampled_from(("10.0.0.1", "10.0.0.2")))
        container["ports"] = ports
    spec: Object = {"containers": [container]}
    if draw(st.booleans()):
        operator = draw(st.sampled_from(("Exists", "Equal")))
        spec["tolerations"] = [{"key": "k", "operator": operator, "value": "v"}]
    if not draw(st.integers(0, 6)):
        spec["overhead"] = {"cpu": "50m"}
    if not plain:
        spec |= draw(rules())
    return {"kind": "Pod", "metadata": draw(metadata(number)), "spec": spec}


@st.composite
def metadata(draw: st.DrawFn, number: int) -> Object:
    app, tier = draw(st.sampled_from(APPS)), draw(st.sampled_from(TIERS))
    found: Object = {
        "name": f"p{number}",
        "namespace": draw(st.sampled_from((*NAMESPACES, "one", "one"))),
        "labels": {"app": app, "tier": tier},
    }
    if draw(st.booleans()):
        uid = f"{found['namespace']}-{app}"
        found["ownerReferences"] = [
            {"kind": "ReplicaSet", "name": f"rs-{app}", "controller": True, "uid": uid}
        ]
    return found


def owner(namespace: str, app: str) -> Object:
    return {
        "kind": "ReplicaSet",
        "metadata": {"name": f"rs-{app}", "namespace": namespace, "uid": f"{namespace}-{app}"},
        "spec": {"selector": {"matchLabels": {"app": app}}},
    }


OWNERS = [owner(namespace, app) for namespace in NAMESPACES for app in APPS]
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "s", "namespace": "one"},
    "spec": {"selector": {"tier": "x"}},
}
