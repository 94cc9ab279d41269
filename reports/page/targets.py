"""Section 2: the targets, what cannot be met, and how far the assumptions carry."""

from collections.abc import Mapping
from typing import Any

from reports.formats import scaled
from reports.judge import TargetResult
from reports.page.cells import sort_key
from reports.page.view import View
from reports.phrases import behind_text, margin_text, place, sensitivity_text


def target_values(view: View) -> Mapping[str, Any]:
    """Return the tables of the section."""
    run = view.summary.run
    return {
        "targets": [_target(result) for result in view.summary.targets],
        "infeasible": [_infeasible(dict(entry)) for entry in run.infeasible],
        "sensitivity": [
            {
                "target": str(entry.get("target")),
                "text": sensitivity_text(dict(entry)),
                "n": str(entry.get("replications", "")),
            }
            for entry in run.sensitivity
        ],
    }


def _target(result: TargetResult) -> dict[str, Any]:
    item = result.worst
    several = len(result.judgements)
    return {
        "verdict": result.verdict.value,
        "id": result.target.id,
        "requirement": result.target.requirement,
        "severity": result.target.severity,
        "metric": result.target.metric,
        "limit": item.limit_text,
        "value": item.value_text,
        "behind": behind_text(item),
        "sort": sort_key(scaled(item.value, item.value_unit)),
        "n": item.n,
        "place": place(item),
        "points": f"of {several} points" if several > 1 else "",
        "margin": margin_text(item),
        "margin_sort": sort_key(item.margin),
        "reason": item.reason,
        "power": "" if item.detectable is None else item.detectable.text,
    }


def _infeasible(entry: dict[str, Any]) -> str:
    because = entry.get("because") or ", ".join(
        f"{key}: {value}" for key, value in entry.items() if key != "target"
    )
    return f"{entry.get('target')}: {because}"
