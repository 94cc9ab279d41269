"""The append-only history of an engine: every event with its instant, under one digest.

A history written as lines is

    {"events":"headroom","version":2}                                 the header
    {"at":0,"event":"ExecutionSubmitted",...,"chain":"9f3c..."}       one line an event, canonical JSON
    {"digest":"...","events_count":2}                                 the footer

`chain` is the start of the running SHA-256 over all events so far, so that the first line that was altered,
lost or inserted is named, and the footer tells a whole history from one that was cut. Histories of older
versions are read.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine.core.canonical import encode
from engine.core.errors import EngineError, HistoryError
from engine.core.event_codec import HISTORY_VERSION, event_from_json, event_to_json
from engine.core.events import Event
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine

_CHAIN_LENGTH: Final = 16


class History:
    """Events in the order in which the engine took them in."""

    __slots__ = ("_digested_count", "_entries", "_sha", "version")

    def __init__(self, version: int = HISTORY_VERSION) -> None:
        """Start empty. `version` is that of the engine whose events it is to hold."""
        self.version = version
        self._entries: list[tuple[int, Event]] = []
        self._sha = hashlib.sha256()
        self._digested_count = 0

    def append(self, now: int, event: Event) -> None:
        """Add an event; it must not be changed from here on."""
        self._entries.append((now, event))

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        """Yield (instant, event) in order."""
        return iter(self._entries)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical lines of all events, in hex; what is new is digested when asked."""
        for now, event in self._entries[self._digested_count :]:
            self._sha.update(_line(now, event).encode())
        self._digested_count = len(self._entries)
        return self._sha.hexdigest()

    def to_lines(self) -> Iterator[str]:
        """Yield the history as lines, without line ends."""
        yield encode({"events": "headroom", "version": self.version})
        sha = hashlib.sha256()
        for now, event in self._entries:
            line = _line(now, event)
            sha.update(line.encode())
            yield f'{line[:-1]},"chain":"{sha.hexdigest()[:_CHAIN_LENGTH]}"}}'
        yield encode({"digest": sha.hexdigest(), "events_count": len(self._entries)})

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> "History":
        """Read what `to_lines` wrote; raises `HistoryError` naming the first line that does not belong."""
        rows = enumerate((_parse(line, number) for number, line in enumerate(lines, 1)), 1)
        _, header = next(rows, (1, {}))
        if header.get("events") != "headroom" or not isinstance(header.get("version"), int):
            message = "line 1: not the header of a history"
            raise HistoryError(message)
        history = cls(header["version"])
        for number, row in rows:
            if "digest" in row:
                history._check_footer(row, number)
                if next(rows, None) is not None:
                    message = f"line {number + 1}: there is more after the footer"
                    raise HistoryError(message)
                return history
            history._read(row, number)
        message = (
            f"cut after {len(history)} events: the footer is missing; what was read up to there is sound"
        )
        raise HistoryError(message)

    def _read(self, row: dict[str, Any], number: int) -> None:
        chain = row.pop("chain", "")
        self._sha.update(encode(row).encode())
        if chain != self._sha.hexdigest()[:_CHAIN_LENGTH]:
            message = (
                f"line {number}: altered, or one before it is missing; {len(self)} events before it are sound"
            )
            raise HistoryError(message)
        at_ns = row.pop("at", None)
        if not isinstance(at_ns, int):
            message = f"line {number}: no instant"
            raise HistoryError(message)
        self._entries.append((at_ns, event_from_json(row, self.version)))
        self._digested_count = len(self._entries)

    def _check_footer(self, row: Mapping[str, Any], number: int) -> None:
        if row.get("events_count") != len(self) or row["digest"] != self._sha.hexdigest():
            message = f"line {number}: the footer does not fit the {len(self)} events before it"
            raise HistoryError(message)


def replay(history: History, limits: Limits) -> WorkflowEngine:
    """Rebuild the engine to which a history happened; raises `HistoryError` where it could not have."""
    engine = WorkflowEngine(limits, history.version)
    for number, (now, event) in enumerate(history):
        try:
            engine.handle(event, now)
        except EngineError as error:
            message = f"event {number} ({type(event).__name__} at {now} ns) cannot have happened: {error}"
            raise HistoryError(message) from error
    return engine


def _line(now: int, event: Event) -> str:
    row = event_to_json(event)
    row["at"] = now
    try:
        return encode(row)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"{type(event).__name__} at {now} ns cannot be written as JSON: {error}"
        raise HistoryError(message) from error


def _parse(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        message = f"line {number}: not JSON: {error}"
        raise HistoryError(message) from error
    if not isinstance(row, dict):
        message = f"line {number}: not a JSON object"
        raise HistoryError(message)
    return row
