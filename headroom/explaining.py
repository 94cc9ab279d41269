"""`headroom explain`: why a target stands as it does, down to single executions with detail."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scenarios
from headroom import rundir, tracing
from headroom.rundir import RunDirectory
from headroom.verbs import console, print_json
from headroom.worker import Job
from reports.formats import coordinates, json_number, number, quantity, visible

if TYPE_CHECKING:
    from reports.explain import Explanation
    from reports.spans import Span

CAUSES_SHOWN = 6
CHANGES_SHOWN = 3


def explain(path: Path, target: str, point: int | None, top: int, *, as_json: bool) -> None:
    """Print why a target of a run stands as it does."""
    import reports
    from reports.explain import explain as found_in
    from reports.spans import spans_of

    directory = RunDirectory.existing(path)
    scenario = scenarios.load(directory.path / rundir.SCENARIO)
    found = found_in(reports.summarise(reports.read_run(path), scenario), target, point, top)
    job = None if found.replication is None else Job(found.replication.run["point"], found.replication.number)
    rows = [] if job is None else tracing.recompute(path, job)
    heads = {row["execution"]: row for row in rows if row["type"] == "execution"}
    by_name = {span.name: span for span in spans_of(rows, found.executions)}
    spans = [by_name[name] for name in found.executions]
    if as_json:
        return print_json(_json(path, found, job, heads, spans))
    out = console()
    for line in _lines(path, found, job, heads, spans, out.width):
        out.print(line, markup=False, no_wrap=True, soft_wrap=True)
    return None


def _lines(
    path: Path,
    found: "Explanation",
    job: Job | None,
    heads: Mapping[str, Mapping[str, Any]],
    spans: "list[Span]",
    width: int,
) -> Iterator[str]:
    judged = found.judgement
    name = f"{judged.target.requirement} {judged.target.id}".strip()
    yield f"{judged.verdict.value}  {name}: {judged.target.metric}, asked {judged.limit_text}"
    where = coordinates(judged.coordinates)
    yield f"at {where}: {judged.value_text}, n={judged.n}{f'; {judged.reason}' if judged.reason else ''}"
    if job is None or found.point is None:
        yield "nothing was recorded there, so there is nothing to look at: run the scenario, or mend `where`"
        return
    yield ""
    yield f"WHERE THE TIME GOES there, n={found.point.n}"
    for blame in found.blames[:CAUSES_SHOWN]:
        share = found.point.shares.get(blame.cause)
        at = f" at {visible(blame.station)}" if blame.station else ""
        told = f" ({share.full} of the time)" if share else ""
        yield f"  {blame.cause}{at}: {blame.mean.full} an execution{told}"
    unit = judged.unit
    value = "" if found.value is None else f", {judged.target.metric} {quantity(found.value, unit)}"
    yield ""
    yield f"WORST REPLICATION: {job.replication}{value}; its executions, {found.order} first"
    for span in spans:
        yield ""
        yield from _execution(found, heads[span.name], span, width)
    yield ""
    yield from (f"again: {command}" for command in commands(path, job).values())


def _execution(found: "Explanation", head: Mapping[str, Any], span: "Span", width: int) -> Iterator[str]:
    from reports.gantt_text import gantt_lines, legend

    length_ns = span.end_ns - span.start_ns
    failure = f": {visible(span.failure)[:200]}" if span.failure else ""
    yield f"{visible(span.name)[:80]}: {quantity(length_ns / 1e9, 's')}, {span.state}{failure}"
    yield from (f"  {line}" for line in gantt_lines(span, width - 4))
    if length_ns:
        yield "  critical path: " + ", ".join(legend(head["causes"], length_ns))
    changes = found.against_median(head)[:CHANGES_SHOWN]
    if changes and found.median is not None:
        median_ns = found.median["ended_ns"] - found.median["submitted_ns"]
        told = ", ".join(f"{cause} {'+' if by > 0 else ''}{number(by)} s" for cause, by in changes)
        yield f"  against the median execution, {quantity(median_ns / 1e9, 's')}: {told}"


def commands(path: Path, job: Job) -> dict[str, str]:
    """Return the commands that look closer at a run."""
    which = ["--point", str(job.point), "--replication", str(job.replication)]
    return {verb: shlex.join(["headroom", verb, str(path), *which]) for verb in ("replay", "trace")}


def _json(
    path: Path,
    found: "Explanation",
    job: Job | None,
    heads: Mapping[str, Mapping[str, Any]],
    spans: "list[Span]",
) -> dict[str, Any]:
    from reports.documents import judgement_json

    made: dict[str, Any] = {
        "target": found.judgement.target.id,
        "metric": found.judgement.target.metric,
        "limit": found.judgement.limit_text,
        **judgement_json(found.judgement),
    }
    if job is None or found.point is None:
        return {**made, "replication": None, "executions": []}
    return {
        **made,
        "n_of_point": found.point.n,
        "shares": {cause: share.to_json() for cause, share in found.point.shares.items()},
        "blame": [blame.to_json() for blame in found.blames],
        "replication": job.replication,
        "replication_value": json_number(found.value),
        "replication_value_unit": found.judgement.unit,
        "order": found.order,
        "executions": [_execution_json(found, heads[span.name], span) for span in spans],
        "commands": commands(path, job),
    }


def _execution_json(found: "Explanation", head: Mapping[str, Any], span: "Span") -> dict[str, Any]:
    return {
        "execution": span.name,
        "state": span.state,
        "failure": span.failure,
        "duration_s": (span.end_ns - span.start_ns) / 1e9,
        "critical_path_s": {cause: spent / 1e9 for cause, spent in head["causes"].items()},
        "against_median_s": dict(found.against_median(head)),
        "steps": [
            {
                "step": step.name,
                "state": step.state,
                "critical": step.attributes.get("critical", False),
                "start_s": (step.start_ns - span.start_ns) / 1e9,
                "end_s": (step.end_ns - span.start_ns) / 1e9,
                "waits": [
                    [it.name, (it.start_ns - span.start_ns) / 1e9, (it.end_ns - span.start_ns) / 1e9]
                    for it in step.waits()
                ],
            }
            for step in span.children
            if step.kind == "step"
        ],
    }
