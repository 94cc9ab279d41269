"""Sections 7, 9 and 10: how durations spread, queues over time with the faults, single executions."""

from collections.abc import Mapping
from typing import Any

from reports import figures
from reports.formats import coordinates
from reports.incidents import HEADS
from reports.page.causes import legend
from reports.page.view import View


def distribution_values(view: View) -> Mapping[str, Any]:
    """Return the distribution at the point in front."""
    point = view.focus_runs
    drawn = None if point is None else figures.distribution(view.summary, point)
    return {"figure": drawn} if drawn else view.absent("No execution completed, so there is no distribution.")


def queue_values(view: View) -> Mapping[str, Any]:
    """Return the queues over time, and the faults that happened."""
    faults = [
        {"at": coordinates(point.coordinates), "cells": incident.cells}
        for point in view.summary.points
        for incident in point.incidents
    ]
    drawn = None if view.exhibits is None else figures.queues(view.exhibits)
    if not faults and drawn is None:
        if view.exhibits is not None:
            return view.absent(f"At {view.focus_name} nobody waited at any station.")
        return view.absent("No samples over time were kept.", "run")
    several = len(view.summary.points) > 1
    return {"figure": drawn, "faults": faults, "heads": HEADS, "several": several}


def gantt_values(view: View) -> Mapping[str, Any]:
    """Return single executions of the point in front."""
    point = view.focus_runs
    shown = view.exhibits.executions if view.exhibits else () if point is None else figures.shown_of(point)
    drawn = figures.gantt(shown)
    if drawn is None:
        return view.absent("No execution ended, so there is none to show.")
    return {"figure": drawn[0], "legend": legend(drawn[1])}
