"""The one place where a number becomes digits, so that every document shows the same ones.

A value is rounded to four significant digits before it is written anywhere (console, JSON, CSV, HTML,
JUnit), the half-width of its interval to two. Whole numbers are written in full.
"""

import math
from collections.abc import Mapping
from typing import Any

UNBOUNDED = "∞"
ABSENT = "\N{EN DASH}"
SURVIVORS = "†"  # a mean of only those that completed
_VALUE_DIGITS = 4
_WIDTH_DIGITS = 2
_FIXED_LOWEST = -4  # below 10^-4 the exponent is written
_COMPARISON = {"s": " s", "": "", "%": " %"}


def rounded(value: float, digits: int = _VALUE_DIGITS) -> float | int:
    """Return `value` at `digits` significant digits; an integer of any size stays as it is."""
    if not math.isfinite(value):
        return value
    if value == int(value) and abs(value) < 10**15:
        return int(value)
    return float(f"{value:.{digits - 1}e}")


def number(value: float | None, digits: int = _VALUE_DIGITS) -> str:
    """Write a value without its unit: `12.34`, `0.01235`, `1234`, `∞`; a dash when there is none."""
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return UNBOUNDED if value > 0 else "-" + UNBOUNDED
    short = rounded(value, digits)
    if isinstance(short, int):
        return str(short)
    exponent = math.floor(math.log10(abs(short)))
    if exponent < _FIXED_LOWEST:
        return f"{short:.{digits - 1}e}"
    return f"{short:.{max(digits - 1 - exponent, 0)}f}"


def half_width(value: float | None) -> str:
    """Write the half-width of an interval, at two significant digits."""
    if value is None or value == 0:
        return number(value)
    if not math.isfinite(value):
        return number(value)
    short = float(f"{value:.{_WIDTH_DIGITS - 1}e}")
    exponent = math.floor(math.log10(abs(short)))
    if exponent < _FIXED_LOWEST:
        return f"{short:.{_WIDTH_DIGITS - 1}e}"
    return f"{short:.{max(_WIDTH_DIGITS - 1 - exponent, 0)}f}"


def scaled(value: float | None, unit: str) -> float | None:
    """Return the value in the unit that is printed: ratios are printed in per cent."""
    return value if value is None or unit != "ratio" else value * 100


def printed_unit(unit: str) -> str:
    """Return the unit as printed."""
    return "%" if unit == "ratio" else "" if unit == "count" else unit


def quantity(value: float | None, unit: str) -> str:
    """Write a value with its unit: `12.34 s`, `95 %`, `0.5000 1/s`."""
    text = number(scaled(value, unit))
    word = printed_unit(unit)
    return text if text in (ABSENT, UNBOUNDED) or not word else f"{text} {word}"


def percent(share: float | None) -> str:
    """Write a share for people: whole per cents, one decimal below ten."""
    if share is None or math.isnan(share):
        return ABSENT
    value = share * 100
    if 0 < value < 0.05:
        return "<0.1 %"
    if value and abs(value) < 10:
        return f"{value:.1f} %"
    return f"{value:.0f} %"


def interval(low: float | None, high: float | None, unit: str) -> str:
    """Write `[low, high]` in the printed unit; empty when there is none."""
    if low is None or high is None:
        return ""
    return f"[{number(scaled(low, unit))}, {number(scaled(high, unit))}]"


def json_number(value: float | None, digits: int = _VALUE_DIGITS) -> float | int | None:
    """Return the number for JSON and CSV; what is not finite has no number there."""
    if value is None or not math.isfinite(value):
        return None
    return rounded(value, digits)


def visible(text: str) -> str:
    """Replace what a terminal or page would obey and not show: control characters, overrides of direction."""
    return "".join("\ufffd" if _obeyed(character) else character for character in text)


def _obeyed(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code <= 0x9F or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069


def coordinate(value: Any) -> str:
    """Write one swept value."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return number(value)
    return str(value)


def coordinates(values: Mapping[str, Any]) -> str:
    """Write a point: `load.burst=5, workflow.steps=1`."""
    return ", ".join(f"{path}={coordinate(value)}" for path, value in values.items()) or "the only point"
