"""What must come before what, judged from the definitions and the begins and ends of attempts."""

from collections.abc import Iterator
from typing import Final

from engine.core.definition import StepKind
from tests.fuzz.seen import Seen, Span, Violation
from tests.fuzz.tree import Place, Tree

_AGAIN: Final = ("ensure", "fetch")  # a step with one of these is started again after it has succeeded


def order_is_kept(seen: Seen) -> Iterator[Violation]:
    """Nothing begins before everything that it needs has ended as it must."""
    for execution_id, steps in seen.spans.items():
        tree, in_sequence = seen.trees[execution_id], not seen.case.limits.parallelise
        for step_id, spans in steps.items():
            forward = [span for span in spans if not span.is_rollback]
            if not forward:
                continue
            for place in tree.within(tree.place(step_id)):
                for need in tree.needs(place, in_sequence=in_sequence):
                    yield from _need_has_ended(seen, execution_id, forward[0], place, need)


def _need_has_ended(
    seen: Seen, execution_id: str, span: Span, place: Place, need: Place
) -> Iterator[Violation]:
    tree = seen.trees[execution_id]
    who = f"{execution_id}: {span.note.step_id} began before {need.id}"
    inside = _inside(seen, execution_id, tree, need)
    for before in inside:
        again = seen.overridden.get((execution_id, before.note.step_id))
        if before.end > span.begin and not before.is_rollback and again is None:
            yield seen.fail("order", span.begin, f"{who} had ended")
            return
    if inside and need.step.kind is StepKind.ACTION:
        yield from _outcome(seen, execution_id, span, place, need)
    if need.step.wait_ns and not need.step.when and not list(tree.needs(need)):  # it cannot have been skipped
        earliest = _ready_ns(seen, execution_id, tree, need) + need.step.wait_ns
        if span.note.at_ns < earliest and (execution_id, need.id) not in seen.overridden:
            yield seen.fail("order", span.begin, f"{who} had waited for {need.step.wait_ns} ns")


def _ready_ns(seen: Seen, execution_id: str, tree: Tree, place: Place) -> int:
    """Return an instant before which a step cannot have been ready."""
    ready_ns = seen.submitted_ns[execution_id]
    for around in tree.within(place):
        for need in tree.needs(around):
            for span in _inside(seen, execution_id, tree, need):
                if span.end < len(seen.notes) and not span.is_rollback:
                    ready_ns = max(ready_ns, seen.notes[span.end].at_ns)
    return ready_ns


def _inside(seen: Seen, execution_id: str, tree: Tree, place: Place) -> list[Span]:
    """Return the attempts of a step and of everything inside it."""
    return [
        span
        for step_id, spans in seen.spans.get(execution_id, {}).items()
        if tree.is_inside(step_id, place)
        for span in spans
    ]


def _outcome(seen: Seen, execution_id: str, span: Span, place: Place, need: Place) -> Iterator[Violation]:
    key = (execution_id, need.id)
    if need.step.continue_on_failure or key in seen.overridden:
        return
    is_failure_path = place.step.id in need.step.on_failure
    is_one_of_several = _deciders_count(seen.trees[execution_id], place) > 1  # any of them may have led here
    if is_one_of_several and (is_failure_path or need.step.id not in place.step.needs):
        return
    if is_failure_path:  # a failure need not be an event: a timeout is none
        succeeded = seen.succeeded.get(key, len(seen.notes))
        if succeeded < span.begin and not any(getattr(need.step, name) for name in _AGAIN):
            found = f"{execution_id}: {span.note.step_id} began, and {need.id} had not failed"
            yield seen.fail("order", span.begin, found)
        return
    wanted = seen.succeeded
    if need.step.action in seen.case.limits.coalesce:  # it may have joined any other that does the same
        wanted = {key: place for key, place in wanted.items() if _action_of(seen, *key) == need.step.action}
        first = min(wanted.values(), default=len(seen.notes))
    else:
        first = wanted.get(key, len(seen.notes))
    if first > span.begin:
        yield seen.fail(
            "order", span.begin, f"{execution_id}: {span.note.step_id} began before {need.id} had succeeded"
        )


def _deciders_count(tree: Tree, place: Place) -> int:
    """Return how many steps lead to a step by a path or a branch."""
    return sum(
        place.step.id in (*other.on_success, *other.on_failure)
        or any(place.step.id in branch.steps for branch in other.branches)
        for other in tree.around(place)[1]
    )


def _action_of(seen: Seen, execution_id: str, step_id: str) -> str:
    return seen.trees[execution_id].place(step_id).step.action


def nothing_is_redone(seen: Seen) -> Iterator[Violation]:
    """Once the success of a step, or of its rollback, is durable, it is not started again."""
    for (execution_id, step_id), place in seen.succeeded.items():
        step = seen.trees[execution_id].place(step_id).step
        if any(getattr(step, name) for name in _AGAIN) or (execution_id, step_id) in seen.overridden:
            continue
        for span in seen.spans.get(execution_id, {}).get(step_id, []):
            if span.begin > place and not span.is_rollback:
                yield seen.fail(
                    "redone", span.begin, f"{execution_id}: {step_id} had succeeded, and begins again"
                )
    for (execution_id, step_id), place in seen.undone.items():
        for span in seen.spans.get(execution_id, {}).get(step_id, []):
            is_again = span.begin > place and span.is_rollback
            if is_again and (execution_id, step_id) not in seen.overridden:
                yield seen.fail("undone-again", span.begin, f"{execution_id}: {step_id} is undone once more")
