"""What actions need of RBAC, as Kubernetes manifests: no more than their declared rules, merged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from engine.core.action import ActionSpec, Rule
from engine.core.definition import Step, Workflow
from engine.registry import runnable
from headroom.errors import HarnessError
from reports import exits
from scenarios import Scenario
from scenarios import compile as compile_scenario
from scenarios.emit import to_yaml

VERBS: Final = ("get", "list", "watch", "create", "patch", "delete")
_API: Final = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Need:
    """An action and the namespaces in which it acts; none: those that the caller names."""

    spec: ActionSpec
    namespaces: tuple[str, ...] = ()


def needs_of(scenario: Scenario) -> list[Need]:
    """Return what a scenario's workflow starts, in loops and called workflows too.

    That is actions, conditions that fetch, and rollbacks. A namespace that is only known when an execution
    starts is that of the workload's targets.
    """
    workload = compile_scenario(scenario, scenario.points()[0], 0).workload
    targets = workload.targets.deployments if workload.targets is not None else ()
    drawn = tuple(dict.fromkeys(target.partition("/")[0] for target in targets))
    known = runnable()
    needs = []
    for flow in (workload.workflow, *workload.subflows):
        for step in _steps(Workflow.from_json(flow).steps):
            namespace = str(step.parameters.get("namespace") or "")
            stated = (namespace,) if namespace and "${" not in namespace else ()
            rollback = step.rollback.action if step.rollback is not None else ""
            names = [name for name in (step.action, step.fetch, rollback) if name]
            needs += [Need(known[name], stated or (drawn if namespace else ())) for name in names]
    return needs


def _steps(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield every step of a workflow, however deep."""
    for step in steps:
        yield step
        yield from _steps(step.steps)


def needs_by_name(names: Iterable[str]) -> list[Need]:
    """Return the needs of actions by name; raises `HarnessError` for one that there is not."""
    return [Need(find(name)) for name in names]


def find(name: str) -> ActionSpec:
    """Return an action or source of conditions by name; raises `HarnessError`."""
    from scenarios.errors import did_you_mean

    known = runnable()
    if name not in known:
        hint = did_you_mean(name, known)
        raise HarnessError(f"no action {name!r}", exits.USAGE, hint or "`headroom actions` lists them")
    return known[name]


def manifests(needs: Iterable[Need], namespaces: tuple[str, ...], account: str) -> list[dict[str, Any]]:
    """Return a ServiceAccount, and the Roles and ClusterRoles with their bindings, that these needs come to.

    `namespaces` are where actions act that state none. `account` is ``namespace/name``. Whoever needs
    nothing of Kubernetes is given nothing.
    """
    by_namespace: dict[str, list[Rule]] = {}
    everywhere: list[Rule] = []
    for need in needs:
        for rule in need.spec.rbac:
            if rule.cluster_scoped:
                everywhere.append(rule)
            else:
                for namespace in need.namespaces or namespaces:
                    by_namespace.setdefault(namespace, []).append(rule)
    home, _, name = account.partition("/")
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": home}}
    ]
    for namespace in sorted(by_namespace):
        made += _bound("", name, namespace, home, merged(by_namespace[namespace]))
    if everywhere:
        made += _bound("Cluster", name, "", home, merged(everywhere))
    return made


def _bound(scope: str, name: str, namespace: str, home: str, rules: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield a role and the binding that gives it to the account."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    yield {
        "apiVersion": f"{_API}/v1", "kind": f"{scope}Role", "metadata": metadata, "rules": rules
    }  # fmt: skip
    yield {
        "apiVersion": f"{_API}/v1",
        "kind": f"{scope}RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _API, "kind": f"{scope}Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": home}],
    }


def merged(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return rules as Kubernetes writes them: the verbs of each resource once, equal ones together."""
    verbs: dict[tuple[str, str], dict[str, None]] = {}
    for rule in rules:
        for resource in rule.resources:
            verbs.setdefault((rule.group, resource), {}).update(dict.fromkeys(rule.verbs))
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in sorted(verbs.items()):
        together.setdefault((group, tuple(sorted(allowed, key=_order))), []).append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(allowed)}
        for (group, allowed), resources in together.items()
    ]


def _order(verb: str) -> tuple[int, str]:
    return (VERBS.index(verb) if verb in VERBS else len(VERBS), verb)


def as_yaml(made: Iterable[dict[str, Any]]) -> str:
    """Return manifests as the documents of one YAML stream, for ``kubectl apply -f -``."""
    return "---\n".join(map(to_yaml, made))
