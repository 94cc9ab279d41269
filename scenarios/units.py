"""Numbers with units, as people write them in files, to exact integers and back.

Durations are text such as ``30s``, ``250ms``, ``1h30m``; a bare number is refused, because nobody agrees on
what it would mean. Ratios are ``95%`` or a number from 0 to 1. Rates are ``5/s`` or ``1000/min``.
Kubernetes quantities are ``100m``, ``64Mi``, ``1e3``. Everything is computed exactly (`fractions`), never
in floating point.
"""

import re
from decimal import Decimal
from fractions import Fraction
from math import ceil, isfinite

NS_PER = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
SECOND_NS = NS_PER["s"]
DURATION_NS_MAX = 366 * NS_PER["d"]
DURATION_EXPECTED = "a duration with its unit, such as 250ms, 30s, 5m or 1h30m"
RATIO_EXPECTED = "a percentage such as 95%, or a number from 0 to 1"
RATE_EXPECTED = "a rate with its unit, such as 5/s or 1000/min"
PRICE_EXPECTED = "a price an hour, such as 0.19/h"

_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,30})?"
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h|d))+")
_BARE = re.compile(_NUMBER)
_RATIO = re.compile(rf"({_NUMBER})\s?%")
_RATE = re.compile(rf"({_NUMBER})\s?/\s?(s|sec|second|min|minute|h|hour)")
_QUANTITY = re.compile(rf"({_NUMBER})(?:([eE][+-]?[0-9]{{1,2}})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_PRICE = re.compile(rf"({_NUMBER})\s?/\s?(?:h|hour)")
_RATE_SECONDS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}


class UnitError(ValueError):
    """A text that is not a number with the right unit."""

    def __init__(self, message: str, expected: str, hint: str = "") -> None:
        """Keep what was found, what was expected, and a hint."""
        super().__init__(message)
        self.message, self.expected, self.hint = message, expected, hint


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parse_duration(value: object) -> int:
    """Return a duration in nanoseconds."""
    if _is_number(value) or (isinstance(value, str) and _BARE.fullmatch(value)):
        hint = "" if value == 0 else f"write {value}s for seconds or {value}ms for milliseconds"
        raise UnitError(f"bare number {value} for a duration", DURATION_EXPECTED, hint or "write 0s")
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise UnitError(f"{_shown(value)} is not a duration", DURATION_EXPECTED)
    total, previous = Fraction(0), DURATION_NS_MAX
    for number, unit in _PART.findall(value):
        scale = NS_PER[unit.replace("µ", "u").replace("μ", "u")]
        if scale >= previous:
            raise UnitError(f"'{value}' does not go from larger to smaller units", DURATION_EXPECTED)
        previous = scale
        total += Fraction(number) * scale
    if total > DURATION_NS_MAX:
        raise UnitError(f"'{value}' is longer than 366 days", "a duration of at most 366d")
    return round(total)


def format_duration(duration_ns: int) -> str:
    """Return the canonical text of a duration; `parse_duration` gives the same nanoseconds back."""
    if duration_ns == 0:
        return "0s"
    whole_s, rest_ns = divmod(duration_ns, SECOND_NS)
    if whole_s == 0:
        unit = next(unit for unit in ("ms", "us", "ns") if rest_ns % NS_PER[unit] == 0)
        return f"{rest_ns // NS_PER[unit]}{unit}"
    minutes, seconds = divmod(whole_s, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest_ns:09d}".rstrip("0") if rest_ns else ""
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    parts.append(f"{seconds}{fraction}s" if seconds or fraction else "")
    return "".join(parts)


def seconds(duration_ns: int) -> float:
    """Return nanoseconds as seconds, the unit of files and reports."""
    return duration_ns / SECOND_NS


def parse_ratio(value: object) -> float:
    """Return a share from 0 to 1."""
    if isinstance(value, str) and (match := _RATIO.fullmatch(value)):
        ratio = Fraction(match.group(1)) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        ratio = Fraction(value)
    else:
        raise UnitError(f"{_shown(value)} is not a share", RATIO_EXPECTED)
    if not 0 <= ratio <= 1:
        hint = f"write {value}%" if _is_number(value) and 1 < ratio <= 100 else ""
        raise UnitError(f"{value} lies outside 0 to 100%", RATIO_EXPECTED, hint)
    return float(ratio)


def format_ratio(ratio: float) -> str | float:
    """Return a share as a percentage, or as a number where that is shorter."""
    percent = f"{Decimal(repr(ratio)) * 100:f}"
    percent = percent.rstrip("0").rstrip(".") if "." in percent else percent
    return f"{percent}%" if len(percent) <= 20 else ratio


def parse_rate(value: object) -> float:
    """Return a rate per second."""
    if isinstance(value, str) and (match := _RATE.fullmatch(value)):
        return float(Fraction(match.group(1)) / _RATE_SECONDS[match.group(2)])
    hint = f"write {value}/s" if _is_number(value) else ""
    raise UnitError(f"{_shown(value)} is not a rate", RATE_EXPECTED, hint)


def format_rate(rate_per_s: float) -> str:
    """Return a rate as text; `parse_rate` gives the same rate back."""
    return f"{Decimal(repr(rate_per_s)):f}/s"


def parse_price(value: object) -> float:
    """Return a price an hour."""
    if isinstance(value, str) and (match := _PRICE.fullmatch(value)):
        return float(match.group(1))
    hint = f"write {value}/h" if _is_number(value) else ""
    raise UnitError(f"{_shown(value)} is not a price", PRICE_EXPECTED, hint)


def format_price(per_hour: float) -> str:
    """Return a price as text; `parse_price` gives the same price back."""
    return f"{Decimal(repr(per_hour)):f}/h"


def parse_quantity(value: object) -> Fraction:
    """Return a Kubernetes quantity exactly."""
    text = str(value) if _is_number(value) else value
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise UnitError(
            f"{_shown(value)} is not a Kubernetes quantity", "a quantity such as 100m, 2, 64Mi or 8Gi"
        )
    number, exponent, suffix = match.groups()
    amount = Fraction(number + (exponent or ""))
    if suffix in _BINARY:
        return amount * (1 << _BINARY[suffix])
    return amount * Fraction(f"1e{_DECIMAL.get(suffix, 0)}")


def parse_cpu(value: object) -> int:
    """Return CPU in millicores, rounded up as Kubernetes does."""
    return ceil(parse_quantity(value) * 1000)


def parse_bytes(value: object) -> int:
    """Return memory in bytes, rounded up."""
    return ceil(parse_quantity(value))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
