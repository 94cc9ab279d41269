"""Reading a run directory. A file that is cut or mixed up is an error that names the file and the line."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.records import SCHEMA_VERSION, ExecutionRow, FaultRow, RunRow, SampleRow, StepRow
from reports.columns import SECOND_NS, Executions, PointRuns, Replication, RunData, Steps
from reports.errors import ReportError
from reports.step_times import critical_times, held_times

_GROUPS = ("parallel", "sequential")
_NOT_RUN = ("skipped", "omitted")
# Rows of detail are many and no statistic needs them: they are told by how they begin, and not parsed.
_DETAIL_STARTS = tuple(f'{{"type":{space}"{kind}"' for kind in ("effect", "attempt") for space in ("", " "))
# Answers that other verbs leave beside the records.
ATTACHMENTS = ("capacity", "whatif", "regressions")


def read_run(directory: Path | str, previous: RunData | None = None) -> RunData:
    """Read a run directory into columns.

    `previous` is an earlier reading of the same directory: files that it holds are not read again (records
    are written once), so that a sequential experiment reads each file once.

    Raises:
        ReportError: a file is missing, cut, or contradicts another one.
    """
    root = Path(directory)
    records = root / "records"
    if not records.is_dir():
        raise ReportError("no such directory: expected the records of a run", records)
    known = {item.path: item for point in previous.points for item in point.replications} if previous else {}
    replications = [known.get(path) or read_replication(path) for path in sorted(records.glob("p*-r*.jsonl"))]
    return RunData(
        directory=root,
        points=_points(replications),
        manifest=json_of(root / "manifest.json", dict) or {},
        sensitivity=tuple(json_of(root / "sensitivity.json", list) or ()),
        infeasible=tuple(json_of(root / "infeasible.json", list) or ()),
        attachments={
            name: answer
            for name in ATTACHMENTS
            if (answer := json_of(root / f"{name}.json", dict)) is not None
        },
    )


def read_replication(path: Path) -> Replication:
    """Read one records file."""
    rows: dict[str, list[Any]] = {
        "run": [],
        "execution": [],
        "step": [],
        "sample": [],
        "fault": [],
        "pool": [],
    }
    for number, row in _rows(path):
        kind = row.get("type")
        if kind not in rows:
            if kind not in ("attempt", "effect"):
                raise ReportError(
                    f"found a row of type {kind!r}, which schema {SCHEMA_VERSION} lacks", path, number
                )
            continue
        if (kind == "run") != (number == 1):
            raise ReportError(
                "expected the row of type 'run' in line 1 and only there: is the file mixed?", path, number
            )
        rows[kind].append(row)
    try:
        return _replication(path, rows)
    except (KeyError, TypeError) as error:
        raise ReportError(f"a row lacks a field of schema {SCHEMA_VERSION}: {error}", path) from error


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return all rows of a records file, detail included."""
    return [row for _, row in _rows(path, detail=True)]


def _rows(path: Path, *, detail: bool = False) -> Iterable[tuple[int, dict[str, Any]]]:
    text = path.read_bytes()
    if not text:
        raise ReportError("the file is empty: expected a row of type 'run'", path)
    lines = text.decode("utf-8", errors="surrogateescape").split("\n")
    if lines[-1]:
        raise ReportError("the last line has no end: the file is cut", path, len(lines))
    for number, line in enumerate(lines[:-1], start=1):
        if not detail and line.startswith(_DETAIL_STARTS) and line.endswith("}"):
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ReportError(f"not a JSON row: {error}", path, number) from error
        if not isinstance(row, dict):
            raise ReportError("expected a JSON object", path, number)
        if number == 1 and row.get("schema") != SCHEMA_VERSION:
            found = row.get("schema")
            raise ReportError(f"found schema {found!r}, expected {SCHEMA_VERSION}", path, number)
        yield number, row


def _replication(path: Path, rows: Mapping[str, list[Any]]) -> Replication:
    run: RunRow = rows["run"][0]
    executions = _executions(rows["execution"])
    return Replication(
        path=path,
        run=run,
        executions=executions,
        steps=_steps(rows["step"], executions),
        stations={row["station"]: row for row in sorted(rows["sample"], key=_instant)},
        faults=_faults(run, rows["execution"], rows["step"]),
        incidents=tuple(_incident(row) for row in rows["fault"]),
        pools=tuple(rows["pool"]),
    )


def _incident(row: FaultRow) -> FaultRow:
    began, ended, whole = row["began_ns"], row["ended_ns"], row["whole_ns"]
    if began < 0 or (ended >= 0 and ended < began) or (whole >= 0 and not began <= ended <= whole):
        raise TypeError(f"a fault that began at {began}, ended at {ended} and was whole at {whole}")
    return row


