"""The sentences about a regression that several documents share, so that they say the same."""

import math

from reports.estimates import Estimate
from reports.formats import ABSENT, UNBOUNDED, number
from reports.formats import coordinates as write_coordinates
from reports.regressions import Regression
from reports.verdicts import Verdict


def percent_change(change: float | None) -> str:
    """Write a change with its sign: `+3.214 %`."""
    if change is None or math.isnan(change):
        return ABSENT
    if math.isinf(change):
        return f"+{UNBOUNDED}"
    text = number(change * 100)
    return f"{text if text.startswith('-') or text == '0' else '+' + text} %"


def change_text(row: Regression) -> str:
    """Write the change with its interval: `+3.214 % [+2.902, +3.527]`."""
    text = percent_change(row.change)
    if row.low is None or row.high is None:
        return text
    low, high = (percent_change(value).removesuffix(" %") for value in (row.low, row.high))
    return f"{text} [{low}, {high}]"


def margin_text(row: Regression) -> str:
    """Write what passes: `-30 % to +3 %`."""
    low, high = row.edges
    return f"{percent_change(low)} to {percent_change(high)}"


def row_name(row: Regression) -> str:
    """Name a rule at a point: `makespan-mean at load.burst=5`."""
    return f"{row.rule.id} at {write_coordinates(row.coordinates)}"


def value_text(found: Estimate | None) -> str:
    """Write the value before or after with unit, interval and n."""
    return ABSENT if found is None else found.full


def row_text(row: Regression) -> str:
    """Say in one line what is known of a row."""
    parts = []
    if row.before is not None:
        name = f"{row.rule.metric} {row.rule.stat}"
        parts.append(f"{name} {change_text(row)}, n={row.n}, allowed {margin_text(row)}")
    if row.verdict is Verdict.FAIL:
        parts.append(row.finding)
    return "; ".join(part for part in [*parts, row.reason] if part)


def power_text(row: Regression) -> str:
    """Say how small a regression would have been found."""
    if row.detectable is None:
        return ""
    text = f"finds {percent_change(row.detectable).removeprefix('+')} worse with 95 % power"
    if row.detectable_reshuffled is not None:
        text += f" ({percent_change(row.detectable_reshuffled).removeprefix('+')} if the dice change too)"
    return text
