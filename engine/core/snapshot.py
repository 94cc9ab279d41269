"""The whole state of an engine as JSON, and back: a new field is covered without a line here.

What a snapshot holds is the *difference* to a pristine engine of the same limits that has been told of the
same workflows. So whatever such an engine has by itself (plans with their compiled parameters, tables,
callbacks, capacities) is never written, and `restore` may give other limits: they hold from there on.

    {"snapshot": 2, "version": 2, "limits": ..., "workflows": [...], "classes": {name: [field, ...]},
     "objects": [...]}

Whatever can be changed, or is an object, stands once in `objects` and is referred to by its number, so that
what is shared stays shared. A value is a scalar, or a list that begins with a letter:

    ["r", n] object n | ["t", ...] tuple | ["g", start, stop, step] range | ["e", class, value] enumeration
    ["n", class, ...] named tuple | ["x", class, ...] frozen dataclass | ["f", text] float that JSON has not
    ["p", n] n-th part of the plans | ["a", path] callback

An object is ["l", ...] list | ["q", ...] deque | ["d", k, v, ...] dict | ["s", ...] set | ["o", class, ...],
or ["@", path, ...]: what has changed of an object that a pristine engine has there. The engine is the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from engine.core.definition import Workflow
from engine.core.errors import EngineError, HistoryError
from engine.core.events import WorkflowRegistered
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.snapshot_graph import DEADLINES, PLANS, numbered_parts, parts_of, places_of
from engine.core.snapshot_reader import Reader
from engine.core.snapshot_writer import Writer

SNAPSHOT_VERSION: Final = 2
_READ: Final = (1, SNAPSHOT_VERSION)  # version 1 held pairs in the heap of deadlines


def take_snapshot(engine: WorkflowEngine) -> dict[str, Any]:
    """Return the state of an engine, between two events, as JSON values."""
    workflows = [plan.workflow for plan in getattr(engine, PLANS).values()]
    pristine = _pristine(engine.limits, workflows, engine.version)
    parts = numbered_parts(engine)
    places, callbacks = places_of(engine, pristine, parts)
    writer = Writer(parts, places, callbacks)
    objects = writer.objects()
    limits = Writer({}, [], {})
    return {
        "snapshot": SNAPSHOT_VERSION,
        "version": engine.version,
        "limits": {
            "root": limits.value(engine.limits),
            "objects": limits.objects(),
            "classes": limits.classes,
        },
        "workflows": [workflow.to_json() for workflow in workflows],
        "classes": writer.classes,
        "objects": objects,
    }


def limits_of(document: Mapping[str, Any]) -> Limits:
    """Return the limits under which a snapshot was taken; raises `HistoryError`."""
    try:
        reader = Reader(document["limits"], None, ())
        reader.fill()
        limits = reader.value(document["limits"]["root"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"not the limits of a snapshot: {error!r}"
        raise HistoryError(message) from error
    if not isinstance(limits, Limits):
        message = f"not the limits of a snapshot: {limits!r}"
        raise HistoryError(message)
    return limits


def restore_snapshot(document: Mapping[str, Any], limits: Limits | None = None) -> WorkflowEngine:
    """Return an engine in the state of a snapshot; raises `HistoryError` for what is none.

    With `limits`, these hold from here on in place of those under which it was taken, all but `reduce_needs`
    and `parallelise`: what waits for what has been counted already.
    """
    if document.get("snapshot") not in _READ:
        message = f"a snapshot of version {document.get('snapshot')!r}; this version reads 1 to {_READ[-1]}"
        raise HistoryError(message)
    try:
        workflows = [Workflow.from_json(workflow) for workflow in document["workflows"]]
        engine = _pristine(_limits_from_here(limits, limits_of(document)), workflows, document["version"])
        Reader(document, engine, tuple(parts_of(engine))).fill()
        if document["snapshot"] == 1:
            getattr(engine, DEADLINES).rebuild()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        message = f"not a snapshot of an engine: {error!r}"
        raise HistoryError(message) from error
    except HistoryError:
        raise
    except EngineError as error:
        message = f"a snapshot whose workflows cannot be: {error}"
        raise HistoryError(message) from error
    return engine


def _limits_from_here(wanted: Limits | None, taken_under: Limits) -> Limits:
    """Return the limits that hold; what shapes plans stays, as executions are under way on them."""
    if wanted is None:
        return taken_under
    return replace(wanted, reduce_needs=taken_under.reduce_needs, parallelise=taken_under.parallelise)


def _pristine(limits: Limits, workflows: Sequence[Workflow], version: int) -> WorkflowEngine:
    """Return an engine that knows workflows and has seen nothing else."""
    engine = WorkflowEngine(limits, version)
    for workflow in workflows:
        engine.handle(WorkflowRegistered(workflow), 0)
    return engine
