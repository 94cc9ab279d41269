"""LimitRange: what containers of a namespace ask for unless they say so, and what they may ask for.

The API server's admission plugin (k/k plugin/pkg/admission/limitranger/admission.go): defaults first, then
the bounds of containers, pods and claims, and how many times its request a limit may be.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from engine.core.effects import Resource
from scenarios.quantities import format_bytes, format_cpu, resource_amount
from simulator.cluster.objects import key_of
from simulator.cluster.store import Store
from simulator.cluster.words import forbidden

CLAIM: Final = "PersistentVolumeClaim"
_Needs = Mapping[str, Mapping[str, Any]]
"""`requests` and `limits`, each a quantity by resource."""


class LimitRanges:
    """Follows nothing: the ranges of a namespace are looked up as something is created there."""

    def __init__(self, store: Store) -> None:
        """Fill in and check what is created from now on."""
        self._store = store
        store.default.setdefault("Pod", []).append(self.fill_in)
        store.admit.setdefault("Pod", []).append(self.admit_pod)
        store.admit.setdefault(CLAIM, []).append(self.admit_claim)

    def _items(self, namespace: str, kind: str) -> list[Mapping[str, Any]]:
        return [
            item
            for key, limits in self._store.objects.get("LimitRange", {}).items()
            if key[0] == namespace
            for item in limits["spec"].get("limits") or ()
            if item["type"] == kind
        ]

    def fill_in(self, pod: Resource) -> Resource:
        """Return the pod with the default requests and limits of its namespace."""
        if "LimitRange" not in self._store.objects:
            return pod
        items = self._items(key_of(pod)[0], "Container")
        requests, limits = _defaults(items)
        if not requests and not limits:
            return pod
        spec = dict(pod["spec"])
        for part in ("containers", "initContainers"):
            if part in spec:
                spec[part] = [_filled(container, requests, limits) for container in spec[part]]
        return {**pod, "spec": spec}

    def admit_pod(self, pod: Resource) -> None:
        """Raise `Forbidden` if a container, or the pod as a whole, is out of bounds."""
        if "LimitRange" not in self._store.objects:
            return
        namespace, name = key_of(pod)
        spec = pod["spec"]
        every = [one for part in ("containers", "initContainers") for one in spec.get(part) or ()]
        containers = list(map(_needs, every))
        problems = [
            problem
            for item in self._items(namespace, "Container")
            for needs in containers
            for problem in _problems(item, needs)
        ]
        for item in self._items(namespace, "Pod"):
            problems += _problems(item, _sum(_needs(one) for one in spec["containers"]))
        _raise("Pod", name, problems)

    def admit_claim(self, claim: Resource) -> None:
        """Raise `Forbidden` if a claim is too small or too large."""
        namespace, name = key_of(claim)
        needs = _needs(claim["spec"])
        problems = [problem for item in self._items(namespace, CLAIM) for problem in _claimed(item, needs)]
        _raise(CLAIM, name, problems)


def _raise(kind: str, name: str, problems: list[str]) -> None:
    if problems:
        told = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise forbidden(kind, name, told)


def _defaults(items: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return default requests and limits (k/k pkg/apis/core/v1/defaults.go SetDefaults_LimitRangeItem)."""
    requests: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for item in items:
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        asked = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
        limits = {**default, **limits}
        requests = {**asked, **requests}
    return requests, limits


def _filled(
    container: Mapping[str, Any], requests: Mapping[str, Any], limits: Mapping[str, Any]
) -> dict[str, Any]:
    needs = _needs(container)
    given = {"requests": {**requests, **needs["requests"]}, "limits": {**limits, **needs["limits"]}}
    return {
        **container,
        "resources": {**(container.get("resources") or {}), **{name: of for name, of in given.items() if of}},
    }


def _needs(holder: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is asked for; a limit without a request is a request too."""
    resources = holder.get("resources") or {}
    limits = dict(resources.get("limits") or {})
    return {"requests": {**limits, **(resources.get("requests") or {})}, "limits": limits}


def _sum(needs: Iterable[_Needs]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {"requests": {}, "limits": {}}
    for one in needs:
        for what, amounts in one.items():
            for resource, quantity in amounts.items():
                had = total[what].get(resource, 0)
                total[what][resource] = had + resource_amount(resource, quantity)
    return total


def _amount(resource: str, quantity: Any) -> int:
    return quantity if isinstance(quantity, int) else resource_amount(resource, quantity)


def _shown(resource: str, quantity: Any) -> Any:
    """Write an amount that was summed up."""
    if not isinstance(quantity, int):
        return quantity
    return format_cpu(quantity) if resource == "cpu" else format_bytes(quantity)


def _problems(item: Mapping[str, Any], needs: _Needs) -> list[str]:
    """Return what is out of bounds, in the plugin's words."""
    found: list[str] = []
    kind = item["type"]
    for resource, least in sorted((item.get("min") or {}).items()):
        found += _below(kind, resource, least, needs)
    for resource, most in sorted((item.get("max") or {}).items()):
        found += _above(kind, resource, most, needs)
    for resource, ratio in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        found += _apart(kind, resource, ratio, needs)
    return found


def _below(kind: str, resource: str, least: Any, needs: _Needs) -> list[str]:
    bound = f"minimum {resource} usage per {kind} is {least}"
    asked, limit = needs["requests"].get(resource), needs["limits"].get(resource)
    if asked is None:
        return [f"{bound}.  No request is specified"]
    amount = _amount(resource, asked)
    if amount < resource_amount(resource, least):
        return [f"{bound}, but request is {_shown(resource, asked)}"]
    if limit is not None and _amount(resource, limit) < resource_amount(resource, least):
        return [f"{bound}, but limit is {_shown(resource, limit)}"]
    return []


def _above(kind: str, resource: str, most: Any, needs: _Needs) -> list[str]:
    bound = f"maximum {resource} usage per {kind} is {most}"
    asked, limit = needs["requests"].get(resource), needs["limits"].get(resource)
    if limit is None:
        return [f"{bound}.  No limit is specified"]
    if _amount(resource, limit) > resource_amount(resource, most):
        return [f"{bound}, but limit is {_shown(resource, limit)}"]
    if asked is not None and _amount(resource, asked) > resource_amount(resource, most):
        return [f"{bound}, but request is {_shown(resource, asked)}"]
    return []


def _apart(kind: str, resource: str, ratio: Any, needs: _Needs) -> list[str]:
    bound = f"{resource} max limit to request ratio per {kind} is {ratio}"
    asked, limit = needs["requests"].get(resource), needs["limits"].get(resource)
    if asked is None or not _amount(resource, asked):
        return [f"{bound}, but no request is specified or request is 0"]
    if limit is None or not _amount(resource, limit):
        return [f"{bound}, but no limit is specified or limit is 0"]
    provided = Fraction(_amount(resource, limit), _amount(resource, asked))
    if provided > Fraction(str(ratio)):
        return [f"{bound}, but provided ratio is {float(provided):f}"]
    return []


def _claimed(item: Mapping[str, Any], needs: _Needs) -> list[str]:
    asked = needs["requests"].get("storage")
    if asked is None:
        return []
    found = []
    amount = resource_amount("storage", asked)
    least, most = (item.get("min") or {}).get("storage"), (item.get("max") or {}).get("storage")
    if least is not None and amount < resource_amount("storage", least):
        found.append(f"minimum storage usage per {CLAIM} is {least}, but request is {asked}")
    if most is not None and amount > resource_amount("storage", most):
        found.append(f"maximum storage usage per {CLAIM} is {most}, but request is {asked}")
    return found
