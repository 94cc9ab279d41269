"""The answer of a what-if as JSON values: `whatif.json`, and what the verb prints with `--json`."""

from typing import Any

from reports.formats import json_number
from reports.paired import EQUIVALENCE
from reports.whatif import Answer, Row


def answer_json(found: Answer) -> dict[str, Any]:
    """Return the answer as JSON values, with the numbers as they are printed."""
    question = found.question
    return {
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
