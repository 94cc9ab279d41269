"""The registry of runs: what was found when, by which code, in an SQLite database that every run adds to.

It lies in runs/registry.sqlite, or where HEADROOM_REGISTRY says; an empty HEADROOM_REGISTRY means none. A
run that cannot be entered is told, and is as good as any other.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from headroom.errors import HarnessError
from reports import exits

VARIABLE: Final = "HEADROOM_REGISTRY"
DEFAULT: Final = Path("runs") / "registry.sqlite"
SCHEMA: Final = 1
WAIT_S: Final = 10.0  # how long another process may hold the database
_TABLES: Final = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, verb TEXT NOT NULL, scenario TEXT NOT NULL,
    scenario_digest TEXT NOT NULL, code_digest TEXT NOT NULL, version TEXT NOT NULL, seed INTEGER NOT NULL,
    overridden INTEGER NOT NULL, exit_code INTEGER NOT NULL, path TEXT NOT NULL, focus TEXT NOT NULL,
    verdicts TEXT NOT NULL);
CREATE TABLE measures (
    run INTEGER NOT NULL REFERENCES runs (id), coordinates TEXT NOT NULL, measure TEXT NOT NULL,
    unit TEXT NOT NULL, value REAL NOT NULL, low REAL, high REAL, error REAL, n INTEGER NOT NULL,
    PRIMARY KEY (run, coordinates, measure)) WITHOUT ROWID;
CREATE INDEX by_scenario ON runs (scenario, id);
"""


@dataclass(frozen=True)
class Measure:
    """One number that a run found. `error`: its standard error."""

    coordinates: str  # of the point, as `key_of` writes them
    measure: str
    unit: str
    value: float
    low: float | None
    high: float | None
    error: float | None
    n: int


@dataclass(frozen=True)
class Entry:
    """One run of the command."""

    at: str  # ISO 8601, UTC
    verb: str
    scenario: str
    scenario_digest: str
    code_digest: str
    version: str
    seed: int
    overridden: bool  # by --set: another experiment than the file's
    exit_code: int
    path: str
    focus: str  # coordinates of the point in front
    verdicts: str  # JSON: target -> verdict
    id: int = 0


def place() -> Path | None:
    """Return where the registry is; None where there is to be none."""
    given = os.environ.get(VARIABLE)
    return DEFAULT if given is None else Path(given) if given else None


def key_of(coordinates: Mapping[str, Any]) -> str:
    """Write coordinates so that equal points have equal keys."""
    return json.dumps(
        dict(coordinates), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    )


def enter(path: Path, entry: Entry, measures: Iterable[Measure]) -> int:
    """Add a run and return its number; the database is made if there is none.

    Raises:
        HarnessError: it is another kind of file, or cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [name for name in Entry.__dataclass_fields__ if name != "id"]
    marks = ", ".join("?" * len(columns))
    with _connected(path, write=True) as database, database:
        values = [getattr(entry, name) for name in columns]
        made = database.execute(f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})", values)  # noqa: S608 - our own names
        number = int(made.lastrowid or 0)
        database.executemany(
            "INSERT INTO measures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (number, it.coordinates, it.measure, it.unit, it.value, it.low, it.high, it.error, it.n)
                for it in measures
            ],
        )
    return number


def entries(path: Path, scenario: str | None = None) -> list[Entry]:
    """Return the runs in order, of one scenario if it is named."""
    where, values = ("WHERE scenario = ?", [scenario]) if scenario is not None else ("", [])
    with _connected(path) as database:
        rows = database.execute(f"SELECT * FROM runs {where} ORDER BY id", values).fetchall()  # noqa: S608 - no value of anybody's
    return [Entry(**{**dict(row), "overridden": bool(row["overridden"])}) for row in rows]


def measures(path: Path, runs: Sequence[int], coordinates: str, measure: str) -> dict[int, Measure]:
    """Return one measure at one point by run, as far as the runs have it."""
    with _connected(path) as database:
        rows = database.execute(
            "SELECT * FROM measures WHERE coordinates = ? AND measure = ?", (coordinates, measure)
        ).fetchall()
    wanted = dict.fromkeys(runs)
    return {
        row["run"]: Measure(**{key: row[key] for key in row.keys() if key != "run"})  # noqa: SIM118 - a Row iterates over values
        for row in rows
        if row["run"] in wanted
    }


def known(path: Path, runs: Sequence[int]) -> list[tuple[str, str]]:
    """Return the points and measures that any of the runs has."""
    wanted = dict.fromkeys(runs)
    with _connected(path) as database:
        rows = database.execute("SELECT run, coordinates, measure FROM measures").fetchall()
    return sorted({(row["coordinates"], row["measure"]) for row in rows if row["run"] in wanted})


@contextmanager
def _connected(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    if not write and not path.is_file():
        hint = f"every `headroom run` adds to it; {VARIABLE} says where another one is"
        raise HarnessError(f"{path}: there is no registry of runs", exits.NO_DATA, hint)
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_S)) as database:
            database.row_factory = sqlite3.Row
            _prepare(database, path)
            yield database
    except sqlite3.Error as error:
        raise HarnessError(f"{path}: the registry of runs cannot be used: {error}", exits.USAGE) from error


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables if there are none; refuse those of another version."""
    [found] = database.execute("PRAGMA user_version").fetchone()
    if found == SCHEMA:
        return
    empty = not database.execute("SELECT name FROM sqlite_master").fetchall()
    if found or not empty:
        hint = f"move it away, or name another with {VARIABLE}"
        raise HarnessError(f"{path} is no registry of version {SCHEMA}: found {found}", exits.USAGE, hint)
    database.execute("PRAGMA journal_mode = WAL")
    with database:
        database.execute("BEGIN IMMEDIATE")  # two first runs at once: one makes them, the other waits
        if database.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
            for statement in _TABLES.strip().split(";")[:-1]:
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {SCHEMA}")
