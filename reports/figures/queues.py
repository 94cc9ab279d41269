"""Queues over the time of one run: who waits where, and how busy the station is meanwhile."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from reports.columns import Floats
from reports.exhibits import Exhibits, Queue
from reports.figures.canvas import Drawing, drawing, finish
from reports.figures.palette import INK, ramp
from reports.formats import coordinates, number, percent, quantity, visible

MOST_STATIONS = 6
_MOST_INTERVALS = 160  # more than a screen shows


def shown_queues(exhibits: Exhibits) -> Sequence[Queue]:
    """Return the stations at which anybody waited, the longest total wait first."""
    return [queue for queue in exhibits.queues if queue.wait_s > 0][:MOST_STATIONS]


def queues(exhibits: Exhibits) -> Drawing | None:
    """Draw how many wait and how busy the seats are, a row a station; None where nobody waited."""
    shown = shown_queues(exhibits)
    if not shown:
        return None
    with drawing(0.55 + 0.95 * len(shown)) as figure:
        grid = figure.subplots(len(shown), 2, sharex=True, squeeze=False)
        for (left, right), queue in zip(grid, shown, strict=True):
            _waiting(left, queue)
            _busy(right, queue)
        end = max(float(queue.until_s[-1]) for queue in shown)
        for axes in grid[-1]:
            axes.set_xlim(0, end)
            axes.set_xlabel("seconds since the run began")
        return finish(figure, "queues", "Queues over time", _told(exhibits, shown))


def coarse(until: Floats, values: Floats, most: int = _MOST_INTERVALS) -> tuple[Floats, Floats]:
    """Join intervals until at most `most` are left; each value is the average over its longer interval."""
    if len(until) <= most:
        return until, values
    ends = np.unique(np.linspace(0, len(until), most + 1).round().astype(int))[1:]
    area = np.concatenate([[0.0], np.cumsum(values * np.diff(until, prepend=0.0))])
    edges = np.concatenate([[0.0], until])
    starts = np.concatenate([[0], ends[:-1]])
    return edges[ends], (area[ends] - area[starts]) / (edges[ends] - edges[starts])


def _waiting(axes: Axes, queue: Queue) -> None:
    until, waiting = coarse(queue.until_s, queue.waiting)
    edges = np.concatenate([[0.0], until])
    axes.stairs(waiting, edges, color=ramp(5, 6), fill=False, linewidth=1.4, baseline=None)
    axes.set_ylim(0, max(float(waiting.max()) * 1.2, 1.0))
    axes.set_title(f"{visible(queue.station[:40])}: how many wait", loc="left", fontsize=9)
    axes.grid(axis="y")


def _busy(axes: Axes, queue: Queue) -> None:
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.5, 1], labels=["0 %", "50 %", "100 %"])
    seats = f"{queue.seats} seat{'s' if queue.seats != 1 else ''}"
    if queue.busy is None:
        axes.set_yticks([])
        axes.text(
            0.02, 0.5, "no server: nothing to be busy", transform=axes.transAxes, color=INK, fontsize=8.5
        )
        return
    until, busy = coarse(queue.until_s, queue.busy)
    edges = np.concatenate([[0.0], until])
    axes.stairs(np.minimum(busy, 1.0), edges, color=ramp(1, 6), linewidth=1.4, baseline=None)
    axes.set_title(f"share of its {seats} that is busy", loc="left", fontsize=9)
    axes.grid(axis="y")


def _told(exhibits: Exhibits, shown: Sequence[Queue]) -> str:
    longest = "; ".join(
        f"at {queue.station[:60]} up to {number(float(queue.waiting.max()))} waiting"
        + ("" if queue.busy is None else f" and {percent(float(min(queue.busy.max(), 1.0)))} busy")
        for queue in shown
    )
    return (
        f"How many wait (left) and the share of the seats that is busy (right) over the time of replication "
        f"{exhibits.replication} at {coordinates(exhibits.coordinates)}, whose makespan of "
        f"{quantity(exhibits.makespan_s, 's')} is the median of {exhibits.n} replications: {longest}."
    )
