"""Random dags end as Argo's rules say, which are told here a second time, over graphs."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import ScenarioError
from scenarios.importers import import_file
from tests.importers.runs import run

Task = dict[str, Any]
STATUSES = ("", ".Succeeded", ".Failed", ".Skipped", ".Omitted")
HELD = {
    "": ("Succeeded", "Skipped"),
    **{f".{one}": (one,) for one in ("Succeeded", "Failed", "Skipped", "Omitted")},
}
PHASES = {"completed": "Succeeded", "failed": "Failed"}
NOT_RUN = ("Skipped", "Omitted")


def manifest(tasks: list[Task]) -> str:
    leaves = [
        {"name": name, "container": {"image": "a", "command": ["sh", "-c", f"exit {code}"]}}
        for name, code in (("ok", 0), ("bad", 1))
    ]
    return json.dumps(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"generateName": "w-"},
            "spec": {"entrypoint": "main", "templates": [*leaves, {"name": "main", "dag": {"tasks": tasks}}]},
        }
    )


def parents(task: Task) -> list[str]:
    return list(task.get("dependencies") or dict.fromkeys(re.findall(r"t\d+", task.get("depends", ""))))


def holds(task: Task, phases: dict[str, str], tasks: dict[str, Task]) -> bool:
    """Evaluate `depends`, or `dependencies` with those that go on after a failure."""
    for name in task.get("dependencies", ()):
        allowed = ["Succeeded", "Skipped"] + (["Failed"] if "continueOn" in tasks[name] else [])
        if phases[name] not in allowed:
            return False
    text = re.sub(
        r"(t\d+)(\.\w+)?",
        lambda found: str(phases[found[1]] in HELD[found[2] or ""]),
        task.get("depends", "True"),
    )
    words = {"&&": " and ", "||": " or ", "!": " not "}
    return bool(
        eval(re.sub(r"&&|\|\||!", lambda found: words[found[0]], text))
    )  # of texts that are made above


def by_argo(listed: list[Task]) -> tuple[dict[str, str], str]:
    """Return the phase of each task, and of the dag (assessDAGPhase)."""
    tasks = {task["name"]: task for task in listed}
    phases: dict[str, str] = {}
    for name, task in tasks.items():
        if not holds(task, phases, tasks):
            phases[name] = "Omitted"
        elif task.get("when") == "false":
            phases[name] = "Skipped"
        else:
            phases[name] = "Failed" if task["template"] == "bad" else "Succeeded"
    reached = [(name, "Succeeded") for name, task in tasks.items() if not parents(task)]
    seen, failed = set(reached), False
    while reached:
        name, branch = reached.pop(0)
        branch = branch if phases[name] in NOT_RUN else phases[name]
        after = [one for one, task in tasks.items() if name in parents(task)]
        failed = failed or (not after and branch == "Failed" and "continueOn" not in tasks[name])
        fresh = [(one, branch) for one in after if (one, branch) not in seen]
        seen.update(fresh)
        reached += fresh
    return phases, "failed" if failed else "completed"


@st.composite
def dags(draw: st.DrawFn) -> list[Task]:
    """Return tasks, each of which depends on some of those before it."""
    uses_depends = draw(st.booleans())
    tasks: list[Task] = []
    for number in range(draw(st.integers(2, 6))):
        task: Task = {"name": f"t{number}", "template": draw(st.sampled_from(["ok", "ok", "bad"]))}
        if draw(st.integers(0, 4)) == 0:
            task["when"] = "false"
        names = [one["name"] for one in tasks if draw(st.booleans())][:3]
        if names and uses_depends:
            text = ""
            for name in names:
                sign = draw(st.sampled_from(["", "", "", "!"]))
                text += (draw(st.sampled_from([" && ", " || "])) if text else "") + sign + name
                text += draw(st.sampled_from(STATUSES))
            task["depends"] = text
        elif names:
            task["dependencies"] = names
        if not uses_depends and draw(st.integers(0, 3)) == 0:
            task["continueOn"] = {"failed": True}
        tasks.append(task)
    return tasks


def check(tasks: list[Task]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dag.json"
        file.write_text(manifest(tasks), encoding="utf-8")
        ended = run(file, Path(folder))
    phases, state = by_argo(tasks)
    ours = {name: PHASES.get(ended.states[name], "not run") for name in phases}
    assert ours == {name: "not run" if phase in NOT_RUN else phase for name, phase in phases.items()}
    assert ended.state == state


@settings(max_examples=60, deadline=None)
@given(dags())
def test_a_random_dag_ends_as_argo_says(tasks: list[Task]) -> None:
    check(tasks)


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        # What a failure leaves out inherits it, though another task took care of that failure.
        ([("A", "bad", ""), ("B", "ok", "A"), ("D", "ok", "A.Failed")], "failed"),
        ([("A", "bad", ""), ("D", "ok", "A.Failed")], "completed"),
        # A target that its own condition keeps from running inherits the failure, too.
        ([("A", "bad", ""), ("D", "ok", "A.Failed"), ("E", "off", "A.Failed")], "failed"),
        # A task that waits for either end of another does not let a third run after a failure.
        ([("A", "bad", ""), ("B", "ok", "A"), ("G", "ok", "A.Succeeded || A.Failed")], "failed"),
        # Omitted is not Skipped: what needs an omitted task is omitted.
        ([("A", "ok", ""), ("G", "ok", "A.Failed || A.Skipped"), ("H", "ok", "G")], "completed"),
    ],
)
def test_a_dag_that_was_got_wrong_once(rows: list[tuple[str, str, str]], state: str) -> None:
    names = {name: f"t{number}" for number, (name, _, _) in enumerate(rows)}
    tasks: list[Task] = [
        {
            "name": names[name],
            "template": "ok" if template == "off" else template,
            **({"when": "false"} if template == "off" else {}),
            **({"depends": re.sub(r"\b[A-Z]\b", lambda found: names[found[0]], text)} if text else {}),
        }
        for name, template, text in rows
    ]
    assert by_argo(tasks)[1] == state
    check(tasks)


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([{"name": "t0", "depends": "t1"}, {"name": "t1", "depends": "t0"}], "in a circle: t0, t1"),
        (
            [{"name": "t0", "continueOn": {"failed": True}}, {"name": "t1", "depends": "t0"}],
            "continueOn in a dag",
        ),
    ],
)
def test_a_dag_that_argo_refuses_is_refused(tasks: list[Task], said: str, tmp_path: Path) -> None:
    file = tmp_path / "dag.json"
    file.write_text(manifest([{"template": "ok"} | task for task in tasks]), encoding="utf-8")
    with pytest.raises(ScenarioError, match=said):
        import_file(file)


def test_errors_of_the_infrastructure_are_not_failures(tmp_path: Path) -> None:
    tasks: list[Task] = [
        {"name": "t0", "template": "bad", "continueOn": {"error": True}},
        {"name": "t1", "template": "ok", "dependencies": ["t0"]},
    ]
    file = tmp_path / "dag.json"
    file.write_text(manifest(tasks), encoding="utf-8")
    ended = run(file, tmp_path)
    assert (ended.state, ended.states["t1"]) == ("failed", "omitted")
    assert any(
        "continueOn.error is about errors of the infrastructure" in note for note in ended.imported.notes
    )
