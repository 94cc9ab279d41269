"""The answer of a what-if for a person: the sentence, the table, then what it leaves out and why."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from headroom.whatif import Told
from reports.formats import coordinates, number, percent, visible
from reports.paired import EQUIVALENCE
from reports.whatif import Answer, Effect, Row

NEGLIGIBLE = 0.001  # changes below this share are told together
_WORDS = {
    Effect.BUYS: "",
    Effect.WITHIN: f", within {number(EQUIVALENCE * 100)} %",
    Effect.COSTS: ", costs",
    Effect.UNDECIDED: ", undecided",
}


def show(told: Told, out: Console, top: int) -> None:
    """Print it; `top` bounds the rows of knobs that buy nothing."""
    found = told.answer
    lines = [found.headline, ""]
    lines.append(f"at {coordinates(found.coordinates)}: {found.question.words} {found.before.full}")
    if found.bottleneck:
        lines.append(f"bottleneck: {found.bottleneck}")
    _say(out, [*lines, *(f"note: {note}" for note in told.notes)])
    rows, more = _shown(found, top)
    if rows:
        out.print()
        out.print(_table(found, rows))
    _say(out, ["", *_rest(found, more)])


def _say(out: Console, lines: Iterable[str]) -> None:
    for line in lines:
        out.print(visible(line), markup=False)


def _shown(found: Answer, top: int) -> tuple[list[Row], int]:
    """Return the rows of the table, and how many there would be beyond them."""
    others = [row for row in found.rows if row.effect in _WORDS and row.effect is not Effect.BUYS]
    worth = [row for row in others if not _negligible(row)]
    return [*found.bought, *worth[:top]], max(len(worth) - top, 0)


def _negligible(row: Row) -> bool:
    bounds = [bound for bound in (row.low, row.high) if bound is not None]
    return row.effect is Effect.WITHIN and all(abs(bound) < NEGLIGIBLE for bound in bounds)


def _table(found: Answer, rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    effect = f"{found.question.words}, paired"
    for heading in ("", "knob", effect, "n", "then", "bottleneck then", "cost"):
        right = heading in ("", "n", "then")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(visible(cell) for cell in _cells(row)))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    rank = f"{row.rank}{'=' if row.tied else ''}" if row.rank else ""
    told = f"{row.change_text or row.reason}{_WORDS[row.effect]}"
    after = "" if row.after is None else row.after.text
    item = row.candidate
    return rank, item.name, told, str(row.n), after, row.bottleneck, item.cost


def _rest(found: Answer, more: int) -> list[str]:
    """Say what was set, what the table leaves out, and why."""
    lines = [f"{row.candidate.name}: {row.candidate.change}" for row in found.bought]
    if any(row.tied for row in found.bought):
        lines.append("=: not told apart from the one before it")
    if more:
        lines.append(f"{more} more knobs are not shown to buy anything: --top or --json lists them")
    small = [row for row in found.rows if _negligible(row)]
    least = f"{NEGLIGIBLE * 100:g}"
    lines += _together(f"less than {least} % either way", small)
    never = [row for row in found.rows if row.effect is Effect.NEVER]
    lines += _together("in no replication do all executions complete, with them or without", never)
    same = [row for row in found.rows if row.effect is Effect.SAME]
    lines += _together("no effect at all, the runs are the same event for event", same)
    lines += [
        f"{words}: {row.candidate.name}: {row.reason}"
        for words, effect in (("no data", Effect.NO_DATA), ("not turned", Effect.NOT_APPLICABLE))
        for row in found.rows
        if row.effect is effect
    ]
    level = percent(1 - found.question.alpha)
    lines.append(
        f"{found.n} replications; changes are paired run by run on the same dice, intervals at {level},"
        " findings after Holm's correction over all knobs tested"
    )
    return lines


def _together(words: str, rows: list[Row]) -> list[str]:
    """Say of several knobs what is so of all of them, those with as many replications together."""
    counts = dict.fromkeys(row.n for row in rows)
    return [f"{words} (n={n}): {', '.join(row.candidate.name for row in rows if row.n == n)}" for n in counts]
