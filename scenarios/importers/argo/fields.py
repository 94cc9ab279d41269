"""What is known of every field of a manifest: used, left out and noted, or refused with the reason.

A field that is in none of the tables is refused as unknown, so that nothing falls away silently.
"""

from collections.abc import Mapping
from typing import Any, Final

from scenarios.errors import did_you_mean, one_of
from scenarios.importers.argo.places import Place
from scenarios.importers.imported import Findings

_PLACING: Final = (
    "affinity", "hostNetwork", "podPriorityClassName", "podSpecPatch", "priority", "priorityClassName",
    "schedulerName", "tolerations",
)  # fmt: skip
_POD: Final = (
    "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "executor", "hostAliases", "imagePullSecrets",
    "podMetadata", "securityContext", "serviceAccountName", "volumes",
)  # fmt: skip
# What may decide where or when pods run, and is left out all the same.
LEFT_OUT: Final[Mapping[str, tuple[str, ...]]] = {
    "spec": _PLACING,
    "template": (*_PLACING, "initContainers", "sidecars"),
    "step": (),
}
NO_EFFECT: Final[Mapping[str, tuple[str, ...]]] = {
    "spec": (
        *_POD, "archiveLogs", "artifactGC", "artifactRepositoryRef", "metrics", "podDisruptionBudget",
        "podGC", "poddisruptionbudget", "ttlSecondsAfterFinished", "ttlStrategy", "volumeClaimGC",
        "volumeClaimTemplates", "workflowMetadata",
    ),
    "template": (*_POD, "annotations", "archiveLocation", "metadata", "metrics"),
    "step": (),
}  # fmt: skip
USED: Final[Mapping[str, tuple[str, ...]]] = {
    "spec": (
        "activeDeadlineSeconds", "arguments", "entrypoint", "nodeSelector", "onExit", "parallelism",
        "retryStrategy", "synchronization", "templates", "templateDefaults", "workflowTemplateRef",
    ),
    "template": (
        "activeDeadlineSeconds", "container", "dag", "failFast", "inputs", "name", "nodeSelector",
        "outputs", "parallelism", "resource", "retryStrategy", "script", "steps", "suspend",
        "synchronization", "timeout",
    ),
    "step": (
        "arguments", "continueOn", "dependencies", "depends", "name", "template", "templateRef", "when",
        "withItems", "withParam", "withSequence",
    ),
}  # fmt: skip
REFUSED: Final[Mapping[str, Mapping[str, str]]] = {
    "spec": {
        "hooks": "hooks run beside a workflow while its state changes, for which there is nothing here",
        "shutdown": "a workflow that is being shut down",
        "suspend": "a workflow that starts suspended; submit it later instead",
    },
    "template": {
        "containerSet": "several containers with an order of their own in one pod",
        "daemon": "a daemon container, which others use while it runs",
        "data": "a data template, which lists artifacts",
        "http": "an HTTP template; the action webhook does the like",
        "memoize": "results kept from one run to the next",
        "plugin": "a plug-in, of which nothing is known",
    },
    "step": {
        "hooks": "hooks run beside a step while its state changes",
        "inline": "a template written into the step; give it a name under templates",
        "onExit": "an exit handler of one step",
    },
}  # fmt: skip


_NO_EFFECT: Final = "no effect on order or outcome, left out"
_LEFT_OUT: Final = "may decide where or when pods run, and is left out"


def check_fields(findings: Findings, kind: str, place: Place, whose: str) -> None:
    """Refuse the fields at `place` that cannot be expressed, note those without effect; empty ones pass."""
    data = place.data
    if not isinstance(data, dict):
        place.refuse(findings, f"{whose} is no mapping", "a mapping")
        return
    ignored: dict[str, list[str]] = {}
    for name, value in data.items():
        if name in REFUSED[kind] and not _empty(value):
            (place / name).refuse(findings, f"{name}: {REFUSED[kind][name]}: cannot be expressed", key=True)
        elif name in NO_EFFECT[kind] or name in LEFT_OUT[kind]:
            why = _NO_EFFECT if name in NO_EFFECT[kind] else _LEFT_OUT
            if not _empty(value):
                ignored.setdefault(why, []).append(name)
        elif name not in USED[kind] and name not in REFUSED[kind]:
            known = (*USED[kind], *NO_EFFECT[kind], *LEFT_OUT[kind], *REFUSED[kind])
            hint = did_you_mean(name, known)
            (place / name).refuse(findings, f"unknown field '{name}'", one_of(USED[kind]), hint, key=True)
    for why, names in ignored.items():
        findings.note(f"{whose}: {', '.join(names)}: {why}")


def _empty(value: Any) -> bool:
    return value is None or value is False or value in ({}, [], "")
