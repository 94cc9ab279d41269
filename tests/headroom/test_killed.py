"""A sweep that is killed at random instants, again and again, ends with the bytes of one that was not."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.headroom.command import COMMAND, contents, environment, headroom

pytestmark = pytest.mark.slow
SWEEP = (
    "run", "high-throughput-orchestration", "--force", "--quiet", "--workers", "2",
    "--set", "load.burst=[1, 2, 5]", "--set", "workflow.steps=[1, 5]", "--replications", "12",
)  # fmt: skip
VOLATILE = ("created", "command", "wall_seconds")  # of the manifest: when and how, and not what


def made(out: Path) -> dict[str, Any]:
    """Return all that a run directory holds, but for when and how it was made."""
    manifest = json.loads((out / "manifest.json").read_text())
    summary = json.loads((out / "summary.json").read_text())
    return {
        "records": contents(out / "records"),
        "points": contents(out, "points.csv"),
        "junit": contents(out, "junit.xml"),
        "scenario": contents(out, "scenario.resolved.yaml"),
        "exhibits": contents(out / "exhibits"),
        "manifest": {key: value for key, value in manifest.items() if key not in VOLATILE},
        "summary": {key: value for key, value in summary.items() if key != "manifest"},
    }


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_stopped_at_random_instants_ends_with_the_same_bytes(
    number: signal.Signals, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "run"
    began = time.monotonic()
    expected = headroom(*SWEEP, "--out", whole, cwd=tmp_path)
    lasts_s = time.monotonic() - began
    dice = random.Random(int(number))
    stopped = 0
    for _ in range(6):
        with subprocess.Popen(
            [*COMMAND, *SWEEP, "--out", str(out)],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                process.wait(dice.uniform(0.2, 0.9) * lasts_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, number)
                process.wait(60)
                stopped += 1
    assert stopped >= 2
    finished = headroom(*SWEEP, "--out", out, cwd=tmp_path)
    assert finished.returncode == expected.returncode, finished.stderr
    assert made(out) == made(whole)
