"""`Row`: one measurement or proof of others, beside what the model makes of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["prediction", "exact", "bound", "fit"]
"""What a row proves: parameters were set without it; theory; a floor or ceiling; set from it (nothing)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A metric of the reference and of the model, in the same `unit`.

    `low` and `high` bound the model's value at 99 % over `n` replications (or observations, where a row says
    so); None where the value is exact or was computed once. `aim` are the ratios, model over reference, that
    are good enough: (1, inf) makes the reference a floor, (0, 1) a ceiling.
    """

    id: str
    metric: str
    unit: str
    reference: float
    kind: Kind
    model: float
    low: float | None
    high: float | None
    n: int
    aim: tuple[float, float]
    source: str

    @property
    def ratio(self) -> float:
        """Model over reference; 1 where both are zero."""
        if self.reference:
            return self.model / self.reference
        return 1.0 if self.model == 0 else math.inf

    @property
    def holds(self) -> bool:
        """Say whether the ratio is within the aim; of theory, whether the interval holds the value."""
        if self.kind == "exact" and self.low is not None and self.high is not None:
            return self.low <= self.reference <= self.high
        return self.aim[0] <= self.ratio <= self.aim[1]

    @property
    def counts(self) -> bool:
        """Say whether the row proves anything: a fit does not."""
        return self.kind != "fit"

    @property
    def verdict(self) -> str:
        """PASS or FAIL, or of a fit only whether it is near."""
        if self.counts:
            return "PASS" if self.holds else "FAIL"
        return "fits" if self.holds else "does not fit"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a pack is run."""

    data: Path | None
    """The folder of the reference data, for the rows that need it; None leaves them out."""

    thorough: bool = False
    """Go on until intervals are narrow, however long it takes."""

    replications: int = 10
    seed: int = 20260101
