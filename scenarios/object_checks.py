"""What a Kubernetes object must look like for the model to read it: types and limits of the fields it reads.

A rule is a path and a kind of value, ``!`` if it must be there: ``spec.taints[].key: text!``. What no rule
names may be anything, and is kept.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from scenarios.errors import Path, one_of
from scenarios.problems import describe
from scenarios.quantities import QuantityError, resource_amount

Finding = tuple[Path, str, str]
"""Where in an object, what was found, what was expected."""

NUMBERED: Final = (  # annotations that hold a number
    "headroom.dev/slot",
    "headroom.dev/generation",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
)
EVERY_ITEM: Final = "[]"
_SHARE: Final = re.compile(r"[0-9]{1,3}%")
_TIME: Final = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
)


class Rule(NamedTuple):
    """One field: the keys that lead to it, what it must be, and whether it must be there."""

    keys: tuple[str, ...]
    kind: str
    required: bool


def _rules(text: str) -> tuple[Rule, ...]:
    rules = []
    for line in text.split():
        path, _, kind = line.partition(":")
        keys = tuple(path.replace(EVERY_ITEM, f".{EVERY_ITEM}").split("."))
        rules.append(Rule(keys, kind.removesuffix("!"), kind.endswith("!")))
    return tuple(rules)


_COMMON: Final = _rules("""
    metadata.labels:texts metadata.annotations:texts metadata.uid:text metadata.namespace:text
    metadata.resourceVersion:text metadata.generation:whole
    metadata.creationTimestamp:time metadata.deletionTimestamp:time
    metadata.ownerReferences[]:mapping metadata.ownerReferences[].kind:text!
    metadata.ownerReferences[].name:text! metadata.ownerReferences[].uid:text!
    spec:mapping status:mapping status.conditions[]:mapping status.conditions[].type:text!
    status.conditions[].status:text!
""")
_POD_SPEC: Final = _rules("""
    nodeName:text nodeSelector:texts restartPolicy:restart terminationGracePeriodSeconds:whole
    tolerations[]:mapping tolerations[].key:text tolerations[].operator:text tolerations[].value:text
    tolerations[].effect:text tolerations[].tolerationSeconds:integer
    volumes[]:mapping volumes[].name:text! affinity:mapping overhead:amounts
    priority:integer priorityClassName:text
    topologySpreadConstraints[]:mapping topologySpreadConstraints[].topologyKey:text!
    topologySpreadConstraints[].maxSkew:positive! topologySpreadConstraints[].minDomains:positive
    topologySpreadConstraints[].whenUnsatisfiable:spread
    topologySpreadConstraints[].labelSelector:mapping
""")
_CONTAINER: Final = _rules("""
    name:text! image:text imagePullPolicy:text restartPolicy:restart ports[]:mapping
    resources:mapping resources.requests:amounts resources.limits:amounts
""") + tuple(
    rule
    for probe in ("readinessProbe", "livenessProbe", "startupProbe")
    for rule in _rules(
        f"{probe}:mapping {probe}.periodSeconds:positive {probe}.initialDelaySeconds:whole "
        f"{probe}.timeoutSeconds:positive {probe}.successThreshold:positive {probe}.failureThreshold:positive"
    )
)
_WORKLOAD: Final = _rules("""
    spec:mapping! spec.replicas:whole spec.selector:mapping!
    spec.template:mapping! spec.template.metadata:mapping spec.template.metadata.labels:texts
    spec.template.spec:mapping! spec.minReadySeconds:whole spec.revisionHistoryLimit:whole
    spec.progressDeadlineSeconds:whole spec.strategy:mapping spec.strategy.rollingUpdate:mapping
    spec.strategy.rollingUpdate.maxSurge:share spec.strategy.rollingUpdate.maxUnavailable:part
    spec.updateStrategy:mapping spec.updateStrategy.rollingUpdate:mapping
    spec.updateStrategy.rollingUpdate.maxSurge:share spec.updateStrategy.rollingUpdate.maxUnavailable:part
    status.replicas:whole status.readyReplicas:whole status.availableReplicas:whole
    status.updatedReplicas:whole status.unavailableReplicas:whole status.fullyLabeledReplicas:whole
    status.observedGeneration:whole status.collisionCount:whole
