"""Random faults of a small cluster, each with an end."""

from typing import Any

from hypothesis import strategies as st

from scenarios.fault_spec import FaultSpec
from scenarios.runspec import ClusterSpec
from tests.simulator import worlds
from tests.simulator.worlds import SECOND_NS

OF_NODES = ("node-crash", "node-pause", "node-partition", "kubelet-stop", "image-pull-failure")
OF_ALL = (
    "scheduler-stop", "controller-manager-stop", "api-errors", "api-slow", "watch-drop", "watch-stale",
    "etcd-slow", "etcd-full", "crash-loop",
)  # fmt: skip


def _names(cluster: ClusterSpec, kind: str) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.objects if one["kind"] == kind]


@st.composite
def faults(draw: st.DrawFn, cluster: ClusterSpec) -> FaultSpec:
    """One fault that begins within 15 s and lasts for a time of up to 25 s."""
    kind = draw(st.sampled_from(OF_NODES + OF_ALL))
    options: dict[str, Any] = {}
    candidates: tuple[str, ...] = ()
    workload = ""
    match kind:
        case "api-errors":
            options = {
                "status": draw(st.sampled_from([429, 409, 500, 503, 504, "timeout"])),
                "share": draw(st.sampled_from([0.2, 1.0])),
                "clients": draw(
                    st.sampled_from([(), ("engine",), ("controllers",), ("kubelets", "scheduler")])
                ),
            }
        case "api-slow":
            options = {"share": 1.0, "factor": draw(st.sampled_from([5.0, 50.0]))}
        case "watch-stale":
            options = {"lag": draw(st.sampled_from([1, 8])) * SECOND_NS}
        case "etcd-slow":
            options = {"factor": 20.0}
        case "crash-loop":
            workload = f"default/{draw(st.sampled_from(_names(cluster, 'Deployment')))}"
            options = {"after": draw(st.sampled_from([0, 2])) * SECOND_NS}
        case _ if kind in OF_NODES:
            nodes = _names(cluster, "Node")
            candidates = tuple(nodes[: draw(st.integers(1, len(nodes)))])
    return FaultSpec(
        fault=kind,
        at_ns=draw(st.integers(0, 15 * SECOND_NS)),
        every=None,
        lasts=worlds.constant(draw(st.sampled_from([0.0, 0.3, 5.0, 25.0]))),
        candidates=candidates,
        workload=workload,
        options=options,
    )
