"""`headroom trace`: one run computed again with detail, as a timeline that other tools open."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import scenarios
from headroom import identity, rundir
from headroom.errors import HarnessError
from headroom.replaying import first_row
from headroom.rundir import RunDirectory, record_name
from headroom.worker import WORLD, Job, Task, Worker
from reports import exits
from scenarios.errors import did_you_mean

FORMATS: Final = {  # and who opens them
    "chrome": "https://ui.perfetto.dev or chrome://tracing",
    "otlp": "an OpenTelemetry collector: POST it to /v1/traces",
}


def recompute(path: Path, job: Job, world: str = WORLD) -> list[Mapping[str, Any]]:
    """Return the rows of one run of a run directory, with detail.

    Raises:
        HarnessError: there is no such run, or it does not come out as it was recorded.
    """
    directory = RunDirectory.existing(path)
    recorded = first_row(directory, job)
    scenario = scenarios.load(directory.path / rundir.SCENARIO)
    worker = Worker(Task(scenario, path, world=world))
    if job.point not in worker.points:
        raise HarnessError(f"{rundir.SCENARIO} has no point {job.point}", exits.INVALID)
    rows = list(worker.simulate(replace(worker.compile(job), detail=True)).rows)
    if rows[0]["history_digest"] != recorded["history_digest"]:
        made_by = rundir.read_json(path / rundir.MANIFEST).get("code_digest")
        why = "the code has changed since" if made_by != identity.code_digest() else "it is not deterministic"
        raise HarnessError(
            f"{job} of {path} does not come out as it was recorded: {why}",
            exits.MODEL_ERROR,
            "run the scenario again, then ask again",
        )
    return rows


def telling(path: Path, point: int | None, replication: int | None) -> Job:
    """Return the run that is asked for; what is not said: the focus point, its median replication."""
    import reports
    from reports.focus import focus_index, median_replication

    directory = RunDirectory.existing(path)
    if point is not None and replication is not None:
        return Job(point, replication)
    run = reports.read_run(path)
    if point is None:
        summary = reports.summarise(run, scenarios.load(directory.path / rundir.SCENARIO))
        point = focus_index(summary.judgements, {it.index: it for it in run.points})
    found = None if point is None else run.point(point)
    if found is None:
        there = ", ".join(str(it.index) for it in run.points) or "none"
        raise HarnessError(f"{path} has no record of point {point}", exits.NO_DATA, f"points: {there}")
    return Job(found.index, median_replication(found).number if replication is None else replication)


def trace(
    path: Path, job: Job, out: Path | None, kind: str, executions: Sequence[str], world: str = WORLD
) -> dict[str, Any]:
    """Write the timeline of one run; return what was written."""
    from reports.spans import spans_of

    if kind not in FORMATS:
        hint = did_you_mean(kind, FORMATS) or f"known: {', '.join(FORMATS)}"
        raise HarnessError(f"--format {kind}: unknown", exits.USAGE, hint)
    rows = recompute(path, job, world)
    known = [row["execution"] for row in rows if row["type"] == "execution"]
    for name in executions:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {len(known)}, from {known[0]} to {known[-1]}"
            raise HarnessError(f"{job} has no execution {name!r}", exits.NO_DATA, hint)
    spans = spans_of(rows, executions or None)
    place = out or path / f"trace-{record_name(*job).removesuffix('.jsonl')}.{kind}.json"
    rundir.write_text(place, _text(rows, spans, kind))
    return {
        "file": str(place),
        "format": kind,
        "opens_in": FORMATS[kind],
        "point": job.point,
        "replication": job.replication,
        "coordinates": rows[0]["coordinates"],
        "executions": len(spans),
        "spans": sum(1 for span in spans for _ in span.walk()),
        "makespan_s": rows[0]["makespan_ns"] / 1e9,
    }


def _text(rows: Sequence[Mapping[str, Any]], spans: Sequence[Any], kind: str) -> Iterator[str]:
    from reports.chrome_trace import chrome_trace
    from reports.otlp import otlp_trace

    if kind == "otlp":  # one request a line, as collectors read from files
        yield _json(otlp_trace(rows, spans, version=identity.version())) + "\n"
        return
    made = chrome_trace(rows, spans)
    events = made.pop("traceEvents")
    yield _json(made)[:-1] + ',"traceEvents":[\n'
    for event in events[:-1]:
        yield _json(event) + ",\n"
    yield _json(events[-1]) + "\n]}\n"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
