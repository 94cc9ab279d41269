"""Faults that overlap: what two of them hold down comes back with the end of the last, whichever that is."""

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.fault_schema import FAULTS
from scenarios.fault_spec import FaultSpec
from simulator.cluster.faults.kinds import BEGIN, Begun, Hit
from simulator.cluster.faults.wholeness import Wholeness
from simulator.cluster.objects import is_ready
from tests.simulator.cluster.rig import S, name_of, node_of
from tests.simulator.cluster.test_faults import Struck
from tests.simulator.cluster.test_node_lifecycle import in_zone, tolerant

OPTIONS: dict[str, dict[str, Any]] = {
    "api-errors": {"status": 503, "share": 1.0, "kinds": ["ConfigMap"]},
    "api-slow": {"delay": S, "share": 1.0, "kinds": ["ConfigMap"]},
    "watch-stale": {"lag": 5 * S},
    "etcd-slow": {"factor": 3.0},
    "crash-loop": {"after": S},
}


class Overlapping(Struck):
    """A cluster of two zones whose faults are begun and ended by hand."""

    def __init__(self) -> None:
        super().__init__(in_zone("n-0", "a"), in_zone("n-1", "b"), in_zone("n-2", "b"), tolerant("web", 3))
        self.wholeness = Wholeness(self.store, self.cluster.nodes.health.is_up)
        self.wholeness.begin()
        self.run(5 * S)

    def begin(self, kind: str, options: dict[str, Any] | None = None) -> Begun:
        targets = ["a"] if kind == "zone-loss" else ["n-0"]
        given = OPTIONS.get(kind, {}) if options is None else options
        spec = FaultSpec(kind, 0, None, None, workload="default/web", options=given)
        return BEGIN[kind](Hit(self.agenda, self.cluster, self.wholeness, spec, targets))

    def places(self) -> bool:
        """Whether a pod more is placed."""
        self.scale("web", self.get("Deployment", "web")["spec"]["replicas"] + 1)
        self.run(5 * S)
        return all(node_of(pod) for pod in self.active("web"))

    def replaces(self) -> bool:
        """Whether a pod that is deleted is replaced."""
        wanted = self.get("Deployment", "web")["spec"]["replicas"]
        self.delete("Pod", name_of(self.active("web")[0]), 0)
        self.run(5 * S)
        return len(self.active("web")) == int(wanted)

    def crashes(self) -> bool:
        """Whether a container that runs now, or is started now, crashes."""
        self.run(400 * S)  # past every back-off
        known = [self.restarts(name_of(pod)) for pod in self.pods("web")]
        self.run(400 * S)
        return known != [self.restarts(name_of(pod)) for pod in self.pods("web")]

    @property
    def health(self) -> Any:
        return self.cluster.nodes.health

    def is_slow(self) -> bool:
        host = self.cluster.access.host
        return bool(self.cluster.server.injections) or (host is not None and host.etcd.slowness > 1.001)


HOLDS: dict[str, Callable[[Overlapping], bool]] = {
    "node-crash": lambda rig: not rig.health.is_there("n-0") and not rig.health.is_up("n-0"),
    "node-pause": lambda rig: not rig.health.is_up("n-0") and "n-0" in rig.wholeness.lost,
    "node-partition": lambda rig: not rig.health.is_up("n-0") and "n-0" in rig.wholeness.lost,
    "kubelet-stop": lambda rig: not rig.health.is_up("n-0"),
    "zone-loss": lambda rig: not rig.health.is_there("n-0") and "n-0" in rig.wholeness.lost,
    "scheduler-stop": lambda rig: not rig.places(),
    "controller-manager-stop": lambda rig: not rig.replaces(),
    "api-errors": lambda rig: bool(rig.cluster.server.injections),
    "api-slow": lambda rig: bool(rig.cluster.server.injections),
    "watch-stale": lambda rig: rig.cluster.watch.extra_ns >= 5 * S,
    "etcd-slow": lambda rig: rig.is_slow(),
    "etcd-full": lambda rig: bool(rig.cluster.server.injections),
    "image-pull-failure": lambda rig: rig.cluster.kubelets["n-0"].images.failing is not None,
    "crash-loop": lambda rig: rig.crashes(),
}
BACK_WITHIN = 60 * S  # a lease lapses, a node boots


def test_every_kind_that_lasts_is_tried() -> None:
    assert list(HOLDS) == [kind for kind in FAULTS if FAULTS[kind].lasts]


@pytest.mark.parametrize("ends", ["first", "last"])
@pytest.mark.parametrize("kind", list(HOLDS))
def test_a_fault_that_overlaps_itself_lasts_until_the_later_end(kind: str, ends: str) -> None:
    rig, holds = Overlapping(), HOLDS[kind]
    begun = [rig.begin(kind)]
    rig.run(3 * S)
    begun.append(rig.begin(kind))
    rig.run(3 * S)
    assert holds(rig)
    sooner, later = begun if ends == "first" else reversed(begun)
    sooner.undo()
    rig.run(BACK_WITHIN)
    assert holds(rig)
    later.undo()
    rig.run(BACK_WITHIN)
    assert not holds(rig)
    assert not rig.wholeness.lost


@pytest.mark.parametrize("sooner_over", ["crash", "partition"])
def test_a_machine_that_is_cut_off_dies_too(sooner_over: str) -> None:
    rig = Overlapping()
    (pod,) = (name_of(pod) for pod in rig.pods("web") if node_of(pod) == "n-0")
    cut = rig.begin("node-partition")
    rig.run(3 * S)
    lost = rig.begin("zone-loss")
    assert not rig.health.is_there("n-0")
    rig.run(3 * S)
    sooner, later = (lost, cut) if sooner_over == "crash" else (cut, lost)
    sooner.undo()
    rig.run(10 * S)
    assert not rig.health.is_up("n-0")
    assert "n-0" in rig.wholeness.lost
    assert rig.restarts(pod) == 0  # nobody has told
    later.undo()
    rig.run(BACK_WITHIN)
    assert rig.health.is_up("n-0")
    assert rig.restarts(pod) == 1
    assert is_ready(rig.get("Pod", pod))


def test_a_controller_manager_that_is_stopped_anew_does_not_work_by_its_old_lease() -> None:
    rig = Overlapping()
    rig.begin("controller-manager-stop").undo()  # it asks again and again until its lease has lapsed
    rig.run(3 * S)
    again = rig.begin("controller-manager-stop")
    rig.run(60 * S)
    assert not rig.replaces()
    again.undo()
    rig.run(5 * S)
    assert rig.replaces()


def test_pulls_fail_of_each_image_that_a_fault_names_init_containers_too() -> None:
    rig = Overlapping()

    def pod(image: str, init: str) -> dict[str, Any]:
        return {"spec": {"containers": [{"image": image}], "initContainers": [{"image": init}]}}

    def failing() -> list[bool]:
        fails: Any = rig.cluster.kubelets["n-0"].images.failing
        return [fails(pod(*images)) for images in (("a", "x"), ("x", "b"), ("x", "x"))]

    first = rig.begin("image-pull-failure", {"image": "a"})
    second = rig.begin("image-pull-failure", {"image": "b"})
    assert failing() == [True, True, False]
    first.undo()
    assert failing() == [False, True, False]
    second.undo()
    assert rig.cluster.kubelets["n-0"].images.failing is None
