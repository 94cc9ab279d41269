"""The measured throughput with the laws that hold for it: a panel a line of the sweep."""

import math
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from reports.curve import Curve
from reports.figures.axes import label
from reports.figures.canvas import Drawing, drawing, finish, plain_log, value_ticks
from reports.figures.palette import GRID, INK, LIMIT, PAPER, ramp
from reports.formats import coordinates, number

MOST_PANELS = 6
_STYLES = {"usl": "-", "bounds": (0, (5, 3)), "mva": (0, (1, 1.5)), "erlang": "-."}


def laws(found: Sequence[Curve]) -> Drawing | None:
    """Draw the lines of a sweep with what the laws say of them; None where none holds anywhere."""
    shown = [curve for curve in found if any(reading.throughput for reading in curve.readings)][:MOST_PANELS]
    if not shown:
        return None
    columns = min(len(shown), 2 if len(shown) == 4 else 3)
    rows = math.ceil(len(shown) / columns)
    with drawing(0.6 + 2.6 * rows) as figure:
        flat = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in flat[len(shown) :]:
            axes.set_axis_off()
        entries: dict[str, Artist] = {}
        for axes, curve in zip(flat, shown, strict=False):
            entries |= _panel(axes, curve)
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside upper left",
            ncols=len(entries),
            labelcolor=INK,
        )
        return finish(figure, "laws", "Throughput and the laws of performance", _told(shown))


def _panel(axes: Axes, curve: Curve) -> dict[str, Artist]:
    line = curve.line
    values = [float(value) for value in line.throughputs]
    entries: dict[str, Artist] = {}
    for reading in curve.readings:
        if reading.throughput:
            xs, ys = zip(*reading.throughput, strict=True)
            color = LIMIT if reading.name == "bounds" else ramp(1, 6)
            [entries[reading.title]] = axes.plot(
                xs, ys, color=color, linewidth=1.4, linestyle=_STYLES[reading.name], zorder=2
            )
    for load, found in zip(line.loads, curve.throughput, strict=True):
        if found.low is not None and found.high is not None:
            bounds = [max(found.low, (found.value or 0.0) / 1e3), found.high]
            axes.plot([load, load], bounds, color=ramp(5, 6), linewidth=1, zorder=3)
    [entries["measured"]] = axes.plot(
        line.loads, values, color=ramp(5, 6), linestyle="none", marker="o", markersize=5,
        markeredgecolor=PAPER, zorder=4,
    )  # fmt: skip
    bends = [
        it.value for name in ("kneedle", "asymptotes") if (it := curve.knee.methods.get(name)) and it.value
    ]
    if bends:
        axes.axvspan(min(bends) * 0.97, max(bends) * 1.03, color=GRID, zorder=0)
    _frame(axes, curve, values)
    return entries


def _frame(axes: Axes, curve: Curve, values: Sequence[float]) -> None:
    loads = curve.line.loads
    if loads[0] > 0 and loads[-1] / loads[0] >= 10:
        axes.set_xscale("log")
    value_ticks(axes.xaxis, list(loads), [label(load if load % 1 else int(load)) for load in loads])
    axes.set_xlabel(curve.line.axis)
    axes.set_title(coordinates(curve.line.held) if curve.line.held else "executions a second", loc="left")
    axes.grid(axis="y")
    if min(values) > 0 and max(values) / min(values) > 8:
        axes.set_ylim(min(values) / 1.5, max(values) * 4)
        plain_log(axes)
    else:
        axes.set_ylim(0, max(values) * 1.6)


def _told(shown: Sequence[Curve]) -> str:
    each = "; ".join(
        f"{coordinates(curve.line.held) if curve.line.held else curve.line.axis}: "
        f"{number(max(float(value) for value in curve.line.throughputs))} executions a second at most, "
        f"{curve.knee.words.partition(' (')[0]}"
        for curve in shown
    )
    return (
        "Executions a second as measured, with intervals, and as the laws that hold there have it; the knee "
        f"is shaded. {each}."
    )
