"""Section 3: what a baseline says, and the comparisons within the sweep."""

from collections.abc import Mapping
from typing import Any

from reports import attachments
from reports.figures.forest import forest
from reports.formats import coordinates
from reports.gate_view import GateView, RowView, gate_view
from reports.page.cells import sort_key
from reports.page.view import View
from reports.phrases import finding_text

_MOST_ROWS = 200
_ORDER = ("FAIL", "NO DATA", "INCONCLUSIVE", "WAIVED", "PASS")
_TAGS = {"WAIVED": "INCONCLUSIVE", "NO DATA": "NO_DATA"}


def regression_values(view: View) -> Mapping[str, Any]:
    """Return the judgement against a baseline and the comparisons that the scenario asks for."""
    found = attachments.answer(view.summary.run, "regressions")
    rows = _comparisons(view)
    if found is None and not rows:
        stale = "regressions" in view.summary.run.attachments
        words = "The gate judged another version of this scenario." if stale else "No baseline was asked for."
        return view.absent(words, "gate", "--baseline FILE")
    gate = None if found is None else gate_view(found)
    return {
        "comparisons": rows,
        "gate": gate,
        "gate_passes": gate is not None and gate.exit_code == 0,
        "forest": None if gate is None else forest(gate),
        "rows": [] if gate is None else _rows(gate),
    }


def _rows(gate: GateView) -> list[dict[str, Any]]:
    return [_row(row) for row in sorted(gate.rows, key=_by_state)[:_MOST_ROWS]]


def _by_state(row: RowView) -> int:
    return _ORDER.index(row.state)


def _row(row: RowView) -> dict[str, Any]:
    rest = [row.reason, f"waived {row.waived}" if row.waived else "", row.power]
    return {
        "state": row.state,
        "tone": _TAGS.get(row.state, row.state).lower().replace("_", "-"),
        "rule": row.rule,
        "metric": row.metric,
        "where": row.where,
        "before": row.before,
        "after": row.after,
        "change": row.change,
        "sort": sort_key(row.percents[0] if row.percents else None),
        "allowed": row.allowed,
        "n": row.n,
        "finding": row.finding,
        "rest": "; ".join(part for part in rest if part),
    }


def _comparisons(view: View) -> list[dict[str, Any]]:
    return [
        {
            "id": item.comparison.id,
            "sides": item.sides,
            "where": "everywhere" if not item.where else coordinates(item.where),
            "metric": f"{item.comparison.metric} {item.stat}",
            "change": item.change_text,
            "sort": sort_key(item.change),
            "n": item.n,
            "finding": finding_text(item),
            "reason": item.reason,
        }
        for item in view.summary.comparisons
    ]
