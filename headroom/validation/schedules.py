"""Row S: schedules of the real engine, and of the modelled scheduler, beside proven optima.

Task graphs of the Standard Task Graph set on 2, 4, 8 and 16 workers: each task is a step that lasts as long
as it says, the workers are the engine's step slots, and dispatch is critical path first. List scheduling is
never below the optimum, and at most 2 - 1/m times it on m workers (Graham 1969). Project networks of PSPLIB
j30: each job is a pod that asks for its resources, of a node that has as many as the network says; no
schedule is shorter than the proven optimum.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.actions import CATALOGUE
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.definition import Step, Workflow
from engine.core.effects import Create, Delete, Ref, Resource, Selection, WaitUntil
from engine.core.limits import Limits
from headroom.validation.laboratory import (
    DAY_NS,
    SECOND_NS,
    Laboratory,
    Submission,
    behaviours,
    constant,
    node,
)
from headroom.validation.row import Row, Settings
from simulator.cluster.behaviour import RUN_S

_STG = "Standard Task Graph set (Kasahara), optima in stg_optima.csv"
_PSPLIB = "PSPLIB j30 (Kolisch and Sprecher 1996), proven optima"
_WORKERS = (2, 4, 8, 16)
_UNIT_S = 1_000  # seconds a unit of a project's time: the cluster's own times are small beside it


@dataclass(frozen=True)
class Task:
    """A task: how long it lasts in units, what it needs, and how much of each resource it takes."""

    id: str
    duration: int
    needs: tuple[str, ...]
    takes: tuple[int, ...] = ()


def rows(settings: Settings) -> Iterator[Row]:
    """Schedule everything that the reference data gives; nothing without it."""
    if settings.data is None:
        return
    folder = settings.data / "sched"
    optima = _read_csv(folder / "stg_optima.csv")
    graphs = {
        name: read_graph(folder / "stg" / f"{name}.stg")
        for name in dict.fromkeys(r["instance"] for r in optima)
    }
    for workers in _WORKERS:
        ratios = [
            makespan(graphs[row["instance"]], workers, settings.seed) / float(row["bound"])
            for row in optima
            if int(row["processors"]) == workers
        ]
        yield from _graph_rows(workers, np.array(ratios))
    yield from _project_rows(folder, settings.seed)


def _graph_rows(workers: int, ratios: "np.ndarray[Any, np.dtype[np.float64]]") -> Iterator[Row]:
    n = len(ratios)
    what = f"task graphs on {workers} workers"
    yield Row(
        "S", f"{what}, critical path first: mean makespan over optimum", "", 1.0, "prediction",
        float(ratios.mean()), None, None, n, (1.0, 1.05), _STG,
    )  # fmt: skip
    yield Row(
        "S", f"{what}: shortest makespan over optimum", "", 1.0, "bound", float(ratios.min()), None, None, n,
        (1.0, np.inf), _STG,
    )  # fmt: skip
    yield Row(
        "S", f"{what}: longest makespan over optimum", "", 2 - 1 / workers, "bound", float(ratios.max()),
        None, None, n, (0.0, 1.0), "Graham 1969: 2 - 1/m",
    )  # fmt: skip


def _project_rows(folder: Path, seed: int) -> Iterator[Row]:
    ratios = []
    for row in _read_csv(folder / "psplib_j30_optima.csv"):
        tasks, capacities = read_project(folder / "psplib_j30" / row["problem"])
        ratios.append(project_makespan(tasks, capacities, seed) / float(row["optimum"]))
    yield Row(
        "S", "project networks as pods: shortest makespan over optimum", "", 1.0, "bound", min(ratios),
        None, None, len(ratios), (1.0, np.inf), _PSPLIB,
    )  # fmt: skip


def makespan(tasks: list[Task], workers: int, seed: int) -> float:
    """Return how many units the engine takes for a task graph with so many step slots."""
    expected = {task.id: max(1, task.duration) * SECOND_NS for task in tasks}
    steps = [
        Step(
            task.id,
            action="wait",
            needs=task.needs,
            parameters={"duration_s": task.duration},
            expected_ns=expected[task.id],
        )
        for task in tasks
    ]
    laboratory = Laboratory([node("node-0")], seed)
    limits = Limits(step_slots=workers, dispatch="critical-path", step_timeout_ns=DAY_NS)
    laboratory.execute([Submission(Workflow("graph", tuple(steps)))], {"wait": CATALOGUE["wait"]}, limits)
    return laboratory.agenda.now / SECOND_NS


def project_makespan(tasks: list[Task], capacities: tuple[int, ...], seed: int) -> float:
    """Return how many units the modelled cluster takes for a project whose jobs are pods."""
    one = node("node-0")
    for number, capacity in enumerate(capacities):
        one["status"]["allocatable"][_resource(number)] = str(capacity)
    steps = [
        Step(
            task.id,
            action="job_pod",
            needs=task.needs,
            parameters={"name": task.id, "duration_s": task.duration * _UNIT_S, "takes": task.takes},
        )
        for task in tasks
    ]
    quick = {"kubelet.container_start": constant(0.0), "scheduler.backoff.max": 1.0}
    laboratory = Laboratory([one], seed, parameters=quick, declared=behaviours())
    limits = Limits(step_timeout_ns=DAY_NS)
    laboratory.execute([Submission(Workflow("project", tuple(steps)))], {"job_pod": _JOB_POD}, limits)
    return laboratory.agenda.now / SECOND_NS / _UNIT_S


async def _run_pod(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run a pod that takes what its job takes, and wait until it has ended."""
    if not parameters["duration_s"]:
        return {}
    name = f"job-{parameters['name']}"
    wanted = {_resource(number): str(size) for number, size in enumerate(parameters["takes"]) if size}
    container = {"name": "c", "image": "i:1", "resources": {"requests": wanted, "limits": wanted}}
    await Create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "default",
                "annotations": {RUN_S: str(parameters["duration_s"])},
            },
            "spec": {"containers": [container], "restartPolicy": "Never"},
        }
    )
    await WaitUntil((Selection("Pod", "default", name=name),), _over, f"{name} ends")
    await Delete(Ref("Pod", name, "default"))
    return {}


