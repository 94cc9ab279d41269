"""What holds other steps: groups, loops and subflows, and the scopes inside them.

A loop starts its iterations in order, at most `parallelism` at once; a subflow is one scope that runs another
workflow with variables of its own.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.core.deadlines import DeadlineKind
from engine.core.definition import StepKind
from engine.core.errors import EngineError
from engine.core.events import Failure
from engine.core.facts import NOTHING, ExecutionFacts, LoopFacts, Scope, StepFacts
from engine.core.failures import FailureMachine
from engine.core.moves import mark_started, move
from engine.core.parameters import UnknownVariable, compile_value
from engine.core.plan import Plan
from engine.core.routing import names_of, values_of
from engine.core.states import StepInput
from engine.core.steps import ASKED_BREAK

STEPS_PER_EXECUTION_MAX: Final = 100_000  # those of iterations and subflows included

_LOOP: Final = StepKind.LOOP
_SUBFLOW: Final = StepKind.SUBFLOW


class NotIterable(EngineError):
    """What a loop was to go over is no list, or no range."""


def new_scope(
    execution: ExecutionFacts,
    plan: Plan,
    variables: Mapping[str, Any],
    owner: StepFacts | None = None,
    number: int = 0,
) -> Scope:
    """Return a scope of an execution, its steps pending; they are readable under their whole ids."""
    if owner is None:
        scope = execution.root
        steps = [StepFacts(it, scope, it.id, it.parent_id, NOTHING, NOTHING) for it in plan.steps]
    else:
        prefix = f"{owner.id}[{number}]." if plan.is_body else f"{owner.id}/"
        scope = Scope(plan, variables, prefix, owner, number)
        steps = [
            StepFacts(
                it,
                scope,
                prefix + it.id,
                prefix + it.parent_id if it.parent_id else owner.id,
                NOTHING,
                NOTHING,
            )
            for it in plan.steps
        ]
    for step in steps:
        step.waits_for_count = step.plan.waits_for_count
        step.children_left_count = step.plan.children_count
    scope.steps = steps
    scope.left_count = plan.top_level_count
    if owner is None:
        execution.steps = {step.id: step for step in steps}
    else:
        execution.steps.update({step.id: step for step in steps})
    return scope


def let_go_of(execution: ExecutionFacts) -> None:
    """Undo the circles in an execution's facts, so that they are freed without a search for circles."""
    if len(execution.steps) > len(execution.root.steps):
        for step in execution.steps.values():
            step.scope.steps = []
            step.scope.failures = []
            step.scopes = None
            if step.loop is not None:
                step.loop.last = None
    execution.root.steps = []
    if execution.root.failures:
        execution.root.failures = []


