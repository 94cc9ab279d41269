"""A run with detail as a tree of spans: executions, their steps, the attempts of these, calls and waits.

The waits of a step are contiguous from the moment it was ready to its end, and their lengths by cause are
exactly those of its record: what its attempts do not cover was waited before, between and after them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.core.causes import Cause

Row = Mapping[str, Any]
Kind = Literal["execution", "step", "attempt", "call", "wait"]
GROUPS: Final = ("parallel", "sequential")  # steps that only hold others
NEVER_BEGAN: Final = ("skipped", "omitted")


@dataclass
class Span:
    """Something that took time. Times are nanoseconds since the run began."""

    kind: Kind
    name: str
    start_ns: int
    end_ns: int
    state: str = ""  # completed | failed | succeeded | cancelled | unfinished; a call: ok, or its error
    failure: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    children: list["Span"] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether it came to a bad end."""
        if self.kind == "call":
            return self.state != "ok"
        return self.state == "failed"

    def walk(self) -> Iterator["Span"]:
        """Yield the span, then all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def waits(self) -> list["Span"]:
        """Return all waits below it in order of time."""
        found = [span for span in self.walk() if span.kind == "wait"]
        return sorted(found, key=lambda span: (span.start_ns, span.end_ns))


def spans_of(rows: Iterable[Row], executions: Collection[str] | None = None) -> list[Span]:
    """Return the executions of a run, or those named, as trees; in the order of the records."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        name = row.get("execution")
        if name is not None and (executions is None or name in executions):
            groups.setdefault(name, []).append(row)
    return [execution_span(group) for group in groups.values()]


def execution_span(rows: Sequence[Row]) -> Span:
    """Return one execution; `rows` are its own, its own row first."""
    head, *rest = rows
    admitted_ns = head["admitted_ns"] if head["admitted_ns"] >= 0 else head["ended_ns"]
    waits = _waits([(head["submitted_ns"], admitted_ns)], {Cause.ADMISSION.value: admitted_ns})
    attempts, calls = _by_owner(rest)
    steps = [
        _step(row, attempts.get(row["step"], []), calls)
        for row in rest
        if row["type"] == "step" and row["ready_ns"] >= 0 and row["state"] not in NEVER_BEGAN
    ]
    return Span(
        "execution",
        head["execution"],
        head["submitted_ns"],
        head["ended_ns"],
        head["state"],
        head["failure"],
        {"workflow": head["workflow"], "index": head["index"]},
        [*waits, *steps],
    )


def _by_owner(rows: Sequence[Row]) -> tuple[dict[str, list[Row]], dict[tuple[str, int], list[Row]]]:
    attempts: dict[str, list[Row]] = {}
    calls: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row["type"] == "attempt":
            attempts.setdefault(row["step"], []).append(row)
        elif row["type"] == "effect":
            calls.setdefault((row["step"], row["attempt"]), []).append(row)
    return attempts, calls


def _step(row: Row, attempts: list[Row], calls: Mapping[tuple[str, int], list[Row]]) -> Span:
    attempts = sorted(attempts, key=lambda item: item["started_ns"])
    edges = [row["ready_ns"], *(it for item in attempts for it in (item["started_ns"], item["ended_ns"]))]
    gaps = [(edges[i], edges[i + 1]) for i in range(0, len(edges) - 1, 2)] + [(edges[-1], row["ended_ns"])]
    left = dict(row["causes"])
    for cause, start, end in (span for item in attempts for span in item["spans"]):
        left[cause] = left.get(cause, 0) - (end - start)
    waits = [] if row["kind"] in GROUPS else _waits(gaps, left)
    made = [_attempt(item, calls.get((row["step"], item["attempt"]), [])) for item in attempts]
    return Span(
        "step",
        row["step"],
        row["ready_ns"],
        row["ended_ns"],
        row["state"],
        row["failure"],
        {"action": row["action"], "kind": row["kind"], "critical": row["critical"]},
        sorted([*waits, *made], key=lambda span: (span.start_ns, span.end_ns)),
    )


def _attempt(row: Row, calls: list[Row]) -> Span:
    waits = [Span("wait", cause, start, end) for cause, start, end in row["spans"] if end > start]
    made = [
        Span(
            "call",
            f"{item['effect']} {item['target']}".strip(),
            item["started_ns"],
            item["ended_ns"],
            item["outcome"],
            "" if item["outcome"] == "ok" else item["outcome"],
            {"effect": item["effect"], "target": item["target"]},
        )
        for item in calls
    ]
    return Span(
        "attempt",
        f"attempt {row['attempt']}",
        row["started_ns"],
        row["ended_ns"],
        row["outcome"],
        row["failure"],
        {"attempt": row["attempt"]},
        [*made, *waits],
    )


def _waits(gaps: Sequence[tuple[int, int]], left: dict[str, int]) -> list[Span]:
    """Fill the gaps with what is left of each cause: back-off after an attempt, everything else before."""
    left = {cause.value: left[cause.value] for cause in Cause if left.get(cause.value, 0) > 0}
    waits = []
    rest = [cause for cause in left if cause != Cause.RETRY_BACKOFF]
    backoff = [cause for cause in left if cause == Cause.RETRY_BACKOFF]
    for number, (start, end) in enumerate(gaps):
        now = start
        for cause in [*backoff, *rest] if number else [*rest, *backoff]:
            length = min(left[cause], end - now)
            if length > 0:
                waits.append(Span("wait", cause, now, now + length))
                left[cause] -= length
                now += length
    return waits
