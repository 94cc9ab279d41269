"""What a manifest's status recorded: how long the pods of each step worked and how they ended."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from scenarios.document import Document
from scenarios.importers.argo.outcomes import DEFAULT_S, Outcome

_ATTEMPT: Final = re.compile(r"(.+?)\(([0-9]{1,9})\)")
CODE_MAX: Final = 255
_CODE: Final = re.compile(r"exit code ([0-9]{1,3})\b")


def recorded_outcomes(root: Document) -> dict[str, Outcome]:
    """Return the outcome of each step of the entry point that a recorded run has pods of."""
    nodes = ((root.data.get("status") or {}).get("nodes") or {}).values()
    attempts: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for node in nodes:
        if (
            isinstance(node, dict)
            and node.get("type") == "Pod"
            and node.get("phase") in ("Succeeded", "Failed")
        ):
            name = str(node.get("displayName", ""))
            match = _ATTEMPT.fullmatch(name)
            step, number = (match.group(1), int(match.group(2))) if match else (name, 0)
            attempts.setdefault(step, []).append((number, node))
    return {
        step: _outcome([node for _, node in sorted(rows, key=lambda row: row[0])])
        for step, rows in attempts.items()
    }


def _outcome(nodes: list[Mapping[str, Any]]) -> Outcome:
    seconds = [found for node in nodes if (found := _seconds(node)) is not None]
    codes = tuple(_exit_code(node) for node in nodes)
    mean = round(sum(seconds) / len(seconds), 3) if seconds else DEFAULT_S
    return Outcome(mean, codes, (), in_turn=len(codes) > 1, is_assumed=not seconds)


def _exit_code(node: Mapping[str, Any]) -> int:
    if node.get("phase") == "Succeeded":
        return 0
    match = _CODE.search(str(node.get("message", "")))
    return min(int(match.group(1)), CODE_MAX) if match else 1


def _seconds(node: Mapping[str, Any]) -> float | None:
    began, ended = (_instant(node.get(key)) for key in ("startedAt", "finishedAt"))
    return max(0.0, (ended - began).total_seconds()) if began and ended else None


def _instant(value: Any) -> datetime | None:
    """Return one of Kubernetes' timestamps, which are in UTC; None if it is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
