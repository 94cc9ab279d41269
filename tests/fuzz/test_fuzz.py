"""Whole simulations, seed by seed: random workflows, faults and crashes, and what must hold of each.

A seed that fails is replayed by ``python -m tests.fuzz SEED``.
"""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzz.__main__ import SUITE
from tests.fuzz.account import try_seed
from tests.fuzz.draws import case_of
from tests.fuzz.world import World

ROOT = Path(__file__).parents[2]
FEW, MANY, ALL = range(40), range(40, 500), range(500, 20_000)


def test_a_few_seeds() -> None:
    SUITE.check(FEW)


@pytest.mark.slow
def test_500_seeds() -> None:
    SUITE.check(MANY, workers=os.cpu_count() or 1)


@pytest.mark.exhaustive
def test_20_000_seeds() -> None:
    SUITE.check(ALL, workers=os.cpu_count() or 1)


def test_a_seed_gives_the_same_run_again() -> None:
    for seed in FEW[::8]:
        one, other = World(case_of(seed)), World(case_of(seed))
        one.run()
        other.run()
        assert one.notes.notes == other.notes.notes


def test_the_seeds_reach_what_they_are_meant_to() -> None:
    """The fuzz proves little if it does little."""
    seen: Counter[str] = Counter()
    for seed in range(120):
        world = World(case_of(seed))
        world.run()
        for note in world.notes.notes:
            seen[note.what] += 1
            if note.facts is not None:
                seen[f"execution {note.facts['state']}"] += 1
                seen.update(f"step {step['state']}" for step in note.facts["steps"].values())
            if note.event is not None:
                seen[type(note.event).__name__] += 1
            if note.what == "begin":
                seen["an iteration"] += "]." in note.step_id
                seen["a step of a subflow"] += "/" in note.step_id
                seen["a rollback"] += note.command is not None and note.command.is_rollback
    missing = {name: seen[name] for name in WANTED if seen[name] < 3}
    assert not missing, seen


WANTED = (
    "accepted", "begin", "end", "crash", "report",
    "execution completed", "execution failed", "execution cancelled",
    "step completed", "step failed", "step skipped", "step omitted", "step cancelled", "step rolled-back",
    "AttemptSucceeded", "AttemptFailed", "AttemptCancelled", "Remembered", "ConditionEvaluated",
    "DeadlineReached", "EngineRecovered", "CapacityReported", "PauseRequested", "ResumeRequested",
    "CancelRequested", "SignalReceived", "StepOverridden", "EmergencyStopRequested", "DrainRequested",
    "an iteration", "a step of a subflow", "a rollback",
)  # fmt: skip


def test_a_seed_that_fails_is_accounted_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def failing(seed: int) -> list[object]:
        return [*try_seed(seed), *broken]

    from tests.fuzz.seen import Violation

    broken = [Violation("locks", 1_500_000_000, "held by two")]
    assert replace(SUITE, try_seed=failing).main(["7"]) == 1
    told = capsys.readouterr().out
    assert "python -m tests.fuzz 7" in told
    assert "[locks] at 1.500000000 s: held by two" in told
    assert all(
        word in told for word in ("workflow: {", "limits: ", "trouble: ", "cluster: ", "1 seeds, 1 failed")
    )


def test_the_command_runs_a_seed() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "3"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("1 seeds, 0 failed")