class ContainerMachine(FailureMachine):
    """Groups, loops and subflows."""

    @abstractmethod
    def _end_root(self, execution: ExecutionFacts, last: StepFacts, now: int) -> None:
        """Go on from an execution of which nothing is left."""

    def _begin_container(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        if self._take_locks(execution, step, now):
            self._on_locked(execution, step, now)

    def _on_locked(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        """Open a container that has its locks."""
        mark_started(execution, step, now)
        kind = step.plan.kind
        if kind is _LOOP:
            self._begin_loop(execution, step, now)
        elif kind is _SUBFLOW:
            self._begin_subflow(execution, step, now)
        else:
            step.state = move(step, StepInput.OPEN)
            steps = step.scope.steps
            self._ready.extend((execution, steps[root], step.id) for root in step.plan.roots)

    def _enclosing(self, _execution: ExecutionFacts, step: StepFacts) -> StepFacts | None:
        parent = step.plan.parent
        return step.scope.steps[parent] if parent >= 0 else step.scope.owner

    def _variables(self, _execution: ExecutionFacts, step: StepFacts) -> Mapping[str, Any]:
        return names_of(step, refers=True) if step.plan.refers else step.scope.variables

    def _open_scope(
        self,
        execution: ExecutionFacts,
        owner: StepFacts,
        variables: Mapping[str, Any],
        number: int,
        ready_by: str,
    ) -> None:
        plan = owner.plan.body
        assert plan is not None, "only loops and subflows hold scopes"
        scope = new_scope(execution, plan, variables, owner, number)
        owner.children_left_count += 1
        owner.scopes = [*(owner.scopes or ()), scope]
        self._ready.extend((execution, scope.steps[root], ready_by) for root in plan.roots)

    def _has_room(self, execution: ExecutionFacts, owner: StepFacts, now: int) -> bool:
        """Tell whether one more scope fits into an execution; if not, its owner has failed."""
        body = owner.plan.body
        assert body is not None, "only loops and subflows hold scopes"
        if len(execution.steps) + len(body.steps) <= STEPS_PER_EXECUTION_MAX:
            return True
        message = f"the execution would have more than {STEPS_PER_EXECUTION_MAX} steps"
        self._fail_container(execution, owner, Failure("TooManySteps", message, retryable=False), now)
        return False

    # -- loops

    def _begin_loop(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        definition = step.plan.definition
        try:
            items = _items_of(step)
        except (UnknownVariable, NotIterable) as error:
            failure = Failure(type(error).__name__, str(error), retryable=False)
            self._fail(execution, step, failure, now)
            return
        if len(items) > definition.iterations_max:
            message = f"{len(items)} iterations; the loop allows {definition.iterations_max}"
            self._fail(execution, step, Failure("LoopLimit", message, retryable=False), now)
            return
        step.loop = LoopFacts(items)
        step.scopes = []
        if not items:
            self._finish(execution, step, {"iterations": 0, "items": []}, now)
            return
        step.state = move(step, StepInput.OPEN)
        for _ in range(min(definition.parallelism, len(items))):
            if step.then is None:
                self._begin_iteration(execution, step, step.id, now)

    def _begin_iteration(self, execution: ExecutionFacts, step: StepFacts, ready_by: str, now: int) -> None:
        loop = step.loop
        assert loop is not None, "only loops have iterations"
        if not self._has_room(execution, step, now):
            return
        number = loop.next_number
        loop.next_number = number + 1
        variables = {**step.scope.variables, "item": loop.items[number], "index": number}
        self._open_scope(execution, step, variables, number, ready_by)

    def _end_iteration(self, execution: ExecutionFacts, scope: Scope, last: StepFacts, now: int) -> None:
        step = scope.owner
        assert step is not None, "an iteration is of a loop"
        loop = step.loop
        assert loop is not None, "an iteration is of a loop"
        step.children_left_count -= 1
        step.scopes = [other for other in step.scopes or () if other is not scope]
        step.ended_by = self._last_of(execution, step, last, now)
        loop.outputs[scope.number] = scope.steps[scope.plan.last].outputs
        if step.then is None and scope.failures and step.failure is None and not _tolerates(scope):
            step.failure = scope.failures[0].failure  # it fails when all its iterations have been run
        if step.then is not None:
            if not step.children_left_count and self._end_container(execution, step, now):
                self._follow(execution, step, now)
        elif step.plan.definition.break_when and loop.next_number < len(loop.items):
            loop.last = scope
            expression = step.plan.definition.break_when
            self._ask(execution, step, ASKED_BREAK, expression, values_of(scope))
        else:
            self._go_on(execution, step, last, now)

    def _answer_break(self, execution: ExecutionFacts, step: StepFacts, now: int, *, outcome: bool) -> None:
        loop = step.loop
        assert loop is not None, "only loops are broken"
        assert loop.last is not None, "a loop is broken after an iteration"
        if outcome:
            loop.items = loop.items[: loop.next_number]
        else:
            step.state = move(step, StepInput.OPEN)
        last, loop.last = loop.last, None
        self._go_on(execution, step, _last_to_end(last), now)

    def _go_on(self, execution: ExecutionFacts, step: StepFacts, last: StepFacts, now: int) -> None:
        """Begin a loop's next iteration, or end the loop after its last."""
        loop = step.loop
        assert loop is not None, "only loops go on"
        if loop.next_number < len(loop.items):
            self._begin_iteration(execution, step, last.id, now)
        elif not step.children_left_count:
            if step.failure is not None:
                self._fail(execution, step, step.failure, now)
                return
            outputs = [loop.outputs[number] for number in sorted(loop.outputs)]
            self._finish(execution, step, {"iterations": len(outputs), "items": outputs}, now)

    # -- subflows

    def _begin_subflow(self, execution: ExecutionFacts, step: StepFacts, now: int) -> None:
        plan, body = step.plan, step.plan.body
        assert body is not None, "a subflow has the plan of its workflow"
        try:
            resolve = plan.resolve_parameters
            variables = plan.parameters if resolve is None else resolve(self._variables(execution, step))
        except UnknownVariable as error:
            self._fail(execution, step, Failure("UnknownVariable", str(error), retryable=False), now)
            return
        step.scopes = []
        step.state = move(step, StepInput.OPEN)
        timeout_ns = body.workflow.timeout_ns
        if timeout_ns is not None:
            self._deadlines.arm(now + timeout_ns, DeadlineKind.OPEN_END, execution, step, 0)
        if self._has_room(execution, step, now):
            self._open_scope(execution, step, variables, 0, step.id)

    def _end_subflow(self, execution: ExecutionFacts, scope: Scope, last: StepFacts, now: int) -> None:
        step = scope.owner
        assert step is not None, "a subflow's scope has an owner"
        step.children_left_count -= 1
        step.ended_by = self._last_of(execution, step, last, now)
        self._deadlines.disarm(step)
        if step.then is None and scope.failures and not _tolerates(scope):
            step.failure = scope.failures[0].failure
            step.then = StepInput.FAIL
        if step.then is not None:
            if self._end_container(execution, step, now):
                self._follow(execution, step, now)
            return
        try:
            outputs = _outputs_of(scope)
        except UnknownVariable as error:
            self._fail(execution, step, Failure("UnknownVariable", str(error), retryable=False), now)
            return
        self._finish(execution, step, outputs, now)

    # -- scopes

    def _end_scope(self, execution: ExecutionFacts, scope: Scope, last: StepFacts, now: int) -> None:
        if scope.owner is None:
            self._end_root(execution, last, now)
        elif scope.plan.is_body:
            self._end_iteration(execution, scope, last, now)
        else:
            self._end_subflow(execution, scope, last, now)

    @staticmethod
    def _last_of(execution: ExecutionFacts, step: StepFacts, last: StepFacts, now: int) -> str:
        """Return what a container's end is put down to: what failed it, unless others took longer."""
        if step.then is not None and step.ended_by and execution.steps[step.ended_by].ended_ns == now:
            return step.ended_by
        return last.id


def _items_of(step: StepFacts) -> Sequence[Any]:
    """Return what a loop goes over; raises `UnknownVariable` and `NotIterable`."""
    definition = step.plan.definition
    given: Any = definition.items or definition.range
    resolve = compile_value(given)
    found = given if resolve is None else resolve(names_of(step, refers=True))
    if not definition.range:
        if not isinstance(found, (list, tuple)):
            message = f"items: expected a list, found {type(found).__name__}"
            raise NotIterable(message)
        return found
    if not all(isinstance(bound, int) and not isinstance(bound, bool) for bound in found) or found[2] == 0:
        message = f"range: expected start, stop and a step that is not 0, found {list(found)}"
        raise NotIterable(message)
    return range(*found)


def _outputs_of(scope: Scope) -> Mapping[str, Any]:
    """Return a subflow's outputs; raises `UnknownVariable`."""
    resolve = compile_value(scope.plan.workflow.outputs)
    if resolve is None:
        return dict(scope.plan.workflow.outputs)
    outputs: Mapping[str, Any] = resolve({**scope.variables, "steps": values_of(scope)["steps"]})
    return outputs


def _last_to_end(scope: Scope) -> StepFacts:
    """Return the step of a scope's top level that ended last; of several, the last by definition."""
    top = [step for step in scope.steps if step.plan.parent < 0]
    return max(top, key=lambda step: step.ended_ns)


def _tolerates(scope: Scope) -> bool:
    return scope.plan.workflow.on_step_failure == "tolerate"
