"""A run whose engine holds back what goes in circles."""

from typing import Any

from engine.core.definition import Step, Workflow
from simulator import simulate
from tests.simulator.worlds import acting, engine, of_type, run_row, run_spec

RESTARTS = acting("rollout_restart", steps=5, namespace="default", deployment="web")
SCALINGS = Workflow(
    "scalings",
    tuple(
        Step(
            f"s{n}",
            action="scale_deployment",
            needs=(f"s{n - 1}",) if n else (),
            parameters={"namespace": "default", "deployment": "web", "replicas": 4 if n % 2 else 6},
        )
        for n in range(6)
    ),
)


def failures(workflow: Workflow, **policy: Any) -> list[str]:
    limits = engine(oscillation=policy or None, client_qps=None)
    result = simulate(run_spec(workflow, load=1, limits=limits, detail=True))
    again = simulate(run_spec(workflow, load=1, limits=limits, detail=True))
    assert run_row(result) == run_row(again)
    held = [row for row in of_type(result, "attempt") if row["failure"].startswith("Oscillating")]
    assert all(row["started_ns"] == row["ended_ns"] for row in held), "held back at its start"
    touched = {(row["step"], row["attempt"]) for row in of_type(result, "effect")}
    assert all((row["step"], row["attempt"]) not in touched for row in held), "before any effect"
    return [row["failure"].partition(":")[0] for row in of_type(result, "step")]


def test_restarts_go_on_until_they_are_too_many() -> None:
    assert failures(RESTARTS) == [""] * 5
    assert failures(RESTARTS, restarts_max=3, hold_back=True)[:4] == ["", "", "", "Oscillating"]
    assert failures(RESTARTS, restarts_max=3, hold_back=False) == [""] * 5, "seen, and not asked to act on it"


def test_restarts_that_are_far_apart_are_none_of_a_loop() -> None:
    assert failures(RESTARTS, restarts_max=2, restart_window_ns=1, hold_back=True) == [""] * 5


def test_scaling_up_and_down_goes_on_until_it_has_turned_too_often() -> None:
    assert failures(SCALINGS) == [""] * 6
    assert failures(SCALINGS, reversals_max=3, hold_back=True)[:4] == ["", "", "", "Oscillating"]
