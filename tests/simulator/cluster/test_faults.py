"""What each fault of a scenario does, with Kubernetes' timing (issue 4, acceptance point 4)."""

from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from engine.core.definition import Step, Workflow
from engine.core.effects import Ref
from engine.core.errors import ServerError
from scenarios.fault_schema import FAULTS
from scenarios.fault_spec import FaultSpec
from simulator.cluster.faults.kinds import BEGIN
from simulator.cluster.faults.schedule import NOT_YET, Faults
from simulator.cluster.faults.wholeness import Wholeness
from simulator.cluster.objects import condition_of, is_ready, is_terminating
from simulator.environment import RunResult, simulate
from simulator.streams import Streams
from tests.simulator.cluster.objects import Object, budget, node
from tests.simulator.cluster.rig import Rig, S, constant, name_of, node_of
from tests.simulator.cluster.test_node_lifecycle import in_zone, tolerant
from tests.simulator.worlds import cluster, of_type, run_row, run_spec

NODES = ("n-0", "n-1", "n-2")


def fault(kind: str, at_s: float = 10, for_s: float | None = None, **more: Any) -> FaultSpec:
    options = dict(FAULTS[kind].defaults) | more.pop("options", {})  # type: ignore[index]
    return FaultSpec(
        fault=kind,
        at_ns=round(at_s * S),
        every=None,
        lasts=None if for_s is None else constant(for_s),
        options=options,
        **more,
    )


class Struck(Rig):
    """A rig with faults."""

    def __init__(self, *objects: Object, faults: tuple[FaultSpec, ...] = (), **more: Any) -> None:
        super().__init__(*objects, **more)
        self.cluster.start()
        self.faults = Faults(self.agenda, self.cluster, faults, Streams(1, 0))
        self.faults.start()

    @property
    def row(self) -> Any:
        return self.faults.rows[-1]

    def restarts(self, pod: str) -> int:
        statuses: Any = self.get("Pod", pod)["status"].get("containerStatuses") or ({},)
        return int(statuses[0].get("restartCount", 0))

    def waits(self, pod: str) -> str:
        """Why a pod's container waits, as its status tells."""
        statuses: Any = self.get("Pod", pod)["status"].get("containerStatuses") or ({},)
        return str((statuses[0].get("state") or {}).get("waiting", {}).get("reason", ""))


def moved_on(rig: Struck, pod: str, known: int) -> bool:
    return rig.restarts(pod) != known or rig.now > 2010 * S


def three(*faults: FaultSpec, replicas: int = 3, **more: Any) -> Struck:
    return Struck(*(node(name) for name in NODES), tolerant("web", replicas), faults=faults, **more)


def seconds(ns: int) -> float:
    return ns / S


def test_every_kind_of_the_file_can_happen() -> None:
    assert list(BEGIN) == list(FAULTS)


def test_a_dead_node_is_replaced_elsewhere_after_the_grace_and_the_toleration() -> None:
    rig = three(fault("node-crash", candidates=("n-0",)))
    rig.run(900 * S)
    row = rig.row
    assert row["targets"] == ["n-0"]
    assert (row["began_ns"], row["ended_ns"], row["whole_ns"]) == (10 * S, NOT_YET, NOT_YET)
    assert 350 <= seconds(row["restored_ns"] - row["began_ns"]) <= 372  # deleted, created, started
    assert rig.faults.is_over  # nothing more will come of it


def test_pods_that_fit_nowhere_else_wait_until_the_node_is_back() -> None:
    big = tolerant("web", 3, cpu="3")
    rig = Struck(
        *(node(name) for name in NODES), big, faults=(fault("node-crash", 10, 900, candidates=("n-0",)),)
    )
    rig.run(890 * S)
    assert [condition_of(pod, "PodScheduled") for pod in rig.active("web")].count("False") == 1
    assert rig.row["restored_ns"] == NOT_YET
    rig.run(60 * S)
    assert rig.row["ended_ns"] == 910 * S
    assert 0 < seconds(rig.row["whole_ns"] - rig.row["ended_ns"]) < 30


