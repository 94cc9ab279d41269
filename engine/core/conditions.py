"""The port for conditions: compile once, evaluate over recorded values only.

`engine.cel` implements it with a CEL library. The values are ``variables`` (the execution's) and ``steps``
(id -> ``state`` and ``outputs`` of every step; ``pending`` until it has ended). An outcome is an event in
the history and is never evaluated again on replay.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

EXPRESSION_LENGTH_MAX: Final = 2_000


class Program(Protocol):
    """A compiled expression."""

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Return the outcome; raises `ConditionError` where the expression gives none."""
        ...


class Conditions(Protocol):
    """A language of conditions."""

    def compile(self, text: str) -> Program:
        """Compile `text`; raises `ConditionError` where it is not an expression that gives a boolean."""
        ...
