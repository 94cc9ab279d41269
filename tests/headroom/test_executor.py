"""Many runs in several processes: same bytes, resumed, and an accident costs one run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import scenarios
import simulator
from headroom.errors import HarnessError
from headroom.executor import CRASHED, Executor
from headroom.interrupt import Interrupt
from headroom.rundir import RunDirectory
from headroom.worker import Job, Outcome, Task, digest_of, line_of
from reports import exits
from tests.headroom.command import contents

WORLD = "tests.headroom.fake_world:simulate"
SCENARIO = """
apiVersion: headroom/v1
name: three-points
cluster: high-load-production
workload:
  workflow: restart-pods
  variables: {accident: ACCIDENT}
  targets: {deployments: all}
  load: {burst: 1}
sweep: {load.burst: [1, 2, 3]}
experiment: {replications: 4}
"""
JOBS = [Job(point, replication) for replication in range(4) for point in range(3)]


def task_of(path: Path, accident: str = "none") -> Task:
    file = path.with_suffix(".yaml")
    file.write_text(SCENARIO.replace("ACCIDENT", accident))
    directory = RunDirectory(path)
    directory.begin({"code_digest": "c0de"}, "")
    return Task(scenarios.load(file), path, world=WORLD)


def run(task: Task, workers: int = 2, jobs: Sequence[Job] = JOBS) -> list[Outcome]:
    with Executor(task.world, workers, Interrupt()) as executor:
        return executor.run(task, jobs, lambda _: None)


def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    for workers in (1, 3):
        outcomes = run(task_of(tmp_path / str(workers)), workers)
        assert [outcome.job for outcome in outcomes] == sorted(JOBS)
        assert not any(outcome.error or outcome.kept for outcome in outcomes)
    one, three = contents(tmp_path / "1" / "records"), contents(tmp_path / "3" / "records")
    assert len(one) == len(JOBS)
    assert one == three


def test_what_was_done_before_is_kept_and_not_made_again(tmp_path: Path) -> None:
    first = run(task_of(tmp_path / "run"), jobs=JOBS[:5])
    before = {path.name: path.stat().st_ino for path in (tmp_path / "run" / "records").iterdir()}
    second = run(task_of(tmp_path / "run"))
    assert [it.job for it in second if it.kept] == [it.job for it in first]
    after = {path.name: path.stat().st_ino for path in (tmp_path / "run" / "records").iterdir()}
    assert len(after) == len(JOBS)
    assert before.items() <= after.items()  # the very same files


def test_a_record_of_another_spec_is_not_kept(tmp_path: Path) -> None:
    run(task_of(tmp_path / "run"))
    outcomes = run(task_of(tmp_path / "run", accident="other"))  # another variable: every digest changes
    assert not any(outcome.kept for outcome in outcomes)


def without_end(body: bytes) -> bytes:
    return body[:-1]


def without_last_line(body: bytes) -> bytes:
    return b"".join(body.splitlines(keepends=True)[:-1])


def without_middle(body: bytes) -> bytes:
    return body[: len(body) // 2] + bytes(len(body) - len(body) // 2)


@pytest.mark.parametrize(
    "damage", [lambda _: b"\x80 not json", lambda _: b"", without_end, without_last_line, without_middle]
)
def test_a_damaged_record_is_not_kept(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    run(task_of(tmp_path / "run"))
    record = tmp_path / "run" / "records" / "p0001-r00002.jsonl"
    whole = record.read_bytes()
    record.write_bytes(damage(whole))
    outcomes = run(task_of(tmp_path / "run"))
    assert [outcome.job for outcome in outcomes if not outcome.kept] == [Job(1, 2)]
    assert record.read_bytes() == whole


def test_a_record_without_its_last_step_is_not_sound(tmp_path: Path) -> None:
    scenario = task_of(tmp_path / "run").scenario
    spec = scenarios.compile(scenario, scenario.points()[0], 0)
    rows = [line_of(row) for row in simulator.simulate(spec).rows]
    last = max(number for number, row in enumerate(rows) if row.startswith('{"type":"step"'))
    record = tmp_path / "record.jsonl"
    record.write_text("".join(rows))
    assert digest_of(record) == spec.digest
    record.write_text("".join(rows[:last]))
    assert digest_of(record) == ""


def test_an_execution_that_was_not_admitted_has_no_steps_to_miss(tmp_path: Path) -> None:
    run_row = {"type": "run", "digest": "d1", "submitted_count": 1}
    waiting = {"type": "execution", "admitted_ns": -1, "steps_count": 4}
    record = tmp_path / "record.jsonl"
    record.write_text(line_of(run_row) + line_of(waiting))
    assert digest_of(record) == "d1"
    record.write_text(line_of(run_row) + line_of({**waiting, "admitted_ns": 0}))
    assert digest_of(record) == ""


def test_a_disk_that_cannot_be_written_ends_the_command(tmp_path: Path) -> None:
    task = task_of(tmp_path / "run")
    (tmp_path / "run" / "records").rmdir()
    with pytest.raises(FileNotFoundError, match="p0000-r00000"):
        run(task, jobs=JOBS[:1])


def test_an_exception_costs_one_run_and_is_named(tmp_path: Path) -> None:
    outcomes = run(task_of(tmp_path / "run", accident="raise"))
    failed = [outcome for outcome in outcomes if outcome.error]
    assert [outcome.job for outcome in failed] == [Job(1, 2)]
    assert "ZeroDivisionError: by the mole" in failed[0].error
    names = sorted(contents(tmp_path / "run" / "records"))
    assert len(names) == len(JOBS) - 1
    assert "p0001-r00002.jsonl" not in names


def test_a_dying_process_costs_one_run_and_is_named(tmp_path: Path) -> None:
    outcomes = run(task_of(tmp_path / "run", accident="die"))
    failed = [outcome for outcome in outcomes if outcome.error]
    assert [(outcome.job, outcome.error) for outcome in failed] == [(Job(1, 2), CRASHED)]
    assert [outcome.job for outcome in outcomes] == sorted(JOBS)
    assert len(contents(tmp_path / "run" / "records")) == len(JOBS) - 1


def test_when_every_process_dies_the_command_gives_up(tmp_path: Path) -> None:
    jobs = [Job(1, 2)] * 8
    with pytest.raises(HarnessError, match="dead worker process") as caught:
        run(task_of(tmp_path / "run", accident="die"), jobs=jobs)
    assert caught.value.code == exits.MODEL_ERROR


def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    task = task_of(tmp_path / "run", accident="sleep")
    interrupt = Interrupt()

    def stop_soon(_: int) -> None:
        interrupt.seen = True

    with Executor(task.world, 2, interrupt) as executor:
        outcomes = executor.run(task, JOBS, stop_soon)
    assert 0 < len(outcomes) < len(JOBS)
    kept = contents(task.directory / "records")
    assert sorted(kept) == [f"p{it.job.point:04d}-r{it.job.replication:05d}.jsonl" for it in outcomes]
    assert all(body.endswith(b"}\n") for body in kept.values())


def test_histories_are_written_when_asked_for(tmp_path: Path) -> None:
    task = task_of(tmp_path / "run")
    run(Task(task.scenario, task.directory, histories=True, world=WORLD), jobs=JOBS[:2])
    assert len(contents(tmp_path / "run" / "histories")) == 2
