"""What every change of a step does: look the next state up, and leave its mark on the execution's clocks."""

from engine.core.errors import ForbiddenTransition
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.states import STEP, StepInput, StepState


def move(step: StepFacts, put: StepInput) -> StepState:
    """Look the next state of a step up; raises `ForbiddenTransition` where there is none."""
    try:
        return STEP[step.state][put]
    except KeyError:
        message = f"step {step.id!r} is {step.state}: it cannot {put}"
        raise ForbiddenTransition(message) from None


def mark_started(execution: ExecutionFacts, step: StepFacts, now: int) -> None:
    """Note that a step has begun, if it had not, and with it perhaps its execution."""
    if step.started_ns < 0:
        step.started_ns = now
        if execution.started_ns < 0:
            execution.started_ns = now
    mark_progress(execution, now)


def mark_progress(execution: ExecutionFacts, now: int) -> None:
    """Note a sign of progress."""
    gap_ns = now - execution.progress_ns
    if gap_ns:
        execution.progress_ns = now
        if gap_ns > execution.progress_gap_ns_max:  # noqa: PLR1730 - max() would cost a call an event
            execution.progress_gap_ns_max = gap_ns
