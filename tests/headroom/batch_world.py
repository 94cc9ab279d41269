"""A world whose capacity is known: a batch takes as many seconds as it has executions for each node.

Each replication has its own luck, up to a tenth either way and the same at every setting, so that 95 % of the
makespans of `burst` executions on `nodes` nodes are within `burst / nodes * 1.09` s. A node that is not the
first helps half as much if the variable `bends` is set.
"""

import hashlib

from scenarios import RunSpec
from tests.headroom.fake_world import FakeHistory, FakeResult, rows


def luck(spec: RunSpec) -> float:
    """Between 0.9 and 1.1, of the seed and the replication alone."""
    digest = hashlib.sha256(f"{spec.seed} {spec.replication}".encode()).digest()
    return 0.9 + 0.2 * int.from_bytes(digest[:4], "big") / 2**32


def simulate(spec: RunSpec) -> FakeResult:
    """Make up a run."""
    nodes = sum(item["kind"] == "Node" for item in spec.cluster.objects)
    seconds = spec.workload.load.count / nodes * luck(spec)
    if spec.workload.variables.get("bends") and 9 <= spec.workload.load.count <= 20:
        seconds *= 100
    made = rows(spec, round(seconds * 10**9))
    return FakeResult(made, FakeHistory([]))
