"""The figures of the page, with their legends."""

from typing import Any

from reports import figures
from reports.console import bottleneck_line
from reports.formats import coordinate, coordinates
from reports.summary import PointSummary, Summary


def figure_values(summary: Summary, focus: PointSummary | None) -> dict[str, Any]:
    """Draw what this run has to show; what it has not is None."""
    values: dict[str, Any] = dict.fromkeys(
        ("throughput", "latency", "distribution", "causes_figure", "gantt"), None
    )
    values |= {"maps": [], "held": "", "causes_legend": [], "gantt_legend": [], "bottleneck": ""}
    if focus is None:
        return values
    layout = figures.layout_of(summary)
    if layout.fixed:
        held = ", ".join(f"{path}={coordinate(value)}" for path, value in layout.fixed.items())
        values["held"] = f" Held fixed: {held}."
    if len(layout.points) > 1:
        values["throughput"] = figures.throughput(layout)
        values["latency"] = figures.latency(summary, layout)
    values["maps"] = [
        figures.heatmap(result, layout, number)
        for number, result in enumerate(figures.mapped_targets(summary, layout), start=1)
    ]
    point = summary.run.point(focus.index)
    if point is not None:
        values["distribution"] = figures.distribution(summary, point)
        values |= _gantt(figures.gantt(point))
    if focus.shares:
        values["causes_figure"] = figures.time_by_cause(summary, layout)
        shown = figures.shown_causes(summary.points)
        values["causes_legend"] = [
            *_legend(shown),
            {"name": "smaller ones", "variable": figures.cause_variable(None)},
        ]
    values["bottleneck"] = f"At {coordinates(focus.coordinates)}, {bottleneck_line(focus)}."
    return values


def _gantt(drawn: tuple[figures.Drawing, list[str]] | None) -> dict[str, Any]:
    return {} if drawn is None else {"gantt": drawn[0], "gantt_legend": _legend(drawn[1])}


def _legend(causes: list[str]) -> list[dict[str, str]]:
    return [{"name": cause, "variable": figures.cause_variable(cause)} for cause in causes]
