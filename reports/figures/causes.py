"""Where the time goes: a bar a point, a colour a cause."""

from engine.core.causes import Cause
from reports.figures.axes import Layout, label
from reports.figures.canvas import Drawing, drawing, finish
from reports.figures.palette import INK, PAPER, cause_color
from reports.formats import number, percent
from reports.summary import PointSummary, Summary

_LEAST_SHARE = 0.02
_MOST_BARS = 60


def shown_causes(points: tuple[PointSummary, ...]) -> list[str]:
    """Return the causes that take a visible share of some point, in the order in which time passes."""
    greatest: dict[str, float] = {}
    for point in points:
        for cause, share in point.shares.items():
            greatest[cause] = max(greatest.get(cause, 0.0), share.value or 0.0)
    return [cause.value for cause in Cause if greatest.get(cause.value, 0.0) >= _LEAST_SHARE]


def time_by_cause(summary: Summary, layout: Layout) -> Drawing:
    """Draw every point's time as a bar of shares, with the seconds an execution takes beside it."""
    points = (layout.points if len(layout.points) > 1 else summary.points)[:_MOST_BARS]
    shown = shown_causes(points)
    rows = _ordered(points, layout) if len(layout.points) > 1 else list(points)  # axes know their points only
    heights = _heights(rows, layout)
    with drawing(0.5 + 0.25 * (heights[-1] + 1)) as figure:
        axes = figure.subplots()
        for y, point in zip(heights, rows, strict=True):
            _bar(axes, y, point, shown)
        axes.set_ylim(heights[-1] + 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_yticks(heights, labels=[_label(point) for point in rows])
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(False)
        return finish(
            figure,
            "causes",
            "Where the time goes",
            "Share of the executions' time on their critical paths by cause, a bar for each point; "
            f"at the right the mean seconds of an execution. {_told(rows)}",
        )


def _ordered(points: tuple[PointSummary, ...], layout: Layout) -> list[PointSummary]:
    if layout.series.path is None:
        return list(points)
    path = layout.series.path
    return sorted(
        points, key=lambda point: (layout.series.values.index(point.coordinates[path]), layout.place(point))
    )


def _heights(rows: list[PointSummary], layout: Layout) -> list[float]:
    """Return where the bars lie: one below the other, a gap between series."""
    heights: list[float] = []
    for number_, point in enumerate(rows):
        path = layout.series.path
        gap = (
            number_ > 0
            and path is not None
            and rows[number_ - 1].coordinates[path] != point.coordinates[path]
        )
        heights.append((heights[-1] + (1.6 if gap else 1.0)) if heights else 0.0)
    return heights


def _label(point: PointSummary) -> str:
    words = [f"{path.rpartition('.')[2]} {label(value)}" for path, value in point.coordinates.items()]
    return (" · ".join(words) or "the only point")[:60]


def _bar(axes: object, y: float, point: PointSummary, shown: list[str]) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    left = 0.0
    for cause in shown:
        found = point.shares.get(cause)
        width = 0.0 if found is None else found.value or 0.0
        if width:
            axes.barh(
                y, width, left=left, height=0.78, color=cause_color(cause), edgecolor=PAPER, linewidth=0.5
            )
        left += width
    if left < 1:
        axes.barh(
            y, 1 - left, left=left, height=0.78, color=cause_color(None), edgecolor=PAPER, linewidth=0.5
        )
    axes.annotate(
        f"{number(sum(point.seconds.values()))} s", (1, y), xytext=(6, 0), textcoords="offset points",
        va="center",
        color=INK, fontsize=8.5, annotation_clip=False,
    )  # fmt: skip


def _told(rows: list[PointSummary]) -> str:
    necks = {point.bottleneck.cause for point in rows if point.bottleneck is not None}
    greatest = max(
        (point for point in rows if point.bottleneck is not None),
        key=lambda point: point.bottleneck.share.value or 0.0 if point.bottleneck else 0.0,
        default=None,
    )
    if greatest is None or greatest.bottleneck is None:
        return "No time passed."
    neck = greatest.bottleneck
    return (
        f"The greatest causes are {', '.join(sorted(necks))}; the greatest share is "
        f"{percent(neck.share.value)} {neck.cause} at {_label(greatest)}."
    )
