"""What must hold in every run, whatever is run: asked of random small specs."""

from collections import Counter

from hypothesis import HealthCheck, given, settings

from engine.core.history import History, replay
from engine.core.limits import Limits
from scenarios.runspec import RunSpec
from simulator import simulate
from tests.simulator.random_specs import run_specs
from tests.simulator.worlds import of_type, run_row

EXAMPLES = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@EXAMPLES
@given(run_specs())
def test_every_nanosecond_of_a_step_and_of_an_execution_has_its_cause(spec: RunSpec) -> None:
    result = simulate(spec)
    for row in of_type(result, "execution"):
        assert sum(row["causes"].values()) == row["ended_ns"] - row["submitted_ns"]
        assert all(spent > 0 for spent in row["causes"].values())
        assert "unattributed" not in row["causes"]
    for row in of_type(result, "step"):
        duration_ns = row["ended_ns"] - row["ready_ns"] if row["ready_ns"] >= 0 else 0
        assert sum(row["causes"].values()) == duration_ns
    for row in of_type(result, "attempt"):
        at = row["started_ns"]
        for _, start, end in row["spans"]:
            assert start == at < end
            at = end
        assert at == row["ended_ns"]
    total: Counter[str] = Counter()
    for row in of_type(result, "execution"):
        total.update(row["causes"])
    assert of_type(result, "run")[0]["causes"] == total


@EXAMPLES
@given(run_specs(faults_max=0))
def test_only_a_later_arrival_is_waited_for_as_a_signal(spec: RunSpec) -> None:
    """Everything here begins with an execution's arrival: a wait that another execution made come true is
    charged to `signal` until that one arrived. Any other such charge has lost its causal chain."""
    result = simulate(spec)
    executions = of_type(result, "execution")
    arrivals = {row["submitted_ns"] for row in executions}
    for row in of_type(result, "attempt"):
        assert all(cause != "signal" or end in arrivals for cause, _, end in row["spans"])
    for row in (*executions, *of_type(result, "step")):
        assert arrivals != {0} or "signal" not in row["causes"]


@EXAMPLES
@given(run_specs())
def test_no_invariant_is_violated(spec: RunSpec) -> None:
    """Counters lose nothing without a lock: the action guards its writes by version. Of two scales the
    later holds, and is what the checker expects."""
    assert {name: count for name, count in run_row(simulate(spec))["checks"].items() if count} == {}


@EXAMPLES
@given(run_specs())
def test_the_history_rebuilds_the_engine(spec: RunSpec) -> None:
    """Read back from its lines, the history gives the same digest, and its replay the same executions."""
    result = simulate(spec)
    history = History.from_lines(list(result.history.to_lines()))
    assert history.digest == result.history.digest == run_row(result)["history_digest"]
    limits = Limits(
        max_concurrency=spec.engine.max_concurrency,
        step_slots=spec.engine.step_slots,
        step_timeout_ns=spec.engine.step_timeout_ns,
        execution_timeout_ns=spec.engine.execution_timeout_ns,
        dispatch=spec.engine.dispatch,
    )
    rebuilt = {facts.execution_id: facts for facts in replay(history, limits).executions()}
    rows = of_type(result, "execution")
    assert [row["execution"] for row in rows] == list(rebuilt)
    for row in rows:
        facts = rebuilt[row["execution"]]
        if row["state"] == "unfinished":
            assert facts.ended_ns == -1
            continue
        assert (facts.state.value, facts.ended_ns) == (row["state"], row["ended_ns"])
        assert (facts.admitted_ns, facts.started_ns) == (row["admitted_ns"], row["started_ns"])
    steps = {
        (row["execution"], row["step"]): (row["state"], row["attempts_count"])
        for row in of_type(result, "step")
    }
    for execution_id, facts in rebuilt.items():
        if facts.ended_ns >= 0:
            for step in facts.steps.values():
                started = sum(attempt.started_ns >= 0 for attempt in step.attempts)
                assert steps[execution_id, step.id] == (step.state.value, started)


@EXAMPLES
@given(run_specs())
def test_what_goes_in_comes_out_or_is_still_there(spec: RunSpec) -> None:
    """Conservation: of executions, and of the stations' time."""
    result = simulate(spec)
    run = of_type(result, "run")[0]
    rows = of_type(result, "execution")
    assert run["submitted_count"] == run["completed_count"] + run["failed_count"] + run["unfinished_count"]
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert run["ended_ns"] <= spec.horizon_ns
    if run["unfinished_count"]:
        assert run["ended_ns"] == spec.horizon_ns
    for row in of_type(result, "sample"):
        assert row["wait_ns"] >= 0
        assert row["busy_ns"] >= 0
        if row["seats"]:
            assert row["busy_ns"] <= row["seats"] * row["at_ns"]
        if row["station"] == "engine.executions":
            active = sum((one["ended_ns"] - one["admitted_ns"]) for one in rows if one["admitted_ns"] >= 0)
            if row["at_ns"] == run["ended_ns"]:
                assert row["busy_ns"] == active
