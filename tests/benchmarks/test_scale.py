"""Large clusters: 5,000 nodes and 150,000 pods, as ratios to the bare loop of the same run: `make bench`."""

import json
import subprocess
import sys

from engine.core.effects import Resource
from tests.benchmarks.alternating import bare_simpy
from tests.benchmarks.scale import bring_up, node
from tests.oracles import plain_scheduler as plain

NODES, PODS = 5_000, 150_000
SMALL = 50  # nodes of the cluster to compare with, with as many pods a node
PODS_PER_S, MEMORY_GIB, GROWTH = 1_500, 4, 2


def figures(nodes: int, pods: int) -> dict[str, float]:
    """What a process of its own needs for it, so that its memory is its own too."""
    command = [sys.executable, "-m", "tests.benchmarks.scale", str(nodes), str(pods)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def test_five_thousand_nodes() -> None:
    """Created by Deployments, scheduled, started and ready."""
    bare = bare_simpy()
    small = [figures(SMALL, PODS * SMALL // NODES) for _ in range(3)]
    large = figures(NODES, PODS)
    bare = max(bare, bare_simpy())
    rate = large["pods_per_s"]
    growth = max(one["pods_per_s"] for one in small) / rate
    print(
        f"\n{NODES:,} nodes, {PODS:,} pods: built in {large['built_s']:.2f} s, "
        f"{rate:,.0f} pods/s ({1e6 / rate:,.0f} us a pod), {large['memory_gib']:.2f} GiB, "
        f"{large['virtual_s']:.0f} s of virtual time, {large['entries']:,.0f} entries"
        f"\npods a bare SimPy event of {bare:,.0f}/s: {rate / bare:.5f}; "
        f"a pod costs {growth:.2f} x what it costs on {SMALL} nodes"
    )
    assert rate >= PODS_PER_S
    assert large["memory_gib"] <= MEMORY_GIB
    assert growth <= GROWTH


def test_the_first_pods_go_where_a_plain_scheduler_puts_them() -> None:
    """Of a cluster of 5,000 nodes: 500 feasible ones are looked for a pod, the next where the last ended."""
    bound: list[Resource] = []

    def written(before: Resource | None, after: Resource) -> None:
        if before is not None and "nodeName" in after["spec"] and "nodeName" not in before["spec"]:
            bound.append(after)

    write = {"dist": "constant", "value_s": 0.005}  # so that bindings are done in the order of the choices
    bring_up(NODES, 25, written, {"apiserver.service.write": write})
    owner = {"spec": {"selector": {"matchLabels": {"app": "app-0"}}}}
    uid = bound[0]["metadata"]["ownerReferences"][0]["uid"]
    world = plain.World([node(number) for number in range(NODES)], [], {uid: owner})
    start = 0
    for pod in sorted(bound, key=lambda one: int(one["metadata"]["resourceVersion"])):
        bare = {**pod, "spec": {key: value for key, value in pod["spec"].items() if key != "nodeName"}}
        chosen, start = plain.choose(world, bare, start)
        assert chosen == pod["spec"]["nodeName"]
        world.pods.append({**pod})
