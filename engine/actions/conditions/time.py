"""`time`: the world's wall clock and calendar, for maintenance windows."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.definition import SECOND_NS
from engine.core.effects import Now

WINDOWS_MAX: Final = 50
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 1_440
_OFFSET: Final = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>[0-5]\d)")
_WINDOW: Final = re.compile(
    r"(?:(?P<from>[a-z]{3})(?:-(?P<to>[a-z]{3}))? )?"
    r"(?P<start>[01]\d|2[0-3]):(?P<start_min>[0-5]\d)-(?P<end>[01]\d|2[0-4]):(?P<end_min>[0-5]\d)"
)


class Window(NamedTuple):
    """A time of the week: weekdays (0 is Monday) on which it begins, and minutes of the day."""

    days: tuple[int, ...]
    start_min: int
    end_min: int  # on the next day if it is not after the start

    def holds(self, weekday: int, minute: int) -> bool:
        """Tell whether it is open; its end is no longer in it."""
        if self.start_min < self.end_min:
            return weekday in self.days and self.start_min <= minute < self.end_min
        began_today = weekday in self.days and minute >= self.start_min
        return began_today or ((weekday - 1) % 7 in self.days and minute < self.end_min)


async def time(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the present in `utc_offset`, and whether it lies in one of `windows`.

    A window is ``22:00-06:00`` for every day, ``sat 00:00-24:00`` or ``mon-fri 22:00-06:00``; one whose end
    is not after its start ends on the next day. There are offsets and no time zones: daylight saving is
    the author's business.
    """
    del context
    offset_min = _offset(parameters["utc_offset"])
    given = parameters["windows"] or ()
    if len(given) > WINDOWS_MAX:
        raise InvalidParameters(f"time: {len(given)} 'windows'; at most {WINDOWS_MAX} are taken")
    windows = [window(one) for one in given]
    present = calendar(await Now() // SECOND_NS + offset_min * 60)
    weekday, minute = present["weekday"] - 1, present["minute_of_day"]
    in_window = any(one.holds(weekday, minute) for one in windows)
    text = (
        f"{present['year']:04}-{present['month']:02}-{present['day']:02}T"
        f"{present['hour']:02}:{present['minute']:02}:{present['second']:02}{parameters['utc_offset']}"
    )
    return {**present, "text": text, "in_window": in_window}


def calendar(unix_s: int) -> dict[str, int]:
    """Return the date and time of day of seconds since 1970; weekday 1 is Monday.

    The date is Howard Hinnant's ``civil_from_days`` (chrono-compatible low-level date algorithms).
    """
    days, second_of_day = divmod(unix_s, 86_400)
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153  # months from March on
    month = shifted + 3 if shifted < 10 else shifted - 9
    return {
        "unix_s": unix_s,
        "year": year_of_era + era * 400 + (month <= 2),
        "month": month,
        "day": day_of_year - (153 * shifted + 2) // 5 + 1,
        "weekday": (days + 3) % 7 + 1,
        "hour": second_of_day // 3_600,
        "minute": second_of_day // 60 % 60,
        "second": second_of_day % 60,
        "minute_of_day": second_of_day // 60,
    }


def window(text: Any) -> Window:
    """Read a window; raises `InvalidParameters`."""
    match = _WINDOW.fullmatch(text.lower()) if isinstance(text, str) else None
    days = _days(match["from"], match["to"]) if match else ()
    if match is None or not days:
        raise InvalidParameters(
            f"time: window {text!r} cannot be read; write 22:00-06:00, sat 00:00-24:00 or mon-fri 22:00-06:00"
        )
    end_min = int(match["end"]) * 60 + int(match["end_min"])
    if end_min > _DAY_MINUTES:
        raise InvalidParameters(f"time: window {text!r} ends after 24:00")
    return Window(days, int(match["start"]) * 60 + int(match["start_min"]), end_min)


def _days(first: str | None, last: str | None) -> tuple[int, ...]:
    if first is None:
        return tuple(range(7))
    if first not in DAYS or (last or first) not in DAYS:
        return ()
    start = DAYS.index(first)
    count = (DAYS.index(last or first) - start) % 7 + 1
    return tuple((start + day) % 7 for day in range(count))


def _offset(text: str) -> int:
    match = _OFFSET.fullmatch(text)
    minutes = int(match["hours"]) * 60 + int(match["minutes"]) if match else _DAY_MINUTES
    if match is None or minutes > 14 * 60:
        raise InvalidParameters(
            f"time: 'utc_offset' must be between -14:00 and +14:00, such as +02:00: {text!r}"
        )
    return -minutes if match["sign"] == "-" else minutes


SPEC = ActionSpec(
    name="time",
    run=time,
    parameters={
        "utc_offset": Parameter("string", default="+00:00", summary="hours and minutes ahead of UTC"),
        "windows": Parameter("array", default=None, summary="times of the week, such as mon-fri 22:00-06:00"),
    },
    calls_min=0,
    summary="the wall clock and calendar, and whether a window is open",
)
