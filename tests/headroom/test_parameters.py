"""`headroom parameters`: what is listed, what is left out, and what is refused."""

import json

from tests.headroom.command import headroom


def test_a_scenario_s_changes_are_listed_with_whoever_made_them() -> None:
    found = headroom(
        "parameters", "smoke", "--changed", "--set", "engine.preset=tekton", "--set",
        "cluster.parameters.scheduler.qps=9", "--prefix", "engine.c", "--prefix", "scheduler.q",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    rows = [line.split() for line in found.stdout.splitlines()]
    assert ["scheduler.qps", "9", "1/s", "--set", "50"] in [row[:5] for row in rows]
    assert ["engine.cost.workers", "2", "workers", "preset", "tekton", "1"] in [row[:6] for row in rows]
    assert "engine.max_concurrency" not in found.stdout
    assert found.stdout.splitlines()[-1].startswith("4 parameters at the first point of smoke, 4 of them")


def test_all_of_them_as_json_in_a_version() -> None:
    found = headroom("parameters", "--kubernetes", "1.31", "--json")
    rows = {row["name"]: row for row in json.loads(found.stdout)}
    grace = rows["node_lifecycle.monitor_grace"]
    assert (grace["value"], grace["set_by"]) == ("40s", "Kubernetes 1.31")
    assert rows["kubelet.qps"]["path"] == "cluster.parameters.kubelet.qps"
    assert set(grace) == {
        "name", "path", "value", "default", "unit", "source", "kubernetes_version", "set_by", "summary",
    }  # fmt: skip


def test_what_means_nothing_is_refused_with_the_nearest_that_does() -> None:
    for arguments, expected in (
        (["--prefix", "kubelt"], "no parameter begins with 'kubelt'\ndid you mean 'kubelet'?"),
        (["--kubernetes", "1.20"], "Kubernetes '1.20' is not modelled\nexpected one of 1.26, 1.27"),
        (["smoke", "--kubernetes", "1.30"], "--set cluster.kubernetes_version=1.30"),
        (["--set", "engine.preset=tekton"], "--set without a scenario"),
    ):
        found = headroom("parameters", *arguments)
        assert found.returncode == 2
        assert expected in found.stderr