def _over(pods: Sequence[Resource]) -> bool | None:
    return True if pods and (pods[0].get("status") or {}).get("phase") == "Succeeded" else None


_JOB_POD = ActionSpec(
    "job_pod",
    _run_pod,
    {name: Parameter("any", required=True, summary="") for name in ("name", "duration_s", "takes")},
    1,
    "Run a pod to its end.",
)


def _resource(number: int) -> str:
    return f"example.com/r{number}"


def read_graph(path: Path) -> list[Task]:
    """Read a task graph: after the count, a line a task with id, duration, how many it needs, and which."""
    text = path.read_text().splitlines()
    lines = [[int(word) for word in line.split()] for line in text if line.strip() and line[0] != "#"]
    return [Task(f"t{id_}", took, tuple(f"t{need}" for need in needs)) for id_, took, _, *needs in lines[1:]]


def read_project(path: Path) -> tuple[list[Task], tuple[int, ...]]:
    """Read a project network: its jobs, and how much there is of each resource."""
    sections: dict[str, list[list[int]]] = {}
    title = ""
    for line in path.read_text().splitlines():
        words = line.split()
        if words and all(word.isdigit() for word in words):
            sections.setdefault(title, []).append([int(word) for word in words])
        elif line.endswith(":"):
            title = line.removesuffix(":")
    needs: dict[int, list[str]] = {}
    for job, _modes, _count, *successors in sections["PRECEDENCE RELATIONS"]:
        for successor in successors:
            needs.setdefault(successor, []).append(f"t{job}")
    tasks = [
        Task(f"t{job}", took, tuple(needs.get(job, ())), tuple(takes))
        for job, _mode, took, *takes in sections["REQUESTS/DURATIONS"]
    ]
    return tasks, tuple(sections["RESOURCEAVAILABILITIES"][0])


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
