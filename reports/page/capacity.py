"""Section 11: the capacity answer and what it costs."""

from collections.abc import Mapping
from typing import Any

from reports.page.view import View


def capacity_values(view: View) -> Mapping[str, Any]:
    """Return the certificate of the capacity search, if one was made for this scenario."""
    return view.absent(
        "How much load it takes before a target gives way was not asked.", "capacity", "--knob load.burst"
    )
