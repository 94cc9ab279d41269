"""The life of steps: from ready to ended, with every consequence inside the same instant.

What a failure does is in `engine.core.failures`, what loops, subflows and waits do in files of their own;
`WorkflowEngine` (`engine.core.machine`) adds what comes from outside: events, admission and deadlines. All
only ever change a state by looking its table up (`engine.core.states`).
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.attempts import AttemptMachine
from engine.core.commands import EvaluateCondition
from engine.core.definition import StepKind
from engine.core.events import Failure
from engine.core.facts import NOTHING, ExecutionFacts, Scope, StepFacts
from engine.core.limits import Limits
from engine.core.moves import mark_progress, mark_started, move
from engine.core.parameters import UnknownVariable
from engine.core.routing import Way, exported, value_of, values_after, values_of, way_of
from engine.core.states import ENDED_STEPS, STEP, ExecutionState, StepInput, StepState

# Bound once: looking a member up on an enum class costs more than a table look-up.
_PENDING: Final = StepState.PENDING
_COMPLETE: Final = StepInput.COMPLETE
_ACTION: Final = StepKind.ACTION
_CONDITION: Final = StepKind.CONDITION
_PAUSED: Final = ExecutionState.PAUSED

# What is asked, where it is not the number of an expression.
ASKED_WHEN: Final = -1
ASKED_ENSURE: Final = -2
ASKED_BREAK: Final = -3


class StepMachine(AttemptMachine):
    """Executions and their steps, and what follows when one of them moves."""

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        super().__init__(limits)
        self._ready: deque[tuple[ExecutionFacts, StepFacts, str]] = deque()  # and by which step's end
        self._begin_by_kind: Mapping[StepKind, Callable[[ExecutionFacts, StepFacts, int], None]] = {
            StepKind.ACTION: self._begin_attempt,
            StepKind.CONDITION: self._begin_condition,
            StepKind.DECISION: self._begin_decision,
            StepKind.WAIT: self._begin_wait,
            StepKind.PARALLEL: self._begin_container,
            StepKind.SEQUENTIAL: self._begin_container,
            StepKind.LOOP: self._begin_container,
            StepKind.SUBFLOW: self._begin_container,
        }

    @abstractmethod
    def _begin_wait(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Let a wait begin."""

    @abstractmethod
    def _begin_container(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Let a group, a loop or a subflow take its locks, and begin."""

    @abstractmethod
    def _answer_fetched(self, execution: ExecutionFacts, step: StepFacts, now: int, *, outcome: bool) -> None:
        """Go on from the outcome of the condition that was fetched for."""

    @abstractmethod
    def _answer_break(self, execution: ExecutionFacts, step: StepFacts, now: int, *, outcome: bool) -> None:
        """Go on with a loop, or end it."""

    @abstractmethod
    def _undo_ended(
        self, execution: ExecutionFacts, step: StepFacts, failure: Failure | None, now: int
    ) -> None:
        """Go on from the end of a rollback, good or bad."""

    @abstractmethod
    def _end_container(self, execution: ExecutionFacts, container: StepFacts, now: int) -> bool:
        """End what has nothing left inside; return whether it ended and is to be followed by the caller."""

    @abstractmethod
    def _end_scope(self, execution: ExecutionFacts, scope: Scope, last: StepFacts, now: int) -> None:
        """Go on from a scope whose last step has ended."""

    # -- ready

    def _make_ready(self, execution: ExecutionFacts, step: StepFacts, ready_by: str, now: int) -> None:
        if step.state is not _PENDING:  # it has been stopped since
            return
        if execution.state is _PAUSED:
            execution.held.append((step, ready_by))
            return
        if step.ready_ns >= 0:  # it is to be tried again, and was held by a pause
            self._begin_attempt(execution, step, now)
            return
        step.ready_ns = now
        step.ready_by = ready_by
        if step.then is not None:  # somebody has skipped it ahead
            step.then, step.overridden = None, True
            self._pass_over(execution, step, Way.SKIP, now)
            return
        if step.scope.detours:
            way = way_of(step)
            if way is not Way.RUN:
                self._pass_over(execution, step, way, now)
                return
        if step.plan.when:
            self._ask(execution, step, ASKED_WHEN, step.plan.when, values_of(step.scope))
        else:
            self._begin_by_kind[step.plan.kind](execution, step, now)

    def _ask(
        self,
        execution: ExecutionFacts,
        step: StepFacts,
        asked: int,
        expression: str,
        values: Mapping[str, Any],
    ) -> None:
        step.state = move(step, StepInput.ASK)
        step.asked = asked
        self._commands.append(EvaluateCondition(execution.execution_id, step.id, expression, values))

    def _ask_again(self, execution: ExecutionFacts, step: StepFacts) -> None:
        """Ask once more what the world had not answered when it ended."""
        definition, asked = step.plan.definition, step.asked
        values = values_of(step.scope)
        if asked == ASKED_WHEN:
            expression = definition.when
        elif asked == ASKED_ENSURE:
            expression, values = definition.ensure, values_after(step)
        elif asked == ASKED_BREAK:
            last = step.loop.last if step.loop else None
            expression = definition.break_when
            values = values_of(last) if last is not None else values
        else:
            expression = step.plan.expressions[asked]
            if definition.fetch:
                values = {**values, "value": step.outputs}
        self._commands.append(EvaluateCondition(execution.execution_id, step.id, expression, values))

    def _answer(self, execution: ExecutionFacts, step: StepFacts, now: int, *, outcome: bool) -> None:
        """Go on from the outcome of the expression that was asked."""
        plan = step.plan
        asked = step.asked
        if asked == ASKED_WHEN:
            if outcome:
                self._begin_by_kind[plan.kind](execution, step, now)
            else:
                self._pass_over(execution, step, Way.SKIP, now)
        elif asked == ASKED_ENSURE:
            self._answer_ensure(execution, step, now, outcome=outcome)
        elif asked == ASKED_BREAK:
            self._answer_break(execution, step, now, outcome=outcome)
        elif plan.definition.fetch:
            self._answer_fetched(execution, step, now, outcome=outcome)
        elif plan.kind is _CONDITION:
            self._conclude(execution, step, {"outcome": outcome}, now)
        elif outcome:
            self._take_branch(execution, step, asked, now)
        else:
            self._try_branch(execution, step, asked + 1, now)

    # -- begin, by kind

    def _begin_condition(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        if step.plan.definition.fetch:
            self._begin_attempt(execution, step, now)
            return
        mark_started(execution, step, now)
        self._ask(execution, step, 0, step.plan.expressions[0], values_of(step.scope))

    def _begin_decision(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        mark_started(execution, step, now)
        self._try_branch(execution, step, 0, now)

    def _try_branch(self, execution: ExecutionFacts, step: StepFacts, number: int, now: int) -> None:
        expressions = step.plan.expressions
        if number == len(expressions):
            self._take_branch(execution, step, -1, now)
        elif expressions[number]:
            self._ask(execution, step, number, expressions[number], values_of(step.scope))
        else:
            self._take_branch(execution, step, number, now)

    def _take_branch(self, execution: ExecutionFacts, step: StepFacts, number: int, now: int) -> None:
        step.scope.detours = True
        self._finish(execution, step, {"branch": number}, now)

    def _conclude(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int
    ) -> None:
        """Complete a condition with its outcome."""
        if not outputs["outcome"]:
            step.scope.detours = True
            if step.plan.in_sequence:
                step.scope.steps[step.plan.parent].halted = True
        self._finish(execution, step, outputs, now)

    # -- end

    def _after_success(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int
    ) -> None:
        """Go on from an attempt that has ended well."""
        plan = step.plan
        if not plan.has_epilogue and not step.undoing:
            self._complete(execution, step, outputs, now)
        elif step.undoing:
            self._undo_ended(execution, step, None, now)
        elif plan.definition.fetch:
            step.tries_count = 0
            step.outputs = outputs
            values = {**values_of(step.scope), "value": outputs}
            self._ask(execution, step, 0, plan.expressions[0], values)
        else:
            self._finish(execution, step, outputs, now)

    def _finish(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int
    ) -> None:
        """Complete a step whose work is done, unless its post-condition has to be asked for first."""
        if step.plan.has_epilogue:
            step.outputs = outputs
            ensure = step.plan.definition.ensure
            if ensure:
                self._ask(execution, step, ASKED_ENSURE, ensure, values_after(step))
                return
            if not self._export(execution, step, now):
                return
        self._complete(execution, step, outputs, now)

    def _answer_ensure(self, execution: ExecutionFacts, step: StepFacts, now: int, *, outcome: bool) -> None:
        if outcome:
            if self._export(execution, step, now):
                self._complete(execution, step, step.outputs, now)
            return
        message = f"{step.plan.definition.ensure!r} does not hold after the step"
        failure = Failure("PostConditionFailed", message, retryable=True)
        if step.plan.kind is _ACTION:
            step.outputs = NOTHING
            step.attempts[-1].failure = failure
            self._retry_or_fail(execution, step, failure, now)
        else:
            self._fail(execution, step, failure, now)

    def _export(self, execution: ExecutionFacts, step: StepFacts, now: int) -> bool:
        """Write what a step exports to the variables around it; return whether it could be."""
        try:
            found = exported(step, step.outputs)
        except UnknownVariable as error:
            self._fail(execution, step, Failure("ExportMissing", str(error), retryable=False), now)
            return False
        if found:
            scope = step.scope
            scope.variables = {**scope.variables, **found}
            if scope.values is not None:
                scope.values["variables"] = scope.variables
        return True

    def _complete(
        self, execution: ExecutionFacts, step: StepFacts, outputs: Mapping[str, Any], now: int
    ) -> None:
        step.state = STEP[step.state][_COMPLETE]
        step.outputs = outputs
        step.ended_ns = now
        if step.locks:
            self._release_locks(step)
        plan = step.plan
        if plan.rollback is not None:
            execution.done.append(step)
        if plan.on_failure or plan.on_success:
            step.scope.detours = True
        self._follow(execution, step, now)

    def _pass_over(self, execution: ExecutionFacts, step: StepFacts, way: Way, now: int) -> None:
        """Skip or omit a step that is not to run, and everything inside it."""
        put = StepInput.SKIP if way is Way.SKIP else StepInput.OMIT
        step.scope.detours = True
        step.state = move(step, put)
        step.ended_ns = now
        self._pass_over_inside(step, put, now)
        self._follow(execution, step, now)

    def _pass_over_inside(self, group: StepFacts, put: StepInput, ended_ns: int) -> None:
        scope = group.scope
        for number in group.plan.descendants:
            inner = scope.steps[number]
            if inner.state in ENDED_STEPS:  # somebody has skipped it before
                continue
            inner.state = move(inner, put)
            inner.ended_ns = ended_ns
            if scope.values is not None:
                scope.values["steps"][inner.plan.id] = value_of(inner)

    def _follow(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Make ready what waited for a step that has ended, and end what it was the last inside of."""
        mark_progress(execution, now)
        scope = step.scope
        steps = scope.steps
        while True:
            plan = step.plan
            if scope.values is not None:
                scope.values["steps"][plan.id] = value_of(step)
            for number in plan.dependents:
                dependent = steps[number]
                dependent.waits_for_count -= 1
                if not dependent.waits_for_count:
                    self._ready.append((execution, dependent, step.id))
            if plan.parent < 0:
                scope.left_count -= 1
                if not scope.left_count:
                    self._end_scope(execution, scope, step, now)
                return
            group = steps[plan.parent]
            group.children_left_count -= 1
            if group.children_left_count:
                return
            if not group.ended_by or now > steps_ended_ns(execution, group):
                group.ended_by = step.id
            if not self._end_container(execution, group, now):
                return
            step = group


def steps_ended_ns(execution: ExecutionFacts, container: StepFacts) -> int:
    """Return when the step that a container's end is put down to has ended."""
    return execution.steps[container.ended_by].ended_ns
