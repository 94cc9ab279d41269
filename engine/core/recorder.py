"""Turns ended executions into rows, in order of submission whatever the order of their ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.core.attribution import Span, execution_rows
from engine.core.causes import Cause
from engine.core.effects import Create, Effect, WaitUntil
from engine.core.effects import List as ListEffect
from engine.core.errors import ActionError
from engine.core.facts import ExecutionFacts
from engine.core.records import EffectRow, Row

if TYPE_CHECKING:  # the runner owns a recorder
    from engine.core.attempt_runner import Attempt

_AttemptKey = tuple[str, int]  # step id, attempt number


class Recorder:
    """Collects what attempts did until their execution is recorded."""

    __slots__ = ("_effects", "_next_index", "_sink", "_spans", "_taken_up", "_waiting", "detail")

    def __init__(self, sink: Callable[[Row], None], *, detail: bool) -> None:
        """Write to `sink`; with `detail`, rows of attempts and effects too."""
        self.detail = detail
        self._sink = sink
        self._spans: dict[str, dict[_AttemptKey, tuple[Span, ...]]] = {}
        self._effects: dict[str, dict[_AttemptKey, list[EffectRow]]] = {}
        self._waiting: dict[int, list[Row]] = {}  # by index: recorded, but an earlier one is not yet
        self._next_index = 0
        self._taken_up: dict[str, None] = {}  # executions that an earlier process has begun

    def take_up(self, executions: Sequence[ExecutionFacts], next_index: int) -> None:
        """Go on after a crash with the executions that nobody has recorded.

        What their attempts did before it is known to nobody.
        """
        known = [execution.index for execution in executions]
        self._next_index = min(known, default=next_index)
        self._waiting = {index: [] for index in range(self._next_index, next_index) if index not in known}
        self._taken_up = dict.fromkeys(execution.execution_id for execution in executions)

    def note_attempt(self, attempt: "Attempt") -> None:
        """Keep the spans of an attempt that has ended."""
        execution_id, step_id, number = attempt.key
        self._spans.setdefault(execution_id, {})[step_id, number] = tuple(attempt.spans)

    def note_effect(self, attempt: "Attempt", effect: Effect[Any], ended_ns: int, outcome: str) -> None:
        """Keep an effect that has been answered."""
        execution_id, step_id, number = attempt.key
        row = EffectRow(
            type="effect",
            execution=execution_id,
            step=step_id,
            attempt=number,
            effect=type(effect).__name__,
            target=target_of(effect),
            started_ns=attempt.effect_started_ns,
            ended_ns=ended_ns,
            outcome=outcome,
        )
        self._effects.setdefault(execution_id, {}).setdefault((step_id, number), []).append(row)

    def record(self, execution: ExecutionFacts, *, until_ns: int) -> None:
        """Write an execution as it stands, once all that were submitted before it are written."""
        spans = self._spans.pop(execution.execution_id, {})
        if execution.execution_id in self._taken_up:
            spans = _with_gaps(execution, spans, until_ns)
        effects = self._effects.pop(execution.execution_id, {})
        rows = execution_rows(execution, spans, until_ns=until_ns, detail=self.detail, effects=effects)
        self._waiting[execution.index] = list(rows)
        while self._next_index in self._waiting:
            for row in self._waiting.pop(self._next_index):
                self._sink(row)
            self._next_index += 1


def _with_gaps(
    execution: ExecutionFacts, spans: Mapping[_AttemptKey, tuple[Span, ...]], until_ns: int
) -> dict[_AttemptKey, tuple[Span, ...]]:
    """Charge what no span covers, at the start of an attempt, to nobody."""
    covered = dict(spans)
    for step in execution.steps.values():
        for attempt in step.attempts:
            if attempt.started_ns >= 0:
                key = (step.id, attempt.number)
                known = covered.get(key, ())
                first_ns = known[0][1] if known else attempt.ended_ns if attempt.ended_ns >= 0 else until_ns
                covered[key] = ((Cause.UNATTRIBUTED, attempt.started_ns, first_ns), *known)
    return covered


def outcome_of(error: ActionError | None) -> str:
    """Return an effect's outcome as rows write it."""
    return error.reason if error is not None else "ok"


def target_of(effect: Effect[Any]) -> str:
    """Return what an effect is about, for people."""
    ref = getattr(effect, "ref", None)
    if ref is not None:
        return str(ref)
    if isinstance(effect, WaitUntil):
        return effect.purpose
    if isinstance(effect, ListEffect):
        selection = effect.selection
        return f"{selection.kind} {selection.namespace}/{selection.name or '*'}"
    if isinstance(effect, Create):
        metadata = effect.resource.get("metadata", {})
        return f"{effect.resource.get('kind', '')} {metadata.get('namespace', '')}/{metadata.get('name', '')}"
    for name in ("query", "channel", "silence_id", "origin", "about"):
        text = getattr(effect, name, "")
        if text:
            return str(text)
    return ""
