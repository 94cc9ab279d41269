"""The answer of a what-if as JSON values, and back: `whatif.json`, and what the verb prints with `--json`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reports.errors import ReportError
from reports.formats import json_number
from reports.paired import EQUIVALENCE
from reports.whatif import Answer, Row

SCHEMA: Final = 1


def answer_json(found: Answer) -> dict[str, Any]:
    """Return the answer as JSON values, with the numbers as they are printed."""
    question = found.question
    return {
        "schema": SCHEMA,
        "headline": found.headline,
        "metric": question.metric.name,
        "stat": question.stat,
        "words": question.words,
        "target": question.target,
        "better": "higher" if question.higher_is_better else "lower",
        "confidence": json_number(1 - question.alpha),
        "equivalence_percent": json_number(EQUIVALENCE * 100),
        "coordinates": dict(found.coordinates),
        "before": found.before.to_json(),
        "n": found.n,
        "bottleneck": found.bottleneck,
        "rows": [_row_json(row) for row in found.rows],
    }


def _row_json(row: Row) -> dict[str, Any]:
    item = row.candidate
    return {
        "rank": row.rank or None,
        "tied": row.tied,
        "knob": item.name,
        "change": item.change,
        "steps": dict(item.steps),
        "cost": item.cost,
        "effect": row.effect.value,
        "change_percent": _percent(row.change),
        "low_percent": _percent(row.low),
        "high_percent": _percent(row.high),
        "text": row.change_text,
        "n": row.n,
        "probability": json_number(row.probability),
        "completes_more": row.rescued,
        "completes_fewer": row.lost,
        "after": None if row.after is None else row.after.to_json(),
        "bottleneck": row.bottleneck,
        "reason": row.reason,
    }


def _percent(change: float | None) -> float | int | None:
    return json_number(None if change is None else change * 100)


@dataclass(frozen=True)
class RecordedRow:
    """A row of `whatif.json`, with the numbers as they are printed."""

    rank: int | None
    tied: bool
    knob: str
    change: str
    cost: str
    effect: str
    change_percent: float | None
    low_percent: float | None
    high_percent: float | None
    text: str
    n: int
    bottleneck: str
    reason: str


@dataclass(frozen=True)
class Recorded:
    """What a report shows of `whatif.json`."""

    headline: str
    words: str
    better: str
    equivalence_percent: float
    n: int
    coordinates: Mapping[str, Any]
    notes: tuple[str, ...]
    rows: tuple[RecordedRow, ...]


def recorded(document: Mapping[str, Any]) -> Recorded:
    """Return what an attachment says.

    Raises:
        ReportError: it is not what this version of the verb writes.
    """
    if document.get("schema") != SCHEMA:
        raise ReportError(f"whatif.json: found schema {document.get('schema')!r}, expected {SCHEMA}")
    try:
        return _recorded(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"whatif.json: not what `headroom whatif` writes: {error}") from error


def _recorded(document: Mapping[str, Any]) -> Recorded:
    rows = tuple(_row(row) for row in document["rows"])
    return Recorded(
        headline=str(document["headline"]),
        words=str(document["words"]),
        better=str(document["better"]),
        equivalence_percent=float(document["equivalence_percent"]),
        n=int(document["n"]),
        coordinates=dict(document["coordinates"]),
        notes=tuple(map(str, document["notes"])),
        rows=rows,
    )


def _row(row: Mapping[str, Any]) -> RecordedRow:
    return RecordedRow(
        rank=None if row["rank"] is None else int(row["rank"]),
        tied=bool(row["tied"]),
        n=int(row["n"]),
        change_percent=_finite(row["change_percent"]),
        low_percent=_finite(row["low_percent"]),
        high_percent=_finite(row["high_percent"]),
        **{name: str(row[name]) for name in _TEXTS},
    )


_TEXTS: Final = ("knob", "change", "cost", "effect", "text", "bottleneck", "reason")


def _finite(value: Any) -> float | None:
    if value is None:
        return None
    if not math.isfinite(float(value)):
        raise ValueError(f"{value!r} where a number was expected")
    return float(value)
