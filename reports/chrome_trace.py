"""A run as Chrome trace JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing open.

Format: "Trace Event Format" of the Chromium project. One process for each execution; in it one thread for
the execution, and for each lane of steps that do not overlap one thread with steps, attempts and calls, and
one with what they waited for. The stations are counters. Times are microseconds of virtual time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reports.errors import ReportError
from reports.exhibits import queues_of
from reports.formats import visible
from reports.spans import Row, Span

EVENTS_MAX: Final = 1_000_000
STATIONS_MAX: Final = 40
_WORLD = 0  # the process of stations and faults; executions are counted from 1
_NAME_MAX = 200

Event = dict[str, Any]


def chrome_trace(rows: Sequence[Row], executions: Sequence[Span]) -> dict[str, Any]:
    """Return the trace of a run: its rows with detail, and the executions to show.

    Raises:
        ReportError: it would have more than `EVENTS_MAX` events.
    """
    events = [*_process(_WORLD, "cluster and engine"), *_counters(rows), *_faults(rows)]
    for number, span in enumerate(executions, start=1):
        events += _execution(span, number)
        if len(events) > EVENTS_MAX:
            raise ReportError(
                f"the trace has more than {EVENTS_MAX:,} events: name some executions with --execution"
            )
    run = rows[0]
    told = ("scenario", "point", "replication", "seed", "digest", "history_digest")
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {**{key: str(run[key]) for key in told}, "clock": "virtual, since the run began"},
    }


def _process(pid: int, name: str) -> list[Event]:
    return [
        {"ph": "M", "pid": pid, "tid": 0, "name": "process_name", "args": {"name": _short(name)}},
        {"ph": "M", "pid": pid, "tid": 0, "name": "process_sort_index", "args": {"sort_index": pid}},
    ]


def _thread(pid: int, tid: int, name: str) -> list[Event]:
    return [
        {"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": name}},
        {"ph": "M", "pid": pid, "tid": tid, "name": "thread_sort_index", "args": {"sort_index": tid}},
    ]


def _execution(span: Span, pid: int) -> list[Event]:
    events = [*_process(pid, span.name), *_thread(pid, 1, "execution"), _slice(span, pid, 1)]
    events += [_slice(child, pid, 1) for child in span.children if child.kind == "wait"]
    for number, lane in enumerate(lanes([child for child in span.children if child.kind == "step"])):
        tid = 2 + 2 * number
        suffix = f" {number + 1}" if number else ""
        events += _thread(pid, tid, f"steps{suffix}") + _thread(pid, tid + 1, f"waits for{suffix}")
        for step in lane:
            events += [_slice(item, pid, tid) for item in step.walk() if item.kind != "wait"]
            events += [_slice(item, pid, tid + 1) for item in step.waits()]
    return events


def lanes(spans: Iterable[Span]) -> list[list[Span]]:
    """Put spans that do not overlap on one lane, each on the first that is free."""
    found: list[list[Span]] = []
    for span in sorted(spans, key=lambda item: (item.start_ns, item.end_ns)):
        free = next((lane for lane in found if lane[-1].end_ns <= span.start_ns), None)
        if free is None:
            found.append([span])
        else:
            free.append(span)
    return found


def _slice(span: Span, pid: int, tid: int) -> Event:
    told = {"state": span.state, "failure": span.failure} | span.attributes
    return {
        "ph": "X",
        "pid": pid,
        "tid": tid,
        "ts": span.start_ns / 1000,
        "dur": (span.end_ns - span.start_ns) / 1000,
        "name": _short(span.name),
        "cat": span.kind,
        "args": {key: _short(it) if isinstance(it, str) else it for key, it in told.items() if it != ""},
    }


def _counters(rows: Iterable[Row]) -> list[Event]:
    """Return who waits at each station; a value holds until the next one."""
    samples: Any = [row for row in rows if row["type"] == "sample"]
    events = []
    for queue in queues_of(samples)[:STATIONS_MAX]:
        if not queue.wait_s:
            continue
        starts = [0.0, *queue.until_s[:-1]]
        for start, waiting in zip(starts, queue.waiting, strict=True):
            value = {"waiting": round(float(waiting), 4)}
            events.append(_counter(queue.station, start, value))
        events.append(_counter(queue.station, float(queue.until_s[-1]), {"waiting": 0.0}))
    return events


def _counter(station: str, at_s: float, value: Mapping[str, float]) -> Event:
    name = f"waiting at {_short(station)}"
    return {"ph": "C", "pid": _WORLD, "tid": 0, "ts": round(at_s * 1e6, 3), "name": name, "args": value}


def _faults(rows: Sequence[Row]) -> list[Event]:
    """Return each fault as an async slice, since several may overlap; one without end lasts as the run."""
    events: list[Event] = []
    over_ns = rows[0]["ended_ns"]
    for number, row in enumerate(row for row in rows if row["type"] == "fault" and row["began_ns"] >= 0):
        end_ns = row["ended_ns"] if row["ended_ns"] >= 0 else over_ns
        shared = {"pid": _WORLD, "tid": 0, "cat": "fault", "id": number, "name": _short(row["fault"])}
        args = {"targets": [_short(name) for name in row["targets"][:100]]}
        events.append({"ph": "b", "ts": row["began_ns"] / 1000, "args": args, **shared})
        events.append({"ph": "e", "ts": max(end_ns, row["began_ns"]) / 1000, **shared})
    return events


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= _NAME_MAX else shown[: _NAME_MAX - 1] + "…"
