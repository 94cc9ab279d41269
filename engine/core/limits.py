"""The engine's limits and optimiser switches: everything it could have too much of has a limit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.core.definition import SECOND_NS
from engine.core.errors import DefinitionError
from engine.core.rates import Rate

_AT_LEAST_1 = (
    "max_concurrency",
    "step_slots",
    "step_timeout_ns",
    "execution_timeout_ns",
    "ageing_ns",
    "max_steps_per_workflow",
    "subflow_depth_max",
    "output_bytes_max",
)
_AT_LEAST_0 = ("max_queue", "cancel_grace_ns", "ids_remembered")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the engine does at once, how long it lets things take, and how it picks the next step.

    Without `ageing_ns` priorities are strict. With it, one level of priority is worth so much waiting:
    whoever has waited `ageing_ns` longer goes before somebody of one level more, so that nobody starves.
    """

    max_concurrency: int | None = None  # executions at once; None: no limit
    step_slots: int | None = None  # attempts at once, over all executions; None: no limit
    step_timeout_ns: int = 600 * SECOND_NS  # of an attempt whose step names none
    execution_timeout_ns: int | None = None  # of an execution whose workflow names none, from its admission
    dispatch: Literal["fifo", "critical-path"] = "fifo"
    max_steps_per_workflow: int = 1_000
    max_queue: int = 100_000  # executions waiting for admission; more are refused
    ageing_ns: int | None = None
    semaphores: Mapping[str, int] = field(default_factory=dict)  # lock -> how many may hold it; others: one
    rates: Mapping[str, Rate] = field(default_factory=dict)  # action -> how often it may start
    cancel_grace_ns: int = 30 * SECOND_NS  # how long an attempt that is cancelled may clean up
    subflow_depth_max: int = 8
    output_bytes_max: int = 1 << 20  # of one attempt's outputs, as JSON
    ids_remembered: int = 50_000  # ids of ended executions that may not be used again yet
    coalesce: tuple[str, ...] = ()  # actions that are carried out once for all who ask for the same
    capacity_aware: bool = False  # what the cluster cannot hold now waits
    reduce_needs: bool = False  # needs that other needs imply are dropped
    parallelise: bool = False  # children of a sequential group that are provably independent run together

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could run."""
        for lowest, names in ((1, _AT_LEAST_1), (0, _AT_LEAST_0)):
            for name in names:
                value = getattr(self, name)
                if value is not None and value < lowest:
                    message = f"limits: {name} must be at least {lowest}, not {value}"
                    raise DefinitionError(message)
        if self.dispatch not in ("fifo", "critical-path"):
            message = f"limits: dispatch must be 'fifo' or 'critical-path', not {self.dispatch!r}"
            raise DefinitionError(message)
        for name, capacity in self.semaphores.items():
            if capacity < 1:
                message = f"limits: semaphore {name!r} must admit at least 1, not {capacity}"
                raise DefinitionError(message)
