"""`rotate_secrets`: put new values into a Secret and restart what uses it; values are never written down."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from engine.actions.identity import DOMAIN, writer_of
from engine.actions.patching import difference, patch_guarded
from engine.actions.targets import FOLLOW, NAMESPACE, READ, get_target, named, ref_of, rule
from engine.actions.workloads import refuse_unrollable, request_restart, until_restarted
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Create, Delete, Get, List, Ref, Remember, Resource, Selection
from engine.core.errors import Conflict, NotFound, TargetRefused

PREVIOUS_OF: Final = f"{DOMAIN}/previous-of"
_PLAN: Final = "plan"
_RESTORED: Final = "restored"
_KINDS: Final = ("DaemonSet", "Deployment", "StatefulSet")


class Concealed(dict[str, Any]):
    """Values that must not be shown: their text says only how many there are."""

    def __repr__(self) -> str:
        """Say how many values there are."""
        return f"<{len(self)} values, not shown>"

    __str__ = __repr__


async def rotate_secrets(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Copy the data of the Secret `value_from` into `secret`, then restart the workloads that use it.

    The new values come from a Secret that whoever makes them (a secret manager, cert-manager) has filled;
    they pass from one API call to the next and are in no parameter, output, memory, error or log. The old
    ones are kept in a Secret of their own until the rotation is rolled back or somebody deletes it, unless
    `keep_previous` is false. Either Secret missing: `TargetMissing`; no data, a key missing, or immutable:
    `TargetRefused`. Equal already: nothing is written and nothing restarted. A second start goes on with the
    workloads that were found at first. A workload that is not rolled out by itself is refused before
    anything is written.
    """
    ref = Ref("Secret", parameters["secret"], parameters["namespace"])
    source = Ref("Secret", parameters["value_from"], parameters["namespace"])
    if ref == source:
        raise InvalidParameters("rotate_secrets: 'value_from' must be another Secret than 'secret'")
    data = _picked(source, await get_target(source), parameters["keys"])
    secret = await get_target(ref)
    plan = context.memory.get(_PLAN)
    if plan is None:
        if not _changes(secret, data):
            return {"secret": ref.name, "changed": False, "keys": sorted(data), "restarted": []}
        if secret.get("immutable"):
            raise TargetRefused(f"{ref} is immutable: create another and refer to that", reason="Immutable")
        users = await _users(ref) if parameters["restart"] else []
        plan = {"users": [[user.kind, user.name] for user in users]}
        await Remember(_PLAN, plan)
    if parameters["keep_previous"]:
        await _keep(context, secret)
    await patch_guarded(context, ref, lambda found: _changes(found, data), secret)
    restarted = await _restart(context, ref.namespace, plan["users"], "")
    return {"secret": ref.name, "changed": True, "keys": sorted(data), "restarted": restarted}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the previous values back, restart what uses them, and delete the Secret that kept them."""
    plan = context.memory.get(_PLAN)
    if plan is None:
        return {"undone": False}
    ref = Ref("Secret", parameters["secret"], parameters["namespace"])
    kept = _previous(context, ref)
    try:
        previous = await Get(kept)
    except NotFound as error:
        if _RESTORED in context.memory:
            return {"undone": True, "restarted": context.memory[_RESTORED]}
        message = f"the previous values of {ref} were not kept: there is no {kept}"
        raise TargetRefused(message, reason="NothingKept") from error
    data = previous.get("data") or {}
    await patch_guarded(context, ref, lambda found: _replaced(found, data))
    restarted = await _restart(context, ref.namespace, plan["users"], "/undo")
    await Remember(_RESTORED, restarted)
    with suppress(NotFound):
        await Delete(kept)
    return {"undone": True, "restarted": restarted}


def _picked(ref: Ref, source: Resource, keys: Any) -> Mapping[str, Any]:
    data = source.get("data") or {}
    missing = [key for key in keys or () if key not in data]
    if missing or not data:
        what = f"no key {missing[0]!r}" if missing else "no data"
        raise TargetRefused(f"{ref} has {what}", reason="ValueMissing")
    return Concealed({key: data[key] for key in (keys or data)})


def _changes(secret: Resource, data: Mapping[str, Any]) -> Mapping[str, Any]:
    present = secret.get("data") or {}
    changed = Concealed({key: value for key, value in data.items() if present.get(key) != value})
    return {"data": changed} if changed else {}


def _replaced(secret: Resource, data: Mapping[str, Any]) -> Mapping[str, Any]:
    changed = Concealed(difference(secret.get("data") or {}, data))
    return {"data": changed} if changed else {}


def _previous(context: ActionContext, ref: Ref) -> Ref:
    return Ref("Secret", f"{ref.name}-previous-{writer_of(context)}", ref.namespace)


async def _keep(context: ActionContext, secret: Resource) -> None:
    """Keep the old values; where the copy exists, an earlier attempt made it before it wrote new ones."""
    ref = ref_of({**secret, "kind": "Secret"})
    kept = _previous(context, ref)
    copy = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": kept.name,
            "namespace": kept.namespace,
            "labels": {PREVIOUS_OF: writer_of(context)},
        },
        "type": secret.get("type", "Opaque"),
        "data": Concealed(secret.get("data") or {}),
    }
    try:
        await Create(copy)
    except Conflict:
        return


async def _users(secret: Ref) -> list[Ref]:
    """Return the workloads of the namespace whose pods refer to the Secret; refuses those not rolled out."""
    users = []
    for kind in _KINDS:
        for workload in await List(Selection(kind, secret.namespace)):
            if secret.name in _referred(workload["spec"]["template"]["spec"]):
                refuse_unrollable({**workload, "kind": kind})
                users.append(Ref(kind, workload["metadata"]["name"], secret.namespace))
    return users


def _referred(pod_spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the Secrets that a pod's containers get values from."""
    for container in (*(pod_spec.get("initContainers") or ()), *pod_spec["containers"]):
        for variable in container.get("env") or ():
            yield ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name", "")
        for origin in container.get("envFrom") or ():
            yield (origin.get("secretRef") or {}).get("name", "")
    for volume in pod_spec.get("volumes") or ():
        yield (volume.get("secret") or {}).get("secretName", "")
        for origin in (volume.get("projected") or {}).get("sources") or ():
            yield (origin.get("secret") or {}).get("name", "")


