"""Many settings on one pool: nothing is made twice, an interrupt loses nothing, other code's runs go."""

from pathlib import Path

import pytest

import scenarios
from headroom import identity
from headroom.errors import HarnessError
from headroom.progress import Teller
from headroom.trials import Trials, name_of, open_trials
from reports import exits
from scenarios import Scenario
from tests.headroom.command import contents

WORLD = "tests.headroom.fake_world:simulate"
SCENARIO = """
apiVersion: headroom/v1
name: two-targets
cluster: high-load-production
workload:
  workflow: restart-pods
  variables: {accident: ACCIDENT}
  targets: {deployments: all}
  load: {burst: 1}
sweep: {load.burst: [1, 2, 3]}
experiment: {replications: {min: 4, max: 32}}
targets: [{id: near, metric: makespan, stat: mean, max: LIMIT}]
"""


def scenario_of(folder: Path, *, limit: str = "30s", accident: str = "none") -> Scenario:
    file = folder / "scenario.yaml"
    file.write_text(SCENARIO.replace("ACCIDENT", accident).replace("LIMIT", limit))
    return scenarios.load(file)


def test_a_setting_is_measured_once_and_then_extended(tmp_path: Path) -> None:
    scenario = scenarios.pinned(scenario_of(tmp_path), {"load.burst": 2})
    with open_trials(tmp_path / "root", 2, Teller(quiet=True), WORLD) as trials:
        first = trials.measure(scenario, 4)
        assert trials.runs_count == 4
        assert trials.measure(scenario, 4) is first
        more = trials.measure(scenario, 6)
        assert trials.runs_count == 6
    [point] = more.points
    assert [item.number for item in point.replications] == list(range(6))
    assert point.replications[:4] == first.points[0].replications
    assert not (tmp_path / "root").exists()


def test_settings_have_directories_of_their_own(tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path)
    one, two = (scenarios.pinned(scenario, {"load.burst": burst}) for burst in (1, 2))
    assert name_of(one) != name_of(two)
    with open_trials(tmp_path / "root", 1, Teller(quiet=True), WORLD) as trials:
        digests = [trials.measure(it, 2).points[0].replications[0].run["digest"] for it in (one, two)]
    assert digests[0] != digests[1]


def test_deciding_goes_on_until_the_verdict_is_reached_or_the_cap(tmp_path: Path) -> None:
    with open_trials(tmp_path / "root", 2, Teller(quiet=True), WORLD) as trials:
        clear = trials.decide(scenarios.pinned(scenario_of(tmp_path), {"load.burst": 1}))
        makespans = [item.run["makespan_ns"] for item in clear.run.points[0].replications]
        assert len(makespans) == 4
        middle = f"{sum(makespans) / len(makespans) / 1e9:.3f}s"
        close = trials.decide(scenarios.pinned(scenario_of(tmp_path, limit=middle), {"load.burst": 1}))
        assert len(close.run.points[0].replications) in (8, 16, 32)


def test_a_crash_keeps_what_was_done_and_the_next_start_adopts_it(tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, accident="raise")
    root = tmp_path / "root"
    with (
        pytest.raises(HarnessError, match="by the mole") as caught,
        open_trials(root, 1, Teller(quiet=True), WORLD) as trials,
    ):
        trials.measure(scenario, 4)
    assert caught.value.code == exits.MODEL_ERROR
    before = contents(root / name_of(scenario) / "records")
    assert len(before) == 11
    inodes = {path.name: path.stat().st_ino for path in (root / name_of(scenario) / "records").iterdir()}
    with pytest.raises(HarnessError), open_trials(root, 1, Teller(quiet=True), WORLD) as trials:
        trials.measure(scenario, 4)
    after = {path.name: path.stat().st_ino for path in (root / name_of(scenario) / "records").iterdir()}
    assert after == inodes


def test_runs_of_other_code_are_not_adopted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, root = scenario_of(tmp_path, accident="raise"), tmp_path / "root"
    with pytest.raises(HarnessError), open_trials(root, 1, Teller(quiet=True), WORLD) as trials:
        trials.measure(scenario, 4)
    assert (root / name_of(scenario)).is_dir()
    monkeypatch.setattr(identity, "code_digest", lambda: "other")
    with open_trials(root, 1, Teller(quiet=True), WORLD):
        assert not (root / name_of(scenario)).exists()


def test_an_interrupt_is_said_with_what_is_kept(tmp_path: Path) -> None:
    scenario, root = scenario_of(tmp_path), tmp_path / "root"
    with pytest.raises(HarnessError, match="finished runs are kept") as caught:
        measure_and_interrupt(scenario, root)
    assert caught.value.code == exits.INTERRUPTED
    assert root.is_dir()


def measure_and_interrupt(scenario: Scenario, root: Path) -> None:
    with open_trials(root, 1, Teller(quiet=True), WORLD) as trials:
        interrupt_after_one_task(trials)
        trials.measure(scenario, 4)


def interrupt_after_one_task(trials: Trials) -> None:
    run = trials.executor.run

    def interrupted(*given: object) -> object:
        outcomes = run(*given)  # type: ignore[arg-type]
        trials.executor.interrupt.seen = True
        return outcomes

    trials.executor.run = interrupted  # type: ignore[method-assign, assignment]