def test_a_crash_that_nobody_has_noticed_is_not_whole_before_the_pods_run_again() -> None:
    """For 20 s: the API calls them ready all the time."""
    rig = three(fault("node-crash", 10, 20, candidates=("n-0",)))
    rig.run_until(lambda: rig.row["ended_ns"] >= 0 if rig.faults.rows else False)
    assert all(map(is_ready, rig.pods("web")))
    assert rig.row["whole_ns"] == NOT_YET
    rig.run(60 * S)
    assert 0.8 < seconds(rig.row["whole_ns"] - rig.row["ended_ns"]) < 15


@pytest.mark.parametrize("kind", ["node-pause", "node-partition", "kubelet-stop"])
def test_a_node_that_is_not_heard_of_for_a_while_keeps_its_pods(kind: str) -> None:
    rig = three(fault(kind, 10, 120, candidates=("n-0",)))
    before = [name_of(pod) for pod in rig.pods("web")]
    rig.run(129 * S)
    victim = rig.store.get(Ref("Node", "n-0"))
    assert condition_of(victim, "Ready") == "Unknown"
    assert [is_ready(pod) for pod in rig.pods("web")].count(False) == 1
    rig.run(60 * S)
    assert [name_of(pod) for pod in rig.pods("web")] == before
    assert rig.row["ended_ns"] == 130 * S
    assert 130 * S < rig.row["whole_ns"] < 150 * S


def test_a_kubelet_that_is_down_serves_on_while_a_partition_does_not() -> None:
    restored = {}
    for kind in ("kubelet-stop", "node-partition"):
        rig = three(fault(kind, 10, 20, candidates=("n-0",)))
        rig.scale("web", 3)
        rig.run(11 * S)
        rig.patch("Deployment", "web", {"metadata": {"annotations": {"touch": "1"}}})
        rig.run(60 * S)
        restored[kind] = seconds(rig.row["restored_ns"] - rig.row["began_ns"])
    assert restored["kubelet-stop"] < 20 <= restored["node-partition"]


def test_a_lost_zone_takes_its_nodes_and_no_others() -> None:
    objects = [in_zone(f"a-{i}", "a") for i in range(2)] + [in_zone(f"b-{i}", "b") for i in range(2)]
    rig = Struck(*objects, tolerant("web", 4), faults=(fault("zone-loss", candidates=("a",)),))
    rig.run(11 * S)
    health = rig.cluster.nodes.health
    assert [health.is_up(name) for name in ("a-0", "a-1", "b-0", "b-1")] == [False, False, True, True]
    assert rig.row["targets"] == ["a"]
    rig.run(600 * S)
    assert all(node_of(pod).startswith("b") for pod in rig.active("web"))
    assert rig.row["restored_ns"] > 350 * S


def test_what_is_picked_depends_on_seed_and_place_alone() -> None:
    def picks(*names: str) -> list[list[str]]:
        rig = Struck(
            *(node(name) for name in names),
            faults=(
                FaultSpec("node-pause", None, constant(60), constant(5), candidates=names, pick=1),
                fault("scheduler-stop", 30, 1),
            ),
        )
        rig.run(1000 * S)
        return [row["targets"] for row in rig.faults.rows if row["fault"] == "node-pause"]

    first = picks(*NODES)
    assert first == picks(*NODES)
    assert len(first) == 16
    assert {name for targets in first for name in targets} == {*NODES}
    more = picks(*NODES, "n-3")
    # A candidate more takes some of the lots, and leaves the others as they were.
    assert all(now in (then, ["n-3"]) for now, then in zip(more, first, strict=True))


def test_without_a_scheduler_pods_stay_pending_then_they_are_placed() -> None:
    rig = three(fault("scheduler-stop", 10, 50))
    rig.run(12 * S)
    rig.scale("web", 6)
    rig.run(40 * S)
    assert [node_of(pod) for pod in rig.pods("web")].count("") == 3
    rig.run(20 * S)
    assert "" not in [node_of(pod) for pod in rig.pods("web")]
    assert 60 * S <= rig.row["whole_ns"] < 75 * S


