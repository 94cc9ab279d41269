"""What was measured with the laws that hold for it: a panel a line of the sweep.

Throughputs, and durations where a law tells them: for users who wait for their own, and for streams.
"""

import math
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from reports.curve import Curve
from reports.estimates import Estimate
from reports.figures.canvas import Drawing, drawing, finish, plain_log, value_ticks
from reports.figures.palette import GRID, INK, LIMIT, PAPER, ramp
from reports.formats import coordinates, number
from reports.line import RESPONSE

MOST_PANELS = 6
_STYLES = {"usl": "-", "bounds": (0, (5, 3)), "mva": (0, (1, 1.5)), "erlang": "-."}
_Panel = tuple[Curve, bool]  # of durations, or of throughput


def laws(found: Sequence[Curve]) -> Drawing | None:
    """Draw the lines of a sweep with what the laws say of them; None where none holds anywhere."""
    shown = _panels(found)[:MOST_PANELS]
    if not shown:
        return None
    columns = min(len(shown), 2 if len(shown) in (2, 4) else 3)
    rows = math.ceil(len(shown) / columns)
    with drawing(0.6 + 2.6 * rows) as figure:
        flat = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in flat[len(shown) :]:
            axes.set_axis_off()
        entries: dict[str, Artist] = {}
        for axes, (curve, durations) in zip(flat, shown, strict=False):
            entries |= _panel(axes, curve, durations=durations)
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside upper left",
            ncols=len(entries),
            labelcolor=INK,
        )
        return finish(figure, "laws", "Throughput and the laws of performance", _told(shown))


def _panels(found: Sequence[Curve]) -> list[_Panel]:
    panels = []
    for curve in found:
        if any(reading.throughput for reading in curve.readings):
            panels.append((curve, False))
        if any(reading.response_s for reading in curve.readings):
            panels.append((curve, True))
    return panels


def _panel(axes: Axes, curve: Curve, *, durations: bool) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    for reading in curve.readings:
        drawn = reading.response_s if durations else reading.throughput
        if drawn:
            xs, ys = zip(*drawn, strict=True)
            color = LIMIT if reading.name == "bounds" else ramp(1, 6)
            [entries[reading.title]] = axes.plot(
                xs, ys, color=color, linewidth=1.4, linestyle=_STYLES[reading.name], zorder=2
            )
    measured = _measured(curve, durations=durations)
    for load, found in measured:
        if found.low is not None and found.high is not None:
            bounds = [max(found.low, (found.value or 0.0) / 1e3), found.high]
            axes.plot([load, load], bounds, color=ramp(5, 6), linewidth=1, zorder=3)
    values = [found.value or 0.0 for _, found in measured]
    [entries["measured"]] = axes.plot(
        [load for load, _ in measured], values, color=ramp(5, 6), linestyle="none", marker="o", markersize=5,
        markeredgecolor=PAPER, zorder=4,
    )  # fmt: skip
    bends = [
        it.value for name in ("kneedle", "asymptotes") if (it := curve.knee.methods.get(name)) and it.value
    ]
    if bends:
        axes.axvspan(min(bends) * 0.97, max(bends) * 1.03, color=GRID, zorder=0)
    _frame(axes, curve, values, "mean duration, s" if durations else "executions a second")
    return entries


def _measured(curve: Curve, *, durations: bool) -> list[tuple[float, Estimate]]:
    """Return what was measured at each load; a duration that is not known or unbounded is left out."""
    found = [point.estimates[RESPONSE] for point in curve.line.points] if durations else curve.throughput
    pairs = zip(curve.line.loads, found, strict=True)
    return [(load, item) for load, item in pairs if item.value is not None and math.isfinite(item.value)]


def _frame(axes: Axes, curve: Curve, values: Sequence[float], what: str) -> None:
    loads = curve.line.loads
    if loads[0] > 0 and loads[-1] / loads[0] >= 10:
        axes.set_xscale("log")
    value_ticks(axes.xaxis, list(loads), [f"{load:g}" for load in loads])
    axes.set_xlabel(curve.line.axis)
    axes.set_title(coordinates(curve.line.held) if curve.line.held else what, loc="left")
    axes.set_ylabel(what if curve.line.held else "")
    axes.grid(axis="y")
    if not values:
        return
    if min(values) > 0 and max(values) / min(values) > 8:
        axes.set_ylim(min(values) / 1.5, max(values) * 4)
        plain_log(axes)
    else:
        axes.set_ylim(0, max(values) * 1.6)


def _told(shown: Sequence[_Panel]) -> str:
    each = "; ".join(
        f"{coordinates(curve.line.held) if curve.line.held else curve.line.axis}: "
        f"{number(max(float(value) for value in curve.line.throughputs))} executions a second at most, "
        f"{curve.knee.words.partition(' (')[0]}"
        for curve in dict.fromkeys(curve for curve, _ in shown)
    )
    also = " and their mean duration" if any(durations for _, durations in shown) else ""
    return (
        f"Executions a second{also} as measured, with intervals, and as the laws that hold there have it; the"
        f" knee is shaded. {each}."
    )
