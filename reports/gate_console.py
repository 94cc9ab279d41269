"""The console's view of a gate: one block a rule, failures first, then what else is worth knowing."""

from rich.console import Console
from rich.text import Text

from reports.formats import visible
from reports.gate_view import GateView, RowView
from reports.verdicts import Verdict

_STYLES = {
    "PASS": "green",
    "FAIL": "bold red",
    "INCONCLUSIVE": "yellow",
    "NO DATA": "bold red",
    "WAIVED": "cyan",
}
_ORDER = ("FAIL", "NO DATA", "INCONCLUSIVE", "WAIVED", "PASS")
_MOST_ROWS = 60
_MOST_LINES = 12  # of differences and notes


def render_gate(view: GateView, console: Console) -> None:
    """Print a gate of its own: title, regressions, verdict."""
    console.print(_line(f"{view.scenario}  {view.requirement}".strip(), "bold"))
    source = f"against {view.baseline}" + (f" ({view.baseline_reason})" if view.baseline_reason else "")
    console.print(_line(source, "dim"))
    render_regressions(view, console)
    console.print()
    good = view.exit_code == 0
    console.print(
        _line(
            f"{view.headline}  exit code {view.exit_code}, {view.counted}",
            "bold green" if good else "bold red",
        )
    )
    for cause in view.causes[:10]:
        console.print(_line(f"  {cause.code} {cause.name}: {cause.message}"))
    if len(view.causes) > 10:
        console.print(f"  ... and {len(view.causes) - 10} more causes, in regressions.json")


def render_regressions(view: GateView, console: Console) -> None:
    """Print the section of a run's summary."""
    console.print()
    console.print(_line(f"REGRESSIONS against {view.baseline}", "bold"))
    rows = sorted(view.rows, key=lambda row: _ORDER.index(row.state))
    for row in rows[:_MOST_ROWS]:
        _row(row, console)
    if len(rows) > _MOST_ROWS:
        console.print(f"... and {len(rows) - _MOST_ROWS} more, in regressions.json")
    if view.unchanged:
        console.print(_line(view.unchanged, "dim"))
    _listed(console, "configuration", view.differences, view.differences_more)
    _listed(console, "note", view.notes, 0)


def _row(row: RowView, console: Console) -> None:
    line = _line(f"{row.state:<12} ", _STYLES[row.state])
    line.append(visible(f"{row.rule}  {row.where}"), style="bold not red not yellow not green")
    console.print(line)
    if row.n:
        told = f"{row.metric}: {row.before} → {row.after}"
        console.print(_line(f"             {told}"))
        console.print(_line(f"             {row.change}, n={row.n}, allowed {row.allowed}; {row.finding}"))
    rest = [row.reason, f"waived {row.waived}" if row.waived else "", row.power]
    if row.verdict is not Verdict.PASS or row.power:
        console.print(_line("             " + "; ".join(part for part in rest if part), "dim"))


def _listed(console: Console, head: str, lines: tuple[str, ...], more: int) -> None:
    for words in lines[:_MOST_LINES]:
        console.print(_line(f"{head}: {words}"))
    left = max(0, len(lines) - _MOST_LINES) + more
    if left:
        console.print(f"... and {left} more, in regressions.json")


def _line(words: str, style: str = "") -> Text:
    """Return text in which names cannot give orders to the terminal."""
    return Text(visible(words), style=style)
