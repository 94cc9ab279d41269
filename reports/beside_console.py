"""The console's view of several runs side by side: each run in a line, what differs, then the points."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.beside import Beside, Row, change_text
from reports.formats import coordinates, visible
from reports.phrases import counted, headline, scope

_MOST_ROWS = 60
_MOST_LINES = 12
_NAMES = {
    "makespan": "makespan s",
    "executions_per_second": "exec/s",
    "execution_duration_mean": "execution mean s",
    "execution_duration_p95": "execution p95 s",
}


def render_beside(found: Beside, console: Console) -> None:
    """Print it."""
    for number, (side, differing) in enumerate(zip(found.sides, found.differing, strict=True), start=1):
        summary = side.summary
        told = f"{summary.questions.name}, {headline(summary)}, {counted(summary)}, {scope(summary)}"
        console.print(_line(f"{number}  {side.name}: {told}"))
        for item in differing[:_MOST_LINES]:
            console.print(_line(f"   {item.text}", "dim"))
        if len(differing) > _MOST_LINES:
            console.print(f"   ... and {len(differing) - _MOST_LINES} more differences, with --json")
    console.print()
    console.print(_table(found))
    if len(found.rows) > _MOST_ROWS:
        console.print(f"... and {len(found.rows) - _MOST_ROWS} rows more, with --json")
    console.print(
        _line("Changes against run 1, paired by replication; p: pooled over the replications", "dim")
    )


def _table(found: Beside) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("at", overflow="fold")
    table.add_column("", no_wrap=True)
    for number in range(1, len(found.sides) + 1):
        table.add_column(str(number), overflow="fold")
    for row in found.rows[:_MOST_ROWS]:
        cells = [_cell(row, at) for at in range(len(found.sides))]
        table.add_row(_line(coordinates(row.coordinates)), _NAMES[row.measure], *map(_line, cells))
    return table


def _cell(row: Row, at: int) -> str:
    found, change = row.estimates[at], row.changes[at]
    if found is None:
        return "not there"
    finding = "" if change is None else f"  {change_text(change)} {change.finding.value}"
    return f"{found.text} n={found.n}{finding}"


def _line(words: str, style: str = "") -> Text:
    """Return text in which names cannot give orders to the terminal."""
    return Text(visible(words), style=style)
