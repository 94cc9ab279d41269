"""The engine's limits: everything it could have too much of has one."""

from dataclasses import dataclass
from typing import Literal

from engine.core.definition import SECOND_NS
from engine.core.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the engine does at once, how long it lets things take, and how it picks the next step."""

    max_concurrency: int | None = None  # executions at once; None: no limit
    step_slots: int | None = None  # attempts at once, over all executions; None: no limit
    step_timeout_ns: int = 600 * SECOND_NS  # of an attempt whose step names none
    execution_timeout_ns: int | None = None  # of an execution whose workflow names none, from its admission
    dispatch: Literal["fifo", "critical-path"] = "fifo"
    max_steps_per_workflow: int = 1_000
    max_queue: int = 100_000  # executions waiting for admission; more are refused

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could run."""
        for name in ("max_concurrency", "step_slots", "step_timeout_ns", "execution_timeout_ns"):
            value = getattr(self, name)
            if value is not None and value < 1:
                message = f"limits: {name} must be at least 1, not {value}"
                raise DefinitionError(message)
        if self.dispatch not in ("fifo", "critical-path"):
            message = f"limits: dispatch must be 'fifo' or 'critical-path', not {self.dispatch!r}"
            raise DefinitionError(message)
        if self.max_steps_per_workflow < 1 or self.max_queue < 0:
            message = "limits: max_steps_per_workflow must be at least 1 and max_queue at least 0"
            raise DefinitionError(message)
