"""Recorded scientific workflows: all import; none is faster than its critical path and its work allow."""

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from scenarios import ScenarioError
from scenarios.importers import import_file
from tests.importers.runs import CLUSTER, run

NODES, CORES = 4, 24
SLOW = (
    "epigenomics-chameleon-ilmn-6seq-50k-001",
    "montage-chameleon-dss-15d-001",
    "seismology-chameleon-1000p-001",
)
NAMES = (
    "1000genome-chameleon-8ch-100k-001",
    "blast-chameleon-small-001",
    "bwa-chameleon-small-001",
    "cycles-chameleon-1l-1c-9p-001",
    "epigenomics-chameleon-hep-1seq-100k-001",
    "helloworld-chain-5-chameleon",
    "helloworld-forkjoin-10-chameleon",
    "montage-chameleon-dss-05d-001",
    "rnaseq-dirt02-001",
    "sarek-dirt02-001",
    "seismology-chameleon-100p-001",
    "soykb-chameleon-10fastq-10ch-001",
    "srasearch-chameleon-10a-005",
)


def bounds(data: Any) -> tuple[float, float]:
    """Return the critical path and the work of an instance, from its file and nothing else."""
    tasks = data["workflow"]["specification"]["tasks"]
    runs = {row["id"]: row for row in data["workflow"]["execution"]["tasks"]}
    parents = {task["id"]: task["parents"] for task in tasks}
    ends: dict[str, float] = {}
    for task in TopologicalSorter(parents).static_order():
        began = max((ends[one] for one in parents[task]), default=0.0)
        ends[task] = began + runs[task]["runtimeInSeconds"]
    work = sum(row["runtimeInSeconds"] * row.get("coreCount", 1) for row in runs.values())
    return max(ends.values()), work


def test_all_instances_are_run(reference_data: Path) -> None:
    found = sorted(file.stem for file in (reference_data / "wfinstances").iterdir())
    assert found == sorted((*NAMES, *SLOW))


@pytest.mark.parametrize("name", [*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_no_makespan_is_below_critical_path_or_work(name: str, reference_data: Path, tmp_path: Path) -> None:
    file = reference_data / "wfinstances" / f"{name}.json"
    ended = run(file, tmp_path, cluster=CLUSTER % (NODES, CORES * 1_000))
    critical_s, work_s = bounds(json.loads(file.read_text()))
    assert ended.state == "completed"
    assert set(ended.states.values()) == {"completed"}
    assert ended.seconds >= max(critical_s, work_s / (NODES * CORES))
    assert not any(ended.checks.values()), ended.checks


INSTANCE: dict[str, Any] = {
    "name": "tiny",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {
            "tasks": [
                {"id": "one", "name": "one", "parents": [], "children": ["two"]},
                {"id": "two", "name": "two", "parents": ["one"], "children": []},
            ]
        },
        "execution": {
            "tasks": [
                {"id": "one", "runtimeInSeconds": 2},
                {"id": "two", "runtimeInSeconds": 3.25, "coreCount": 8},
            ]
        },
    },
}


def test_work_on_few_cores_takes_its_time(tmp_path: Path) -> None:
    """Twenty tasks of 10 s that each take 12 of 24 cores: two at a time."""
    instance = json.loads(json.dumps(INSTANCE))
    tasks = [{"id": f"t{n}", "parents": [], "children": []} for n in range(20)]
    instance["workflow"]["specification"]["tasks"] = tasks
    instance["workflow"]["execution"]["tasks"] = [
        {"id": f"t{n}", "runtimeInSeconds": 10, "coreCount": 12} for n in range(20)
    ]
    file = tmp_path / "many.json"
    file.write_text(json.dumps(instance))
    ended = run(file, tmp_path, cluster=CLUSTER % (1, 24_000))
    assert ended.seconds >= 20 * 10 * 12 / 24
    assert ended.most_at_once(".*") == 20  # attempts wait for the scheduler, not for the engine


def test_the_factor_stretches_every_task(tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text(json.dumps(INSTANCE))
    ended = run(tmp_path / "tiny.json", tmp_path, overrides=["workflow.scale=10.0"])
    assert ended.seconds >= 10 * (2 + 3.25)


def test_a_program_without_a_name_is_none(tmp_path: Path) -> None:
    instance = json.loads(json.dumps(INSTANCE))
    instance["workflow"]["execution"]["tasks"][0]["command"] = {"program": "  "}
    (tmp_path / "tiny.json").write_text(json.dumps(instance))
    assert "2 tasks (0 different)" in import_file(tmp_path / "tiny.json").notes[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda flow: flow["specification"]["tasks"][1].update(parents=["tow"]), "there is no task 'tow'"),
        (lambda flow: flow["specification"]["tasks"][1].update(id="one"), "a second task 'one'"),
        (lambda flow: flow["execution"]["tasks"].pop(), "task 'two' has no record"),
        (lambda flow: flow["execution"]["tasks"][0].pop("runtimeInSeconds"), "no recorded run time"),
        (lambda flow: flow["execution"]["tasks"][1].update(coreCount=0), "ran on 0 cores"),
        (lambda flow: flow["specification"].update(tasks=[]), "there are no tasks"),
        (lambda flow: flow["specification"]["tasks"][0].update(parents=["two"]), "tasks in a circle: "),
        (lambda flow: flow["specification"].update(tasks=[{"id": "t"}] * 10_001), "10,001 tasks"),
    ],
)
def test_a_broken_instance_is_refused(change: Any, said: str, tmp_path: Path) -> None:
    instance = json.loads(json.dumps(INSTANCE))
    change(instance["workflow"])
    (tmp_path / "broken.json").write_text(json.dumps(instance))
    with pytest.raises(ScenarioError, match=re.escape(said)):
        import_file(tmp_path / "broken.json")
