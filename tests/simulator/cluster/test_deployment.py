from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cluster.objects import has_ended, is_active, is_ready
from tests.simulator.cluster.objects import deployment, node, rolling, template
from tests.simulator.cluster.rig import SYNC, WATCH, WRITE, Rig, S, constant, name_of, revision

NODES = [node(f"n{number}", "64", "64Gi") for number in range(3)]


def absolute(value: int | str, replicas: int, *, up: bool) -> int:
    """The number of pods that a value means (intstr.GetScaledValueFromIntOrPercent)."""
    if isinstance(value, int):
        return value
    exact = int(value.removesuffix("%")) * replicas / 100
    return int(exact) + (up and exact != int(exact))


def limits(replicas: int, surge: int | str, unavailable: int | str) -> tuple[int, int]:
    """The most pods and the fewest available ones during a roll-out."""
    more, fewer = absolute(surge, replicas, up=True), absolute(unavailable, replicas, up=False)
    if not more and not fewer:
        fewer = 1
    return replicas + more, replicas - fewer


class Extremes:
    """The most pods asked for and there, and the fewest available, that there have been since."""

    def __init__(self, rig: Rig, app: str) -> None:
        self._rig, self._app = rig, app
        self.asked = self.most = 0
        self.fewest = 1 << 30
        self.note()
        rig.store.published.append(lambda *_: self.note())

    def note(self) -> None:
        rig, app = self._rig, self._app
        self.asked = max(self.asked, sum(one["spec"]["replicas"] for one in rig.replicasets(app)))
        self.most = max(self.most, len(rig.active(app)))
        self.fewest = min(self.fewest, len(rig.ready(app)))


AMOUNT = st.one_of(st.integers(0, 4), st.sampled_from(["0%", "10%", "25%", "34%", "50%", "99%", "100%"]))


@settings(max_examples=50, deadline=None)
@given(
    replicas=st.integers(1, 9),
    surge=AMOUNT,
    unavailable=AMOUNT,
    delay=st.sampled_from([0.002, 0.3]),
    probe=st.sampled_from([None, 2]),
)
def test_a_rolling_update_keeps_within_its_limits(
    replicas: int, surge: int | str, unavailable: int | str, delay: float, probe: int | None
) -> None:
    strategy = rolling(surge, unavailable)
    rig = Rig(
        NODES[0],
        deployment("web", replicas, probe_s=probe, strategy=strategy),
        parameters={"watch.delay": constant(delay)},
    )
    seen = Extremes(rig, "web")
    rig.roll_out("web", "v2")
    rig.settle("web", 3600 * S)
    most, fewest = limits(replicas, surge, unavailable)
    assert seen.asked <= most
    # What exists and what is available follows what is asked for, and is read from the statuses of
    # ReplicaSets. While they lag behind two pods that become ready in quick succession,
    # kube-controller-manager (rolling.go scaleDownOldReplicaSetsForRollingUpdate) counts pods that it has had
    # deleted: so the watch is quick here, and one node starts its pods 0.5 s apart.
    if delay < 0.1:
        assert seen.most <= most
        assert seen.fewest >= fewest
    old, new = rig.replicasets("web")
    assert (old["spec"]["replicas"], new["spec"]["replicas"]) == (0, replicas)


@settings(max_examples=50, deadline=None)
@given(
    replicas=st.integers(1, 8),
    surge=AMOUNT,
    unavailable=AMOUNT,
    steps=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4000)), min_size=1, max_size=3),
)
def test_scaling_in_mid_roll_out_keeps_below_the_most(
    replicas: int, surge: int | str, unavailable: int | str, steps: list[tuple[int, int]]
) -> None:
    rig = Rig(*NODES, deployment("web", replicas, strategy=rolling(surge, unavailable)))
    seen = Extremes(rig, "web")
    rig.roll_out("web", "v2")
    wanted = [replicas]
    for size, pause_ms in steps:
        rig.run(pause_ms * 1_000_000 + 1)
        rig.scale("web", size)
        wanted.append(size)
    rig.settle("web", 3600 * S)
    assert seen.most <= max(limits(one, surge, unavailable)[0] for one in wanted)
    assert rig.replicasets("web")[-1]["spec"]["replicas"] == wanted[-1]


