"""Jobs whose outcome is drawn: what is refused, what the shell runs, and how often the model draws what."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.actions import CATALOGUE, drawn_outcomes
from engine.core.action import InvalidParameters
from engine.core.definition import RetryPolicy, Step, Workflow
from simulator import simulate
from tests.simulator import worlds
from tests.simulator.worlds import of_type, run_spec

BASE = {"namespace": "default", "name": "j", "duration_s": 1}


def bound(**parameters: Any) -> Any:
    return CATALOGUE["run_job"].bind({**BASE, **parameters})


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"exit_codes": []}, "exit_codes"),
        ({"exit_codes": [256]}, "exit_codes"),
        ({"exit_codes": [True]}, "exit_codes"),
        ({"outputs": []}, "at least one"),
        ({"outputs": ["heads"]}, "mappings"),
        ({"outputs": [{"result": "x" * 5_000}]}, "4096"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(parameters: Any, said: str) -> None:
    with pytest.raises(InvalidParameters, match=said):
        drawn_outcomes.check(bound(**parameters))


def test_exit_codes_in_turn_are_those_of_the_attempts() -> None:
    parameters = bound(exit_codes=[3, 0], in_turn=True)
    assert [drawn_outcomes.exit_codes_of(parameters, attempt) for attempt in (1, 2, 3)] == [(3,), (0,), (0,)]
    assert list(drawn_outcomes.exit_codes_of(bound(exit_code=7), 5)) == [7]


def test_a_job_with_nothing_to_draw_only_sleeps() -> None:
    assert drawn_outcomes.shell("1.5", (0,), ()) == ["sleep", "1.5"]
    assert drawn_outcomes.shell("1.5", (2,), ()) == ["sh", "-c", "sleep 1.5; exit 2"]


def test_the_shell_leaves_one_of_the_outputs_and_ends_with_one_of_the_codes(tmp_path: Path) -> None:
    """The script of a real pod, run here with the one path that only a pod has put elsewhere."""
    outputs = ({"result": "it's heads"}, {"result": "tails"})
    *shell, script = drawn_outcomes.shell("0", (0, 4), outputs)
    left = tmp_path / "message"
    script = script.replace("/dev/termination-log", str(left))
    codes, seen = set(), set()
    for _ in range(60):
        codes.add(subprocess.run(["bash", *shell[1:], script], check=False).returncode)
        seen.add(left.read_text())
    assert codes == {0, 4}
    assert seen == {'{"result": "it\'s heads"}', '{"result": "tails"}'}


def test_the_model_draws_evenly_and_the_same_again() -> None:
    step = Step(
        "flip",
        action="run_job",
        parameters={**BASE, "exit_codes": [0, 0, 1], "outputs": [{"result": "heads"}, {"result": "tails"}]},
        retry=RetryPolicy(max_attempts=1),
    )
    spec = run_spec(
        Workflow("flips", (step,)), 300, limits=worlds.engine(max_concurrency=20, client_qps=None)
    )
    rows = of_type(simulate(spec), "step")
    states = Counter(row["state"] for row in rows)
    assert 150 < states["completed"] < 250  # of 300 with probability 2/3: 200 expected, 8 is one deviation
    assert states["completed"] + states["failed"] == 300
    assert [row["state"] for row in of_type(simulate(spec), "step")] == [row["state"] for row in rows]