def test_without_a_controller_manager_nothing_is_replaced() -> None:
    rig = three(fault("controller-manager-stop", 10, 50))
    rig.run(12 * S)
    rig.delete("Pod", name_of(rig.pods("web")[0]))
    rig.run(45 * S)
    assert len(rig.pods("web")) == 2
    rig.run(20 * S)
    assert len(rig.ready("web")) == 3


def test_a_crash_loop_waits_10_20_40_up_to_300_seconds_and_ends_with_the_fault() -> None:
    rig = three(fault("crash-loop", 10, 2000, workload="default/web", options={"after": S}))
    rig.run(12 * S)
    name = name_of(rig.pods("web")[0])
    started: list[float] = []
    while rig.now < 2000 * S:
        rig.run_until(partial(moved_on, rig, name, rig.restarts(name)), 2100 * S)
        started.append(seconds(rig.now))
    gaps = [later - sooner for sooner, later in pairwise(started)]
    # Each is the back-off, then the start, the next relist, and a second until the crash.
    waits = [min((10, 20, 40, 80, 160, 300), key=lambda wait: abs(gap - 2 - wait)) for gap in gaps[:-1]]
    assert waits[:6] == [10, 20, 40, 80, 160, 300]
    assert all(0 <= gap - wait <= 4 for gap, wait in zip(gaps[:-1], waits, strict=True))
    rig.run(400 * S)
    assert len(rig.ready("web")) == 3
    assert rig.row["whole_ns"] > 2010 * S


def test_an_image_that_cannot_be_pulled_backs_off_and_is_there_in_the_end() -> None:
    rig = three(fault("image-pull-failure", 10, 100, candidates=NODES))
    rig.run(12 * S)
    rig.scale("web", 4)
    rig.run(5 * S)
    new = next(name_of(pod) for pod in rig.pods("web") if not is_ready(pod))
    assert rig.waits(new) in ("ErrImagePull", "ImagePullBackOff")
    rig.run(90 * S)
    assert not is_ready(rig.get("Pod", new))
    # Tried at once, and after 10, 20, 40 and 80 s: the last time the fault is over.
    rig.run_until(lambda: is_ready(rig.get("Pod", new)), 120 * S)
    assert 160 * S < rig.now < 180 * S


def test_a_full_database_refuses_writes_and_lets_remove() -> None:
    rig = three(fault("etcd-full", 10, 60))
    rig.run(12 * S)
    victim = name_of(rig.pods("web")[0])
    with pytest.raises(ServerError, match="database space exceeded"):
        rig.delete("Pod", victim)  # with a grace it is marked first, which takes space
    assert len(rig.active("web")) == 3
    rig.delete("Pod", victim, 0)
    rig.run(50 * S)
    # The controller may not create the replacement; reads and deletes go on.
    assert len(rig.active("web")) == 2
    rig.run(60 * S)
    assert len(rig.ready("web")) == 3


def test_a_slow_etcd_slows_writes_and_no_reads() -> None:
    def created_after(*faults: FaultSpec) -> float:
        rig = three(*faults)
        rig.run(12 * S)
        rig.scale("web", 4)
        return seconds(rig.settle("web") - 12 * S)

    slow = fault("etcd-slow", 10, 100, options={"factor": 20.0})
    assert created_after(slow) - created_after() > 19 * 0.007 * 3  # of the pod, its binding, its status


def test_after_a_drop_of_the_watches_controllers_list_anew() -> None:
    rig = three(fault("watch-drop", 10))
    rig.run(10 * S)
    rig.agenda.step()
    rig.delete("Pod", name_of(rig.pods("web")[0]), 0)
    rig.run(700_000_000)
    assert len(rig.pods("web")) == 2  # nobody has heard of it
    rig.run(10 * S)
    assert len(rig.ready("web")) == 3
    assert rig.cluster.relists.count == 1
    assert rig.row["ended_ns"] == rig.row["began_ns"]
    assert rig.row["whole_ns"] > rig.row["ended_ns"]


def test_stale_watches_make_controllers_late() -> None:
    rig = three(fault("watch-stale", 10, 60, options={"lag": 5 * S}))
    rig.run(12 * S)
    rig.delete("Pod", name_of(rig.pods("web")[0]), 0)
    rig.run(4 * S)
    assert len(rig.pods("web")) == 2
    rig.run(2 * S)
    assert len(rig.pods("web")) == 3


