"""Where a target holds: two swept paths, coloured by margin, hatched where the verdict is open."""

import math

from matplotlib.patches import Rectangle

from reports.figures.axes import Layout
from reports.figures.canvas import WIDTH, Drawing, drawing, finish
from reports.figures.palette import INK, PAPER, heat
from reports.formats import SURVIVORS, interval, number, percent, scaled
from reports.judge import Judgement, TargetResult
from reports.summary import Summary
from reports.verdicts import Verdict


def mapped_targets(summary: Summary, layout: Layout) -> list[TargetResult]:
    """Return the targets that lie over an area: at least two values along each axis; at most two of them."""
    if layout.along.path is None or layout.series.path is None:
        return []
    indices = {point.index for point in layout.points}
    graded = [item for item in summary.targets if item.judgements[0].unit not in ("count", "ratio", "")]
    wide = [result for result in graded if len({item.point for item in result.judgements} & indices) >= 4]
    return wide[:2]


def heatmap(result: TargetResult, layout: Layout, number_of: int) -> Drawing:
    """Draw the map of one target."""
    found = {item.point: item for item in result.judgements}
    columns, rows = layout.along.values, layout.series.values
    height = 1.0 + 0.62 * len(rows)
    with drawing(height, WIDTH) as figure:
        axes = figure.subplots()
        counts = dict.fromkeys(Verdict, 0)
        for x, first in enumerate(columns):
            for y, second in enumerate(rows):
                point = layout.at(first, second)
                item = None if point is None else found.get(point.index)
                if item is not None:
                    counts[item.verdict] += 1
                _cell(axes, x, y, item)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(-0.5, len(rows) - 0.5)
        axes.set_xticks(range(len(columns)), labels=layout.along.labels())
        axes.set_yticks(range(len(rows)), labels=layout.series.labels())
        axes.set_xlabel(layout.along.name)
        axes.set_ylabel(layout.series.name)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        told = ", ".join(
            f"{count} {verdict.value.replace('_', ' ')}" for verdict, count in counts.items() if count
        )
        sample = result.judgements[0]
        return finish(
            figure,
            f"map{number_of}",
            f"Where {result.target.id} holds: {result.target.metric}, {sample.limit_text}",
            f"{layout.along.name} against {layout.series.name}; a cell shows the value reached and how much "
            f"of the limit is spare (blue) or exceeded (orange); hatched is inconclusive, or with "
            f"{SURVIVORS} a mean of only the n replications that completed. Points: {told}.",
        )


def _cell(axes: object, x: int, y: int, item: Judgement | None) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    if item is None or item.margin is None:
        words = "" if item is None else "no data"
        axes.add_patch(
            Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor="none", edgecolor=INK, linewidth=0.4)
        )
        axes.text(x, y, words, ha="center", va="center", fontsize=8.5, color=INK)
        return
    color, ink = heat(item.margin)
    axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=color, edgecolor="none"))
    if item.verdict is Verdict.INCONCLUSIVE or item.partial:
        axes.add_patch(
            Rectangle(
                (x - 0.48, y - 0.46), 0.96, 0.92, facecolor="none", edgecolor=ink, hatch="///", linewidth=0
            )
        )
        axes.add_patch(
            Rectangle((x - 0.4, y - 0.34), 0.8, 0.68, facecolor=color, edgecolor=PAPER, linewidth=0)
        )
    unit = " s" if item.unit == "s" and item.reached != math.inf else ""
    mark = SURVIVORS if item.partial else ""
    spare = "" if not math.isfinite(item.margin) else f", {_signed(item.margin)}"
    lines = (
        (0.22, 9.5, f"{number(scaled(item.reached, item.unit))}{unit}{mark}"),
        (-0.03, 7.0, interval(item.low, item.high, item.unit) if item.stat != "attainment" else ""),
        (-0.24, 7.5, f"n={item.n}{spare}"),
    )
    for up, size, words in lines:
        axes.text(x, y + up, words, ha="center", va="center", fontsize=size, color=ink)


def _signed(margin: float) -> str:
    return ("+" if margin >= 0 else "-") + percent(abs(margin))
