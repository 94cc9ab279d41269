"""The `regressions` block: what it says, and what is refused at its place."""

from datetime import date
from pathlib import Path

import pytest

import scenarios

SOUND = """\
apiVersion: headroom/v1
name: guarded
cluster: basic-development
workload: {workflow: restart-pods, targets: {deployments: all}, load: {burst: 2}}
sweep: {load.burst: [1, 2]}
experiment: {replications: 3}
regressions:
  baseline: baseline.json
  rules:
    - {metric: makespan, where: {workload.load.burst: 2}}
    - {id: calls, metric: api_requests_count, worse_than: 0%, better_than: 10%}
  waivers:
    - {rule: calls, until: 2026-12-31, reason: known}
"""


def test_rules_have_names_margins_and_places_in_the_spelling_of_the_points(tmp_path: Path) -> None:
    (tmp_path / "guarded.yaml").write_text(SOUND)
    scenario = scenarios.load(tmp_path / "guarded.yaml")
    found = scenario.regressions
    assert found is not None
    assert [rule.id for rule in found.rules] == ["makespan-mean", "calls"]
    assert found.rules[0].where == {"load.burst": 2}
    assert [(rule.worse_than, rule.better_than) for rule in found.rules] == [(0.03, 0.3), (0.0, 0.1)]
    assert found.waivers[0].until == date(2026, 12, 31)
    assert [scenario.line_of_rule(name) for name in ("makespan-mean", "calls", "other")] == [10, 11, 0]


def test_the_resolved_form_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "guarded.yaml").write_text(SOUND)
    scenario = scenarios.load(tmp_path / "guarded.yaml")
    (tmp_path / "again.yaml").write_text(scenario.resolved_yaml())
    again = scenarios.load(tmp_path / "again.yaml")
    assert again.regressions == scenario.regressions
    assert again.resolved_yaml() == scenario.resolved_yaml()


@pytest.mark.parametrize(
    ("found", "by", "message"),
    [
        ("2026-12-31", "2026-02-30", ":13:28: regressions.waivers.0.until: there is no day 2026-02-30"),
        ("2026-12-31", "soon", "'soon' is no day; expected a day such as 2026-12-31"),
        ("rule: calls", "rule: call", "unknown rule 'call'; expected one of makespan-mean, calls; did you"),
        ("worse_than: 0%", "worse_than: 3", "3 lies outside 0 to 100%"),
        ("better_than: 10%", "better_than: 100%", "a share below 100%"),
        ("id: calls", "id: makespan-mean", "a second rule 'makespan-mean'"),
        ("reason: known", 'reason: ""', "text that is not empty"),
        ("workload.load.burst: 2", "load.brust: 2", "unknown path 'load.brust'"),
    ],
)
def test_a_mistake_is_refused_at_its_place(tmp_path: Path, found: str, by: str, message: str) -> None:
    (tmp_path / "guarded.yaml").write_text(SOUND.replace(found, by))
    with pytest.raises(scenarios.ScenarioError) as error:
        scenarios.load(tmp_path / "guarded.yaml")
    assert message in str(error.value)


def test_a_rule_that_finds_nothing_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "guarded.yaml").write_text(SOUND.replace("metric: makespan", "metric: makespam"))
    [warning] = scenarios.load(tmp_path / "guarded.yaml").warnings
    assert "did you mean 'makespan'?" in warning
