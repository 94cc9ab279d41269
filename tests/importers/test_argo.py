"""The Argo examples: each imports, runs and ends as Argo says; recorded runs come out the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.document import read_file
from tests.importers.runs import Run, counted, run

APPROVAL = ["signals: [{name: approve, after: 5s}]"]


def all_completed(count: int) -> Callable[[Run], bool]:
    """All Jobs completed, so many of them."""
    return lambda it: it.state == "completed" and counted(it.jobs().values()) == {"completed": count}


def exactly(state: str, **jobs: str) -> Callable[[Run], bool]:
    """The execution ended so, and its Jobs did."""
    return lambda it: it.state == state and it.jobs() == jobs


def conditionals(it: Run) -> bool:
    """Two flips; of each pair of alternatives one runs."""
    jobs = it.jobs()
    either = [sorted((jobs[f"heads{kind}"], jobs[f"tails{kind}"])) for kind in ("", "-regex")]
    tails_last = jobs["tails-regex"] == "completed"
    return (
        it.state == "completed"
        and either == [["completed", "skipped"]] * 2
        and (jobs["complex-condition"] == "completed")
        == tails_last  # whatever the first flip, tails the second
    )


def coinflips(it: Run) -> bool:
    """Each of four tasks flips until heads; a task's last flip is the only one with heads after it."""
    heads = [state for name, state in it.jobs().items() if name.endswith("heads")]
    return it.state == "completed" and counted(heads)["completed"] == 4


def retried(limit: int) -> Callable[[Run], bool]:
    """A Job failed only if its retries were used up; the execution failed only if one did."""

    def judge(it: Run) -> bool:
        jobs = [row for row in it.steps.values() if row["action"] == "run_job" and row["state"] != "omitted"]
        sound = all((row["state"] == "failed") == (row["attempts_count"] == limit + 1) for row in jobs)
        failed = any(row["state"] == "failed" for row in jobs)
        return sound and (it.state == "failed") == failed

    return judge


EXAMPLES: dict[str, Callable[[Run], bool]] = {
    "conditionals-complex": conditionals,
    "continue-on-fail": exactly("completed", A="completed", B="completed", C="failed", D="completed"),
    "dag-coinflip": coinflips,
    "dag-continue-on-fail": exactly(
        "failed",
        A="completed",
        B="failed",
        C="completed",
        D="completed",
        E="failed",
        F="completed",
        G="omitted",
    ),
    "dag-diamond": all_completed(4),
    "dag-diamond-steps": all_completed(4 * 3),
    "dag-disable-failFast": lambda it: (
        exactly("failed", A="completed", B="completed", C="failed", D="completed", E="completed")(it)
        and it.steps["C"]["attempts_count"] == 4
    ),
    "dag-nested": all_completed(4 * 4),
    "exit-handlers": lambda it: (
        it.state == "failed"
        and it.jobs()
        == {
            "main": "failed",
            "on-exit-failed/notify": "completed",
            "on-exit-failed/celebrate": "skipped",
            "on-exit-failed/cry": "completed",
        }
    ),
    "loops": all_completed(2),
    "loops-param-result": lambda it: all_completed(1 + 11)(it) and 30 < it.seconds < 40,
    "loops-sequence": all_completed(5 + 6 + 3 + 6 + 5),
    "map-reduce": all_completed(1 + 4 + 1),
    "parallelism-limit": lambda it: (
        all_completed(10)(it) and it.most_at_once("sleep.*") == 2 and it.seconds > 50
    ),
    "parallelism-nested": lambda it: (
        all_completed(4 * 4)(it)
        and it.most_at_once(r".*") == 4
        and all(it.most_at_once(rf"parallel-worker\[{n}\].*") == 1 for n in range(4))
    ),
    "pod-gc-strategy": exactly("failed", fail="failed", succeed="completed"),
    "retry-backoff": lambda it: retried(10)(it) or it.seconds > 60,
    "retry-with-steps": retried(10),
    "steps": lambda it: (
        all_completed(3)(it) and it.steps["hello2a"]["started_ns"] >= it.steps["hello1"]["ended_ns"]
    ),
    "suspend-template": lambda it: (
        it.state == "completed"
        and it.steps["approve"]["causes"] == {"signal": 5_000_000_000}
        and it.steps["delay"]["causes"] == {"declared work": 20_000_000_000}
    ),
    "synchronization-mutex-tmpl-level": lambda it: (
        all_completed(10)(it)
        and it.most_at_once(r"synchronization-acquire-lock\[.*") == 1
        and it.most_at_once(r"synchronization-acquire-lock1\[.*") == 1
        and it.most_at_once(r".*") == 2
    ),
    "synchronization-tmpl-level": lambda it: all_completed(5)(it) and it.most_at_once(r".*") == 1,
    "timeouts-step": lambda it: it.state == "failed" and 10 <= it.seconds < 10.1,
    "timeouts-workflow": lambda it: it.state == "failed" and 30 <= it.seconds < 30.1,
}


