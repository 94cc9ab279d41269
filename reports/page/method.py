"""Sections 12 and 13: method and self-checks in words; provenance and the command that replays it."""

import json
from collections.abc import Mapping
from typing import Any

from reports.columns import SECOND_NS
from reports.figures import Drawing
from reports.figures.welch import welch
from reports.formats import coordinates, percent, quantity
from reports.method import method_paragraphs
from reports.page.view import View

_FACTS = ("created", "world", "version", "code_digest", "python", "platform", "workers", "wall_seconds")


def method_values(view: View) -> Mapping[str, Any]:
    """Return how the numbers were made, and what was checked in every run."""
    return {
        "paragraphs": method_paragraphs(view.summary),
        "checks": view.summary.checks,
        "welch": _welch(view),
        "settled": [
            {
                "at": coordinates(point.coordinates),
                "status": point.settling.status,
                "cut": quantity(point.settling.cut_ns / SECOND_NS, "s"),
                "share": percent(point.settling.cut_share),
                "method": point.settling.method,
                "left_out": point.settling.cut_count,
                "reason": point.settling.reason,
                "n": point.n,
            }
            for point in view.summary.points
            if point.settling is not None
        ],
    }


def _welch(view: View) -> Drawing | None:
    focus = view.focus
    if focus is None or focus.settling is None:
        return None
    return welch(focus.settling, view.focus_name, focus.n)


def provenance_values(view: View) -> Mapping[str, Any]:
    """Return what is needed to make the run again."""
    manifest = view.summary.run.manifest
    facts = [(name.replace("_", " "), str(manifest[name])) for name in _FACTS if name in manifest]
    dependencies = manifest.get("dependencies")
    if isinstance(dependencies, dict):
        listed = ", ".join(f"{name} {version}" for name, version in dependencies.items())
        facts.append(("dependencies", listed))
    return {
        "command": str(manifest.get("command", "")),
        "replay": _replay(view),
        "facts": facts,
        "parameters": [_parameter(entry) for entry in manifest.get("parameters", [])],
    }


def _replay(view: View) -> str:
    point = view.focus_runs
    if point is None or not point.replications:
        return ""
    middle = point.replications[(len(point.replications) - 1) // 2]
    directory = view.summary.run.directory
    return f"headroom replay {directory} --point {point.index} --replication {middle.number}"


def _parameter(entry: dict[str, Any]) -> dict[str, str]:
    value = entry.get("value")
    return {
        "name": str(entry.get("name", "")),
        "value": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
        "unit": str(entry.get("unit") or ""),
        "source": str(entry.get("source") or ""),
        "kubernetes": str(entry.get("kubernetes_version") or ""),
        "overridden": str(entry.get("overridden_by") or ""),
    }
