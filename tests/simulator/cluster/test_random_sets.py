"""Whatever is done to sets, claims and pods, the cluster settles as wanted and no invariant is broken."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.core.errors import ApiError
from tests.simulator.cluster.objects import budget, deployment, node, ref
from tests.simulator.cluster.rig import Rig, S, name_of
from tests.simulator.cluster.sets import daemonset, restart, statefulset, storage_class, whole

NODES = ("n1", "n2", "n3")
OPERATIONS = st.one_of(
    st.tuples(st.just("scale"), st.integers(0, 5)),
    st.tuples(st.just("partition"), st.integers(0, 3)),
    st.tuples(st.just("restart"), st.sampled_from(["StatefulSet", "DaemonSet"])),
    st.tuples(st.just("delete"), st.integers(0, 20)),
    st.tuples(st.just("evict"), st.integers(0, 20)),
    st.tuples(st.just("resize"), st.integers(0, 20)),
    st.tuples(st.just("release"), st.integers(0, 20)),
    st.tuples(st.just("cordon"), st.sampled_from(NODES)),
    st.tuples(st.just("uncordon"), st.sampled_from(NODES)),
    st.tuples(st.just("expand"), st.integers(2, 9)),
    st.tuples(st.just("wait"), st.integers(1, 20)),
)

SHRUNK_WHILE_GRANTED_MORE: list[tuple[str, Any]] = [
    *[("scale", 0)] * 8,
    ("scale", 2),
    ("resize", 11),
    ("resize", 20),
    ("delete", 5),
    ("scale", 0),
    ("scale", 0),
    ("resize", 7),
]

RESIZED_WHILE_CREATED: list[tuple[str, Any]] = [
    *[("scale", 0)] * 8,
    ("scale", 3),
    ("resize", 19),
    ("wait", 1),
]


def versioned(name: str) -> Any:
    one = node(name, cpu="1")
    one["status"]["nodeInfo"] = {"kubeletVersion": "v1.34.0"}
    return one


def apply(rig: Rig, operation: str, given_: Any, mark: int) -> None:
    pods = rig.pods()
    pod = pods[given_ % len(pods)] if isinstance(given_, int) and pods else None
    match operation:
        case "scale":
            rig.patch("StatefulSet", "db", {"spec": {"replicas": given_}})
        case "partition":
            strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": given_}}
            rig.patch("StatefulSet", "db", {"spec": {"updateStrategy": strategy}})
        case "restart":
            restart(rig, given_, "db" if given_ == "StatefulSet" else "agent", str(mark))
        case "delete" if pod:
            rig.delete("Pod", name_of(pod))
        case "evict" if pod:
            rig.evict(name_of(pod))
        case "resize" if pod:
            containers = [
                {**one, "resources": {"requests": {"cpu": f"{100 + given_ * 40}m", "memory": "64Mi"}}}
                for one in pod["spec"]["containers"]
            ]
            changes = {"spec": {"containers": containers}}
            rig.cluster.patch(ref("Pod", name_of(pod)), changes, rig.link, None, "resize")
        case "release" if pod and pod["metadata"]["labels"].get("app") == "web":
            rig.patch("Pod", name_of(pod), {"metadata": {"labels": {"app": "held"}}})
        case "cordon" | "uncordon":
            rig.patch("Node", given_, {"spec": {"unschedulable": True if operation == "cordon" else None}})
        case "expand":
            claim = ref("PersistentVolumeClaim", "data-db-0")
            grown: dict[str, Any] = {"spec": {"resources": {"requests": {"storage": f"{given_}Gi"}}}}
            rig.cluster.patch(claim, grown, rig.link, None, "")
        case "wait":
            rig.run(given_ * S)


@settings(max_examples=60, deadline=None)
@example(SHRUNK_WHILE_GRANTED_MORE, "OrderedReady")
@example(RESIZED_WHILE_CREATED, "Parallel")
@given(st.lists(OPERATIONS, max_size=25), st.sampled_from(["OrderedReady", "Parallel"]))
def test_it_settles_as_wanted(operations: list[tuple[str, Any]], policy: str) -> None:
    sets = statefulset("db", 2, storage="1Gi", podManagementPolicy=policy), daemonset("agent")
    budgets = budget("db", maxUnavailable=1), budget("web", minAvailable=1)
    rig = Rig(*map(versioned, NODES), storage_class(), *sets, deployment("web", 2), *budgets)
    for mark, (operation, given_) in enumerate(operations):
        try:
            apply(rig, operation, given_, mark)
        except ApiError:
            continue  # refused: as good as not asked
        rig.run(S // 4)
    for pod in rig.pods():  # what was resized beyond the room there is would hold its node for ever
        rig.delete("Pod", name_of(pod))
    for name in NODES:
        rig.patch("Node", name, {"spec": {"unschedulable": None}})
    rig.patch("StatefulSet", "db", {"spec": {"updateStrategy": {"rollingUpdate": None}}})
    rig.run_until(
        lambda: rig.settled("web") and whole(rig, "DaemonSet", "agent") and whole(rig, "StatefulSet", "db"),
        limit_ns=4000 * S,
    )
    assert [name_of(pod) for pod in rig.pods("db")] == [
        f"db-{ordinal}" for ordinal in range(rig.get("StatefulSet", "db")["spec"]["replicas"])
    ]
    assert {pod["spec"]["nodeName"] for pod in rig.pods("agent")} == set(NODES)
    assert not any(rig.checker.violations.values()), rig.checker.violations
