"""The page of several runs side by side."""

from typing import Any

from reports.beside import Beside, Row, change_text
from reports.difference import shortened
from reports.figures.overlay import overlay
from reports.formats import coordinates, interval, number, percent, scaled
from reports.html import rendered
from reports.page.cells import sort_key
from reports.paired import EQUIVALENCE, PairedEffect
from reports.phrases import counted, headline, scope
from reports.verdicts import Verdict

_OPEN_CODES = (12,)
_MOST_ROWS = 1_000
_NAMES = {
    "makespan": "makespan, s",
    "executions_per_second": "executions/s",
    "execution_duration_mean": "execution, mean, s",
    "execution_duration_p95": "execution, p95, s",
}


def beside_html(found: Beside) -> str:
    """Return the page."""
    return rendered(
        "beside.html.j2",
        {
            "names": [side.name for side in found.sides],
            "runs": [_run(found, at) for at in range(len(found.sides))],
            "targets": _targets(found),
            "drawn": overlay(found),
            "rows": [_row(row) for row in found.rows[:_MOST_ROWS]],
            "more": max(len(found.rows) - _MOST_ROWS, 0),
            "confidence": percent(1 - found.alpha),
            "margin": f"{number(EQUIVALENCE * 100)} %",
        },
    )


def _run(found: Beside, at: int) -> dict[str, Any]:
    side = found.sides[at]
    code = side.summary.exit_code
    shown, more = shortened(found.differing[at])
    manifest = side.summary.run.manifest
    return {
        "name": side.name,
        "scenario": side.summary.questions.name,
        "headline": headline(side.summary),
        "tone": "pass" if code == 0 else "inconclusive" if code in _OPEN_CODES else "fail",
        "counted": counted(side.summary),
        "scope": scope(side.summary),
        "made": f"{manifest.get('version', '')} {str(manifest.get('code_digest', ''))[:12]}".strip(),
        "command": str(manifest.get("command", "")),
        "differences": [item.text for item in shown],
        "more": more,
    }


def _targets(found: Beside) -> list[dict[str, Any]]:
    """Return every target of any run, with what each run says of it."""
    results = [{it.target.id: it for it in side.summary.targets} for side in found.sides]
    names = dict.fromkeys(name for side in results for name in side)
    rows = []
    for name in names:
        cells = []
        for side in results:
            result = side.get(name)
            item = None if result is None else result.worst
            verdict = Verdict.NO_DATA if result is None else result.verdict
            cells.append(
                {
                    "verdict": "" if item is None else verdict.value,
                    "value": "not asked" if item is None else f"{item.value_text} n={item.n}",
                    "limit": "" if item is None else f"{item.limit_text}, at {coordinates(item.coordinates)}",
                }
            )
        rows.append({"id": name, "cells": cells})
    return rows


def _row(row: Row) -> dict[str, Any]:
    return {
        "where": coordinates(row.coordinates),
        "measure": _NAMES[row.measure],
        "cells": [
            {
                "text": "" if it is None else number(scaled(it.value, it.unit)),
                "detail": ""
                if it is None
                else " ".join(
                    filter(None, [interval(it.low, it.high, it.unit), f"n={it.n}", _mark(it.method)])
                ),
                "sort": "" if it is None else sort_key(it.value),
                "change": change_text(change),
                "finding": _finding(change),
            }
            for it, change in zip(row.estimates, row.changes, strict=True)
        ],
    }


def _mark(method: str) -> str:
    return "p" if method == "pooled" else ""


def _finding(change: PairedEffect | None) -> str:
    if change is None:
        return ""
    return change.finding.value + (f": {change.reason}" if change.reason else "")
