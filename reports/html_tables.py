"""The tables and tiles of the page, as text that is ready to be laid out."""

import json
import math
from typing import Any

from reports.bottleneck import Station
from reports.estimates import Estimate
from reports.formats import (
    ABSENT,
    SURVIVORS,
    coordinate,
    coordinates,
    interval,
    json_number,
    number,
    percent,
    scaled,
)
from reports.incidents import HEADS as FAULT_HEADS
from reports.judge import TargetResult
from reports.phrases import (
    ABSENT_NOTE,
    SURVIVORS_NOTE,
    behind_text,
    finding_text,
    margin_text,
    place,
    sensitivity_text,
    short_paths,
    shown_paths,
)
from reports.summary import PointSummary, Summary

_COLUMNS = (
    ("executions/s", "executions_per_second"),
    ("steps/s", "steps_per_second"),
    ("makespan, s", "makespan"),
    ("p50, s", "execution_duration_p50"),
    ("p95, s", "execution_duration_p95"),
    ("p99, s", "execution_duration_p99"),
)
_MOST_CAUSES = 30


def table_values(summary: Summary, focus: PointSummary | None) -> dict[str, Any]:
    """Return what the tables of the page show."""
    paths = shown_paths(summary)
    return {
        "tiles": [] if focus is None else _tiles(focus),
        "targets": [_target(result) for result in summary.targets],
        "sensitivity": [
            {
                "target": str(entry.get("target")),
                "text": sensitivity_text(dict(entry)),
                "n": str(entry.get("replications", "")),
            }
            for entry in summary.run.sensitivity
        ],
        "infeasible": [_infeasible(dict(entry)) for entry in summary.run.infeasible],
        "comparisons": _comparisons(summary),
        "fault_heads": FAULT_HEADS,
        "faults": [
            {"at": coordinates(point.coordinates), "cells": incident.cells}
            for point in summary.points
            for incident in point.incidents
        ],
        "paths": short_paths(paths),
        "heads": [head for head, _ in _COLUMNS],
        "legend_notes": f"p: pooled over replications. {ABSENT_NOTE} {SURVIVORS_NOTE}",
        "points": [_point(point, paths, focus) for point in summary.points],
        "shares": [] if focus is None else _shares(focus),
        "stations": [] if focus is None else _stations(summary, focus),
        **_provenance(summary, focus),
    }


def _tiles(focus: PointSummary) -> list[dict[str, str]]:
    tiles = []
    for name, measure in (
        ("Makespan, mean", "makespan"),
        ("Execution duration, p95", "execution_duration_p95"),
        ("Throughput, executions", "executions_per_second"),
    ):
        found = focus.estimates[measure]
        bounds = interval(found.low, found.high, found.unit)
        detail = " ".join(part for part in [bounds, f"n={found.n}", _mark(found)] if part)
        tiles.append({"name": name, "value": found.marked, "detail": detail})
    neck = focus.bottleneck
    if neck is not None:
        share = f"{percent(neck.share.value)} of the time"
        tiles.append(
            {
                "name": "Bottleneck",
                "value": neck.cause,
                "detail": ", ".join(filter(None, [share, neck.station_text])),
            }
        )
    return tiles


def _mark(found: Estimate) -> str:
    if found.partial:
        return f"{SURVIVORS} {found.note}"
    return "pooled" if found.method == "pooled" else ""


def _sort(value: float | None) -> str:
    """Return the key by which the page sorts a number."""
    if value is None or math.isnan(value):
        return ""
    return str(json_number(value)) if math.isfinite(value) else "1e99" if value > 0 else "-1e99"


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
        "sort": _sort(scaled(item.value, item.value_unit)),
        "n": item.n,
        "place": place(item),
        "points": f"of {several} points" if several > 1 else "",
        "margin": margin_text(item),
        "margin_sort": _sort(item.margin),
        "reason": item.reason,
    }


def _infeasible(entry: dict[str, Any]) -> str:
    because = entry.get("because") or ", ".join(
        f"{key}: {value}" for key, value in entry.items() if key != "target"
    )
    return f"{entry.get('target')}: {because}"


