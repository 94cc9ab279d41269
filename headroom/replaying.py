"""`headroom replay`: compute one run again from its run directory and compare digests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import scenarios
from headroom import identity, rundir
from headroom.errors import HarnessError
from headroom.rundir import RunDirectory
from headroom.worker import WORLD, Job, Task, Worker, line_of
from reports import exits


def replay(path: Path, job: Job, history: Path | None = None, world: str = WORLD) -> dict[str, Any]:
    """Return what was recorded, what came out now, and whether they agree."""
    directory = RunDirectory.existing(path)
    recorded = first_row(directory, job)
    scenario = scenarios.load(directory.path / rundir.SCENARIO)
    worker = Worker(Task(scenario, path, world=world))
    spec = worker.compile(job)
    result = worker.simulate(spec)
    rows = [line_of(row) for row in result.rows]
    now = json.loads(rows[0])
    if history is not None:
        rundir.write_text(history, (line + "\n" for line in result.history.to_lines()))
    made_by = rundir.read_json(directory.path / rundir.MANIFEST).get("code_digest")
    return {
        "run": str(path),
        "point": job.point,
        "replication": job.replication,
        "coordinates": dict(spec.coordinates),
        "spec_digest": {"recorded": recorded["digest"], "now": now["digest"]},
        "history_digest": {"recorded": recorded["history_digest"], "now": now["history_digest"]},
        "records_equal": "".join(rows).encode() == directory.record(*job).read_bytes(),
        "same_code": made_by == identity.code_digest(),
        "equal": (recorded["digest"], recorded["history_digest"]) == (now["digest"], now["history_digest"]),
        "makespan_s": now["makespan_ns"] / 1e9,
        "events": now["events_count"],
    }


def first_row(directory: RunDirectory, job: Job) -> Mapping[str, Any]:
    """Return the run row of one records file."""
    record = directory.record(*job)
    if not record.is_file():
        found = sorted(directory.records.glob("*.jsonl"))
        hint = (
            f"{len(found)} runs are there, from {found[0].stem} to {found[-1].stem}"
            if found
            else "it holds no run"
        )
        raise HarnessError(f"{directory.path} has no record of {job}", exits.NO_DATA, hint)
    try:
        with record.open(encoding="utf-8") as file:
            row: Mapping[str, Any] = json.loads(file.readline())
            return row
    except ValueError as error:
        raise HarnessError(f"{record}: not a records file: {error}", exits.INVALID) from error
