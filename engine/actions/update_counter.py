"""`update_counter`: add to a number in a ConfigMap by reading, adding and writing."""

from collections.abc import Mapping
from typing import Any

from engine.actions.identity import DOMAIN, writer_of
from engine.actions.targets import get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Patch, Ref, Remember, Resource
from engine.core.errors import Conflict, TargetRefused

TRIES_MAX = 20
WRITERS_MAX = 500  # annotations kept; far below the 256 KiB that Kubernetes allows
_PREFIX = f"{DOMAIN}/wrote-"
_INTENT = "intent"
_UNDO = "undo_intent"


async def update_counter(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add `increment` to the number at `key` of a ConfigMap, exactly once.

    `guarded`: the write holds only for the version that was read; a conflict reads again, at most 20
    times. Unguarded, concurrent writers lose updates unless a lock keeps them apart, which is what a
    scenario with this action is about. Each write leaves an annotation that names its writer. What is to
    be written is remembered first, so a second start knows that it may have written, and the annotation
    tells whether it has. Target missing: `TargetMissing`; a key that is missing counts as 0; not a
    number: `TargetRefused` (NotANumber).
    """
    return await _add(context, parameters, parameters["increment"], writer_of(context), _INTENT)


async def subtract(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the increment off again, exactly once, whatever others have added since; only if it was added."""
    ref = Ref("ConfigMap", parameters["name"], parameters["namespace"])
    writer = writer_of(context, "undo")
    if _UNDO not in context.memory:
        config = await get_target(ref)
        if _INTENT not in context.memory or _PREFIX + writer_of(context) not in _annotations(config):
            return {"undone": False}
    undone = await _add(context, parameters, -parameters["increment"], writer, _UNDO)
    return {"undone": True, **undone}


async def _add(
    context: ActionContext, parameters: Mapping[str, Any], increment: int, writer: str, intent: str
) -> Mapping[str, Any]:
    ref = Ref("ConfigMap", parameters["name"], parameters["namespace"])
    mine = _PREFIX + writer
    may_have_written = intent in context.memory
    for _ in range(TRIES_MAX):
        config = await get_target(ref)
        written = _annotations(config).get(mine)
        if may_have_written and written is not None:
            return {"value": _written(written)[0]}
        value = _count(config, ref, parameters["key"]) + increment
        version = config["metadata"]["resourceVersion"]
        await Remember(intent, value)
        try:
            await Patch(
                ref,
                _changes(config, mine, parameters["key"], value),
                resource_version=version if parameters["guarded"] else None,
                manager=context.manager,
            )
        except Conflict:
            continue
        return {"value": value}
    raise Conflict(f"{ref} changed {TRIES_MAX} times between reading and writing")


def _changes(config: Resource, mine: str, key: str, value: int) -> dict[str, Any]:
    """Return the patch, which also drops the oldest writers' annotations beyond the limit."""
    writers = {name: text for name, text in _annotations(config).items() if name.startswith(_PREFIX)}
    oldest = sorted(writers, key=lambda name: (_written(writers[name])[1], name))
    annotations: dict[str, str | None] = dict.fromkeys(oldest[: max(0, len(writers) + 1 - WRITERS_MAX)])
    annotations[mine] = f"{value}@{config['metadata']['resourceVersion']}"
    return {"metadata": {"annotations": annotations}, "data": {key: str(value)}}


def _annotations(config: Resource) -> Mapping[str, str]:
    return config["metadata"].get("annotations") or {}


def _written(annotation: str) -> tuple[int, int]:
    """Return the value that was written and the version before it."""
    value, version = annotation.split("@")
    return int(value), int(version)


def _count(config: Resource, ref: Ref, key: str) -> int:
    text = (config.get("data") or {}).get(key, "0")
    try:
        return int(text)
    except ValueError as error:
        raise TargetRefused(f"{ref} holds {text!r} at {key!r}", reason="NotANumber") from error


SPEC = ActionSpec(
    name="update_counter",
    run=update_counter,
    parameters={
        "namespace": Parameter("string", required=True, summary="where the ConfigMap lives"),
        "name": Parameter("string", required=True, summary="the ConfigMap"),
        "key": Parameter("string", required=True, summary="the key that holds the number"),
        "increment": Parameter("integer", default=1, summary="what is added"),
        "guarded": Parameter("boolean", default=True, summary="write only the version that was read"),
    },
    calls_min=2,
    summary="add to a number in a ConfigMap",
    rollback=subtract,
    target=named("ConfigMap", "name"),
    rbac=(rule("configmaps", "get", "patch"),),
    precondition="the ConfigMap exists, and the key holds a number or is missing",
    post_condition="the number has grown by the increment, once; unguarded, others' additions may be lost",
)
