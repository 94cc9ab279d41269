"""Cells of the page's tables: the text, the interval, and the key by which a column sorts."""

import math

from reports.estimates import Estimate
from reports.formats import SURVIVORS, interval, json_number, number, scaled


def sort_key(value: float | None) -> str:
    """Return the key by which the page sorts a number; what has none comes last."""
    if value is None or math.isnan(value):
        return ""
    return str(json_number(value)) if math.isfinite(value) else "1e99" if value > 0 else "-1e99"


def cell(found: Estimate) -> dict[str, str]:
    """Return an estimate as a cell; its n only where it differs from the row's."""
    return {
        "text": number(scaled(found.value, found.unit)) + (SURVIVORS if found.partial else ""),
        "n": f"n={found.n}" if found.partial else "",
        "interval": interval(found.low, found.high, found.unit),
        "mark": " p" if found.method == "pooled" else "",
        "sort": sort_key(found.value),
        "note": found.note,
    }