def execute(*faults: FaultSpec, **more: Any) -> RunResult:
    return simulate(run_spec(faults=faults, **more))


def test_429s_delay_the_engine_and_the_records_say_until_when() -> None:
    storm = fault("api-errors", 0, 30, options={"status": 429, "clients": ["engine"], "share": 1.0})
    calm, struck = execute(), execute(storm)
    assert run_row(calm)["failed_count"] == 0
    refused = run_row(struck)["failed_count"] + run_row(struck)["unfinished_count"]
    assert refused or run_row(struck)["makespan_ns"] > run_row(calm)["makespan_ns"] + 10 * S
    (row,) = of_type(struck, "fault")
    assert (row["began_ns"], row["ended_ns"], row["targets"]) == (0, 30 * S, ["engine"])
    assert row["whole_ns"] >= row["ended_ns"]
    assert run_row(struck)["ended_ns"] >= row["whole_ns"]


def test_a_share_of_conflicts_costs_attempts_but_no_invariant() -> None:
    half = fault("api-errors", 0, 100, options={"status": 409, "share": 0.5, "verbs": ["patch"]})
    assert not any(run_row(execute(half))["checks"].values())


@pytest.mark.parametrize("kind", list(FAULTS))
def test_with_any_fault_a_run_is_the_same_twice_and_breaks_no_invariant(kind: str) -> None:
    options: dict[str, Any] = {
        "api-errors": {"status": "timeout", "share": 0.3},
        "api-slow": {"factor": 30.0},
        "watch-stale": {"lag": 4 * S},
        "etcd-slow": {"factor": 30.0},
    }
    spec = run_spec()
    names = tuple(one["metadata"]["name"] for one in spec.cluster.objects if one["kind"] == "Node")
    more: dict[str, Any] = {"candidates": names, "pick": 1} if "node" in kind or "kubelet" in kind else {}
    if kind == "image-pull-failure":
        more["candidates"] = names
    if kind == "crash-loop":
        more["workload"] = "default/web"
    for_s = None if kind == "watch-drop" else 40
    struck = fault(kind, 1, for_s, options=options.get(kind, {}), **more)
    first, second = execute(struck), execute(struck)
    assert first.rows == second.rows
    assert not any(run_row(first)["checks"].values())
    assert sum(run_row(first)["causes"].values()) == sum(
        row["ended_ns"] - row["submitted_ns"] for row in of_type(first, "execution")
    )


def test_a_drain_against_a_budget_of_zero_never_ends_and_says_so() -> None:
    workflow = Workflow("drain", (Step("drain", action="drain_node", parameters={"node": "n-0"}),))
    objects = [node("n-0"), node("n-1"), tolerant("web", 4), budget("web", maxUnavailable=0)]
    result = simulate(run_spec(workflow, 1, cluster(objects)))
    (step,) = of_type(result, "step")
    assert step["state"] == "failed"
    assert "imeout" in step["failure"]
    waited = step["causes"].get("eviction retry", 0)
    assert waited > 0.95 * (step["ended_ns"] - step["ready_ns"])


def test_a_workload_that_was_short_before_is_not_waited_for() -> None:
    rig = Struck(node("n-0"), tolerant("web", 5, cpu="1"), faults=(fault("scheduler-stop", 10, 5),))
    rig.run(1 * S)
    whole = Wholeness(rig.store, lambda _node: True)
    whole.begin()
    assert len(rig.ready("web")) == 4
    rig.run(30 * S)
    assert rig.row["whole_ns"] == 15 * S


def test_pods_that_are_deleted_on_a_dead_node_go_with_its_return() -> None:
    rig = three(fault("node-crash", 10, 500, candidates=("n-0",)))
    rig.run(450 * S)
    assert sum(map(is_terminating, rig.pods("web"))) == 1
    rig.run(120 * S)
    assert not any(map(is_terminating, rig.pods("web")))
    assert len(rig.ready("web")) == 3
    assert not any(rig.checker.violations.values())