@pytest.fixture
def example(reference_data: Path) -> Callable[[str], Path]:
    return lambda name: reference_data / "argo" / "examples" / f"{name}.yaml"


def test_all_examples_are_judged(reference_data: Path) -> None:
    found = sorted(file.stem for file in (reference_data / "argo" / "examples").iterdir())
    assert found == sorted(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("seed", [3, 4])
def test_an_example_ends_as_argo_says(
    name: str, seed: int, example: Callable[[str], Path], tmp_path: Path
) -> None:
    extra = APPROVAL if name == "suspend-template" else ()
    ended = run(example(name), tmp_path, extra=extra, seed=seed)
    assert EXAMPLES[name](ended), (ended.state, ended.seconds, ended.states)
    assert not any(ended.checks.values()), ended.checks


def test_a_declared_semaphore_admits_so_many(example: Callable[[str], Path], tmp_path: Path) -> None:
    declared = {"my-config/template": {"semaphore": 3}}
    ended = run(example("synchronization-tmpl-level"), tmp_path, declared=declared)
    assert (ended.state, ended.most_at_once(".*")) == ("completed", 3)


def test_a_declared_outcome_takes_the_place_of_what_was_read(
    example: Callable[[str], Path], tmp_path: Path
) -> None:
    declared: dict[str, dict[str, Any]] = {
        "flip-coin": {"result": ["tails"], "duration": "4s"},
        "heads": {"exit_codes": [1]},
    }
    ended = run(example("conditionals-complex"), tmp_path, declared=declared)
    jobs = ended.jobs()
    assert (jobs["heads"], jobs["tails"], jobs["complex-condition"]) == ("skipped", "completed", "completed")
    assert 4 <= ended.duration("flip-coin") < 8


def test_a_parameter_of_the_imported_file_changes_what_it_does(
    example: Callable[[str], Path], tmp_path: Path
) -> None:
    ended = run(example("loops-sequence"), tmp_path, overrides=["workflow.count=7"])
    assert counted(ended.jobs().values()) == {"completed": 5 + 6 + 7 + 6 + 5}


RECORDED = ("dag-disable-fail-fast", "dag_retry_succeeded", "dag_xfail")


def recorded(file: Path) -> dict[str, str]:
    """How each task of the recorded dag ended: retries count by their last word."""
    data: Any = read_file(file).data
    nodes = data["status"]["nodes"].values()
    inner = [node for node in nodes if node["type"] in ("Pod", "Retry") and "(" not in node["displayName"]]
    return {node["displayName"]: node["phase"] for node in inner}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_run_comes_out_as_it_did(name: str, reference_data: Path, tmp_path: Path) -> None:
    file = reference_data / "argo" / "recorded_status" / f"{name}.yaml"
    ended = run(file, tmp_path)
    phases = {"completed": "Succeeded", "failed": "Failed"}
    found = {step: phases[state] for step, state in ended.states.items() if state in phases}
    assert found == recorded(file)
    never_run = {state for state in ended.states.values() if state not in phases}
    assert never_run <= {"omitted"}


def test_a_recorded_run_has_its_attempts_and_times(reference_data: Path, tmp_path: Path) -> None:
    ended = run(reference_data / "argo" / "recorded_status" / "dag_retry_succeeded.yaml", tmp_path)
    assert [row["outcome"] for row in ended.attempts] == ["failed", "failed", "succeeded"]
    assert 7 + 9 + 7 <= ended.duration("step1") < 7 + 9 + 7 + 3 * 4  # and what a pod takes to start


def test_the_same_file_gives_the_same_bytes(example: Callable[[str], Path], tmp_path: Path) -> None:
    one, other = (run(example("dag-coinflip"), tmp_path).imported.to_yaml() for _ in range(2))
    assert one == other
    assert one.startswith("# Imported from dag-coinflip.yaml, an Argo Workflow.\n")
