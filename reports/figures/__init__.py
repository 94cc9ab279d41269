"""Figures of a report, as SVG to stand inside the page. Importing this loads matplotlib."""

from reports.figures.axes import Layout, focus_of, layout_of
from reports.figures.canvas import Drawing
from reports.figures.causes import shown_causes, time_by_cause
from reports.figures.distribution import distribution
from reports.figures.gantt import gantt, shown_of
from reports.figures.heatmap import heatmap, mapped_targets
from reports.figures.palette import cause_variable
from reports.figures.queues import queues
from reports.figures.sweep import latency, throughput
from reports.figures.tornado import tornado

__all__ = [
    "Drawing",
    "Layout",
    "cause_variable",
    "distribution",
    "focus_of",
    "gantt",
    "heatmap",
    "latency",
    "layout_of",
    "mapped_targets",
    "queues",
    "shown_causes",
    "shown_of",
    "throughput",
    "time_by_cause",
    "tornado",
]
