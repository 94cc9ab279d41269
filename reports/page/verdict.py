"""Section 1: the verdict, its causes, and the figures of the point in front."""

from collections.abc import Mapping
from typing import Any

from reports.estimates import Estimate
from reports.formats import SURVIVORS, interval, percent
from reports.page.answers import answers
from reports.page.view import View
from reports.phrases import counted, headline, scope

_OPEN_CODES = (12,)
_MOST_CAUSES = 12
_TILES = (
    ("Makespan, mean", "makespan"),
    ("Execution duration, p95", "execution_duration_p95"),
    ("Throughput, executions", "executions_per_second"),
)


def head_values(view: View) -> Mapping[str, Any]:
    """Return what stands above the sections."""
    questions = view.summary.questions
    return {
        "name": questions.name,
        "requirement": questions.requirement,
        "description": questions.description,
        "headline": headline(view.summary),
        "scope": scope(view.summary),
        "confidence": percent(questions.confidence),
        "focus_name": view.focus_name,
        "focus_n": 0 if view.focus is None else view.focus.n,
        "version": str(view.summary.run.manifest.get("version", "")),
    }


def verdict_values(view: View) -> Mapping[str, Any]:
    """Return the verdict with its causes, the answers in short, and the tiles."""
    summary = view.summary
    code = summary.exit_code
    return {
        "tone": "is-pass" if code == 0 else "is-open" if code in _OPEN_CODES else "is-fail",
        "counted": counted(summary),
        "exit_code": code,
        "causes": summary.causes[:_MOST_CAUSES],
        "further_causes": max(len(summary.causes) - _MOST_CAUSES, 0),
        "answers": answers(view),
        "tiles": _tiles(view),
    }


def _tiles(view: View) -> list[dict[str, str]]:
    focus = view.focus
    if focus is None:
        return []
    tiles = []
    for name, measure in _TILES:
        found = focus.estimates[measure]
        bounds = interval(found.low, found.high, found.unit)
        detail = " ".join(part for part in [bounds, f"n={found.n}", _mark(found)] if part)
        tiles.append({"name": name, "value": found.marked, "detail": detail})
    neck = focus.bottleneck
    if neck is not None:
        share = f"{percent(neck.share.value)} of the time"
        detail = ", ".join(filter(None, [share, neck.station_text]))
        tiles.append({"name": "Bottleneck", "value": neck.cause, "detail": detail})
    return tiles


def _mark(found: Estimate) -> str:
    if found.partial:
        return f"{SURVIVORS} {found.note}"
    return "pooled" if found.method == "pooled" else ""
