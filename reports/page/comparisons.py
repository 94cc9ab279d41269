"""Section 3: what a baseline says, and the comparisons within the sweep."""

from collections.abc import Mapping
from typing import Any

from reports.formats import coordinates
from reports.page.cells import sort_key
from reports.page.view import View
from reports.phrases import finding_text


def regression_values(view: View) -> Mapping[str, Any]:
    """Return the judgement against a baseline and the comparisons that the scenario asks for."""
    rows = [
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
    if not rows:
        return view.absent("This run was not held against a baseline.", "gate", "--baseline FILE")
    return {"comparisons": rows}
