"""Sections 4 to 6: throughput and latency against concurrency, every point in numbers, the maps."""

from collections.abc import Mapping
from typing import Any

from reports import figures
from reports.curve import Curve
from reports.figures.laws import laws
from reports.formats import coordinate, coordinates
from reports.page.cells import cell
from reports.page.view import View
from reports.phrases import ABSENT_NOTE, SURVIVORS_NOTE, short_paths, shown_paths
from reports.summary import PointSummary

_COLUMNS = (
    ("executions/s", "executions_per_second"),
    ("steps/s", "steps_per_second"),
    ("makespan, s", "makespan"),
    ("p50, s", "execution_duration_p50"),
    ("p95, s", "execution_duration_p95"),
    ("p99, s", "execution_duration_p99"),
)
_MOST_CURVES = 12
_ALONE = "The run has one point, so there is no curve; its figures are in the table of section 5."


def throughput_values(view: View) -> Mapping[str, Any]:
    """Return the curves of throughput."""
    if len(view.layout.points) < 2:
        return view.absent(_ALONE)
    found = view.summary.curves
    return {
        "figure": figures.throughput(view.layout),
        "held": view.held,
        "laws": laws(found),
        "curves": [_curve(curve) for curve in found[:_MOST_CURVES]],
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "name": coordinates(curve.line.held) if curve.line.held else curve.line.axis,
        "knee": curve.knee.words,
        "laws": [
            {
                "title": reading.title,
                "words": reading.words,
                "values": "; ".join(
                    f"{name.replace('_', ' ')} {it.full}" for name, it in reading.values.items()
                ),
            }
            for reading in curve.readings
        ],
    }


def latency_values(view: View) -> Mapping[str, Any]:
    """Return the curves of the percentiles, and the table of all points."""
    paths = shown_paths(view.summary)
    several = len(view.layout.points) > 1
    return {
        "figure": figures.latency(view.summary, view.layout) if several else None,
        "held": view.held,
        "paths": short_paths(paths),
        "heads": [head for head, _ in _COLUMNS],
        "notes": f"p: pooled over replications. {ABSENT_NOTE} {SURVIVORS_NOTE}",
        "points": [_point(point, paths, view) for point in view.summary.points],
    }


def map_values(view: View) -> Mapping[str, Any]:
    """Return a map for each target that lies over an area."""
    mapped = figures.mapped_targets(view.summary, view.layout)
    if not mapped:
        return view.absent("No target on a time lies over two swept paths, so there is no map.")
    drawn = [figures.heatmap(result, view.layout, number) for number, result in enumerate(mapped, start=1)]
    return {"maps": drawn, "held": view.held}


def _point(point: PointSummary, paths: list[str], view: View) -> dict[str, Any]:
    trouble = [f"{point.failed} executions failed"] if point.failed else []
    trouble += [f"{point.unfinished} unfinished"] if point.unfinished else []
    return {
        "focus": view.focus is not None and point.index == view.focus.index,
        "coordinates": [
            coordinate(point.coordinates[path]) if path in point.coordinates else "" for path in paths
        ],
        "cells": [cell(point.estimates[measure]) for _, measure in _COLUMNS],
        "bottleneck": "" if point.bottleneck is None else point.bottleneck.text,
        "station": "" if point.bottleneck is None else point.bottleneck.station_text,
        "trouble": ", ".join(trouble),
        "n": point.n,
    }