def _instant(row: SampleRow) -> int:
    return row["at_ns"]


def _executions(rows: list[ExecutionRow]) -> Executions:
    rows = sorted(rows, key=lambda row: row["index"])

    def column(name: str) -> Any:
        return np.array([row[name] for row in rows], dtype=np.int64)  # type: ignore[literal-required]

    return Executions(
        identity=tuple(row["execution"] for row in rows),
        completed=np.array([row["state"] == "completed" for row in rows], dtype=np.bool_),
        unfinished=np.array([row["state"] == "unfinished" for row in rows], dtype=np.bool_),
        submitted_ns=column("submitted_ns"),
        admitted_ns=column("admitted_ns"),
        started_ns=column("started_ns"),
        ended_ns=column("ended_ns"),
        gap_ns=column("progress_gap_ns_max"),
        steps_completed=column("steps_completed_count"),
        causes=tuple(row["causes"] for row in rows),
    )


def _steps(rows: list[StepRow], executions: Executions) -> Steps:
    places = {identity: place for place, identity in enumerate(executions.identity)}
    real = [
        row
        for row in rows
        if row["kind"] not in _GROUPS and row["state"] not in _NOT_RUN and row["ready_ns"] >= 0
    ]
    duration = [
        (row["ended_ns"] - row["ready_ns"]) / SECOND_NS if row["state"] == "completed" else np.inf
        for row in real
    ]
    return Steps(
        duration_s=np.array(duration, dtype=np.float64),
        ended_ns=np.array([row["ended_ns"] for row in real], dtype=np.int64),
        owner=np.array([places.get(row["execution"], -1) for row in real], dtype=np.int64),
        critical=critical_times(real),
        held=held_times(real),
    )


def _faults(run: RunRow, executions: list[ExecutionRow], steps: list[StepRow]) -> dict[str, int]:
    """Count contradictions inside the rows; a record that contradicts itself proves nothing."""
    states = [row["state"] for row in executions]
    counted = {
        "completed": run["completed_count"],
        "failed": run["failed_count"],
        "unfinished": run["unfinished_count"],
    }
    return {
        "execution causes": sum(
            row["ended_ns"] >= 0 and sum(row["causes"].values()) != row["ended_ns"] - row["submitted_ns"]
            for row in executions
        ),
        "step causes": sum(
            0 <= row["ready_ns"] <= row["ended_ns"]
            and row["state"] not in _NOT_RUN
            and sum(row["causes"].values()) != row["ended_ns"] - row["ready_ns"]
            for row in steps
        ),
        "negative times": sum(_disordered(row) for row in executions)
        + sum(row["ended_ns"] >= 0 and row["ended_ns"] < row["ready_ns"] for row in steps),
        "conservation": int(run["submitted_count"] != sum(counted.values()))
        + int(run["submitted_count"] != len(executions))
        + sum(states.count(state) != count for state, count in counted.items()),
        "duplicate ids": len(executions) - len({row["execution"] for row in executions}),
    }


def _disordered(row: ExecutionRow) -> bool:
    instants = [row["submitted_ns"], row["admitted_ns"], row["started_ns"], row["ended_ns"]]
    present = [instant for instant in instants if instant >= 0]
    return present != sorted(present)


def _points(replications: list[Replication]) -> tuple[PointRuns, ...]:
    groups: dict[int, dict[int, Replication]] = {}
    first = replications[0].run if replications else None
    for item in replications:
        run = item.run
        group = groups.setdefault(run["point"], {})
        if first is not None and run["scenario"] != first["scenario"]:
            message = f"found scenario {run['scenario']!r}, the other records are of {first['scenario']!r}"
            raise ReportError(message, item.path, 1)
        if item.number in group:
            message = (
                f"point {run['point']}, replication {item.number} is in {group[item.number].path.name} too"
            )
            raise ReportError(message, item.path, 1)
        other = next(iter(group.values()), item)
        if other.run["coordinates"] != run["coordinates"]:
            message = f"coordinates differ from those in {other.path.name}, which is of the same point"
            raise ReportError(message, item.path, 1)
        group[item.number] = item
    return tuple(
        PointRuns(
            index=index,
            coordinates=next(iter(group.values())).run["coordinates"],
            replications=tuple(group[number] for number in sorted(group)),
        )
        for index, group in sorted(groups.items())
    )


def json_of(path: Path, kind: type) -> Any:
    """Return the JSON of a file, which must be of a kind; None where there is no file."""
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReportError(f"not JSON: {error}", path) from error
    if not isinstance(value, kind):
        raise ReportError(f"expected a JSON {'object' if kind is dict else 'array'}", path)
    return value