async def _restart(context: ActionContext, namespace: str, users: Any, suffix: str) -> list[str]:
    """Restart all of them, then wait for each; one that is gone by now needs no restart."""
    marked, told = [], []
    for kind, name in users:
        try:
            workload = await Get(Ref(kind, name, namespace))
        except NotFound:
            continue
        key = f"restart/{kind}/{name}{suffix}"
        marked.append(await request_restart(context, {**workload, "kind": kind}, key, suffix))
        told.append(f"{kind}/{name}")
    for workload in marked:
        await until_restarted(workload)
    return told


SPEC = ActionSpec(
    name="rotate_secrets",
    run=rotate_secrets,
    parameters={
        "namespace": NAMESPACE,
        "secret": Parameter("string", required=True, summary="the Secret whose values are replaced"),
        "value_from": Parameter("string", required=True, summary="the Secret that holds the new values"),
        "keys": Parameter("array", summary="which keys to copy; null: all"),
        "restart": Parameter("boolean", default=True, summary="restart the workloads that use it"),
        "keep_previous": Parameter(
            "boolean", default=True, summary="keep the old values in a Secret, so that they can be restored"
        ),
    },
    calls_min=3,
    summary="put new values into a Secret and restart the workloads that use it",
    rollback=undo,
    target=named("Secret", "secret"),
    rbac=(
        rule("secrets", "get", "create", "patch", "delete"),
        rule("deployments", *READ, "patch"),
        rule("statefulsets", *READ, "patch"),
        rule("daemonsets", *READ, "patch"),
        rule("pods", *FOLLOW),
    ),
    precondition="both Secrets exist, the target is not immutable, its users are rolled out by themselves",
    post_condition="the Secret holds the new values, and every pod that uses it was created afterwards",
)
