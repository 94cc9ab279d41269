"""Rows V1 and V3: drains and cordons paced by the client's token bucket.

Source: NVIDIA/NVSentinel@0e89010, tests/scale-tests/results/Concurrent_Drain_Results.md: client QPS 5,
burst 10, 15 pods a node, grace 30 s. 2,264 / 5,700 / 11,683 evictions took about 7.5 / 19 / 39 minutes; the
log shows 13 in the first second, then 5 a second, and (N - 10) / 5 gives 7.51 / 18.97 / 38.91. Cordoning
150 / 375 / 750 nodes took 62.5 / 150.5 / 299.9 s.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.actions import CATALOGUE
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Evict, List, Ref, Selection
from headroom.validation.laboratory import SECOND_NS, Laboratory, bare_pod, behaviours, effects, engine, node
from headroom.validation.row import Row, Settings

_SOURCE = "NVIDIA/NVSentinel Concurrent_Drain_Results.md"
_PODS_A_NODE = 15
# An eviction lists budgets: from etcd before 1.31, at once. Thirteen in a second say that it was so there.
_ETCD: Mapping[str, Any] = {"apiserver.progress_period": 0.0}
_DRAINS = {2_264: 7.51, 5_700: 18.97, 11_683: 38.91}  # evictions -> minutes
_CORDONS = {150: 62.5, 375: 150.5, 750: 299.9}  # nodes -> seconds
_IN_FIRST_SECOND = 13


def rows(settings: Settings) -> Iterator[Row]:
    """Drain and cordon as much as they did."""
    for evictions, minutes in _DRAINS.items():
        at = _evicted(evictions, settings.seed)
        yield Row(
            "V1", f"drain of {evictions:,} pods at 5/10", "min", minutes, "prediction", at[-1] / 60e9,
            None, None, 1, (0.98, 1.02), _SOURCE,
        )  # fmt: skip
        if evictions == min(_DRAINS):
            first = sum(one <= SECOND_NS for one in at)
            yield Row(
                "V1", "evictions in the first second", "", _IN_FIRST_SECOND, "prediction", first,
                None, None, 1, (1.0, 1.0), _SOURCE,
            )  # fmt: skip
    for nodes, seconds in _CORDONS.items():
        yield Row(
            "V3", f"cordon of {nodes} nodes at 5/10", "s", seconds, "prediction",
            _cordoned(nodes, settings.seed), None, None, 1, (0.9, 1.1), _SOURCE,
        )  # fmt: skip


async def _drain(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    pods = await List(Selection("Pod", parameters["namespace"]))
    for pod in pods:
        await Evict(Ref("Pod", pod["metadata"]["name"], parameters["namespace"]), pod["metadata"]["uid"])
    return {"evicted": len(pods)}


async def _cordon(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in parameters["nodes"]:
        await CATALOGUE["cordon_node"].run(context, {"node": name})
    return {"cordoned": len(parameters["nodes"])}


_NAMESPACE = {"namespace": Parameter("string", required=True, summary="")}
_NODES = {"nodes": Parameter("any", required=True, summary="")}
_DRAIN = ActionSpec("drain", _drain, _NAMESPACE, 1, "List the pods and evict one after the other.")
_CORDON = ActionSpec("cordon", _cordon, _NODES, 1, "Cordon one node after the other.")


def _evicted(evictions: int, seed: int) -> list[int]:
    """Return when each pod was evicted, in ns."""
    nodes = -(-evictions // _PODS_A_NODE)
    objects = [node(f"node-{number}") for number in range(nodes)]
    objects += [bare_pod(f"pod-{number}", f"node-{number // _PODS_A_NODE}") for number in range(evictions)]
    laboratory = Laboratory(
        objects, seed, declared=behaviours(exit_s=30.0), client=engine(5.0, 10), parameters=_ETCD
    )
    records = laboratory.perform(_DRAIN, {"namespace": "default"})
    return [one["ended_ns"] for one in effects(records, "Evict")]


def _cordoned(nodes: int, seed: int) -> float:
    """Return how long cordoning took, in seconds."""
    names = [f"node-{number}" for number in range(nodes)]
    laboratory = Laboratory([node(name) for name in names], seed, client=engine(5.0, 10))
    laboratory.perform(_CORDON, {"nodes": names})
    return laboratory.agenda.now / SECOND_NS
