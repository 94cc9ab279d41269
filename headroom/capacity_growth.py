"""Growth: how long a load may go on growing before it is more than is shown to hold."""

import math
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from headroom.capacity_knob import Knob
from headroom.capacity_search import Direction, Search
from headroom.errors import HarnessError
from reports import exits
from reports.formats import json_number

DAYS: Final = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}
_FORM: Final = re.compile(r"(\d{1,4}(?:\.\d{1,4})?)\s?%\s?/\s?(day|week|month|quarter|year)")


@dataclass(frozen=True)
class Growth:
    """A load that grows by a share each period, compounded, from a day on."""

    text: str
    share: float
    days: float
    since: date

    @classmethod
    def parse(cls, text: str, since: str) -> "Growth":
        """Read `8%/month` and the day from which it counts; `HarnessError` for anything else."""
        matched = _FORM.fullmatch(text.strip())
        if matched is None or not float(matched[1]):
            hint = f"a share above 0 % and a period ({', '.join(DAYS)}), such as 8%/month"
            raise HarnessError(f"--growth {text}: no growth", exits.USAGE, hint)
        try:
            day = date.fromisoformat(since)
        except ValueError:
            raise HarnessError(f"--since {since}: no day", exits.USAGE, "YYYY-MM-DD") from None
        return cls(text.strip(), float(matched[1]) / 100, DAYS[matched[2]], day)

    def days_until(self, factor: float) -> float:
        """Return after how many days the load has grown by a factor."""
        return self.days * math.log(factor) / math.log1p(self.share)


def check_growth(knob: Knob) -> None:
    """Refuse the growth of what is no load: the largest of it is not looked for, or it has no value now."""
    if knob.direction is not Direction.LARGEST or not knob.own:
        raise HarnessError(
            f"--growth is of a load, and {knob.path} is none",
            exits.USAGE,
            "--knob load.burst, or another with --direction largest",
        )


def lasting(growth: Growth, knob: Knob, search: Search) -> dict[str, Any]:
    """Return until when the load is within what is shown to hold, and when it is beyond for certain."""
    assert knob.own, "checked before the search"
    row: dict[str, Any] = {
        "rate": growth.text,
        "since": growth.since.isoformat(),
        "from": knob.value(knob.own),
    }
    if search.answer is None or search.answer.at < knob.own:
        text = f"there is no headroom: {knob.text(knob.own)} is not shown to hold as it is"
        return {**row, "holds_until": None, "fails_from": None, "days": 0, "text": text}
    days = growth.days_until(search.answer.at / knob.own)
    until = _day(growth, days)
    fails = None if search.fails is None else _day(growth, growth.days_until(search.fails.at / knob.own))
    least = "no day before " if search.at_the_end else ""
    ends = f"{least}{until}" if until else "no day that a calendar has"
    text = f"at {growth.text} from {knob.text(knob.own)} on {growth.since}, headroom ends on {ends}"
    text += f"; from {fails} on the targets are missed for certain" if fails else ""
    return {**row, "holds_until": until, "fails_from": fails, "days": json_number(days), "text": text}


def _day(growth: Growth, days: float) -> str | None:
    try:
        return (growth.since + timedelta(days=math.floor(days))).isoformat()
    except OverflowError:  # beyond the calendar
        return None
