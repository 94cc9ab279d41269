"""Faults and node pools in files: what may be written, and what is refused with its place."""

from collections.abc import Callable

import pytest

import scenarios
from scenarios.errors import ScenarioError
from scenarios.fault_schema import FAULTS
from scenarios.faults import _brought

ZONED = """\
cluster:
  inline:
    apiVersion: headroom/v1
    kind: Cluster
    name: zoned
    nodes:
      - {name: small, count: 4, cpu: 2, memory: 4, zones: [a, b], price: 0.1/h, autoscaled: {min: 2, max: 8}}
      - {name: large, count: 1, cpu: 8, memory: 16Gi, zones: [b]}
    deployments:
      - {name: web, replicas: 2, image: "web:1", requests: {cpu: 100m}}
"""


@pytest.fixture
def spec(sound_text: str, write: Callable[[str, str], str]) -> Callable[..., scenarios.RunSpec]:
    def build(*faults: str, cluster: str = ZONED) -> scenarios.RunSpec:
        listed = "faults:\n" + "".join(f"  - {{{fault}}}\n" for fault in faults) if faults else ""
        text = sound_text.replace("cluster: basic-development\n", cluster) + listed
        scenario = scenarios.load(write("scenario.yaml", text))
        return scenarios.compile(scenario, scenario.points()[0], 0)

    return build


Build = Callable[..., scenarios.RunSpec]


def refusal(build: Build, *faults: str, cluster: str = ZONED) -> str:
    with pytest.raises(ScenarioError) as refused:
        build(*faults, cluster=cluster)
    return str(refused.value)


def test_a_scenario_without_faults_has_the_digest_that_it_had(spec: Build) -> None:
    plain = spec(cluster="cluster: basic-development\n")
    assert "faults" not in plain.to_json()
    assert "pools" not in plain.to_json()["cluster"]
    assert plain.digest != spec("fault: watch-drop, at: 1s", cluster="cluster: basic-development\n").digest


@pytest.mark.parametrize(
    ("fault", "candidates"),
    [
        ("fault: node-crash, at: 1s, node: small-1", ("small-1",)),
        ("fault: node-pause, at: 1s, node: [large-0, small-1]", ("large-0", "small-1")),
        ("fault: node-partition, at: 1s, zone: b", ("small-1", "small-3", "large-0")),
        ("fault: kubelet-stop, at: 1s, zone: a, pick: 1", ("small-0", "small-2")),
        ("fault: node-crash, at: 1s, pick: 2", ("small-0", "small-1", "small-2", "small-3", "large-0")),
        ("fault: zone-loss, at: 1s, zone: a", ("a",)),
        ("fault: zone-loss, at: 1s, pick: 1", ("a", "b")),
        ("fault: scheduler-stop, at: 1s", ()),
    ],
)
def test_what_a_fault_may_hit(spec: Build, fault: str, candidates: tuple[str, ...]) -> None:
    assert spec(fault).faults[0].candidates == candidates


