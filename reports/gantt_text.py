"""One execution as lines of text: a row a step, a letter for what it waited for most in each cell."""

from collections.abc import Mapping, Sequence
from typing import Final

from engine.core.causes import Cause
from reports.columns import SECOND_NS
from reports.formats import number, percent, quantity, visible
from reports.spans import Span

STEPS_MAX: Final = 30
LABEL_MAX: Final = 24
WIDTH_LEAST: Final = 20
SHOWN_LEAST: Final = 0.001  # share of the time below which a cause is not named in a legend
LETTERS: Final[Mapping[str, str]] = {
    Cause.ADMISSION: "A",
    Cause.DISPATCH_QUEUE: "D",
    Cause.LOCK: "L",
    Cause.RATE_LIMIT: "M",
    Cause.CAPACITY: "C",
    Cause.COALESCED: "K",
    Cause.CLIENT_THROTTLE: "T",
    Cause.API_QUEUE: "Q",
    Cause.API_SERVICE: "a",
    Cause.WATCH_DELAY: "w",
    Cause.CONTROLLER_THROTTLE: "t",
    Cause.CONTROLLER_QUEUE: "q",
    Cause.PROGRESS_DEADLINE: "P",
    Cause.SCHEDULING: "s",
    Cause.SCHEDULING_BACKOFF: "S",
    Cause.IMAGE_PULL: "I",
    Cause.INIT_CONTAINER: "i",
    Cause.CONTAINER_START: "c",
    Cause.READINESS: "r",
    Cause.CRASH_BACKOFF: "X",
    Cause.TERMINATION_GRACE: "g",
    Cause.EVICTION_RETRY: "E",
    Cause.RETRY_BACKOFF: "b",
    Cause.SIGNAL: "n",
    Cause.PAUSE: "p",
    Cause.STORE_COMMIT: "o",
    Cause.ENGINE_DECISION: "e",
    Cause.DECLARED_WORK: "W",
    Cause.MONITORING: "m",
    Cause.OUTBOUND: "O",
    Cause.JOB_RUN: "J",
    Cause.UNATTRIBUTED: "u",
}


def gantt_lines(execution: Span, width: int) -> list[str]:
    """Return the chart: a ruler, the wait for admission, then the steps in order of time.

    `*` stands before a step on the critical path. Of more than `STEPS_MAX` steps those are shown on which
    most time passed.
    """
    rows = [span for span in execution.children if span.end_ns > span.start_ns]
    shown = sorted(rows, key=lambda span: (not _critical(span), span.start_ns - span.end_ns))[:STEPS_MAX]
    shown.sort(key=lambda span: (span.start_ns, span.end_ns))
    labels = [_label(span) for span in shown]
    room = max((len(label) for label in labels), default=0)
    cells = max(WIDTH_LEAST, width - room - 14)
    length = max(execution.end_ns - execution.start_ns, 1)
    lines = [" " * room + "  0 s".ljust(cells) + f"{number(length / SECOND_NS)} s"] if shown else []
    for label, span in zip(labels, shown, strict=True):
        bar = _bar(span, execution.start_ns, length, cells)
        took = quantity((span.end_ns - span.start_ns) / SECOND_NS, "s")
        failed = f" {visible(span.failure)[:80]}" if span.failed else ""
        lines.append(f"{label.ljust(room)} |{bar}| {took}{failed}")
    left = len(rows) - len(shown)
    if left:
        lines.append(f"and {left} more steps, on which less time passed")
    return lines


def _critical(span: Span) -> bool:
    return span.kind == "wait" or bool(span.attributes.get("critical"))


def _label(span: Span) -> str:
    name = visible(span.name)
    name = name if len(name) <= LABEL_MAX else name[: LABEL_MAX - 1] + "…"
    return f"{'*' if _critical(span) else ' '} {name}"


def _bar(span: Span, start_ns: int, length_ns: int, cells: int) -> str:
    """Draw one row. A cell in which anything of the row lies is never empty."""
    spent: list[dict[str, int]] = [{} for _ in range(cells)]
    waits = [span] if span.kind == "wait" else span.waits()
    for wait in waits or [Span("wait", "", span.start_ns, span.end_ns)]:
        first = (wait.start_ns - start_ns) * cells // length_ns
        last = min(cells - 1, (wait.end_ns - start_ns - 1) * cells // length_ns)
        for cell in range(first, last + 1):
            begin = max(wait.start_ns - start_ns, cell * length_ns // cells)
            end = min(wait.end_ns - start_ns, (cell + 1) * length_ns // cells)
            spent[cell][wait.name] = spent[cell].get(wait.name, 0) + end - begin
    return "".join(
        LETTERS.get(max(cell, key=lambda name: cell[name]), "-") if cell else " " for cell in spent
    )


def legend(causes: Mapping[str, int], total_ns: int) -> list[str]:
    """Say what the letters mean and how long each cause was on the critical path, longest first."""
    order: Sequence[tuple[str, int]] = sorted(causes.items(), key=lambda item: -item[1])
    shown = [
        f"{LETTERS.get(cause, '-')} {cause} {quantity(spent / SECOND_NS, 's')} ({percent(spent / total_ns)})"
        for cause, spent in order
        if spent >= total_ns * SHOWN_LEAST
    ]
    rest = sum(spent for _, spent in order) - sum(spent for _, spent in order[: len(shown)])
    return [*shown, f"{quantity(rest / SECOND_NS, 's')} for all others"] if rest else shown
