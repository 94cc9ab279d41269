"""Section 11: the capacity answer and what it costs."""

from collections.abc import Mapping
from typing import Any, Final

from reports import attachments
from reports.page.told import lines_of, tables_of
from reports.page.view import View

# Shown elsewhere, or for machines.
_APART: Final = (
    "schema", "statement", "scenario", "requirement", "kind", "scenario_yaml", "scenario_digest",
    "code_digest", "version",
)  # fmt: skip


def capacity_values(view: View) -> Mapping[str, Any]:
    """Return the certificate of the capacity search, if one was made for this scenario."""
    run = view.summary.run
    found = attachments.answer(run, "capacity")
    if found is None:
        stale = "capacity" in run.attachments
        words = "It was asked of another version of this scenario." if stale else "It was not asked."
        return view.absent(words, "capacity", "--knob load.burst")
    return {
        "statement": str(found.get("statement", "")),
        "lines": lines_of(found, _APART),
        "tables": tables_of(found, _APART),
        "check": f"headroom verify {run.directory / 'capacity.json'}",
    }
