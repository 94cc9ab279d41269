"""`headroom whatif`: what binds a scenario is what buys most, with its interval, and the same everywhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.headroom.command import headroom

HEAD = "apiVersion: headroom/v1\nexperiment: {replications: 8}\n"
TARGET = "targets: [{id: quick, metric: makespan, stat: mean, max: 60s}]\n"
# Forty restarts at once through two requests a second; reads are cached, so that only the bucket is left.
BY_QPS = f"""{HEAD}name: by-qps
cluster: high-load-production
engine: {{max_concurrency: 40, reads: cache, client: {{qps: 2, burst: 5}}}}
workload: {{workflow: restart-pods, targets: {{deployments: all}}, load: {{burst: 40}}}}
{TARGET}"""
# Twelve Jobs of half a minute, of which two nodes hold four at a time.
BY_NODES = f"""{HEAD}name: by-nodes
cluster:
  inline:
    apiVersion: headroom/v1
    kind: Cluster
    name: small
    nodes: [{{count: 2, cpu: 2000m, memory: 4Gi, pods: 30}}]
    namespaces: [default]
engine: {{max_concurrency: 20}}
workload:
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: batch
    steps:
      - id: job
        action: run_job
        parameters: {{namespace: default, name: batch, duration_s: 30, cpu: 900m, memory: 256Mi}}
  load: {{burst: 12}}
{TARGET}"""
# Containers that do not listen to SIGTERM, and so hold on until their grace of 30 s is over.
BY_GRACE = f"""{HEAD}name: by-grace
cluster: {{profile: high-load-production, behaviours: {{"*": {{ignores_sigterm: true}}}}}}
workload: {{workflow: restart-pods, targets: {{deployments: all}}, load: {{burst: 5}}}}
{TARGET}"""


def asked(folder: Path, text: str, *more: str) -> dict[str, Any]:
    """Write a scenario, ask the real command, and return its JSON."""
    (folder / "it.yaml").write_text(text)
    words = ("whatif", "it.yaml", "--json", "--quiet", "--replications", "8", "--out", "out", *more)
    result = headroom(*words, cwd=folder)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    assert found == json.loads((folder / "out" / "whatif.json").read_text())
    return found


@pytest.mark.parametrize(
    ("text", "first", "bottleneck"),
    [
        (BY_QPS, "client QPS and burst", "client throttle"),
        (BY_NODES, "nodes", "job run"),
        (BY_GRACE, "termination grace", "termination grace"),
    ],
    ids=["client-qps", "nodes", "grace"],
)
def test_what_binds_comes_first(text: str, first: str, bottleneck: str, tmp_path: Path) -> None:
    found = asked(tmp_path, text)
    best = found["rows"][0]
    assert (best["knob"], best["rank"], best["effect"]) == (first, 1, "buys")
    assert best["high_percent"] < -20, "by far more than the margin, its whole interval"
    assert best["n"] == 8
    assert not any(row["tied"] for row in found["rows"][:2]), "and told apart from the next"
    assert found["bottleneck"].startswith(bottleneck)
    assert found["headline"].startswith(f"What would buy more? {first}: ")
    assert best["text"] in found["headline"]
    others = [row["effect"] for row in found["rows"][1:]]
    assert "buys" not in others[1:], "nothing but the one that binds, and perhaps one more"
    not_turned = [row for row in found["rows"] if row["effect"] == "not applicable"]
    assert all(row["reason"] for row in not_turned)


def test_a_shipped_scenario_that_never_ends_is_saved_by_a_node(tmp_path: Path) -> None:
    words = ("whatif", "pending-pods", "--at", "cluster.nodes=2", "--json", "--quiet", "--replications", "8")
    result = headroom(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    best, others = found["rows"][0], found["rows"][1:]
    assert (best["knob"], best["change"], best["completes_more"]) == ("nodes", "cluster.nodes 2 → 3", 8)
    assert found["before"]["unbounded"]
    assert {row["effect"] for row in others} <= {"never completes", "same", "not applicable"}
    assert (tmp_path / "runs" / "pending-pods" / "whatif.json").is_file()
    assert not (tmp_path / "runs" / "pending-pods" / ".whatif").exists(), "the runs behind it are gone"


def test_own_knobs_in_place_of_the_catalogue_and_a_console_with_the_same_numbers(tmp_path: Path) -> None:
    knobs = (
        "--knob",
        "engine.client.qps=x4",
        "--knob",
        "engine.client.qps=-50%",
        "--knob",
        "engine.reads=api",
    )
    found = asked(tmp_path, BY_QPS, *knobs)
    assert [row["knob"] for row in found["rows"]] == [
        "engine.client.qps x4",
        "engine.client.qps -50%",
        "engine.reads api",
    ]
    faster, slower, reads = found["rows"]
    assert (faster["effect"], slower["effect"], reads["effect"]) == ("buys", "costs", "costs")
    assert faster["change"] == "engine.client.qps 2 → 8"
    words = (
        "whatif",
        "it.yaml",
        "--quiet",
        "--replications",
        "8",
        "--workers",
        "1",
        "--out",
        "again",
        *knobs,
    )
    result = headroom(*words, cwd=tmp_path)
    assert result.stdout.splitlines()[0] == found["headline"]
    flat = " ".join(result.stdout.split())
    for row in found["rows"]:
        assert row["knob"].split()[0] in flat
        assert str(row["change_percent"]).lstrip("-") in flat
    assert (tmp_path / "again" / "whatif.json").read_text() == (tmp_path / "out" / "whatif.json").read_text()


def test_the_point_of_the_target_or_the_last_of_a_sweep(tmp_path: Path) -> None:
    swept = BY_GRACE.replace("max: 60s", "max: 60s, where: {load.burst: 2}")
    swept += "sweep: {load.burst: [1, 2], workflow.steps: [1, 2]}\n"
    found = asked(tmp_path, swept, "--knob", "cluster.nodes=+1", "--replications", "2")
    assert found["coordinates"] == {"load.burst": 2, "workflow.steps": 2}
    assert found["notes"] == [
        "workflow.steps=2 is the last of its values; --at workflow.steps=VALUE asks at another"
    ]
    found = asked(
        tmp_path, swept, "--knob", "cluster.nodes=+1", "--replications", "2", "--at", "workflow.steps=1"
    )
    assert found["coordinates"] == {"load.burst": 2, "workflow.steps": 1}
    assert found["notes"] == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--knob", "engine.client.qos=x2"), 2, "did you mean 'engine.client.qps'?"),
        (("--knob", "engine.client.qps=x0"), 2, "x0 leaves nothing"),
        (("--knob", "engine.client.qps"), 2, "expected PATH=STEP"),
        (("--knob", "engine.client.qps=fast"), 3, "engine.client.qps"),
        (("--target", "quik"), 2, "did you mean 'quick'?"),
        (("--metric", "makespam"), 2, "did you mean 'makespan'?"),
        (("--metric", "makespan:p96"), 2, "unknown statistic 'p96'"),
        (("--metric", "makespan", "--target", "quick"), 2, "one of the two"),
        (("--at", "load burst=3"), 2, "expected PATH=VALUE"),
        (("--at", "load.brust=3"), 3, "brust"),
    ],
)
def test_what_is_asked_wrong(words: tuple[str, ...], code: int, told: str, tmp_path: Path) -> None:
    (tmp_path / "it.yaml").write_text(BY_GRACE)
    result = headroom("whatif", "it.yaml", "--quiet", *words, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert told in result.stderr
    assert not (tmp_path / "runs").exists()
