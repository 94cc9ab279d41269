"""Throughput and latency against concurrency."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from reports.estimates import Estimate
from reports.figures.axes import MOST_SERIES, Layout, label
from reports.figures.canvas import Drawing, drawing, finish, plain_log, value_ticks
from reports.figures.labels import EndLabel, mark_unbounded, place_labels, place_limit
from reports.figures.palette import LIMIT, PAPER, ramp
from reports.formats import UNBOUNDED, number, visible
from reports.summary import PointSummary, Summary

_LATENCIES = (("p50", 5), ("p95", 3), ("p99", 1))  # shade


def throughput(layout: Layout) -> Drawing:
    """Executions and steps a second against concurrency, a line per step count."""
    with drawing(3.4) as figure:
        left, right = figure.subplots(1, 2)
        _throughput_panel(left, layout, "executions_per_second", "executions a second")
        _throughput_panel(right, layout, "steps_per_second", "steps a second")
        series = f", one line for each value of {layout.series.name}" if layout.series.path else ""
        return finish(
            figure,
            "throughput",
            "Throughput against concurrency",
            f"Completed executions (left) and steps (right) a second against {layout.along.name}{series}, "
            f"with confidence intervals. {_peak(layout)}",
        )


def _peak(layout: Layout) -> str:
    best = max(layout.points, key=lambda point: point.estimates["steps_per_second"].value or 0.0)
    found = best.estimates["steps_per_second"]
    where = ", ".join(f"{path}={label(value)}" for path, value in best.coordinates.items())
    return f"Most steps a second: {found.full} at {where or 'the only point'}."


def _throughput_panel(axes: Axes, layout: Layout, measure: str, title: str) -> None:
    shown = _shown_series(layout)
    labels = []
    for index, value in enumerate(shown):
        line = layout.line(value)
        color = ramp(index, len(shown))
        drawn = _interval_line(axes, layout, line, [point.estimates[measure] for point in line], color)
        if drawn and layout.series.path and layout.along.path:
            labels.append(EndLabel(*drawn[-1], f"{layout.series.short} {label(value)}"))
    _along(axes, layout)
    axes.set_title(title, loc="left")
    axes.grid(axis="y")
    low, high = axes.dataLim.intervaly
    if low > 0 and high / low > 8:
        plain_log(axes)
    else:
        axes.set_ylim(bottom=0)
    place_labels(axes, labels, 170)


def _shown_series(layout: Layout) -> list[Any]:
    values = list(layout.series.values)
    if len(values) <= MOST_SERIES:
        return values
    return [values[round(index * (len(values) - 1) / (MOST_SERIES - 1))] for index in range(MOST_SERIES)]


def _interval_line(
    axes: Axes,
    layout: Layout,
    line: list[PointSummary],
    estimates: list[Estimate],
    color: str,
    *,
    dashed: bool = False,
) -> list[tuple[float, float]]:
    """Draw one line with its intervals; return what was drawn. A value that is not known breaks the line."""
    drawn, xs, ys = [], [], []
    for point, found in zip(line, estimates, strict=True):
        if found.value is None or not math.isfinite(found.value):
            xs.append(layout.place(point))
            ys.append(math.nan)
            continue
        x = layout.place(point)
        drawn.append((x, found.value))
        xs.append(x)
        ys.append(found.value)
        if found.low is not None and found.high is not None and math.isfinite(found.high):
            axes.plot(
                [x, x], [max(found.low, found.value / 1e3), found.high], color=color, linewidth=1, zorder=2
            )
    if drawn:
        joined = layout.along.numeric and layout.along.path is not None
        style = ("--" if dashed else "-") if joined else "none"
        axes.plot(
            xs,
            ys,
            color=color,
            marker="o",
            markersize=4.5,
            markeredgecolor=PAPER,
            markeredgewidth=0.8,
            zorder=3,
            linestyle=style,
        )
    return drawn


def _along(axes: Axes, layout: Layout) -> None:
    """Set up the first axis."""
    axis = layout.along
    if axis.path is None:
        axes.set_xticks([])
        axes.set_xlim(-1, 1)
        return
    if axis.logarithmic:
        axes.set_xscale("log")
    value_ticks(axes.xaxis, [axis.position(value) for value in axis.values], axis.labels())
    axes.set_xlabel(axis.name)
    places = [axis.position(value) for value in axis.values]
    low, high = min(places), max(places)
    if axis.logarithmic:
        axes.set_xlim(low / (high / low) ** 0.05, high * (high / low) ** 0.22)
    else:
        reach = (high - low) or 1.0
        axes.set_xlim(low - 0.08 * reach, high + 0.25 * reach)


def latency(summary: Summary, layout: Layout) -> Drawing:
    """Percentiles of the duration against concurrency, a panel per step count, with target lines."""
    shown = _shown_series(layout)
    columns = min(len(shown), 2 if len(shown) == 4 else 3)
    rows = math.ceil(len(shown) / columns)
    with drawing(0.4 + 2.5 * rows) as figure:
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        flat = [axes for row in grid for axes in row]
        for axes in flat[len(shown) :]:
            axes.set_axis_off()
        panels = dict(zip(shown, flat, strict=False))
        labels = {value: _latency_lines(axes, layout, value) for value, axes in panels.items()}
        _share_limits(summary, layout, panels)
        for value, axes in panels.items():
            place_labels(axes, labels[value], 125)
            for limit, words in _limits(summary, {point.index for point in layout.line(value)}):
                place_limit(axes, limit, words, labels[value], 560 / columns)
        for axes in flat[: max(len(shown) - columns, 0)]:
            axes.set_xlabel("")
        for row in grid:
            row[0].set_ylabel("execution duration, s")
        return finish(
            figure,
            "latency",
            "Latency against concurrency",
            f"Median, 95th and 99th percentile of the execution's duration in seconds against "
            f"{layout.along.name}, with confidence intervals and the limits of the targets. "
            f"A line breaks where a percentile is missing; {UNBOUNDED} at the top edge marks what is "
            "unbounded. The numbers are in the table of points.",
        )


def _latency_lines(axes: Axes, layout: Layout, value: Any) -> list[EndLabel]:
    line = layout.line(value)
    labels = []
    unbounded: dict[float, list[str]] = {}
    for stat, shade in _LATENCIES:
        color = ramp(shade, 6)
        found = [point.estimates[f"execution_duration_{stat}"] for point in line]
        drawn = _interval_line(axes, layout, line, found, color, dashed=stat != "p50")
        if drawn:
            labels.append(EndLabel(*drawn[-1], stat))
        for point, estimate in zip(line, found, strict=True):
            if estimate.value == math.inf:
                unbounded.setdefault(layout.place(point), []).append(stat)
    for x, stats in unbounded.items():
        mark_unbounded(axes, x, stats)
    _along(axes, layout)
    if layout.series.path:
        axes.set_title(f"{layout.series.short} {label(value)}", loc="left")
    axes.grid(axis="y")
    return labels


def _share_limits(summary: Summary, layout: Layout, panels: Mapping[Any, Axes]) -> None:
    """Draw the targets' limits and give all panels one scale that holds lines and limits."""
    reach = [bound for axes in panels.values() for bound in axes.dataLim.intervaly if math.isfinite(bound)]
    for value, axes in panels.items():
        for limit, _ in _limits(summary, {point.index for point in layout.line(value)}):
            axes.axhline(limit, color=LIMIT, linewidth=1.3, linestyle=(0, (5, 3)), zorder=1)
            reach.append(limit)
    low, high = min(reach, default=0.0), max(reach, default=1.0)
    marked = any(
        point.estimates[f"execution_duration_{stat}"].value == math.inf
        for point in layout.points
        for stat, _ in _LATENCIES
    )
    for axes in panels.values():
        if low > 0 and high / low > 8:
            axes.set_ylim(low / 1.4, high * (2 * (high / low) ** 0.35 if marked else 1.6))
            plain_log(axes)
        else:
            axes.set_ylim(0, high * (1.6 if marked else 1.15))  # the marks have room above the lines


def _limits(summary: Summary, points: set[int]) -> list[tuple[float, str]]:
    """Return the limits on the duration that hold at one of the points, with their targets' names."""
    names: dict[float, dict[str, None]] = {}
    for item in summary.judgements:
        target = item.target
        if target.metric == "execution_duration" and target.maximum is not None and item.point in points:
            names.setdefault(target.maximum, {})[visible(target.id[:24])] = None
    return [(limit, f"{', '.join(list(names[limit])[:3])} ≤ {number(limit)} s") for limit in sorted(names)]
