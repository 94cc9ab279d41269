"""Instants as people write them: RFC 3339, or seconds on the engine's clock.

The engine's clock counts nanoseconds from the Unix epoch in a live world, and from the start of the run in a
modelled one; an RFC 3339 instant is always counted from the Unix epoch.
"""

import re
from typing import Final

from engine.core.errors import EngineError

_SECOND_NS: Final = 1_000_000_000
_RFC_3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))"
)
_SECONDS: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?")
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class InvalidInstant(EngineError):
    """A text that is no instant."""


def parse_instant(text: str) -> int:
    """Return the nanoseconds of an instant; raises `InvalidInstant`."""
    seconds = _SECONDS.fullmatch(text)
    if seconds is not None:
        return int(seconds[1]) * _SECOND_NS + _fraction_ns(seconds[2])
    match = _RFC_3339.fullmatch(text)
    if match is None:
        message = f"expected an RFC 3339 instant (2026-01-31T08:00:00Z) or seconds, not {text!r}"
        raise InvalidInstant(message)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not (
        1 <= month <= 12 and 1 <= day <= _days_of(year, month) and hour < 24 and minute < 60 and second <= 60
    ):
        message = f"{text!r}: no such day or time"
        raise InvalidInstant(message)
    offset_s = (int(match[9]) * 60 + int(match[10])) * 60 if match[8] else 0
    at_s = _days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
    at_s += offset_s if match[8] == "-" else -offset_s
    return at_s * _SECOND_NS + _fraction_ns(match[7])


def _fraction_ns(digits: str | None) -> int:
    return int((digits or "0").ljust(9, "0"))


def _days_of(year: int, month: int) -> int:
    return 29 if month == 2 and _is_leap(year) else _MONTH_DAYS[month - 1]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_since_epoch(year: int, month: int, day: int) -> int:
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += sum(_days_of(year, earlier) for earlier in range(1, month)) + day - 1
    return days - 719_162  # of 1970-01-01
