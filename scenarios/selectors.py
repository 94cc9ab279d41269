"""Label selectors: whether one matches the labels of an object."""

from collections.abc import Mapping
from typing import Any


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str] | None) -> bool:
    """Say whether a label selector (matchLabels and matchExpressions) matches; None matches nothing."""
    if selector is None:
        return False
    carried = labels or {}
    wanted = selector.get("matchLabels") or {}
    if any(carried.get(name) != value for name, value in wanted.items()):
        return False
    return all(_expression(entry, carried) for entry in selector.get("matchExpressions") or ())


def _expression(entry: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(entry["key"])
    match entry["operator"]:
        case "In":
            return value is not None and value in entry["values"]
        case "NotIn":
            return value is None or value not in entry["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None
