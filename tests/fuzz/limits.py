"""Limits and locks, judged from the begins and ends of attempts and from the definitions."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.core.parameters import UnknownVariable, compile_value
from tests.fuzz.seen import Seen, Span, Violation
from tests.fuzz.tree import Place


def limits_are_kept(seen: Seen) -> Iterator[Violation]:
    """Never more attempts, and never more executions that have begun and have not ended."""
    limits = seen.case.limits
    running: dict[tuple[str, str, int], None] = {}
    active: dict[str, None] = {}
    for place, note in enumerate(seen.notes):
        key = (note.execution_id, note.step_id, note.attempt)
        if note.what == "begin":
            running[key] = None
            active[note.execution_id] = None
            if limits.step_slots is not None and len(running) > limits.step_slots:
                yield seen.fail(
                    "limits", place, f"{len(running)} attempts at once: {', '.join(map(str, running))}"
                )
            if limits.max_concurrency is not None and len(active) > limits.max_concurrency:
                yield seen.fail("limits", place, f"{len(active)} executions at once: {', '.join(active)}")
        elif note.what == "end":
            running.pop(key, None)
        elif note.what == "crash":
            running.clear()
        elif note.what == "report":
            active.pop(note.execution_id, None)
    yield from _rates(seen)


def _rates(seen: Seen) -> Iterator[Violation]:
    """No action starts more often than its rate allows, in any window."""
    for action, rate in getattr(seen.case.limits, "rates", {}).items():
        instants = [
            note.at_ns
            for note in seen.notes
            if note.what == "asked" and note.command is not None and not note.command.is_rollback
            if note.command.action == action
        ]
        for start, began_ns in enumerate(instants):
            for end in range(start, len(instants)):
                allowed = rate.burst + rate.per_s * (instants[end] - began_ns) / 1e9
                if end - start + 1 > allowed + 1e-6:
                    found = f"{end - start + 1} starts of {action} in {(instants[end] - began_ns) / 1e9} s"
                    yield Violation("limits", instants[end], found)
                    return


def locks_are_kept(seen: Seen) -> Iterator[Violation]:
    """A lock is held from the first begin to the last end of what holds it: never by more than it admits."""
    held: dict[str, dict[tuple[str, str], list[Span]]] = {}
    for execution_id, steps in seen.spans.items():
        tree = seen.trees[execution_id]
        variables = seen.submitted[execution_id].variables
        for step_id, spans in steps.items():
            forward = [span for span in spans if not span.is_rollback]
            for place in tree.within(tree.place(step_id)):
                for name in _locks(place, variables):
                    owner = (execution_id, place.id)
                    held.setdefault(name, {}).setdefault(owner, []).extend(forward)
    for name, owners in held.items():
        yield from _overlaps(seen, name, owners)


def _locks(place: Place, variables: Mapping[str, Any]) -> Iterator[str]:
    names = dict.fromkeys((place.step.lock, *place.step.locks))
    for name in names:
        if not name:
            continue
        resolve = compile_value(name)
        try:
            yield str(resolve(variables)) if resolve else name
        except UnknownVariable:
            continue  # it has no lock, and never begins


def _overlaps(seen: Seen, name: str, owners: Mapping[tuple[str, str], list[Span]]) -> Iterator[Violation]:
    capacity = seen.case.limits.semaphores.get(name, 1)
    edges: list[tuple[int, int, tuple[str, str]]] = []
    for owner, spans in owners.items():
        for begin, end in _held(seen, owner, spans):
            edges += [(begin, 1, owner), (end, -1, owner)]
    holders: dict[tuple[str, str], None] = {}
    for place, change, owner in sorted(edges):
        if change < 0:
            holders.pop(owner, None)
            continue
        holders[owner] = None
        if len(holders) > capacity:
            yield seen.fail("locks", place, f"{name!r} is held by {', '.join(map(str, holders))}")


def _held(seen: Seen, owner: tuple[str, str], spans: list[Span]) -> list[tuple[int, int]]:
    """Return for how long an owner has a lock for certain; a step tried again by hand takes it anew."""
    if not spans:
        return []
    if any(execution_id == owner[0] for execution_id, _ in seen.overridden):
        return [(span.begin, span.end) for span in spans]
    return [(min(span.begin for span in spans), max(span.end for span in spans))]
