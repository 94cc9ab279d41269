"""Importing a file and running what came of it on a cluster that holds it all."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scenarios
from scenarios.importers import Imported, import_file
from simulator import simulate

SECOND_NS = 1_000_000_000
CLUSTER = (
    '{inline: {apiVersion: headroom/v1, kind: Cluster, name: large, kubernetes_version: "1.34", '
    "nodes: [{name: n, count: %d, cpu: %dm, memory: 256Gi, pods: 250}], namespaces: [default, argo]}}"
)


@dataclass(frozen=True)
class Run:
    """One execution of an imported workflow."""

    imported: Imported
    execution: Mapping[str, Any]
    steps: dict[str, Mapping[str, Any]]
    attempts: list[Mapping[str, Any]]
    checks: Mapping[str, int]

    @property
    def state(self) -> str:
        return str(self.execution["state"])

    @property
    def seconds(self) -> float:
        return float(self.execution["ended_ns"] - self.execution["submitted_ns"]) / SECOND_NS

    def duration(self, step: str) -> float:
        """How long a step took, in seconds."""
        row = self.steps[step]
        return float(row["ended_ns"] - row["ready_ns"]) / SECOND_NS

    @property
    def states(self) -> dict[str, str]:
        """How each step ended, by its whole id."""
        return {name: row["state"] for name, row in self.steps.items()}

    def jobs(self) -> dict[str, str]:
        """How each step that runs a Job ended."""
        return {name: row["state"] for name, row in self.steps.items() if row["action"] == "run_job"}

    def most_at_once(self, pattern: str) -> int:
        """The most attempts that were under way together, of the steps whose id matches."""
        rows = [row for row in self.attempts if re.fullmatch(pattern, row["step"])]
        edges = [(row["started_ns"], 1) for row in rows] + [(row["ended_ns"], -1) for row in rows]
        most = present = 0
        for _, change in sorted(edges):
            present += change
            most = max(most, present)
        return most


def run(
    file: Path,
    folder: Path,
    *,
    declared: Mapping[str, Mapping[str, Any]] | None = None,
    cluster: str = CLUSTER % (10, 16_000),
    extra: Sequence[str] = (),
    overrides: Iterable[str] = (),
    seed: int = 3,
) -> Run:
    """Import a file, write it, load it in a scenario, and run one execution."""
    imported = import_file(file, declared=declared)
    target = folder / f"{file.stem}.yaml"
    target.write_text(imported.to_yaml(), encoding="utf-8")
    text = "\n".join(
        [
            "apiVersion: headroom/v1",
            "name: imported",
            f"cluster: {cluster}",
            # A thousand requests at once are more than a priority level queues for one user.
            "engine: {client: unlimited, throttle_backoff: 1s}",
            "workload:",
            f"  workflow: {target.name}",
            "  load: {burst: 1}",
            *(f"  {line}" for line in extra),
            f"experiment: {{replications: 1, seed: {seed}, horizon: 2000h, detail: true}}",
        ]
    )
    (folder / "scenario.yaml").write_text(text + "\n", encoding="utf-8")
    scenario = scenarios.load(folder / "scenario.yaml", overrides)
    rows = simulate(scenarios.compile(scenario, scenario.points()[0], 0)).rows
    kinds = {
        kind: [row for row in rows if row["type"] == kind] for kind in ("execution", "step", "attempt", "run")
    }
    (execution,) = kinds["execution"]
    steps: dict[str, Mapping[str, Any]] = {row["step"]: row for row in kinds["step"]}  # type: ignore[typeddict-item]
    checks: Mapping[str, int] = kinds["run"][0]["checks"]  # type: ignore[typeddict-item]
    return Run(imported, execution, steps, list(kinds["attempt"]), checks)


def counted(states: Iterable[str]) -> dict[str, int]:
    """How many of each."""
    return dict(Counter(states))
