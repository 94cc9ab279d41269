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
        before = self._ends.get(execution_id, {}).get(step_id)
        if attempt.number == 1:
            link = self._ready(facts, step)
        elif before is not None:
            link = extend(before, Cause.RETRY_BACKOFF, attempt.runnable_ns)
        else:  # an earlier process of the engine ran the attempts before it: nobody knows what they did
            link = extend(self._ready(facts, step), Cause.UNATTRIBUTED, attempt.runnable_ns)
        link = extend(link, Cause.LOCK, attempt.locked_ns)
        return extend(link, Cause.DISPATCH_QUEUE, attempt.started_ns)

    def ended(self, execution_id: str, step_id: str, link: Link) -> None:
        """Keep the chain that ends where an attempt ended."""
        self._ends.setdefault(execution_id, {})[step_id] = link

    def forget(self, facts: ExecutionFacts) -> None:
        """Drop the chains of an execution that has ended."""
        self._ends.pop(facts.execution_id, None)

    def _ready(self, facts: ExecutionFacts, step: StepFacts) -> Link:
        """Return the chain that ends where the step became ready.

        Followed back over steps without attempts (conditions, waits, groups) to the last one with attempts,
        or to admission.
        """
        ends = self._ends.get(facts.execution_id, {})
        link = extend(root(facts.submitted_ns), Cause.ADMISSION, facts.admitted_ns)
        waited: list[int] = []
        while step.ready_by:
            before = facts.steps[step.ready_by]
            while step.ready_by != step.parent and before.ended_by:
                before = facts.steps[before.ended_by]
            if step.ready_by != step.parent:
                kept = ends.get(before.id)
                if kept is not None:
                    link = kept
                    break
                if before.kind is StepKind.WAIT:
                    waited.append(before.ended_ns)
            step = before
        for ended_ns in reversed(waited):
            link = extend(link, Cause.DECLARED_WORK, ended_ns)
        return link