def test_recreate_starts_nothing_before_the_last_old_pod_has_ended() -> None:
    rig = Rig(*NODES, deployment("web", 3, strategy={"type": "Recreate"}))
    old = [pod["metadata"]["uid"] for pod in rig.pods("web")]
    overlap: list[int] = []

    def note(*_: Any) -> None:
        running = [pod for pod in rig.pods("web") if not has_ended(pod)]
        kinds = {pod["metadata"]["uid"] in old for pod in running}
        if len(kinds) > 1:
            overlap.append(rig.now)

    rig.store.published.append(note)
    rig.roll_out("web", "v2")
    rig.settle("web")
    assert overlap == []
    assert not {pod["metadata"]["uid"] for pod in rig.pods("web")} & set(old)


@pytest.mark.parametrize("strategy", [rolling("25%", "25%"), {"type": "Recreate"}])
def test_a_rollback_reuses_its_replicaset_under_the_next_revision(strategy: Any) -> None:
    rig = Rig(*NODES, deployment("web", 3, strategy=strategy))
    first = rig.get("Deployment", "web")["spec"]["template"]
    rig.patch("Deployment", "web", {"spec": {"template": template("web", image="web:2")}})
    rig.settle("web")
    assert [revision(one) for one in rig.replicasets("web")] == [1, 2]
    assert revision(rig.get("Deployment", "web")) == 2
    names = set(map(name_of, rig.replicasets("web")))
    rig.patch("Deployment", "web", {"spec": {"template": first}})
    rig.settle("web")
    assert [revision(one) for one in rig.replicasets("web")] == [2, 3]
    assert set(map(name_of, rig.replicasets("web"))) == names
    assert revision(rig.get("Deployment", "web")) == 3
    assert {pod["spec"]["containers"][0]["image"] for pod in rig.pods("web")} == {"web:1"}


def test_a_rollback_bumps_and_grows_its_replicaset_in_one_pass() -> None:
    rig = Rig(*NODES, deployment("web", 3))
    first = rig.get("Deployment", "web")["spec"]["template"]
    rig.patch("Deployment", "web", {"spec": {"template": template("web", image="web:2")}})
    rig.settle("web")
    rig.writes.clear()
    begun = rig.now
    rig.patch("Deployment", "web", {"spec": {"template": first}})
    rig.run(WATCH + SYNC + 3 * WRITE + 1)
    kinds = [(write.at_ns - begun, write.kind) for write in rig.writes]
    at = WATCH + SYNC + WRITE
    assert kinds == [
        (0, "Deployment"),
        (at, "ReplicaSet"),  # its revision
        (at + WRITE, "Deployment"),  # the same of the Deployment
        (at + 2 * WRITE, "ReplicaSet"),  # its size, on top of what was just written
    ]


def test_a_write_that_came_between_is_not_overwritten() -> None:
    """The ReplicaSet changes while its new size is on the way: a conflict, then another try."""
    rig = Rig(*NODES, deployment("web", 3))
    name = name_of(rig.replicasets("web")[0])
    rig.scale("web", 4)
    rig.run(WATCH + SYNC + 1)
    rig.patch("ReplicaSet", name, {"metadata": {"labels": {"touched": "yes"}}})
    resized = rig.run_until(lambda: rig.replicasets("web")[0]["spec"]["replicas"] == 4)
    assert resized == WATCH + SYNC + WRITE + SYNC + WRITE
    assert rig.replicasets("web")[0]["metadata"]["labels"]["touched"] == "yes"
    rig.settle("web")


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_the_oldest_revisions_are_forgotten(limit: int) -> None:
    rig = Rig(*NODES, deployment("web", 2, revisionHistoryLimit=limit))
    for number in range(5):
        rig.roll_out("web", f"v{number + 2}")
        rig.settle("web")
    rig.run(5 * S)
    kept = [revision(one) for one in rig.replicasets("web")]
    assert kept == list(range(6 - limit, 7))


def test_nothing_is_forgotten_while_its_pods_are_there() -> None:
    rig = Rig(*NODES, deployment("web", 4, revisionHistoryLimit=0, probe_s=2))
    owners: list[bool] = []

    def note(kind: str, before: Any, after: Any, _link: Any) -> None:
        if kind == "ReplicaSet" and after is None:
            uid = before["metadata"]["uid"]
            owners.append(
                any(
                    is_active(p) and p["metadata"]["ownerReferences"][0]["uid"] == uid
                    for p in rig.pods("web")
                )
            )

    rig.store.published.append(note)
    rig.roll_out("web", "v2")
    rig.settle("web")
    rig.run(5 * S)
    assert owners == [False]


