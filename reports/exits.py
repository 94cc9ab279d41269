"""Exit codes: one cause each; where several apply, the first of the list is the process's."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

USAGE: Final = 2
INVALID: Final = 3
INTERRUPTED: Final = 130
MODEL_ERROR: Final = 4
LIVE_UNAVAILABLE: Final = 5
TIME_BUDGET: Final = 14
NO_DATA: Final = 13
INFEASIBLE: Final = 15
TARGET_FAILED: Final = 10
REGRESSION: Final = 11
INCONCLUSIVE: Final = 12
OK: Final = 0

PRIORITY: Final = (
    USAGE,
    INVALID,
    INTERRUPTED,
    MODEL_ERROR,
    LIVE_UNAVAILABLE,
    TIME_BUDGET,
    NO_DATA,
    INFEASIBLE,
    TARGET_FAILED,
    REGRESSION,
    INCONCLUSIVE,
    OK,
)
NAMES: Final = {
    USAGE: "usage",
    INVALID: "scenario or configuration invalid",
    INTERRUPTED: "interrupted",
    MODEL_ERROR: "model error",
    LIVE_UNAVAILABLE: "live cluster unavailable",
    TIME_BUDGET: "time budget spent",
    NO_DATA: "no data",
    INFEASIBLE: "infeasible by configuration",
    TARGET_FAILED: "target failed",
    REGRESSION: "regression",
    INCONCLUSIVE: "inconclusive",
    OK: "pass",
}


@dataclass(frozen=True)
class ExitCause:
    """One reason for an exit code."""

    code: int
    message: str

    @property
    def name(self) -> str:
        """The code in words."""
        return NAMES[self.code]


def exit_code(causes: Iterable[ExitCause]) -> int:
    """Return the code of highest priority; 0 when there is no cause."""
    codes = {cause.code for cause in causes}
    return next((code for code in PRIORITY if code in codes), OK)


def in_order(causes: Iterable[ExitCause]) -> tuple[ExitCause, ...]:
    """Return the causes by priority, those of one code in the order given."""
    return tuple(sorted(causes, key=lambda cause: PRIORITY.index(cause.code)))