def test_times_and_options_are_explicit(spec: Build) -> None:
    once, random, errors, crash = spec(
        "fault: watch-stale, at: 90s, for: 2m, lag: 3s",
        "fault: node-crash, every: {dist: exponential, mean: 10m}, for: 30s, pick: 1",
        "fault: api-errors, at: 0s, status: 429, clients: [engine], verbs: [patch], kinds: [Pod]",
        "fault: crash-loop, at: 1s, workload: default/web",
    ).faults
    assert (once.at_ns, once.every, once.lasts) == (90 * 10**9, None, {"dist": "constant", "value_s": 120.0})
    assert once.options == {"lag": 3 * 10**9}
    assert (random.at_ns, random.every, random.pick) == (None, {"dist": "exponential", "mean_s": 600.0}, 1)
    assert errors.lasts is None
    assert errors.options == {
        "share": 1.0,
        "status": 429,
        "clients": ["engine"],
        "verbs": ["patch"],
        "kinds": ["Pod"],
    }
    assert (crash.workload, crash.options) == ("default/web", {"after": 10**9})


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            "fault: node-crash, at: 1s, node: smal-1",
            "scenario.yaml:24:39: faults.0.node: unknown node 'smal-1'; expected one of small-0, small-1",
        ),
        (
            "fault: node-crash, at: 1s, node: [small-0, nil]",
            "faults.0.node.1: unknown node 'nil'; expected one of small-0",
        ),
        (
            "fault: zone-loss, at: 1s, zone: c",
            "faults.0.zone: unknown zone 'c'; expected one of a, b",
        ),
        (
            "fault: crash-loop, at: 1s, workload: default/wep",
            "unknown workload 'default/wep'; expected one of default/web; did you mean 'default/web'?",
        ),
        (
            "fault: api-errors, at: 1s, status: 500, kinds: [Pot]",
            "faults.0.kinds.0: unknown kind 'Pot'; expected one of",
        ),
        ("fault: node-crash, at: 1s, pick: 6", "faults.0.pick: 6 of 5 nodes; expected at most 5"),
        ("fault: zone-loss, at: 1s, pick: 3", "faults.0.pick: 3 of 2 zones; expected at most 2"),
        ("fault: node-crash, at: 1s", "a node-crash that hits nothing; expected one of node, zone, workload"),
        ("fault: node-crash, pick: 1", "neither at nor every; expected exactly one of at"),
        ("fault: node-crash, at: 1s, every: 2s, pick: 1", "at and every; expected exactly one of at"),
        (
            "fault: node-crash, at: 1s, pick: 1, lag: 1s",
            "faults.0.lag: 'lag' does not go with node-crash; expected fault, at, every, for, node, zone",
        ),
        ("fault: watch-drop, at: 1s, for: 2s", "faults.0.for: 'for' does not go with watch-drop"),
        ("fault: watch-stale, at: 1s", "a watch-stale without lag"),
        ("fault: api-slow, at: 1s", "exactly one of factor, delay"),
        ("fault: api-slow, at: 1s, factor: 2, delay: 1s", "exactly one of factor, delay"),
        ("fault: api-errors, at: 1s, status: 418", "faults.0.status: found 418"),
        ("fault: api-errors, at: 1s, status: 500, clients: [nobody]", "faults.0.clients.0: found 'nobody'"),
        (
            "fault: api-errors, at: 1s, status: 503, retry_after: 5s",
            "faults.0.retry_after: 'retry_after' with status 503; expected status: 429",
        ),
        (
            "fault: image-pull-failure, at: 1s, image: 'web:2'",
            "faults.0.image: unknown image 'web:2'; expected one of web:1; did you mean 'web:1'?",
        ),
        ("fault: watch-drop, every: 0s", "faults.0.every: a fault again as soon as 0s; expected 1s or more"),
        ("fault: watch-drop, every: 999ms", "faults.0.every: a fault again as soon as 999ms"),
        (
            "fault: watch-drop, every: {dist: uniform, low: 0s, high: 9s}",
            "faults.0.every: a fault again as soon as 0s; expected 1s or more at the least",
        ),
        (
            "fault: watch-drop, every: {dist: empirical, values: [100ms, 2s]}",
            "faults.0.every: a fault again as soon as 100ms",
        ),
        (
            "fault: watch-drop, every: {dist: exponential, mean: 0s}",
            "faults.0.every: a fault again with a mean of 0s; expected a mean of 1s or more",
        ),
        (
            "fault: watch-drop, every: {dist: lognormal, median: 1ms, sigma: 1}",
            "faults.0.every: a fault again with a median of 1ms; expected a median of 1s or more",
        ),
        ("fault: scheduler-stop, at: 1s, for: 0s", "faults.0.for: a fault that lasts 0s; expected more"),
        (
            "fault: scheduler-stop, at: 1s, for: {dist: uniform, low: 0s, high: 0s}",
            "faults.0.for: a fault that lasts 0s",
        ),
        ("fault: node-crsh, at: 1s, pick: 1", "did you mean 'node-crash'?"),
        ("fault: node-crash, at: 10, pick: 1", "bare number 10 for a duration"),
        ("fault: node-crash, at: 1s, nodes: a, pick: 1", "unknown key 'nodes'"),
    ],
)
def test_what_is_refused(spec: Build, fault: str, message: str) -> None:
    assert message in refusal(spec, fault)


