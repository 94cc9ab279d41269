"""A gate in GitHub's Markdown: the verdict and what fails first, the rest folded."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from reports.formats import visible
from reports.gate_view import GateView, RowView
from reports.verdicts import Verdict

_MOST_CHARACTERS: Final = 120  # of one cell: 500 rows of nine stay below 1 MiB, whatever the names
_MOST_ROWS: Final = 500
_MOST_LINES: Final = 30
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|~#&])")
_SIGNS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️", Verdict.NO_DATA: "❌"}
_HEADS: Final = ("", "rule", "where", "metric", "before", "after", "change", "allowed", "n", "why")


def gate_markdown(view: GateView) -> str:
    """Return a document of its own."""
    sign = "✅" if view.exit_code == 0 else "❌"
    parts = [f"# {sign} {_cell(view.scenario)}: {view.headline}"]
    parts.append(" · ".join(_cell(part) for part in (view.requirement, view.counted) if part))
    if view.causes:
        listed = [f"- **{it.code} {it.name}**: {_cell(it.message, 400)}" for it in view.causes[:20]]
        more = [f"- ... and {len(view.causes) - 20} more"] if len(view.causes) > 20 else []
        parts.append("\n".join([f"Exit code {view.exit_code}:", "", *listed, *more]))
    return "\n\n".join([*parts, *regressions_markdown(view)]) + "\n"


def regressions_markdown(view: GateView) -> list[str]:
    """Return the section of a report: what is open, then folded what passes and what was configured anew."""
    open_rows = [row for row in view.rows if row.fails]
    rest = [row for row in view.rows if not row.fails]
    said = f"Against `{_code(view.baseline)}`" + (
        f": {_cell(view.baseline_reason)}" if view.baseline_reason else "."
    )
    parts = ["## Regressions", said]
    left = _MOST_ROWS
    if open_rows:
        parts.append(_table(open_rows, left))
        left -= min(left, len(open_rows))
    if rest:
        parts.append(_folded(f"{len(rest)} that pass or are waived", _table(rest, left)))
    if view.unchanged:
        parts.append(_cell(view.unchanged, 400))
    if view.differences:
        parts.append(
            _folded("What the configuration changed", _list(view.differences, view.differences_more))
        )
    if view.notes:
        parts.append(_list(view.notes, 0))
    return parts


def _row(row: RowView) -> list[str]:
    sign = "🔕" if row.waived else _SIGNS[row.verdict]
    why = "; ".join(part for part in (row.finding, row.reason, row.waived, row.power) if part)
    state = f"{sign} {row.state}"
    return [
        *(state, row.rule, row.where, row.metric, row.before, row.after),
        *(row.change, row.allowed, str(row.n), why),
    ]


def _table(rows: Sequence[RowView], most: int) -> str:
    lines = ["| " + " | ".join(_HEADS) + " |", "|" + " --- |" * len(_HEADS)]
    lines += ["| " + " | ".join(_cell(cell) for cell in _row(row)) + " |" for row in rows[:most]]
    more = len(rows) - most
    return "\n".join(lines) + (f"\n\n... and {more} more, in regressions.json" if more > 0 else "")


def _list(lines: Iterable[str], more: int) -> str:
    listed = list(lines)
    shown = [f"- {_cell(line, 400)}" for line in listed[:_MOST_LINES]]
    left = max(0, len(listed) - _MOST_LINES) + more
    return "\n".join([*shown, *([f"- ... and {left} more"] if left else [])])


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _cell(text: str, most: int = _MOST_CHARACTERS) -> str:
    short = text if len(text) <= most else text[: most - 3] + "..."
    return _SPECIAL.sub(r"\\\1", visible(" ".join(short.split())))


def _code(text: str) -> str:
    short = text if len(text) <= _MOST_CHARACTERS else "..." + text[3 - _MOST_CHARACTERS :]
    return visible(" ".join(short.split())).replace("`", "'")
