"""One execution from submission to its end: which step, and what it waited for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.causes import Cause
from reports.columns import SECOND_NS, PointRuns
from reports.exhibits import ShownExecution
from reports.figures.canvas import Drawing, drawing, finish
from reports.figures.palette import PAPER, cause_color
from reports.focus import Chosen, choose
from reports.formats import number, quantity, visible
from reports.read import rows_of

_MOST_ROWS = 30


@dataclass(frozen=True)
class Track:
    """One row of the chart: a label and spans of (cause, start, end) in seconds since submission."""

    label: str
    spans: tuple[tuple[str, float, float], ...]
    chronological: bool = False  # the spans lie where they happened; else a step's causes are laid end to end


def shown_of(point: PointRuns) -> tuple[ShownExecution, ...]:
    """Return the median, the p95 and the worst execution as the records have them, mostly without detail."""
    return tuple(
        ShownExecution(item.word, item.replication.number, _rows(item))
        for item in choose(point)
        if item.replication.path.is_file()
    )


def _rows(chosen: Chosen) -> tuple[Mapping[str, Any], ...]:
    rows = [row for row in rows_of(chosen.replication.path) if row.get("execution") == chosen.execution]
    heads = [place for place, row in enumerate(rows) if row["type"] == "execution"]
    # An id that occurs twice is for the verdict to say.
    return tuple(rows[heads[0] : heads[1] if len(heads) > 1 else None])


def tracks_of(rows: Sequence[Mapping[str, Any]]) -> list[Track]:
    """Lay out an execution's rows; without detail a step's causes are laid end to end."""
    head = rows[0]
    start = head["submitted_ns"]
    attempts: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["type"] == "attempt":
            attempts.setdefault(row["step"], []).append(row)
    tracks = []
    if head["admitted_ns"] > start:
        tracks.append(
            Track("admission", ((Cause.ADMISSION.value, 0.0, (head["admitted_ns"] - start) / SECOND_NS),))
        )
    for row in rows:
        if row["type"] == "step" and row["ready_ns"] >= 0 and row["causes"]:
            spans = (
                _from_attempts(row, attempts[row["step"]]) if row["step"] in attempts else _from_causes(row)
            )
            moved = tuple((cause, (a - start) / SECOND_NS, (b - start) / SECOND_NS) for cause, a, b in spans)
            tracks.append(
                Track(
                    f"{'' if row['critical'] else '· '}{row['step']}",
                    moved,
                    chronological=row["step"] in attempts,
                )
            )
    return tracks


def _from_attempts(step: Mapping[str, Any], attempts: list[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """Join the attempts' spans with the waits before and between them."""
    spans: list[tuple[str, int, int]] = []
    now = step["ready_ns"]
    for attempt in sorted(attempts, key=lambda row: row["attempt"]):
        if attempt["started_ns"] > now:
            wait = Cause.DISPATCH_QUEUE if attempt["attempt"] == 1 else Cause.RETRY_BACKOFF
            spans.append((wait.value, now, attempt["started_ns"]))
        spans += [(cause, begin, end) for cause, begin, end in attempt["spans"]]
        now = attempt["ended_ns"]
    return spans


def _from_causes(step: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    spans = []
    now = step["ready_ns"]
    for cause in Cause:
        length = step["causes"].get(cause.value, 0)
        if length:
            spans.append((cause.value, now, now + length))
            now += length
    return spans


def gantt(shown: Sequence[ShownExecution]) -> tuple[Drawing, list[str]] | None:
    """Draw executions one below the other; returns the causes drawn too."""
    laid = [(item, tracks) for item in shown if (tracks := tracks_of(item.rows))]
    if not laid:
        return None
    heights = [min(len(tracks), _MOST_ROWS) + 2.2 for _, tracks in laid]
    with drawing(0.3 + 0.21 * sum(heights)) as figure:
        grid = figure.subplots(len(laid), 1, sharex=True, squeeze=False, height_ratios=heights)
        for row, (item, tracks) in zip(grid, laid, strict=True):
            _panel(row[0], item, tracks)
        ends = [end for _, tracks in laid for track in tracks for _, _, end in track.spans]
        grid[-1][0].set_xlim(0, max(ends, default=1.0) * 1.02)
        grid[-1][0].set_xlabel("seconds since submission")
        used = {cause for _, tracks in laid for track in tracks for cause, _, _ in track.spans}
        detailed = any(track.chronological for _, tracks in laid for track in tracks)
        order = (
            ""
            if detailed
            else " Without detail rows the causes of a step are laid end to end, not as they came."
        )
        told = "; ".join(
            f"{item.word} {quantity(item.duration_s, 's')} (replication {item.replication}, "
            f"execution {item.execution[:80]})"
            for item, _ in laid
        )
        made = finish(
            figure,
            "gantt",
            "One execution, step by step",
            f"Steps of single executions over time, coloured by what they waited for: {told}. A dot before "
            f"a step's name says that it is not on the critical path.{order}",
        )
    return made, [cause.value for cause in Cause if cause.value in used]


def _panel(axes: object, item: ShownExecution, tracks: list[Track]) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    shown = tracks[:_MOST_ROWS]
    for y, track in enumerate(shown):
        for cause, begin, end in track.spans:
            axes.barh(
                y,
                end - begin,
                left=begin,
                height=0.72,
                color=cause_color(cause),
                edgecolor=PAPER,
                linewidth=0.3,
            )
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_yticks(range(len(shown)), labels=[visible(track.label[:40]) for track in shown])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    left = len(tracks) - len(shown)
    more = f", first {_MOST_ROWS} of {len(tracks)} steps" if left > 0 else ""
    axes.set_title(f"{item.word}: {number(item.duration_s)} s{more}", loc="left")
    axes.grid(axis="x")
