"""The console's view of a run. Plain text where the output is no terminal; readable at 80 columns."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.attachments import answer
from reports.formats import coordinate, coordinates, percent, visible
from reports.gate_console import render_regressions
from reports.gate_view import gate_view
from reports.incidents import HEADS as FAULT_HEADS
from reports.paired import Finding
from reports.phrases import (
    ABSENT_NOTE,
    POOLED_NOTE,
    SURVIVORS_NOTE,
    UNBOUNDED_NOTE,
    behind_text,
    counted,
    finding_text,
    headline,
    held_checks,
    margin_text,
    place,
    scope,
    sensitivity_text,
    short_paths,
    shown_paths,
)
from reports.summary import PointSummary, Summary
from reports.verdicts import Verdict

_STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NO_DATA: "bold red",
}
_MOST_ROWS = 60
_COLUMNS = (
    ("exec/s", "executions_per_second"),
    ("p50 s", "execution_duration_p50"),
    ("p95 s", "execution_duration_p95"),
    ("p99 s", "execution_duration_p99"),
)


class _Line(Text):
    """Text in which names cannot give orders to the terminal."""

    def __init__(self, words: str, style: str = "") -> None:
        super().__init__(visible(words), style=style)

    def add(self, words: str, style: str) -> None:
        self.append(visible(words), style=style)


def render_console(summary: Summary, console: Console, report: Path | str | None = None) -> None:
    """Print the run: points, targets, sensitivity, comparisons, self-checks, exit code with causes."""
    questions = summary.questions
    title = _Line(questions.name, style="bold")
    title.add(f"  {questions.requirement}" if questions.requirement else "", style="not bold")
    console.print(title)
    console.print(_Line(scope(summary), style="dim"))
    _points(summary, console)
    _faults(summary, console)
    _targets(summary, console)
    _sensitivity(summary, console)
    _comparisons(summary, console)
    told = answer(summary.run, "regressions")
    if told is not None:
        render_regressions(gate_view(told), console)
    _checks(summary, console)
    _ending(summary, console, report)


def _heading(console: Console, words: str) -> None:
    console.print()
    console.print(_Line(words, style="bold"))


def _points(summary: Summary, console: Console) -> None:
    if not summary.points:
        return
    paths = shown_paths(summary)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for path in short_paths(paths):
        table.add_column(path, justify="right", no_wrap=True)
    for head, _ in _COLUMNS:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("bottleneck", overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    for point in summary.points[:_MOST_ROWS]:
        table.add_row(*_row(point, paths))
    _heading(console, "POINTS")
    console.print(table)
    left = len(summary.points) - _MOST_ROWS
    if left > 0:
        console.print(f"... and {left} more, in points.csv")
    settled = [point for point in summary.points if point.settling is None or point.settling.has_numbers]
    cells = [point.estimates[name] for point in settled for _, name in _COLUMNS]
    notes = [
        (POOLED_NOTE, any(cell.method == "pooled" for cell in cells)),
        (UNBOUNDED_NOTE, any(cell.value == float("inf") for cell in cells)),
        (ABSENT_NOTE, any(cell.value is None for cell in cells)),
    ]
    for note, needed in notes:
        if needed:
            console.print(_Line(note, style="dim"))
    for point in summary.points[:_MOST_ROWS]:
        if point.settling is not None and point.settling.reason:
            words = f"{coordinates(point.coordinates)}: {point.settling.reason}"
            console.print(_Line(words, style="yellow"))


def _row(point: PointSummary, paths: list[str]) -> list[Text]:
    values = [point.estimates[name].text.replace(" ±", "±") for _, name in _COLUMNS]
    neck = "" if point.bottleneck is None else point.bottleneck.text.replace(" %", "%")
    trouble = [f"{point.failed} failed"] if point.failed else []
    trouble += [f"{point.unfinished} unfinished"] if point.unfinished else []
    cells = [coordinate(point.coordinates[path]) if path in point.coordinates else "" for path in paths]
    return [_Line(cell) for cell in [*cells, *values, "; ".join([neck, *trouble]), str(point.n)]]


def _faults(summary: Summary, console: Console) -> None:
    struck = [point for point in summary.points if point.incidents]
    if not struck:
        return
    _heading(console, "FAULTS")
    several = len(summary.points) > 1
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for head in ("at", *FAULT_HEADS) if several else FAULT_HEADS:
        table.add_column(head, overflow="fold")
    rows = [(point, incident) for point in struck for incident in point.incidents]
    for point, incident in rows[:_MOST_ROWS]:
        where = [coordinates(point.coordinates)] if several else []
        table.add_row(*(_Line(cell) for cell in (*where, *incident.cells)))
    console.print(table)
    if len(rows) > _MOST_ROWS:
        console.print(f"... and {len(rows) - _MOST_ROWS} more, in summary.json")


def _targets(summary: Summary, console: Console) -> None:
    if not summary.targets:
        return
    _heading(console, "TARGETS")
    for result in summary.targets:
        target, item = result.target, result.worst
        line = _Line(f"{result.verdict.value.replace('_', ' '):<12} ", style=_STYLES[result.verdict])
        line.add(target.id, style="bold not red not yellow not green")
        line.add(f"  {target.requirement}" if target.requirement else "", style="default not bold")
        line.add(f"  ({target.severity})" if target.severity != "error" else "", style="dim")
        console.print(line)
        details = f"{target.metric}: {item.value_text}, asked {item.limit_text}, n={item.n}"
        power = item.detectable.text if item.detectable and item.verdict is Verdict.PASS else ""
        further = [behind_text(item), margin_text(item), power]
        console.print(_Line(f"             {details}"))
        worst = f"worst of {len(result.judgements)} points" if len(result.judgements) > 1 else "at"
        rest = "; ".join(part for part in [f"{worst} {place(item)}", *further, item.reason] if part)
        console.print(_Line(f"             {rest}", style="dim"))
    if any(result.worst.partial for result in summary.targets):
        console.print(_Line(SURVIVORS_NOTE, style="dim"))


def _sensitivity(summary: Summary, console: Console) -> None:
    if not summary.run.sensitivity:
        return
    _heading(console, "SENSITIVITY to the assumptions")
    for entry in summary.run.sensitivity:
        console.print(
            _Line(f"{entry.get('target')}: {sensitivity_text(dict(entry))}, n={entry.get('replications')}")
        )


def _comparisons(summary: Summary, console: Console) -> None:
    if not summary.comparisons:
        return
    _heading(console, "COMPARISONS, paired")
    for item in summary.comparisons:
        known = item.finding not in (Finding.INCONCLUSIVE, Finding.NO_DATA)
        line = _Line(f"{finding_text(item)}: ", style="bold" if known else "yellow")
        line.add(
            f"{item.comparison.id}  {item.comparison.metric} {item.stat} {item.change_text}, n={item.n}",
            style="default",
        )
        console.print(line)
        shared = ", ".join(f"{path}={coordinate(value)}" for path, value in item.where.items())
        console.print(
            _Line("  " + "; ".join(part for part in [item.sides, shared, item.reason] if part), style="dim")
        )


def _checks(summary: Summary, console: Console) -> None:
    _heading(console, "SELF-CHECKS")
    broken = [check for check in summary.checks if not check.passed]
    if not broken:
        for words in held_checks(summary):
            console.print(_Line(words))
    for check in broken:
        console.print(
            _Line(
                f"FAILED {check.name}: {check.violations} violations, first in {check.example}",
                style="bold red",
            )
        )


def _ending(summary: Summary, console: Console, report: Path | str | None) -> None:
    console.print()
    good = summary.exit_code == 0
    line = _Line(headline(summary), style="bold green" if good else "bold red")
    line.add(f"  exit code {summary.exit_code}, {counted(summary)}", style="default not bold")
    console.print(line)
    for cause in summary.causes[:10]:
        console.print(_Line(f"  {cause.code} {cause.name}: {cause.message}"))
    if len(summary.causes) > 10:
        console.print(f"  ... and {len(summary.causes) - 10} more causes, in summary.json")
    if report is not None:
        console.print(_Line(f"report: {report}"), soft_wrap=True)


def bottleneck_line(point: PointSummary) -> str:
    """Return the bottleneck of a point with its station, for `explain`-like views."""
    neck = point.bottleneck
    if neck is None:
        return "no time passed"
    station = f", {neck.station_text}" if neck.station_text else ""
    return f"{neck.cause} takes {percent(neck.share.value)} of the executions' time{station}"
