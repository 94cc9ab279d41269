"""What the tests of scenario files share: a sound scenario to break."""

from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios

SOUND = """\
apiVersion: headroom/v1
name: example
requirement: BR-1
cluster: basic-development
engine: {max_concurrency: 10, step_timeout: 30s}
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {burst: 5}
sweep: {load.burst: [1, 5], workflow.steps: [1, 2]}
experiment: {replications: {min: 2, max: 4}, seed: 7}
targets:
  - {id: fast, metric: makespan, attainment: 95%, max: 30s, where: {load.burst: 5, workflow.steps: 1}}
"""

Broken = Callable[[str, str], list[str]]


@pytest.fixture
def sound_text() -> str:
    """Return a sound scenario."""
    return SOUND


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Return a function that writes a file into an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write_file


@pytest.fixture
def broken(write: Callable[[str, str], str]) -> Broken:
    """Return a function that replaces a part of the sound scenario and gives the messages."""

    def messages(old: str, new: str) -> list[str]:
        assert SOUND.count(old) == 1, old
        with pytest.raises(scenarios.ScenarioError) as caught:
            scenarios.load(write("scenario.yaml", SOUND.replace(old, new)))
        return [str(problem) for problem in caught.value.problems]

    return messages
