"""The four verdicts, and how one is reached. Whatever is not shown is not passed."""

from enum import StrEnum


class Verdict(StrEnum):
    """The judgement of one target at one point."""

    PASS = "PASS"  # noqa: S105 - a verdict, no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"  # the interval holds the limit: more replications, or a wider margin
    NO_DATA = "NO_DATA"  # nothing was measured; never a pass


_WORST_FIRST = (Verdict.FAIL, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.PASS)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the worst of several; of none, NO_DATA."""
    return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), Verdict.NO_DATA)


def decide(low: float | None, high: float | None, minimum: float | None, maximum: float | None) -> Verdict:
    """Judge bounds against limits: PASS if both bounds lie within, FAIL if one limit is wholly missed."""
    if low is None or high is None or (minimum is None and maximum is None):
        return Verdict.INCONCLUSIVE
    if (maximum is not None and low > maximum) or (minimum is not None and high < minimum):
        return Verdict.FAIL
    if (maximum is None or high <= maximum) and (minimum is None or low >= minimum):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE


def margin(value: float | None, minimum: float | None, maximum: float | None) -> float | None:
    """Return how far the value lies within its limits, as a share of the limit; negative beyond it."""
    if value is None:
        return None
    margins = []
    if maximum is not None:
        margins.append((maximum - value) / maximum if maximum else -value)
    if minimum is not None:
        margins.append((value - minimum) / minimum if minimum else value)
    return min(margins, default=None)
