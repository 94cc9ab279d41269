"""A run directory: where its files lie, and how they are written so that none is ever half there.

Records of an earlier start wait in `.earlier` until the run whose digest they carry is asked for; what
nobody asked for is removed at the end.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headroom.errors import HarnessError
from reports import exits

MANIFEST = "manifest.json"
SCENARIO = "scenario.resolved.yaml"
INFEASIBLE = "infeasible.json"
SENSITIVITY = "sensitivity.json"
FAILURES = "failures.json"
EXHIBITS = "exhibits"
LOCK = ".lock"
ANSWERS = ("capacity", "whatif", "regressions")  # files of other verbs, whatever their ending
MADE_BY = ("code_digest", "dependencies", "python")  # what records depend on besides their spec
RECORD = re.compile(r"p(\d{4,})-r(\d{5,})\.jsonl")


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write a file in one step: readers see the old one, or the whole new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        part.replace(path)
    except OSError as error:  # a full disk names no file
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON that a person can read."""
    write_text(path, [json.dumps(value, indent=2, ensure_ascii=False), "\n"])


def read_json(path: Path) -> Any:
    """Read JSON, or fail with the file's name."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path}: cannot be read: {error}", exits.INVALID) from error


class RunDirectory:
    """The files of one run of the command."""

    def __init__(self, path: Path) -> None:
        """Name the directory; nothing is touched yet."""
        self.path = path
        self.records = path / "records"
        self.histories = path / "histories"
        self.earlier = path / ".earlier"

    @classmethod
    def existing(cls, path: Path) -> "RunDirectory":
        """Open the directory of a finished or interrupted run."""
        if not (path / MANIFEST).is_file():
            raise HarnessError(
                f"{path} is not a run directory: it has no {MANIFEST}",
                exits.INVALID,
                "name a directory that `headroom run` wrote",
            )
        return cls(path)

    def check_usable(self) -> None:
        """Refuse a place that holds something else."""
        if self.path.is_dir():
            others = any(not _is_answer(file.name) for file in self.path.iterdir())
            if others and not (self.path / MANIFEST).is_file():
                raise HarnessError(
                    f"{self.path} is not empty and holds no run",
                    exits.USAGE,
                    "give --out a new directory, or that of an earlier run",
                )
        elif self.path.exists():
            raise HarnessError(f"{self.path} is a file", exits.USAGE, "give --out a directory")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the directory against other processes; the system lets go of it even after a crash."""
        self.path.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o644), "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise HarnessError(
                    f"{self.path} is in use by process {file.read().strip() or 'unknown'}",
                    exits.USAGE,
                    "wait for it to end, or give --out another directory",
                ) from error
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def begin(self, manifest: dict[str, Any], scenario_yaml: str) -> None:
        """Set earlier results aside if they were made as these will be, then write manifest and scenario."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.earlier.mkdir(exist_ok=True)
        before = read_json(self.path / MANIFEST) if (self.path / MANIFEST).is_file() else {}
        if before and all(before.get(part) == manifest.get(part) for part in MADE_BY):
            for record in sorted(self.records.glob("*.jsonl")):
                record.replace(self.earlier / record.name)
        else:  # other code, or other versions below it: none of it can be used
            shutil.rmtree(self.earlier)
            self.earlier.mkdir()
        for stale in (self.records, self.histories, self.path / EXHIBITS):
            shutil.rmtree(stale, ignore_errors=True)
        for name in (INFEASIBLE, SENSITIVITY, FAILURES, "summary.json", "points.csv", "junit.xml"):
            (self.path / name).unlink(missing_ok=True)
        for document in ("report.html", "report.md"):
            (self.path / document).unlink(missing_ok=True)
        self.records.mkdir()
        write_text(self.path / SCENARIO, [scenario_yaml])
        write_json(self.path / MANIFEST, manifest)

    def end(self, manifest: dict[str, Any]) -> None:
        """Remove what nobody asked for and write the manifest for good."""
        shutil.rmtree(self.earlier, ignore_errors=True)
        write_json(self.path / MANIFEST, manifest)

    def record(self, point: int, replication: int) -> Path:
        """Return the records file of one run."""
        return self.records / record_name(point, replication)

    def history(self, point: int, replication: int) -> Path:
        """Return the history file of one run."""
        return self.histories / record_name(point, replication)


def _is_answer(name: str) -> bool:
    """Tell what other verbs leave where a run may come: their answers, and hidden scratch."""
    return name.startswith(".") or name.partition(".")[0] in ANSWERS


def record_name(point: int, replication: int) -> str:
    """Return the name of a run's file."""
    return f"p{point:04d}-r{replication:05d}.jsonl"
