"""A run is a function of its spec: the same bytes twice, in any process, whatever ran before it."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.definition import Step, StepKind, Workflow
from scenarios.runspec import LoadSpec, RunSpec
from simulator import RunResult, simulate
from tests.simulator import worlds
from tests.simulator.worlds import SECOND_NS, of_type, run_row, run_spec

ROOT = Path(__file__).parents[2]


def text_of(result: RunResult) -> str:
    return json.dumps(result.rows) + result.history.digest


def mixed() -> RunSpec:
    """Everything at once: budgets, quota, jobs, crashes, retries, few slots."""
    objects = [
        *worlds.nodes(),
        worlds.deployment("web", 6),
        worlds.deployment("db", 4, probe=10),
        worlds.budget("web", 1),
        worlds.quota(20),
        worlds.config_map("numbers", n="0"),
    ]
    behaves = {
        "*": {
            "startup": {"dist": "lognormal", "median_s": 1.0, "sigma": 0.5},
            "exit": {"dist": "exponential", "mean_s": 1.0},
            "image_mb": 20.0,
            "crash_probability": 0.1,
        }
    }
    on = worlds.cluster(objects, {"image.cached": False}, behaves)
    workflow = worlds.restarts(2, attempts=2, method="evict")
    count = Step(
        "count", action="update_counter", parameters={"namespace": "default", "name": "numbers", "key": "n"}
    )
    job = Step("job", action="run_job", parameters={"namespace": "default", "name": "job", "duration_s": 2})
    steps = (*workflow.steps, replace(count, needs=("s1",)), replace(job, needs=("s0",)))
    limits = worlds.engine(step_slots=6, step_timeout_ns=30 * SECOND_NS, decision_ns=1_000_000)
    return run_spec(Workflow("mixed", steps), 12, on, limits, detail=True)


def test_the_same_spec_gives_the_same_bytes() -> None:
    assert text_of(simulate(mixed())) == text_of(simulate(mixed()))


def test_what_ran_before_in_this_process_leaves_no_trace() -> None:
    first = text_of(simulate(run_spec()))
    simulate(mixed())
    assert text_of(simulate(run_spec())) == first


_PROGRAM = """
import json, pickle, sys
from simulator import simulate
result = simulate(pickle.load(open(sys.argv[1], "rb")))
print(json.dumps(result.rows) + result.history.digest)
"""


def test_neither_the_process_nor_its_hash_seed_matters(tmp_path: Path) -> None:
    spec = tmp_path / "spec"
    spec.write_bytes(pickle.dumps(mixed()))
    outputs = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(spec)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    ]
    assert outputs == [text_of(simulate(mixed()))] * 2


def test_replications_differ_and_each_is_itself() -> None:
    results = [text_of(simulate(replace(mixed(), replication=number))) for number in (0, 1, 0)]
    assert results[0] == results[2] != results[1]


def test_another_seed_is_another_run() -> None:
    assert text_of(simulate(run_spec(seed=1))) != text_of(simulate(run_spec(seed=2)))


def test_common_random_numbers_across_engine_settings() -> None:
    """A pod starts in the time it starts in, whoever restarts it and when: the first pods are the same."""
    behaves = {"*": {"startup": {"dist": "exponential", "mean_s": 3.0}, "exit": worlds.constant(0.5)}}
    on = worlds.cluster(worlds.small_objects(), worlds.STILL, behaves)
    spec = run_spec(worlds.restarts(1), 1, on)
    alone, throttled = (
        of_type(simulate(replace(spec, engine=worlds.engine(client_qps=qps, client_burst=1))), "step")[0]
        for qps in (None, 0.5)
    )
    assert throttled["causes"]["client throttle"] > 0
    names = ("container start", "readiness", "termination grace")
    rounding = 1 + 5 * SECOND_NS  # the probe's and PLEG's phases are the same, so only whole periods can move
    for name in names:
        assert abs(alone["causes"].get(name, 0) - throttled["causes"].get(name, 0)) <= rounding


@pytest.mark.parametrize("horizon_s", [0, 3, 20])
def test_what_the_horizon_cuts_off_is_counted_and_charged_up_to_it(horizon_s: int) -> None:
    slow = worlds.cluster(worlds.small_objects(), None, worlds.behaviours(startup_s=8.0))
    horizon_ns = horizon_s * SECOND_NS
    result = simulate(run_spec(worlds.restarts(3), 4, slow, horizon_ns=horizon_ns, detail=True))
    run = run_row(result)
    assert run["unfinished_count"] == 4
    assert run["ended_ns"] == horizon_ns
    for row in of_type(result, "execution"):
        assert row["state"] == "unfinished"
        assert row["ended_ns"] == horizon_ns
        assert sum(row["causes"].values()) == horizon_ns - row["submitted_ns"]
    assert {row["outcome"] for row in of_type(result, "attempt")} <= {"succeeded", "unfinished"}


def test_a_wait_that_the_horizon_cuts_off_says_what_it_was_waiting_for() -> None:
    slow = worlds.cluster(worlds.small_objects(), worlds.STILL, worlds.behaviours(startup_s=1_000.0))
    result = simulate(run_spec(worlds.restarts(1), 1, slow, horizon_ns=100 * SECOND_NS))
    causes = of_type(result, "execution")[0]["causes"]
    assert causes["readiness"] > 95 * SECOND_NS


def test_a_closed_load_never_has_more_than_its_users_and_runs_what_came() -> None:
    load = LoadSpec("closed", users=4, think_ns=SECOND_NS, for_ns=60 * SECOND_NS)
    result = simulate(run_spec(worlds.restarts(1), load))
    run, rows = run_row(result), of_type(result, "execution")
    assert run["executions_active_max"] <= 4
    assert run["submitted_count"] == run["completed_count"] == len(rows) > 8
    assert all(row["submitted_ns"] < load.for_ns for row in rows)
    for row in rows:
        others = [one for one in rows if one["submitted_ns"] <= row["submitted_ns"] < one["ended_ns"]]
        assert len(others) <= 4


def test_an_open_load_arrives_whatever_the_engine_does() -> None:
    load = LoadSpec("open", rate_per_s=1.0, for_ns=30 * SECOND_NS)
    free, narrow = (
        simulate(run_spec(worlds.restarts(1), load, limits=worlds.engine(max_concurrency=limit)))
        for limit in (None, 1)
    )
    arrivals = [[row["submitted_ns"] for row in of_type(result, "execution")] for result in (free, narrow)]
    assert arrivals[0] == arrivals[1]
    assert run_row(narrow)["executions_active_max"] == 1
    assert run_row(narrow)["completed_count"] == run_row(narrow)["submitted_count"]
    assert run_row(narrow)["causes"]["admission"] > 0
    assert "admission" not in run_row(free)["causes"]


def test_nothing_to_do_ends_at_once() -> None:
    result = simulate(run_spec(load=LoadSpec("open", rate_per_s=0.001, for_ns=1)))
    assert (run_row(result)["submitted_count"], run_row(result)["ended_ns"]) == (0, 0)


def test_execution_ids_are_unique_in_a_run_and_common_to_all_settings() -> None:
    """What is drawn by an execution must not change with a setting that does not concern it."""
    numbers = ((0, 0), (1, 0), (0, 1))
    one, other, again = (simulate(run_spec(point=point, replication=number)) for point, number in numbers)
    ids = [[row["execution"] for row in of_type(result, "execution")] for result in (one, other, again)]
    assert len(set(ids[0])) == 5
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


def test_a_setting_that_cannot_matter_changes_nothing() -> None:
    """Common random numbers: same draws for every request, whatever else the spec says."""
    variants = (
        run_spec(),
        run_spec(point=3),
        run_spec(horizon_ns=1_800 * SECOND_NS),
        run_spec(limits=worlds.engine(max_concurrency=77)),
    )
    kinds = ("execution", "step")
    rows = [[row for row in simulate(spec).rows if row["type"] in kinds] for spec in variants]
    assert all(other == rows[0] for other in rows[1:])


def test_a_decision_is_charged_even_to_an_action_that_asks_for_nothing() -> None:
    workflow = worlds.acting("log", message="x")
    result = simulate(run_spec(workflow, 2, limits=worlds.engine(decision_ns=10_000_000)))
    assert run_row(result)["completed_count"] == 2


def test_a_long_chain_of_conditions_can_precede_an_action() -> None:
    steps = [Step(id="c0", kind=StepKind.CONDITION, condition="true")]
    steps += [
        Step(id=f"c{i}", kind=StepKind.CONDITION, condition="true", needs=(f"c{i - 1}",))
        for i in range(1, 900)
    ]
    steps.append(Step(id="end", action="wait", parameters={"duration_s": 1}, needs=("c899",)))
    result = simulate(run_spec(Workflow("long", tuple(steps)), 1))
    assert run_row(result)["causes"] == {"declared work": SECOND_NS}


def test_the_requests_that_rows_count_are_those_of_the_stations() -> None:
    result = simulate(mixed())
    final = {
        row["station"]: row
        for row in of_type(result, "sample")
        if row["at_ns"] == run_row(result)["ended_ns"]
    }
    clients = sum(row["arrivals_count"] for name, row in final.items() if name.startswith("client."))
    assert run_row(result)["api_requests_count"] == clients
    assert final["client.engine"]["arrivals_count"] == run_row(result)["client_requests_count"]


def test_a_station_s_waits_are_those_that_its_callers_are_charged() -> None:
    """Little's law for the engine's bucket: the queue's integral is the sum of the waits of its calls."""
    limits = worlds.engine(max_concurrency=None, client_qps=5.0, client_burst=1)
    result = simulate(run_spec(worlds.restarts(2), 40, limits=limits, detail=True))
    rows = [row for row in of_type(result, "sample") if row["station"] == "client.engine"]
    calls = {
        (row["execution"], row["step"], row["started_ns"]): row["ended_ns"]
        for row in of_type(result, "effect")
        if row["effect"] != "WaitUntil"  # its span follows others' calls, too
    }
    waits = 0
    for attempt in of_type(result, "attempt"):
        for cause, start, end in attempt["spans"]:
            if cause == "client throttle" and (attempt["execution"], attempt["step"], start) in calls:
                waits += end - start
    assert rows[-1]["wait_ns"] == waits > 0
    assert [row["wait_ns"] for row in rows] == sorted(row["wait_ns"] for row in rows)
