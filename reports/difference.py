"""What two configurations differ in, path by path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reports.formats import coordinate

VALUE_CHARACTERS_MAX: Final = 120
ROWS_MAX: Final = 200  # more of them are counted, not listed
_ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One path that has another value, or that only one side has (then the other's text is empty)."""

    path: str
    before: str
    after: str

    @property
    def text(self) -> str:
        """The difference on one line: `engine.client.qps: 20 → 10`."""
        return f"{self.path}: {self.before or 'not there'} → {self.after or 'not there'}"

    def to_json(self) -> dict[str, str]:
        """Return the difference as JSON values."""
        return {"path": self.path, "before": self.before, "after": self.after}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return the paths whose values differ, in the order of `after`, then those that only `before` has."""
    paths = [*after, *(path for path in before if path not in after)]
    return tuple(
        Difference(path, _text(before, path), _text(after, path))
        for path in paths
        if before.get(path, _ABSENT) != after.get(path, _ABSENT)
    )


def shortened(found: Sequence[Difference], most: int = ROWS_MAX) -> tuple[Sequence[Difference], int]:
    """Return as many as can be shown, and how many are left over."""
    return found[:most], max(0, len(found) - most)


def _text(side: Mapping[str, Any], path: str) -> str:
    if path not in side:
        return ""
    value = side[path]
    text = ", ".join(map(coordinate, value)) if isinstance(value, list) else coordinate(value)
    text = f"[{text}]" if isinstance(value, list) else text or "''"
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 3] + "..."
