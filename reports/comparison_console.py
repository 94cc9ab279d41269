"""The console's view of a comparison: one line a metric and point, then what the configuration changed."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.comparison import Comparing
from reports.estimates import Estimate
from reports.formats import coordinates, printed_unit, visible
from reports.paired import Finding

_MOST_ROWS = 100
_MOST_LINES = 20
_STYLES = {Finding.LOWER: "bold", Finding.HIGHER: "bold", Finding.NO_DATA: "bold red"}


def render_comparison(found: Comparing, console: Console) -> None:
    """Print the comparison."""
    console.print(_text(f"{found.first.name} → {found.second.name}", "bold"))
    said = (
        f"second : first, paired by replication, {found.confidence * 100:g} % intervals, Holm over all rows"
    )
    console.print(_text(said, "dim"))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for head in ("metric", "at", "first", "second", "change", "n", "finding"):
        table.add_column(head, overflow="fold")
    for row in found.rows[:_MOST_ROWS]:
        before, after = (_value(it) for it in (row.before, row.after))
        words = "; ".join(part for part in (row.finding_text, row.effect.reason) if part)
        where = coordinates(row.coordinates)
        cells = (f"{row.metric} {row.stat}", where, before, after, row.change_text, str(row.effect.n), words)
        table.add_row(*(_text(cell, _STYLES.get(row.effect.finding, "")) for cell in cells))
    console.print(table)
    if len(found.rows) > _MOST_ROWS:
        console.print(f"... and {len(found.rows) - _MOST_ROWS} more, with --json")
    for which, points in (("first", found.only_first), ("second", found.only_second)):
        if points:
            listed = "; ".join(coordinates(point) for point in points[:5])
            console.print(_text(f"{len(points)} points only in the {which}: {listed}"))
    for head, items in (("environment", found.environment), ("configuration", found.configuration)):
        for item in items[:_MOST_LINES]:
            console.print(_text(f"{head}: {item.text}"))
        if len(items) > _MOST_LINES:
            console.print(f"... and {len(items) - _MOST_LINES} more, with --json")
    for cause in found.causes[:10]:
        console.print(_text(f"{cause.code} {cause.name}: {cause.message}", "bold red"))


def _value(found: Estimate | None) -> str:
    return "" if found is None else f"{found.text} {printed_unit(found.unit)}".strip()


def _text(words: str, style: str = "") -> Text:
    """Return text in which names cannot give orders to the terminal."""
    return Text(visible(words), style=style)
