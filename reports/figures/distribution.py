"""The distribution at the requirement's point."""

import numpy as np

from reports.columns import Floats, PointRuns
from reports.estimates import samples
from reports.figures.canvas import Drawing, drawing, finish
from reports.figures.labels import BACKGROUND
from reports.figures.palette import INK, LIMIT, ramp
from reports.formats import coordinates, number, visible
from reports.metrics import METRICS
from reports.summary import Summary

_MOST_VERTICES = 400
_SHOWN = (("execution_duration", "executions", 5), ("makespan", "batches", 2))


def distribution(summary: Summary, point: PointRuns) -> Drawing | None:
    """Empirical distribution of execution durations and makespans, with the limits that apply here."""
    told = []
    with drawing(3.3) as figure:
        axes = figure.subplots()
        for name, noun, shade in _SHOWN:
            values = np.sort(np.concatenate([*samples(METRICS[name], point), np.array([])]))
            finite = values[np.isfinite(values)]
            if not len(finite) or (name == "makespan" and len(point.replications) < 2):
                continue
            _curve(
                axes, finite, len(values), ramp(shade, 6), f"{name.replace('_', ' ')} of {len(values)} {noun}"
            )
            told.append(
                f"{len(values)} {noun}: half within {number(float(finite[(len(finite) - 1) // 2]))} s, "
                f"the slowest {number(float(finite[-1]))} s"
            )
        if not told:
            return None
        limits = _limits(summary, point.index)
        right = max([axes.get_xlim()[1], *(limit for limit, _ in limits)])
        for order, (limit, words) in enumerate(limits):
            axes.axvline(limit, color=LIMIT, linewidth=1.3, linestyle=(0, (5, 3)))
            axes.annotate(
                words, (limit, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                xytext=(-4 if _leftward(order, limit, right) else 4, 5 + 13 * order),
                ha="right" if _leftward(order, limit, right) else "left", color=LIMIT, fontsize=8.5,
                zorder=5, bbox=BACKGROUND,
            )  # fmt: skip
        axes.set_ylim(0, 1.02)
        axes.set_xlim(left=0)
        axes.set_yticks(
            [0, 0.25, 0.5, 0.75, 0.95, 1], labels=["0 %", "25 %", "50 %", "75 %", "95 %", "100 %"]
        )
        axes.set_xlabel("seconds")
        axes.set_ylabel("share within")
        axes.grid()
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, labelcolor=INK, borderaxespad=0.2)
        return finish(
            figure,
            "distribution",
            f"Distribution at {coordinates(point.coordinates)}",
            f"Share of executions and batches that ended within a time. {'; '.join(told)}. "
            f"{len(point.replications)} replications.",
        )


def _leftward(order: int, limit: float, right: float) -> bool:
    """Tell whether a limit's name stands left of its line: where there is room, and no other line is met."""
    return limit > 0.75 * right or (order == 0 and limit > 0.3 * right)


def _curve(axes: object, values: Floats, count: int, color: str, label: str) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    heights = np.arange(1, len(values) + 1) / count
    if len(values) > _MOST_VERTICES:  # more than a screen shows
        kept = np.unique(np.linspace(0, len(values) - 1, _MOST_VERTICES).round().astype(int))
        values, heights = values[kept], heights[kept]
    xs = np.concatenate([[values[0]], values])
    ys = np.concatenate([[0.0], heights])
    axes.step(xs, ys, where="post", color=color, label=label)


def _limits(summary: Summary, index: int) -> list[tuple[float, str]]:
    metrics = {name for name, _, _ in _SHOWN}
    names: dict[float, list[str]] = {}
    for item in summary.judgements:
        limit = item.target.maximum
        if item.point == index and item.target.metric in metrics and limit is not None:
            names.setdefault(limit, []).append(visible(item.target.id[:30]))
    return [(limit, f"{', '.join(names[limit][:3])} ≤ {number(limit)} s") for limit in sorted(names)]
