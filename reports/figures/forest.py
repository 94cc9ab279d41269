"""The forest plot of a gate: each rule's change with its interval, against what is allowed."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes

from reports.figures.canvas import Drawing, drawing, finish
from reports.figures.palette import GRID, INK, LIMIT, MUTED, PAPER
from reports.gate_view import GateView, RowView
from reports.verdicts import Verdict

ROWS_MAX: Final = 40  # more of them nobody reads as a figure; the table has them all
_LABEL_MAX: Final = 60
_MARKS: Final = {Verdict.PASS: "o", Verdict.FAIL: "X", Verdict.INCONCLUSIVE: "D", Verdict.NO_DATA: "s"}


def forest(view: GateView) -> Drawing | None:
    """Draw the rows that have an interval, failures first; None if there is none."""
    known = [row for row in view.rows if row.percents is not None]
    rows = sorted(known, key=lambda row: (row.verdict is Verdict.PASS, row.waived != ""))[:ROWS_MAX]
    if not rows:
        return None
    with drawing(0.9 + 0.3 * len(rows)) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=MUTED, linewidth=0.8)
        for height, row in enumerate(rows):
            _draw(axes, height, row)
        _frame(axes, rows)
        title = "Change against the baseline"
        return finish(figure, "regressions-forest", title, _described(view, rows))


def _draw(axes: Axes, height: int, row: RowView) -> None:
    assert row.percents is not None
    change, low, high = row.percents
    if row.margin is not None:
        axes.barh(
            height, row.margin[1] - row.margin[0], left=row.margin[0], height=0.62, color=GRID, zorder=1
        )
    colour = LIMIT if row.fails else INK
    axes.plot([low, high], [height, height], color=colour, linewidth=1.8, solid_capstyle="butt", zorder=3)
    mark = _MARKS[row.verdict]
    filled = PAPER if row.verdict is Verdict.INCONCLUSIVE else colour
    axes.plot([change], [height], marker=mark, markersize=5.5, color=colour, markerfacecolor=filled, zorder=4)
    axes.annotate(
        f"{row.change}  n={row.n}",
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        color=INK,
        fontsize=8.5,
        annotation_clip=False,
    )


def _frame(axes: Axes, rows: Sequence[RowView]) -> None:
    """Show every interval, and of the margins as much as lies near: a wide one is not worth the room."""
    bounds = [bound for row in rows if row.percents for bound in row.percents]
    near = [row.margin[side] for row in rows if row.margin for side in (0, 1)]
    reach = max([abs(bound) for bound in bounds] + [min((abs(edge) for edge in near), default=1.0), 1.0])
    low, high = min([*bounds, -reach * 0.5]), max([*bounds, reach * 0.5])
    low, high = min(low, -1.4 * _least(near)), max(high, 1.4 * _least(near))
    axes.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("change of the mean ratio, % (shaded: allowed)")
    axes.spines["left"].set_visible(False)


def _least(edges: Sequence[float]) -> float:
    return min((abs(edge) for edge in edges), default=1.0)


def _label(row: RowView) -> str:
    words = f"{row.state}  {row.rule} · {row.where}"
    return words if len(words) <= _LABEL_MAX else words[: _LABEL_MAX - 1] + "…"


def _described(view: GateView, rows: Sequence[RowView]) -> str:
    open_ones = [f"{row.rule} at {row.where}: {row.change}" for row in rows if row.fails]
    told = f"Not passed: {'; '.join(open_ones[:5])}." if open_ones else "Everything lies within its margin."
    left = len(view.rows) - len(rows)
    more = f" {left} rows without an interval, or beyond {ROWS_MAX}, are in the table." if left else ""
    return f"{view.counted}. Each line is a change with its interval; shaded is what is allowed. {told}{more}"