def _comparisons(summary: Summary) -> list[dict[str, Any]]:
    return [
        {
            "id": item.comparison.id,
            "sides": item.sides,
            "where": "everywhere" if not item.where else coordinates(item.where),
            "metric": f"{item.comparison.metric} {item.stat}",
            "change": item.change_text,
            "sort": _sort(item.change),
            "n": item.n,
            "finding": finding_text(item),
            "reason": item.reason,
        }
        for item in summary.comparisons
    ]


def _point(point: PointSummary, paths: list[str], focus: PointSummary | None) -> dict[str, Any]:
    trouble = [f"{point.failed} executions failed"] if point.failed else []
    trouble += [f"{point.unfinished} unfinished"] if point.unfinished else []
    return {
        "focus": focus is not None and point.index == focus.index,
        "coordinates": [
            coordinate(point.coordinates[path]) if path in point.coordinates else "" for path in paths
        ],
        "cells": [_cell(point.estimates[measure]) for _, measure in _COLUMNS],
        "bottleneck": "" if point.bottleneck is None else point.bottleneck.text,
        "station": "" if point.bottleneck is None else point.bottleneck.station_text,
        "trouble": ", ".join(trouble),
        "n": point.n,
    }


def _cell(found: Estimate) -> dict[str, str]:
    return {
        "text": number(scaled(found.value, found.unit)) + (SURVIVORS if found.partial else ""),
        "n": f"n={found.n}" if found.partial else "",
        "interval": interval(found.low, found.high, found.unit),
        "mark": " p" if found.method == "pooled" else "",
        "sort": _sort(found.value),
        "note": found.note,
    }


def _shares(focus: PointSummary) -> list[dict[str, str]]:
    return [
        {
            "cause": cause,
            "share": number(scaled(share.value, "ratio")),
            "interval": interval(share.low, share.high, "ratio"),
            "seconds": number(focus.seconds[cause]),
            "n": str(share.n),
        }
        for cause, share in list(focus.shares.items())[:_MOST_CAUSES]
    ]


def _stations(summary: Summary, focus: PointSummary) -> list[dict[str, Any]]:
    ranked = sorted(focus.stations, key=lambda item: (-(item.utilisation or 0.0), item.name))
    return [_station(item, summary) for item in ranked[:_MOST_CAUSES]]


def _station(item: Station, summary: Summary) -> dict[str, Any]:
    everywhere = [
        (station.utilisation, point)
        for point in summary.points
        for station in point.stations
        if station.name == item.name and station.utilisation is not None
    ]
    busiest = max(everywhere, key=lambda entry: entry[0], default=None)
    return {
        "name": item.name,
        "seats": item.seats or ABSENT,
        "utilisation": "" if item.utilisation is None else percent(item.utilisation),
        "width": number(min((item.utilisation or 0.0) * 100, 100)),
        "sort": _sort(item.utilisation),
        "wait": number(item.wait_s),
        "arrivals": number(item.arrivals),
        "queue": item.queue_length_max,
        "busiest": ""
        if busiest is None
        else f"{percent(busiest[0])} at {coordinates(busiest[1].coordinates)}",
    }


def _provenance(summary: Summary, focus: PointSummary | None) -> dict[str, Any]:
    manifest = summary.run.manifest
    point = None if focus is None else summary.run.point(focus.index)
    replay = ""
    if point is not None and point.replications:
        middle = point.replications[(len(point.replications) - 1) // 2]
        replay = (
            f"headroom replay {summary.run.directory} --point {point.index} --replication {middle.number}"
        )
    names = ("created", "world", "version", "code_digest", "python", "platform", "workers", "wall_seconds")
    facts = [(name.replace("_", " "), str(manifest[name])) for name in names if name in manifest]
    dependencies = manifest.get("dependencies")
    if isinstance(dependencies, dict):
        facts.append(
            ("dependencies", ", ".join(f"{name} {version}" for name, version in dependencies.items()))
        )
    return {
        "command": str(manifest.get("command", "")),
        "replay": replay,
        "facts": facts,
        "version": str(manifest.get("version", "")),
        "parameters": [_parameter(entry) for entry in manifest.get("parameters", [])],
    }


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
