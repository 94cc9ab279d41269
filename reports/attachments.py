"""Answers of other verbs beside a run: shown only while they are about the scenario that was run."""

import hashlib
from collections.abc import Mapping
from typing import Any

from reports.columns import RunData
from reports.errors import ReportError

SCENARIO = "scenario.resolved.yaml"


def scenario_digest(run: RunData) -> str:
    """Return the digest of the scenario of a run directory; empty if none lies there."""
    path = run.directory / SCENARIO
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}", path) from error


def answer(run: RunData, name: str) -> Mapping[str, Any] | None:
    """Return what a verb left beside the run, if it is about the same scenario."""
    told = run.attachments.get(name)
    return told if told is not None and told.get("scenario_digest") == scenario_digest(run) else None


def outdated(run: RunData) -> tuple[str, ...]:
    """Return the names of answers that are about another scenario: their verbs must be run again."""
    return tuple(sorted(name for name in run.attachments if answer(run, name) is None))
