"""What would buy more, as a tornado: a bar a knob, the greatest gain at the top, with its interval."""

from typing import Any

from reports.figures.canvas import Drawing, drawing, finish, value_ticks
from reports.figures.palette import GRID, INK, LIMIT, MUTED, PAPER, ramp
from reports.formats import visible
from reports.whatif import signed
from reports.whatif_json import Recorded, RecordedRow

_MOST_BARS = 16
_LEAST_PERCENT = 0.1  # a bar of less would not be seen
_MOST_LETTERS = 44


def tornado(recorded: Recorded) -> Drawing | None:
    """Draw the changes that knobs make to the metric; None where there is none to draw."""
    rows = [row for row in recorded.rows if row.change_percent is not None and row.effect != "same"][
        :_MOST_BARS
    ]
    if not rows:
        return None
    with drawing(0.7 + 0.3 * len(rows)) as figure:
        axes = figure.subplots()
        for y, row in enumerate(rows):
            _bar(axes, y, row)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        for side in (-1, 1):
            edge = side * recorded.equivalence_percent
            axes.axvline(edge, color=LIMIT, linewidth=0.7, linestyle=(0, (3, 3)))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.margins(x=0.18)
        value_ticks(axes.yaxis, [float(y) for y in range(len(rows))], [_short(row.knob) for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(visible(f"change of {recorded.words} in %, with its interval; n={recorded.n}"))
        axes.grid(axis="x", color=GRID)
        axes.spines["left"].set_visible(False)
        return finish(figure, "tornado", "What would buy more?", _told(recorded, rows))


def _worth_a_bar(row: RecordedRow) -> bool:
    values = [it for it in (row.change_percent, row.low_percent, row.high_percent) if it is not None]
    return any(abs(value) >= _LEAST_PERCENT for value in values)


def _bar(axes: Any, y: int, row: RecordedRow) -> None:
    change = row.change_percent or 0.0
    strong = row.effect == "buys"
    axes.barh(y, change, height=0.62, color=ramp(4 if strong else 1, 6), edgecolor=PAPER, linewidth=0.5)
    low, high = row.low_percent, row.high_percent
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=INK, linewidth=1.2, solid_capstyle="butt")
        for bound in (low, high):
            axes.plot([bound, bound], [y - 0.14, y + 0.14], color=INK, linewidth=1.2)
    ends = [value for value in (change, low, high) if value is not None]
    right = change >= 0
    axes.annotate(
        f"{signed(change / 100)} %" + ("" if strong else f" {row.effect}"),
        (max(ends) if right else min(ends), y),
        xytext=(5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        color=INK,
        fontsize=8.5,
    )


def _short(text: str) -> str:
    words = visible(text)
    return words if len(words) <= _MOST_LETTERS else words[: _MOST_LETTERS - 1] + "…"


def _told(recorded: Recorded, rows: list[RecordedRow]) -> str:
    bars = "; ".join(f"{row.knob} {row.text}" for row in rows[:5])
    better = "A bar to the left is better." if recorded.better == "lower" else "A bar to the right is better."
    margin = f"Between the dashed lines, at {recorded.equivalence_percent:g} %, changes count as none."
    return f"Change of {recorded.words} when each knob is turned by its step. {better} {margin} {bars}."
