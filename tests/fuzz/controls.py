"""What people do to a run: they pause, resume, cancel, signal, override; they stop, drain and reopen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from engine.core.definition import Step, StepKind, Workflow
from engine.core.events import (
    CancelRequested,
    CapacityReported,
    DrainRequested,
    EmergencyStopRequested,
    Event,
    ExecutionSubmitted,
    PauseRequested,
    ReopenRequested,
    ResumeRequested,
    SignalReceived,
    StepOverridden,
)
from tests.fuzz.workflows import SECOND_NS, SIGNALS, rarely


@dataclass(frozen=True)
class Arrival:
    """An execution is asked for."""

    at_ns: int
    event: ExecutionSubmitted


@dataclass(frozen=True)
class Control:
    """Somebody takes a hand in."""

    at_ns: int
    event: Event


def controls_of(
    draw: Random,
    arrivals: Sequence[Arrival],
    workflows: Mapping[str, Workflow],
    calm_ns: int,
    *,
    capacity_aware: bool,
) -> tuple[Control, ...]:
    """Draw who does what, and when."""
    controls: list[Control] = []
    if capacity_aware:
        instants = [0, *(draw.randrange(calm_ns) for _ in range(draw.randint(0, 5)))]
        controls += [Control(at_ns, CapacityReported(_free(draw))) for at_ns in instants]
        plenty = {"cpu_m": 100_000, "memory_b": 1 << 40, "pods": 1_000}
        controls.append(Control(calm_ns, CapacityReported(plenty)))
    for _ in range(draw.choice([0, 1, 3, 8])):
        arrival = draw.choice(arrivals)
        late_ns = min(calm_ns - arrival.at_ns, draw.choice([1, 12, 60]) * SECOND_NS)
        at_ns = arrival.at_ns + draw.randrange(late_ns)
        event = arrival.event
        controls.append(Control(at_ns, _control(draw, event.execution_id, workflows[event.workflow])))
    if rarely(draw, one_in=8):
        at_ns = draw.randrange(calm_ns)
        stopped = DrainRequested() if draw.random() < 0.5 else EmergencyStopRequested("the fuzz says so")
        controls += [Control(at_ns, stopped), Control(draw.randint(at_ns, calm_ns), ReopenRequested())]
    return tuple(sorted(controls, key=lambda one: one.at_ns))


def _control(draw: Random, execution_id: str, workflow: Workflow) -> Event:
    """Draw what somebody does to one execution; it may be too late for it, or make no sense."""
    match draw.choice(["pause", "pause", "resume", "resume", "cancel", "signal", "signal", "skip", "retry"]):
        case "pause":
            return PauseRequested(execution_id)
        case "resume":
            return ResumeRequested(execution_id)
        case "cancel":
            return CancelRequested(execution_id, "the fuzz says so", draw.choice([False, True]))
        case "signal":
            approved = {"approved": draw.choice([True, False])}
            return SignalReceived(execution_id, draw.choice(SIGNALS), approved)
        case other:
            how: Literal["skip", "retry"] = "skip" if other == "skip" else "retry"
            step_id = draw.choice(list(_ids(workflow.steps, "")))
            return StepOverridden(execution_id, step_id, how, "the fuzz says so")


def _ids(steps: Sequence[Step], scope: str) -> Iterator[str]:
    """Yield the full ids of steps, of the first two iterations of loops too."""
    for step in steps:
        yield scope + step.id
        inner = (
            [f"{scope}{step.id}[{number}]." for number in (0, 1)] if step.kind is StepKind.LOOP else [scope]
        )
        for one in inner:
            yield from _ids(step.steps, one)


def _free(draw: Random) -> dict[str, int]:
    return {"cpu_m": draw.choice([0, 500, 3_000]), "memory_b": 1 << 34, "pods": draw.choice([0, 1, 50])}
