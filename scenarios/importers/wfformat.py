"""WfFormat instances (wfcommons.org): recorded runs of scientific workflows, as Jobs of recorded times."""

import math
import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from engine.actions.jobs import NAME_LENGTH_MAX
from scenarios.document import Document
from scenarios.importers.imported import Findings, Imported, job_name, name_of, unique
from scenarios.importers.shapes import check_shape, without_nothing
from scenarios.workflow_expand import STEPS_MAX

WHAT: Final = "a WfFormat instance"
_ID: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_ID_MAX: Final = 128
_SHAPE: Final = {
    "name": "text",
    "workflow": {
        "specification": {"tasks": [{"id": "text", "parents": ["text"]}]},
        "execution": {
            "makespanInSeconds": "number",
            "machines": [{"cpu": {"coreCount": "number"}}],
            "tasks": [
                {"id": "text", "runtimeInSeconds": "number", "coreCount": "number", "command": "mapping"}
            ],
        },
    },
}


def is_wfformat(document: Document) -> bool:
    """Tell whether a document is one."""
    data = document.data
    workflow = data.get("workflow") if isinstance(data, dict) else None
    return isinstance(workflow, dict) and "schemaVersion" in data


def import_wfformat(document: Document, source: str) -> Imported:
    """Return the workflow: every task a Job of its recorded run time on as many CPUs as it had cores."""
    findings = Findings(document)
    document.data = data = without_nothing(document.data)
    check_shape(findings, document, (), _SHAPE)
    findings.check()
    tasks = _listed(findings, ("workflow", "specification", "tasks"))
    executed = _listed(findings, ("workflow", "execution", "tasks"))
    findings.check()
    if len(tasks) > STEPS_MAX:
        place = ("workflow", "specification", "tasks")
        findings.refuse(place, f"{len(tasks):,} tasks", f"at most {STEPS_MAX:,}")
        findings.check()
    runs = {row.get("id"): row for row in executed if isinstance(row, dict)}
    ids: dict[str, str] = {}
    for index, task in enumerate(tasks):
        _check_task(findings, index, task, runs, ids)
    findings.check()
    steps = [_step(findings, index, task, runs[task["id"]], ids) for index, task in enumerate(tasks)]
    _refuse_circle(findings, steps)
    findings.check()
    _note(findings, data, tasks)
    workflow = {
        "apiVersion": "headroom/v1",
        "kind": "Workflow",
        "name": name_of(str(data.get("name") or source)),
        "description": _description(data),
        "parameters": {
            "job_namespace": {"default": "default", "summary": "where the Jobs run"},
            "scale": {
                "default": 1.0,
                "min": 0,
                "summary": "factor on every recorded run time",
            },
        },
        "on_step_failure": "continue",
        "steps": steps,
    }
    return Imported(source, WHAT, workflow, tuple(findings.notes))


def _listed(findings: Findings, path: tuple[str, ...]) -> list[Any]:
    value: Any = findings.document.data
    for piece in path:
        value = value.get(piece) if isinstance(value, dict) else None
    if isinstance(value, list) and value:
        return value
    message = "there are no tasks" if value in (None, []) else "not a list"
    findings.refuse(path, message, "WfFormat of schema version 1.5: a list of tasks that is not empty")
    return []


def _check_task(
    findings: Findings, index: int, task: Any, runs: Mapping[Any, Any], ids: dict[str, str]
) -> None:
    place = ("workflow", "specification", "tasks", index)
    if not isinstance(task, dict) or not isinstance(task.get("id"), str):
        findings.refuse(place, "a task without an id", "an id as text")
        return
    if task["id"] in ids:
        findings.refuse((*place, "id"), f"a second task '{task['id']}'", "ids that are unique")
    if task["id"] not in runs:
        findings.refuse((*place, "id"), f"task '{task['id']}' has no record in workflow.execution.tasks")
    wanted = _ID.sub("-", task["id"]).strip("-._")[: _ID_MAX - 8].strip("-._") or "task"
    ids[task["id"]] = unique(wanted, ids.values())


def _step(
    findings: Findings, index: int, task: Mapping[str, Any], run: Mapping[str, Any], ids: Mapping[str, str]
) -> dict[str, Any]:
    place = ("workflow", "specification", "tasks", index)
    needs = []
    for position, parent in enumerate(task.get("parents") or ()):
        if parent not in ids:
            findings.refuse((*place, "parents", position), f"there is no task '{parent}'")
        else:
            needs.append(ids[parent])
    seconds: Any = run.get("runtimeInSeconds")
    cores: Any = run.get("coreCount", 1)
    if not _is_amount(seconds):
        findings.refuse(place, f"task '{task['id']}' has no recorded run time", "runtimeInSeconds")
        seconds = 0
    if not _is_amount(cores) or cores <= 0:
        findings.refuse(place, f"task '{task['id']}' ran on {cores!r} cores", "a number above 0")
        cores = 1
    step: dict[str, Any] = {"id": ids[task["id"]], "action": "run_job"}
    if needs:
        step["needs"] = needs
    step["parameters"] = {
        "namespace": "{{ job_namespace }}",
        "name": job_name(task["id"], NAME_LENGTH_MAX),
        "duration_s": "{{ " + _double(seconds) + " * scale }}",
        "cpu": f"{math.ceil(cores * 1000)}m",
    }
    step["timeout"] = "100d"  # the record has none
    step["expected"] = f"{_plain(seconds)}s"
    return step


def _refuse_circle(findings: Findings, steps: Iterable[Mapping[str, Any]]) -> None:
    try:
        TopologicalSorter({step["id"]: step.get("needs", ()) for step in steps}).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        findings.refuse(("workflow", "specification", "tasks"), f"tasks in a circle: {circle}", "none")


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _plain(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")


def _double(number: float) -> str:
    """Return a number as CEL writes one that is no integer."""
    text = _plain(number)
    return text if "." in text else f"{text}.0"


def _note(findings: Findings, data: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> None:
    execution = data["workflow"]["execution"]
    commands = (str((row.get("command") or {}).get("program", "")).split() for row in execution["tasks"])
    programs = {words[0] for words in commands if words}
    findings.note(f"the programs of {len(execution['tasks'])} tasks ({len(programs)} different) are not run: "
                  "a Job of the recorded run time stands for each")  # fmt: skip
    if any(task.get("inputFiles") or task.get("outputFiles") for task in tasks):
        findings.note(
            "files are not read or written: their transfer is part of the recorded run times or lost"
        )
    if not any("coreCount" in row for row in execution["tasks"]):
        findings.note("no core counts were recorded: one core a task")
    machines = execution.get("machines") or ()
    if machines:
        cores = sum((machine.get("cpu") or {}).get("coreCount") or 0 for machine in machines)
        findings.note(f"it was recorded on {len(machines)} machines of {cores} cores in all; the scenario's "
                      "cluster takes their place")  # fmt: skip
    if "makespanInSeconds" in execution:
        findings.note(f"the recorded makespan is {execution['makespanInSeconds']:g} s")


def _description(data: Mapping[str, Any]) -> str:
    text = " ".join(str(data.get("description") or "").split())
    return text if text.isascii() else text.encode("ascii", "replace").decode()