""")
_SELECTOR: Final = _rules("""
    spec.selector:mapping spec.selector.matchLabels:texts spec.selector.matchExpressions[]:mapping
    spec.selector.matchExpressions[].key:text! spec.selector.matchExpressions[].operator:operator!
    spec.selector.matchExpressions[].values[]:text
""")
_OF_KIND: Final[Mapping[str, tuple[Rule, ...]]] = {
    "Node": _rules("""
        status.allocatable:amounts status.capacity:amounts spec.unschedulable:flag
        spec.taints[]:mapping spec.taints[].key:text! spec.taints[].effect:text!
    """),
    "Pod": _rules("""
        spec:mapping! status.phase:text status.containerStatuses[]:mapping
        status.containerStatuses[].name:text! status.containerStatuses[].restartCount:whole
        status.containerStatuses[].ready:flag status.containerStatuses[].state:mapping
        status.containerStatuses[].state.running:mapping status.containerStatuses[].state.waiting:mapping
        status.containerStatuses[].state.terminated:mapping status.containerStatuses[].resources:mapping
        status.containerStatuses[].resources.requests:amounts
        status.containerStatuses[].resources.limits:amounts status.startTime:time
    """),
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), _WORKLOAD + _SELECTOR),
    "Job": _rules("""
        spec:mapping! spec.parallelism:whole spec.completions:whole spec.backoffLimit:whole
        spec.activeDeadlineSeconds:whole status.active:whole status.succeeded:whole status.failed:whole
        spec.template:mapping! spec.template.metadata:mapping spec.template.metadata.labels:texts
        spec.template.spec:mapping!
    """)
    + _SELECTOR,
    "PodDisruptionBudget": _rules("""
        spec:mapping! spec.minAvailable:part spec.maxUnavailable:part status.currentHealthy:whole
        status.desiredHealthy:whole status.expectedPods:whole status.disruptionsAllowed:whole
        status.observedGeneration:whole status.disruptedPods:texts
    """)
    + _SELECTOR,
    "HorizontalPodAutoscaler": _rules("""
        spec:mapping! spec.scaleTargetRef:mapping! spec.scaleTargetRef.kind:text!
        spec.scaleTargetRef.name:text! spec.minReplicas:whole spec.maxReplicas:positive!
        spec.metrics[]:mapping status.currentReplicas:whole status.desiredReplicas:whole
    """),
    "ResourceQuota": _rules("spec:mapping! spec.hard:amounts status.hard:amounts status.used:amounts"),
    "LimitRange": _rules("""
        spec:mapping! spec.limits[]:mapping spec.limits[].max:amounts spec.limits[].min:amounts
        spec.limits[].default:amounts spec.limits[].defaultRequest:amounts
    """),
    "PersistentVolumeClaim": _rules("""
        spec:mapping! spec.resources:mapping spec.resources.requests:amounts status.capacity:amounts
    """),
    "Service": _rules("spec.selector:texts spec.ports[]:mapping"),
    "ConfigMap": _rules("data:texts"),
}
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {  # the kinds of value that are one of a few words
    "restart": ("Always", "OnFailure", "Never"),
    "spread": ("DoNotSchedule", "ScheduleAnyway"),
    "operator": ("In", "NotIn", "Exists", "DoesNotExist"),
}
_TEMPLATE: Final[Path] = ("spec", "template", "spec")


def findings(resource: Mapping[str, Any]) -> Iterator[Finding]:
    """Return what is wrong inside one object, as far as the model reads it."""
    kind = resource["kind"]
    for rule in (*_COMMON, *_OF_KIND.get(kind, ())):
        yield from _check(resource, rule.keys, rule, ())
    annotations = resource["metadata"].get("annotations")
    for name in NUMBERED if isinstance(annotations, dict) else ():
        number = annotations.get(name, "0")
        if isinstance(number, str) and not (number.isascii() and number.isdecimal()):
            yield ("metadata", "annotations", name), f"found {describe(number)}", "a whole number, 0 or more"
    if kind == "Pod":
        yield from _pod_spec(resource.get("spec"), ("spec",))
    elif _TEMPLATE[:2] in [rule.keys for rule in _OF_KIND.get(kind, ())]:
        template: Any = resource
        for key in _TEMPLATE:
            template = template.get(key) if isinstance(template, dict) else None
        yield from _pod_spec(template, _TEMPLATE)


def _pod_spec(spec: Any, path: Path) -> Iterator[Finding]:
    if not isinstance(spec, dict):
        return
    for rule in _POD_SPEC:
        yield from _check(spec, rule.keys, rule, path)
    if not spec.get("containers"):
        yield (*path, "containers"), "missing", "at least one container"
    for name in ("containers", "initContainers"):
        yield from _check(spec, (name, EVERY_ITEM), Rule((), "mapping", required=False), path)
        listed = spec.get(name)
        for index, container in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(container, dict):
                for rule in _CONTAINER:
                    yield from _check(container, rule.keys, rule, (*path, name, index))


def _check(value: Any, keys: tuple[str, ...], rule: Rule, path: Path) -> Iterator[Finding]:
    if not keys:
        yield from _KINDS[rule.kind](value, path)
        return
    key, *rest = keys
    if key == EVERY_ITEM:
        if not isinstance(value, list):
            yield path, f"found {describe(value)}", "a list"
            return
        for index, item in enumerate(value):
            yield from _check(item, tuple(rest), rule, (*path, index))
    elif isinstance(value, dict):  # what is no mapping is told by the rule of that field
        below = value.get(key)
        if below is not None:
            yield from _check(below, tuple(rest), rule, (*path, key))
        elif rule.required and not rest:
            yield (*path, key), "missing", _EXPECTED[rule.kind]


_EXPECTED: Final = {
    "text": "text",
    "time": "a time such as 2026-01-01T00:00:00Z",
    "texts": "a mapping of text to text",
    "mapping": "a mapping",
    "flag": "true or false",
    "integer": "a whole number",
    "whole": "a whole number, 0 or more",
    "positive": "a whole number, 1 or more",
    "share": "a whole number, 0 or more, or a percentage such as 25%",
    "part": "a whole number, 0 or more, or a percentage of at most 100%",
    **{kind: one_of(words) for kind, words in _WORDS.items()},
}


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_share(value: Any, percent_max: int) -> bool:
    if isinstance(value, str):
        return bool(_SHARE.fullmatch(value)) and int(value[:-1]) <= percent_max
    return _is_whole(value, 0)


def _simple(kind: str, fits: Callable[[Any], bool]) -> Callable[[Any, Path], Iterator[Finding]]:
    def check(value: Any, path: Path) -> Iterator[Finding]:
        if not fits(value):
            yield path, f"found {describe(value)}", _EXPECTED[kind]

    return check


def _word(kind: str) -> Callable[[Any, Path], Iterator[Finding]]:
    return _simple(kind, lambda value: isinstance(value, str) and value in _WORDS[kind])


def _texts(value: Any, path: Path) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield path, f"found {describe(value)}", _EXPECTED["texts"]
        return
    for key, item in value.items():
        if not isinstance(item, str):
            yield (*path, key), f"found {describe(item)}", "text"


def _amounts(value: Any, path: Path) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield path, f"found {describe(value)}", "a mapping of resource to quantity"
        return
    for name, amount in value.items():
        try:
            size = resource_amount(name, amount)
        except QuantityError as error:
            yield (*path, name), str(error), "a quantity such as 500m, 2 or 1Gi"
        else:
            if size < 0:
                yield (*path, name), f"a negative quantity, {amount!r}", "0 or more"


_KINDS: Final[Mapping[str, Callable[[Any, Path], Iterator[Finding]]]] = {
    "text": _simple("text", lambda value: isinstance(value, str)),
    "time": _simple("time", lambda value: isinstance(value, str) and bool(_TIME.fullmatch(value))),
    "mapping": _simple("mapping", lambda value: isinstance(value, dict)),
    "flag": _simple("flag", lambda value: isinstance(value, bool)),
    "integer": _simple("integer", lambda value: _is_whole(value, -(2**31))),
    "whole": _simple("whole", lambda value: _is_whole(value, 0)),
    "positive": _simple("positive", lambda value: _is_whole(value, 1)),
    "share": _simple("share", lambda value: _is_share(value, 999)),
    "part": _simple("part", lambda value: _is_share(value, 100)),
    **{kind: _word(kind) for kind in _WORDS},
    "texts": _texts,
    "amounts": _amounts,
}
