"""The table of a validation pack: for a person, for the docs, for a program."""

import math
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from headroom.validation.row import Row
from reports.formats import visible

_STYLES = {"PASS": "green", "FAIL": "bold red", "fits": "dim", "does not fit": "yellow"}
_HEADERS = ("row", "what", "reference", "model", "99 %", "n", "ratio", "aim", "kind", "verdict")


def number(value: float | None) -> str:
    """Return a value with four figures, as a table shows it."""
    if value is None:
        return ""
    if math.isinf(value):
        return "inf"
    return f"{value:,.0f}" if abs(value) >= 1_000 or value == int(value) else f"{value:.4g}"


def aim_text(row: Row) -> str:
    """Say what would be good enough."""
    if row.kind == "exact" and row.low is not None:
        return "within the interval"
    low, high = row.aim
    if low == high:
        return "exactly"
    if math.isinf(high):
        return f"at least {number(low)} x"
    return f"at most {number(high)} x" if low <= 0 else f"{number(low)} to {number(high)}"


def _cells(row: Row) -> tuple[str, ...]:
    unit = f" {row.unit}" if row.unit else ""
    interval = "" if row.low is None else f"{number(row.low)} to {number(row.high)}"
    return (
        row.id,
        row.metric,
        f"{number(row.reference)}{unit}",
        f"{number(row.model)}{unit}",
        interval,
        str(row.n),
        f"{row.ratio:.3f}",
        aim_text(row),
        row.kind,
        row.verdict,
    )


def console_table(rows: Sequence[Row]) -> Table:
    """Return the table for a terminal: what fits into 80 columns, the words at the end of the line."""
    table = Table("row", "verdict", "ratio", "model", "reference", "what", box=None, pad_edge=False)
    for column in table.columns[:-1]:
        column.no_wrap = True
    for row in rows:
        id_, metric, reference, model, _, n, ratio, aim, kind, verdict = map(visible, _cells(row))
        style = _STYLES[verdict]
        what = f"{metric} ({kind}, n={n}, aim: {aim})"
        table.add_row(id_, Text(verdict, style), ratio, model, reference, Text(what))
    return table


def markdown_table(rows: Sequence[Row]) -> str:
    """Return the table for the docs, with the source of every row."""
    headers = (*_HEADERS, "source")
    lines = [f"| {' | '.join(headers)} |", f"|{'---|' * len(headers)}"]
    lines += [
        f"| {' | '.join(cell.replace('|', '/') for cell in (*_cells(row), row.source))} |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def to_json(row: Row) -> dict[str, Any]:
    """Return a row as JSON; an open end of the aim is null."""
    return {
        "id": row.id,
        "metric": row.metric,
        "unit": row.unit,
        "kind": row.kind,
        "reference": row.reference,
        "model": row.model,
        "interval": None if row.low is None else [row.low, row.high],
        "n": row.n,
        "ratio": None if math.isinf(row.ratio) else row.ratio,
        "aim": [row.aim[0], None if math.isinf(row.aim[1]) else row.aim[1]],
        "verdict": row.verdict,
        "source": row.source,
    }
