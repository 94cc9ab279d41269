"""What a person reads of a seed that failed."""

import dataclasses
import json
import traceback
from collections.abc import Iterator
from typing import Any

from tests.fuzz.draws import Case, case_of
from tests.fuzz.invariants import judge
from tests.fuzz.seen import Violation
from tests.fuzz.world import World

VIOLATIONS_SHOWN = 10


def try_seed(seed: int) -> list[Violation]:
    """Run a seed and return what did not hold; an error of the engine is such a thing."""
    world = World(case_of(seed))
    try:
        world.run()
        return judge(world)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what the fuzz is after
        where = "".join(traceback.format_exception(error)[-3:])
        return [*_judged_so_far(world), Violation("error", world.agenda.now, where)]


def _judged_so_far(world: World) -> list[Violation]:
    """Return what can be said of a run that broke off: not that anything has not ended yet."""
    try:
        return [violation for violation in judge(world) if violation.invariant != "ends"]
    except Exception:  # noqa: BLE001 - it broke off anywhere
        return []


def account(seed: int, violations: list[Violation]) -> str:
    """Return what failed, the command that replays it, and the whole case."""
    return "\n".join([*_head(seed, violations), *_lines(case_of(seed))])


def _head(seed: int, violations: list[Violation]) -> Iterator[str]:
    yield f"seed {seed} fails: {len(violations)} violations. Replay: python -m tests.fuzz {seed}"
    for violation in violations[:VIOLATIONS_SHOWN]:
        yield f"  [{violation.invariant}] at {violation.at_ns / 1e9:.9f} s: {violation.found}"


def _lines(case: Case) -> Iterator[str]:
    kind = f"durable, a snapshot every {case.snapshot_every} events" if case.is_durable else "not durable"
    yield f"the engine: {kind}; calm from {case.calm_ns / 1e9:g} s on"
    yield f"limits: {_changed(case.limits)}"
    for workflow in case.workflows:
        yield f"workflow: {json.dumps(workflow.to_json())}"
    for arrival in case.arrivals:
        event = arrival.event
        yield (
            f"at {arrival.at_ns / 1e9:.9f} s: {event.execution_id} of {event.workflow}, priority "
            f"{event.priority}, {json.dumps(event.variables)}"
        )
    for at_ns, what in sorted([(one.at_ns, repr(one.event)) for one in case.controls]):
        yield f"at {at_ns / 1e9:.9f} s: {what}"
    for intrusion in case.intrusions:
        yield f"at {intrusion.at_ns / 1e9:.9f} s: {intrusion.kind} ({intrusion.which})"
    for stop in case.stops:
        yield f"the process dies: {stop.where} {stop.at}, and is down for {stop.down_ns / 1e9:g} s"
    yield f"trouble: {case.trouble}"
    names = [f"{one['kind']} {one['metadata']['name']}" for one in case.cluster.objects]
    yield f"cluster: {', '.join(names)}; behaves {json.dumps(case.cluster.behaviours)}"


def _changed(limits: Any) -> str:
    """Return the fields that are not at their defaults."""
    given = {
        field.name: getattr(limits, field.name)
        for field in dataclasses.fields(limits)
        if getattr(limits, field.name) != (field.default if field.default is not dataclasses.MISSING else {})
    }
    return ", ".join(f"{name}={value!r}" for name, value in given.items()) or "none"
