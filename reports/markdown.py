"""`report.md`, also GitHub's step summary: the verdict, what fails, the rest folded; below 1 MiB."""

import re
from collections.abc import Iterable, Sequence

from reports.attachments import answer
from reports.exits import NAMES
from reports.formats import coordinate, coordinates
from reports.gate_markdown import regressions_markdown
from reports.gate_view import gate_view
from reports.incidents import HEADS as FAULT_HEADS
from reports.judge import TargetResult
from reports.method import method_paragraphs
from reports.phrases import (
    behind_text,
    counted,
    finding_text,
    headline,
    margin_text,
    place,
    scope,
    sensitivity_text,
    short_paths,
    shown_paths,
)
from reports.summary import Summary
from reports.verdicts import Verdict

_MOST_ROWS = 500
_MOST_CHARACTERS = 200  # of one cell
_SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️", Verdict.NO_DATA: "❌"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#])")


def markdown_text(summary: Summary) -> str:
    """Return the report in GitHub's Markdown."""
    questions = summary.questions
    code = summary.exit_code
    sign = "✅" if code == 0 else "❌"
    title = f"# {sign} {_cell(questions.name)}: {headline(summary)}"
    parts = [
        title,
        " · ".join(_cell(part) for part in [questions.requirement, counted(summary), scope(summary)] if part),
    ]
    if summary.causes:
        listed = [
            f"- **{item.code} {NAMES[item.code]}**: {_cell(item.message)}" for item in summary.causes[:20]
        ]
        more = [f"- ... and {len(summary.causes) - 20} more"] if len(summary.causes) > 20 else []
        parts.append("\n".join([f"Exit code {code}:", "", *listed, *more]))
    parts += [
        *_targets(summary),
        *_regressions(summary),
        *_sensitivity(summary),
        *_comparisons(summary),
        *_faults(summary),
        _points(summary),
        _ending(summary),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """Escape what Markdown or HTML would read as markup, and keep a cell short."""
    short = text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + "..."
    return _SPECIAL.sub(r"\\\1", " ".join(short.split()))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


_TARGET_HEADS = ("", "requirement", "target", "metric", "limit", "value", "n", "worst point", "margin")


def _target_row(result: TargetResult) -> list[str]:
    item = result.worst
    value = "; ".join(part for part in [item.value_text, behind_text(item)] if part)
    return [
        f"{_SIGNS[result.verdict]} {result.verdict.value.replace('_', ' ')}",
        result.target.requirement,
        result.target.id + ("" if result.target.severity == "error" else f" ({result.target.severity})"),
        result.target.metric,
        item.limit_text,
        value,
        str(item.n),
        place(item),
        "; ".join(part for part in [margin_text(item), item.reason] if part),
    ]


def _targets(summary: Summary) -> list[str]:
    if not summary.targets:
        return []
    open_ones = [item for item in summary.targets if item.verdict is not Verdict.PASS]
    passed = [item for item in summary.targets if item.verdict is Verdict.PASS]
    parts = ["## Targets"]
    if open_ones:
        parts.append(_table(_TARGET_HEADS, [_target_row(item) for item in open_ones]))
    if passed:
        table = _table(_TARGET_HEADS, [_target_row(item) for item in passed])
        parts.append(_folded(f"{len(passed)} that pass", table) if open_ones else table)
    return parts


def _regressions(summary: Summary) -> list[str]:
    told = answer(summary.run, "regressions")
    return [] if told is None else regressions_markdown(gate_view(told))


def _sensitivity(summary: Summary) -> list[str]:
    rows = [
        f"- {_cell(str(entry.get('target')))}: {_cell(sensitivity_text(dict(entry)))},"
        f" n={entry.get('replications')}"
        for entry in summary.run.sensitivity
    ]
    return ["## Sensitivity to the assumptions", "\n".join(rows)] if rows else []


def _comparisons(summary: Summary) -> list[str]:
    if not summary.comparisons:
        return []
    rows = [
        [
            item.comparison.id,
            f"{item.comparison.metric} {item.stat}",
            item.sides,
            ", ".join(f"{path}={coordinate(value)}" for path, value in item.where.items()),
            item.change_text,
            str(item.n),
            "; ".join(part for part in [finding_text(item), item.reason] if part),
        ]
        for item in summary.comparisons[:_MOST_ROWS]
    ]
    heads = ("comparison", "metric", "sides", "where", "change", "n", "finding")
    return ["## Comparisons, paired", _table(heads, rows)]


def _faults(summary: Summary) -> list[str]:
    several = len(summary.points) > 1
    rows = [
        [*([coordinates(point.coordinates)] if several else []), *incident.cells]
        for point in summary.points
        for incident in point.incidents
    ]
    heads = ("at", *FAULT_HEADS) if several else FAULT_HEADS
    return ["## Faults", _table(heads, rows[:_MOST_ROWS])] if rows else []


def _points(summary: Summary) -> str:
    paths = shown_paths(summary)
    heads = [
        *(_cell(path) for path in short_paths(paths)),
        "exec/s",
        "p50 s",
        "p95 s",
        "p99 s",
        "bottleneck",
        "n",
    ]
    names = ("executions_per_second", *(f"execution_duration_{stat}" for stat in ("p50", "p95", "p99")))
    rows = [
        [
            *(coordinate(point.coordinates[path]) if path in point.coordinates else "" for path in paths),
            *(point.estimates[name].text for name in names),
            "" if point.bottleneck is None else point.bottleneck.text,
            str(point.n),
        ]
        for point in summary.points[:_MOST_ROWS]
    ]
    table = _table(heads, rows)
    left = len(summary.points) - _MOST_ROWS
    return _folded(f"{len(summary.points)} points", table + (f"\n\n... and {left} more" if left > 0 else ""))


def _ending(summary: Summary) -> str:
    checks = [
        f"- {'✅' if check.passed else '❌'} {_cell(check.name)}: {_cell(check.words)} ({check.runs} runs, "
        f"{check.violations} violations)"
        for check in summary.checks
    ]
    method = [f"- {paragraph}" for paragraph in method_paragraphs(summary)]
    command = summary.run.manifest.get("command")
    replay = f"\n\nMade by `{str(command).replace('`', '')}`" if command else ""
    return _folded("Self-checks and method", "\n".join([*checks, "", *method])) + replay