def test_what_has_no_least_value_above_zero_may_be_drawn_from(spec: Build) -> None:
    again = "fault: watch-drop, every: {dist: exponential, mean: 1s}"
    lasting = "fault: scheduler-stop, at: 1s, for: {dist: uniform, low: 0s, high: 1s}"
    named = "fault: image-pull-failure, at: 1s, image: 'web:1'"
    assert [one.fault for one in spec(again, lasting, named).faults] == [
        "watch-drop", "scheduler-stop", "image-pull-failure",
    ]  # fmt: skip


def test_an_image_may_be_one_that_the_workflow_brings() -> None:
    workflow = {
        "steps": [{"action": "run_job", "parameters": {}}, {"patch": {"containers": [{"image": "n:2"}]}}]
    }
    assert list(_brought(workflow)) == ["busybox:1.36", "n:2"]


def test_every_refusal_of_a_file_is_told_at_once(spec: Build) -> None:
    told = refusal(
        spec,
        "fault: node-crash, at: 1s, node: x",
        "fault: zone-loss, at: 1s, zone: y",
        "fault: watch-drop, at: 1s",
    )
    assert told.count("\n") == 1
    assert "scenario.yaml:24:" in told
    assert "scenario.yaml:25:" in told


def test_every_kind_of_fault_is_documented_in_the_guide() -> None:
    from tests.house.tree import ROOT

    guide = (ROOT / "docs/guides/faults.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"`{name}`" not in guide] == []


def test_faults_are_part_of_the_resolved_form(spec: Build, write: Callable[[str, str], str]) -> None:
    spec("fault: node-crash, at: 1s, node: [small-0, small-1], for: 2m", "fault: api-slow, at: 5s, delay: 2s")
    scenario = scenarios.load("scenario.yaml")
    again = scenarios.load(write("resolved.yaml", scenario.resolved_yaml()))
    first, second = (scenarios.compile(one, one.points()[0], 0) for one in (scenario, again))
    assert first.faults == second.faults
    assert first.cluster.pools == second.cluster.pools


def test_pools_say_what_nodes_cost_and_how_many_there_may_be(spec: Build) -> None:
    small, large = spec().cluster.pools
    assert (small["price_per_hour"], small["min"], small["max"], small["autoscaled"]) == (0.1, 2, 8, True)
    assert (large["price_per_hour"], large["min"], large["max"], large["autoscaled"]) == (None, 1, 1, False)
    labels = [one["metadata"]["labels"]["topology.kubernetes.io/zone"] for one in small["templates"]]
    assert labels == ["a", "b"]


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ("count: 4, cpu: 2, memory: 4Gi, price: 0.1", "0.1 is not a price; expected a price an hour"),
        ("count: 9, cpu: 2, memory: 4Gi, autoscaled: {max: 8}", "9 nodes; expected 0 to 8"),
        ("count: 4, cpu: 2, memory: 4Gi, autoscaled: {min: 9, max: 8}", "max 8 is below min 9"),
    ],
)
def test_pools_that_are_refused(spec: Build, pool: str, message: str) -> None:
    head, _, rest = ZONED.partition("      - {name: small")
    tail = rest.partition("\n")[2]
    assert message in refusal(spec, cluster=f"{head}      - {{name: small, {pool}}}\n{tail}")
