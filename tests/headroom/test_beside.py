"""`headroom report` of several runs, through the command."""

import json
from pathlib import Path

from tests.headroom.command import headroom

SCENARIO = """\
apiVersion: headroom/v1
name: pair
cluster: high-load-production
engine: {client: {qps: 20, burst: 30}}
workload: {workflow: restart-pods, targets: {deployments: all}, load: {burst: 6}}
experiment: {replications: 4}
"""


def test_two_runs_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(SCENARIO)
    for name, options in (
        ("one", ()),
        ("two", ("--set", "engine.client.qps=1", "--set", "engine.client.burst=1")),
    ):
        made = headroom("run", "pair.yaml", *options, "--out", name, "--quiet", cwd=tmp_path)
        assert made.returncode == 0, made.stderr
    result = headroom("report", "one", "two", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "engine.client.qps: 20 → 1" in result.stdout
    assert "report: side-by-side.html" in result.stdout
    assert "engine.client.qps: 20 → 1" in (tmp_path / "side-by-side.html").read_text()
    told = json.loads(headroom("report", "one", "two", "--json", "--out", "x.html", cwd=tmp_path).stdout)
    assert [run["name"] for run in told["runs"]] == ["one", "two"]
    [makespan] = [row for row in told["rows"] if row["measure"] == "makespan"]
    assert makespan["changes"][1]["n"] == 4
    assert makespan["estimates"][1]["value"] > makespan["estimates"][0]["value"]


def test_a_run_named_twice_and_one_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(SCENARIO)
    assert headroom("run", "pair.yaml", "--replications", "2", "--out", "one", cwd=tmp_path).returncode == 0
    twice = headroom("report", "one", "./one", cwd=tmp_path)
    assert (twice.returncode, "named twice" in twice.stderr) == (2, True)
    assert headroom("report", "one", "nowhere", cwd=tmp_path).returncode != 0
