"""A series of runs of one scenario: each with its interval, and where they changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtrit

from reports.changepoints import ALPHA, Change, Result, find_changes
from reports.estimates import Estimate
from reports.formats import json_number, number, percent, printed_unit, scaled


@dataclass(frozen=True)
class Run:
    """One run in a history."""

    number: int
    at: str
    verb: str
    exit_code: int
    path: str
    code: str  # digests of what made it
    scenario: str
    seed: int
    found: Estimate
    error: float | None  # standard error of the value; None: it has no interval


@dataclass(frozen=True)
class Shift:
    """A change between two runs, and what else differs between them."""

    before: Run
    after: Run
    change: Change
    with_it: tuple[str, ...]  # "code", "scenario", "seed"

    @property
    def text(self) -> str:
        """The change in words, with its interval."""
        unit = printed_unit(self.after.found.unit)
        bounds = [self.change.change, self.change.low, self.change.high]
        if self.change.relative:
            value, low, high = (f"{it * 100:+.3g}" for it in bounds)
            unit = "%"
        else:
            value, low, high = (number(scaled(it, self.after.found.unit)) for it in bounds)
        return f"{value} {unit} [{low}, {high}], p={self.change.probability:.2g}".replace("  ", " ")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "before": self.before.number,
            "after": self.after.number,
            "change": json_number(self.change.change),
            "low": json_number(self.change.low),
            "high": json_number(self.change.high),
            "relative": self.change.relative,
            "probability": json_number(self.change.probability),
            "with": list(self.with_it),
            "text": self.text,
        }


def standard_error(found: Estimate, error: float) -> float | None:
    """Return the standard error behind an interval whose bounds have the probability `error` each."""
    width = found.half_width
    if width is None or found.n < 2:
        return None
    return width / float(stdtrit(found.n - 1, 1 - error))


def shifts_of(runs: Sequence[Run], alpha: float = ALPHA) -> list[Shift]:
    """Return where a history changed; runs without an interval are left out of account.

    Of runs that were the same experiment with the same code and the same dice, one is taken: they are one
    result, however often it was computed.
    """
    distinct = {(it.code, it.scenario, it.seed): it for it in reversed(runs) if it.error is not None}
    kept = sorted(distinct.values(), key=lambda run: run.number)
    results = [
        Result(it.found.value or 0.0, it.error or 0.0, max(it.found.n - 1, 1), str(it.seed)) for it in kept
    ]
    return [_shift(kept, change) for change in find_changes(results, alpha)]


def _shift(kept: Sequence[Run], change: Change) -> Shift:
    before, after = kept[change.place - 1], kept[change.place]
    pairs = {"code": (before.code, after.code), "scenario": (before.scenario, after.scenario)}
    pairs |= {"seed": (str(before.seed), str(after.seed))}
    return Shift(before, after, change, tuple(name for name, (one, other) in pairs.items() if one != other))


def method(alpha: float = ALPHA) -> str:
    """Say in a sentence how changes were found."""
    return (
        "changes: binary segmentation, t test on the runs' own standard errors, Bonferroni over all places; "
        f"a history without change shows one with probability {percent(alpha)} at most"
    )
