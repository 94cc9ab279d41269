"""What led to an attempt: the chain from the arrival of its execution to the instant it starts."""

from engine.core.causes import Cause
from engine.core.definition import StepKind
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.machine import WorkflowEngine
from simulator.attribution import Link, extend, root


class Beginnings:
    """Chains by execution and step, built from the engine's facts and the ends of earlier attempts."""

    def __init__(self, engine: WorkflowEngine) -> None:
        """Read the facts of `engine`."""
        self._engine = engine
        self._ends: dict[str, dict[str, Link]] = {}

    def of(self, execution_id: str, step_id: str) -> Link:
        """Return the chain that ends where the step's present attempt starts."""
        facts = self._engine.execution(execution_id)
        step = facts.steps[step_id]
        attempt = step.attempts[-1]
        if attempt.number == 1:
            link = self._ready(facts, step)
        else:
            link = extend(self._ends[execution_id][step_id], Cause.RETRY_BACKOFF, attempt.runnable_ns)
        link = extend(link, Cause.LOCK, attempt.locked_ns)
        return extend(link, Cause.DISPATCH_QUEUE, attempt.started_ns)

    def ended(self, execution_id: str, step_id: str, link: Link) -> None:
        """Keep the chain that ends where an attempt ended."""
        self._ends.setdefault(execution_id, {})[step_id] = link

    def forget(self, facts: ExecutionFacts) -> None:
        """Drop the chains of an execution that has ended."""
        self._ends.pop(facts.execution_id, None)

    def _ready(self, facts: ExecutionFacts, step: StepFacts) -> Link:
        """Return the chain that ends where the step became ready."""
        if not step.ready_by:
            return extend(root(facts.submitted_ns), Cause.ADMISSION, facts.admitted_ns)
        before = facts.steps[step.ready_by]
        return self._ready(facts, before) if step.ready_by == step.parent else self._end(facts, before)

    def _end(self, facts: ExecutionFacts, step: StepFacts) -> Link:
        """Return the chain that ends where the step ended."""
        kept = self._ends.get(facts.execution_id, {}).get(step.id)
        if kept is not None:
            return kept
        if step.ended_by:
            return self._end(facts, facts.steps[step.ended_by])
        link = self._ready(facts, step)
        return extend(link, Cause.DECLARED_WORK, step.ended_ns) if step.kind is StepKind.WAIT else link