def test_while_paused_nothing_rolls_but_replicas_follow() -> None:
    rig = Rig(*NODES, deployment("web", 3, paused=True))
    rig.roll_out("web", "v2")
    rig.run(30 * S)
    assert len(rig.replicasets("web")) == 1
    rig.scale("web", 5)
    rig.run_until(lambda: len(rig.ready("web")) == 5)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [5]
    rig.patch("Deployment", "web", {"spec": {"paused": None}})
    rig.settle("web")
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [0, 5]


def test_pausing_in_mid_roll_out_keeps_both_templates_within_the_surge() -> None:
    rig = Rig(*NODES, deployment("web", 8, probe_s=5, strategy=rolling(2, 2)))
    seen = Extremes(rig, "web")
    rig.roll_out("web", "v2")
    rig.run(1 * S)
    rig.patch("Deployment", "web", {"spec": {"paused": True}})
    rig.run(60 * S)
    sizes = [one["spec"]["replicas"] for one in rig.replicasets("web")]
    assert all(sizes)
    assert sum(sizes) <= 10
    assert seen.most <= 10
    assert seen.fewest >= 6
    assert rig.get("Deployment", "web")["status"]["updatedReplicas"] == sizes[1]


def test_scaling_a_paused_half_rolled_deployment_is_proportional() -> None:
    """Ten wanted and no surge: 6 of the old and 4 of the new template become 12 and 8 for twenty."""
    rig = Rig(*NODES, deployment("web", 10, probe_s=5, strategy=rolling(0, 4)))
    rig.roll_out("web", "v2")
    rig.run(2 * S)
    rig.patch("Deployment", "web", {"spec": {"paused": True}})
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [6, 4]
    rig.scale("web", 20)
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [12, 8]
    rig.scale("web", 5)
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [3, 2]


def test_scaling_in_mid_roll_out_first_grows_both_templates() -> None:
    rig = Rig(*NODES, deployment("web", 10, probe_s=5, strategy=rolling(0, 4)))
    rig.roll_out("web", "v2")
    rig.run(2 * S)
    sizes: list[list[int]] = []
    rig.store.published.append(
        lambda *_: sizes.append([one["spec"]["replicas"] for one in rig.replicasets("web")])
    )
    rig.scale("web", 20)
    rig.settle("web")
    assert [12, 8] in sizes
    assert sizes[-1] == [0, 20]


@pytest.mark.parametrize(("wanted", "sizes"), [(11, [5, 6]), (9, [4, 5]), (0, [0, 0])])
def test_what_is_left_over_comes_to_the_newer_and_goes_from_the_older(wanted: int, sizes: list[int]) -> None:
    """Of two of one size: 5 of 10 are 5.5 of 11, which is rounded up, and 4.5 of 9, which is as well."""
    rig = Rig(*NODES, deployment("web", 10, probe_s=5, strategy=rolling(0, 5)))
    rig.roll_out("web", "v2")
    rig.run(2 * S)
    rig.patch("Deployment", "web", {"spec": {"paused": True}})
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [5, 5]
    rig.scale("web", wanted)
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == sizes


def test_scaling_to_nothing_and_back() -> None:
    rig = Rig(*NODES, deployment("web", 4))
    rig.scale("web", 0)
    rig.settle("web")
    assert not rig.pods("web")
    rig.scale("web", 4)
    rig.settle("web")
    assert len(rig.replicasets("web")) == 1


def test_a_new_deployment_gets_its_replicaset_and_revision() -> None:
    rig = Rig(*NODES)
    rig.create(deployment("web", 2))
    rig.settle("web")
    assert [revision(one) for one in rig.replicasets("web")] == [1]
    assert revision(rig.get("Deployment", "web")) == 1
    conditions = {one["type"]: one["status"] for one in rig.get("Deployment", "web")["status"]["conditions"]}
    assert conditions == {"Available": "True", "Progressing": "True"}


def test_the_status_says_what_is_missing() -> None:
    rig = Rig(*NODES, deployment("web", 4, probe_s=5))
    for pod in rig.pods("web")[:2]:
        rig.delete("Pod", name_of(pod))
    rig.run(1 * S)
    status = rig.get("Deployment", "web")["status"]
    assert (status["replicas"], status["availableReplicas"], status["unavailableReplicas"]) == (4, 2, 2)
    available = next(one for one in status["conditions"] if one["type"] == "Available")
    assert (available["status"], available["reason"]) == ("False", "MinimumReplicasUnavailable")
    assert sum(map(is_ready, rig.active("web"))) == 2
    rig.settle("web")
    status = rig.get("Deployment", "web")["status"]
    available = next(one for one in status["conditions"] if one["type"] == "Available")
    assert (status["unavailableReplicas"], available["status"]) == (0, "True")
