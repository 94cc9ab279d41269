"""Arrivals as they were recorded: a column of instants in a CSV file, cut and played at a speed.

A file is read once, line by line; what is wrong in it is said with its own line. Instants need not be in
order, as records of several machines seldom are.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import accumulate, pairwise
from pathlib import Path as FilePath
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import Mark, Path, Problem, ScenarioError, did_you_mean, one_of, quoted
from scenarios.load_schema import ARRIVALS_MAX, Trace
from scenarios.runspec import LoadSpec
from scenarios.shipped import LIBRARY
from scenarios.units import NS_PER, SECOND_NS, format_duration

PLACE: Final[Path] = ("workload", "load", "trace")
BYTES_MAX: Final = 64_000_000
ROWS_MAX: Final = 1_000_000
_TRACES: Final = LIBRARY / "traces"
_ISO: Final = "an instant such as 2026-11-24T08:00:00Z"
_FAR_S: Final = 10**11  # seconds since 1970 are not that many for the next three thousand years
_FRACTION = re.compile(r"(?P<whole>.*:\d\d)[.,](?P<digits>\d{1,9})(?P<offset>Z|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load_of(document: Document, trace: Trace, offsets: Sequence[int], horizon_ns: int) -> LoadSpec:
    """Return the arrivals of one run, cut and at their speed; `offsets` are of the whole recording."""
    chosen = cut(offsets, trace.begins, trace.lasts)
    if not chosen:
        length = format_duration(offsets[-1])
        raise document.error(PLACE, "no arrival lies between from and for", f"a window of its {length}")
    if len(chosen) > ARRIVALS_MAX:
        raise document.error(
            PLACE, f"{len(chosen):,} arrivals", f"at most {ARRIVALS_MAX:,}", "cut it with from and for"
        )
    played = [round(at / trace.speed) for at in chosen]
    if played[-1] >= horizon_ns:
        raise document.error(
            PLACE,
            f"the last arrival comes after {format_duration(played[-1])}, when the run is over",
            f"arrivals within experiment.horizon, {format_duration(horizon_ns)}",
            "cut it with for, raise speed, or raise the horizon",
        )
    window = played[-1] + 1 if trace.lasts is None else round(trace.lasts / trace.speed)
    return LoadSpec("trace", for_ns=max(window, played[-1] + 1), gaps=gaps_of(played))


def cut(offsets: Sequence[int], begins: int, lasts: int | None) -> list[int]:
    """Return the arrivals of a window, counted from its beginning."""
    return [at - begins for at in offsets if at >= begins and (lasts is None or at < begins + lasts)]


def gaps_of(offsets: Sequence[int]) -> str:
    """Write arrivals as the time to the first and from each to the next, in nanoseconds."""
    return " ".join(map(str, [offsets[0], *(after - before for before, after in pairwise(offsets))]))


def offsets_of(gaps: str) -> list[int]:
    """Return the arrivals of a text that `gaps_of` wrote. Raises `ValueError` for any other."""
    found = [int(word) for word in gaps.split()]
    if not found or min(found) < 0:
        raise ValueError("no gaps, or a negative one")
    return list(accumulate(found))


def carried(trace: Trace, offsets: Sequence[int]) -> dict[str, Any]:
    """Return what a resolved scenario says of a trace: the recording itself, and how it is cut and played."""
    window = {"from": trace.begins, "for": trace.lasts}
    shown = {key: format_duration(value) for key, value in window.items() if value is not None}
    return {"gaps": gaps_of(offsets), "speed": trace.speed} | shown


def recorded(document: Document, trace: Trace, base: FilePath) -> tuple[int, ...]:
    """Return the arrivals of a whole recording in order, in nanoseconds since the first."""
    if trace.gaps is not None:
        try:
            return tuple(offsets_of(trace.gaps))
        except ValueError:
            place = (*PLACE, "gaps")
            expected = "whole nanoseconds of 0 or more, apart by spaces"
            raise document.error(place, quoted(trace.gaps), expected) from None
    file, shown = _found(document, trace.file or "", base)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            instants = sorted(_instants(csv.reader(stream), shown, trace))
    except UnicodeDecodeError as error:
        raise ScenarioError([Problem(Mark(shown), "", f"not UTF-8: {error}", "a CSV file")]) from None
    except csv.Error as error:
        raise ScenarioError([Problem(Mark(shown), "", f"not CSV: {error}", "a CSV file")]) from None
    return tuple(at - instants[0] for at in instants)


def _found(document: Document, name: str, base: FilePath) -> tuple[FilePath, str]:
    """Return the file that is named, shipped or by its path, and how messages call it."""
    file, shown, place = base / name, str(base / name), PLACE
    if "/" not in name and not FilePath(name).suffix:
        known = sorted(one.stem for one in _TRACES.glob("*.csv"))
        if name not in known:
            expected = f"a CSV file, such as ./arrivals.csv, or {one_of(known)}"
            raise document.error(place, f"there is no trace '{name}'", expected, did_you_mean(name, known))
        file, shown = _TRACES / f"{name}.csv", f"{name}.csv"
    if not file.is_file():
        raise document.error(place, f"there is no file '{name}'", "a CSV file, relative to this one")
    if file.stat().st_size > BYTES_MAX:
        found = f"'{name}' has {file.stat().st_size:,} bytes"
        raise document.error(place, found, f"at most {BYTES_MAX:,}", "keep the column of instants alone")
    return file, shown


def _instants(rows: Iterator[list[str]], shown: str, trace: Trace) -> Iterator[int]:
    """Yield the instants of a file in nanoseconds; all are read as the first one is."""
    reader = _Reader(shown, trace)
    count = 0
    for number, row in enumerate(rows, start=1):
        if not any(cell.strip() for cell in row):
            continue
        if reader.place is None and reader.heads(row, number):
            continue
        count += 1
        if count > ROWS_MAX:
            raise reader.error(number, f"more than {ROWS_MAX:,} rows", "a part of it in a file of its own")
        yield reader.instant(row, number)
    if not count:
        raise reader.error(0, "no instants", "a row for each arrival")


class _Reader:
    """Finds the column and the way in which instants are written."""

    def __init__(self, shown: str, trace: Trace) -> None:
        self.place: int | None = None  # of the column; None: no row was seen
        self._shown = shown
        self._column = trace.column
        self._unit = NS_PER[trace.unit]
        self._parse: Callable[[str], int] | None = None
        self._known = False  # whether one instant was read

    def error(self, line: int, found: str, expected: str, hint: str = "") -> ScenarioError:
        column = 0 if line == 0 else 1
        return ScenarioError([Problem(Mark(self._shown, line, column), "", found, expected, hint)])

    def heads(self, row: list[str], line: int) -> bool:
        """Tell whether a first row names the columns, and find the one that is meant."""
        names = [cell.strip() for cell in row]
        if self._column is not None:
            if self._column not in names:
                hint = did_you_mean(self._column, names)
                raise self.error(line, f"no column '{self._column}'", one_of(names), hint)
            self.place = names.index(self._column)
            return True
        self.place = 0
        return not any(_is(parse, names[0]) for parse in (self._number, _moment))

    def instant(self, row: list[str], line: int) -> int:
        text = row[self.place or 0].strip() if len(row) > (self.place or 0) else ""
        if self._parse is None:
            self._parse = self._number if _is(self._number, text) else _moment
        try:
            found = self._parse(text)
        except (ValueError, InvalidOperation, OverflowError):
            raise self.error(line, f"{quoted(text)} is no instant", self._wanted()) from None
        except _TooFarError:
            hint = "are they milliseconds? write unit: ms beside the file"
            raise self.error(line, f"{text} s is thousands of years", "seconds", hint) from None
        self._known = True
        return found

    def _wanted(self) -> str:
        if not self._known:
            return f"{_ISO}, or a number"
        return f"{_ISO}, as the first" if self._parse is _moment else "a number, as the first"

    def _number(self, text: str) -> int:
        value = Decimal(text)
        if not value.is_finite():
            raise ValueError(text)
        if abs(value) * self._unit >= _FAR_S * SECOND_NS:
            raise _TooFarError
        return int((value * self._unit).to_integral_value())


class _TooFarError(Exception):
    """A number of seconds that no clock shows."""


def _is(parse: Callable[[str], int], text: str) -> bool:
    try:
        parse(text)
    except _TooFarError:
        return True
    except (ValueError, InvalidOperation, OverflowError):
        return False
    return True


def _moment(text: str) -> int:
    """Return an ISO instant in nanoseconds since 1970, to the last digit that is written."""
    digits = "0"
    if match := _FRACTION.fullmatch(text):
        digits, text = match["digits"], match["whole"] + (match["offset"] or "")
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    passed = moment - _EPOCH
    whole = passed.days * 86_400 + passed.seconds
    return whole * SECOND_NS + passed.microseconds * 1_000 + int(digits.ljust(9, "0"))
