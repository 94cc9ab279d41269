"""Several runs in one figure: throughput and makespan against the first swept path, a line a run."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from reports.beside import Beside, Side
from reports.figures.axes import Layout, layout_of
from reports.figures.canvas import Drawing, drawing, finish, plain_log, value_ticks
from reports.figures.labels import EndLabel, place_labels
from reports.figures.palette import PAPER, ramp
from reports.formats import coordinates, visible

_PANELS = (("executions_per_second", "executions a second"), ("makespan", "makespan, s"))
_STYLES = ("-", "--", "-.", ":")
_MARKS = "osD^vPX"
_MOST_LETTERS = 18


def overlay(found: Beside) -> Drawing | None:
    """Draw the runs over each other; None where the first one sweeps nothing that has an order."""
    layout = layout_of(found.sides[0].summary)
    if layout.along.path is None or not layout.along.numeric or len(layout.points) < 2:
        return None
    held = layout.series.values[0]
    with drawing(3.4) as figure:
        for axes, (measure, title) in zip(figure.subplots(1, 2), _PANELS, strict=True):
            _panel(axes, found.sides, layout, measure)
            axes.set_title(title, loc="left")
        at = "" if layout.series.path is None else f" at {coordinates({layout.series.path: held})}"
        names = "; ".join(f"{number}: {side.name[:80]}" for number, side in enumerate(found.sides, start=1))
        told = f"Throughput (left) and mean makespan (right) against {layout.along.name}{at}, with intervals"
        return finish(figure, "overlay", "The runs over each other", f"{told}, a line for each run: {names}.")


def _panel(axes: Axes, sides: Sequence[Side], layout: Layout, measure: str) -> None:
    labels = []
    for number, side in enumerate(sides):
        drawn = _line(axes, number, len(sides), _places(side, layout, measure))
        if drawn:
            labels.append(EndLabel(*drawn[-1], visible(f"{number + 1} {side.name}"[:_MOST_LETTERS])))
    axis = layout.along
    if axis.logarithmic:
        axes.set_xscale("log")
    value_ticks(axes.xaxis, [axis.position(value) for value in axis.values], axis.labels())
    axes.set_xlabel(axis.name)
    low, high = axes.get_xlim()
    axes.set_xlim(right=high * (high / low) ** 0.3 if axis.logarithmic else high + 0.3 * (high - low))
    axes.grid(axis="y")
    least, most = axes.dataLim.intervaly
    if least > 0 and most / least > 8:
        plain_log(axes)
    else:
        axes.set_ylim(bottom=0)
    place_labels(axes, labels, 170)


def _places(side: Side, layout: Layout, measure: str) -> list[tuple[float, float, float, float]]:
    """Return x, value, low, high of one run along the first path."""
    places = []
    for point in layout.line(layout.series.values[0]):
        other = side.point(point.coordinates)
        found = None if other is None else other.estimates[measure]
        if found is not None and found.value is not None and math.isfinite(found.value):
            low = found.value if found.low is None else found.low
            high = found.value if found.high is None else found.high
            places.append((layout.place(point), found.value, max(low, found.value / 1e3), high))
    return places


def _line(
    axes: Axes, number: int, count: int, places: list[tuple[float, float, float, float]]
) -> list[tuple[float, float]]:
    color = ramp(number, count)
    for x, _, low, high in places:
        if math.isfinite(high):
            axes.plot([x, x], [low, high], color=color, linewidth=1, zorder=2)
    line = [(x, value) for x, value, _, _ in places]
    style, mark = _STYLES[number % len(_STYLES)], _MARKS[number % len(_MARKS)]
    xs, ys = [x for x, _ in line], [y for _, y in line]
    axes.plot(
        xs, ys, color=color, linestyle=style, marker=mark, markersize=5, markeredgecolor=PAPER, zorder=3
    )
    return line
