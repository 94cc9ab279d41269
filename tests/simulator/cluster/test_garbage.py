"""What goes with an owner, what is let go, and what a namespace takes with it."""

from typing import Any

import pytest

from engine.core.effects import Ref
from engine.core.errors import Forbidden
from tests.simulator.cluster.objects import NAMESPACE, Object, bare_pod, deployment, job
from tests.simulator.cluster.rig import Rig, S, name_of
from tests.simulator.cluster.rollouts import NODES


def delete(rig: Rig, kind: str, name: str, propagation: str) -> None:
    rig.store.delete(Ref(kind, name, NAMESPACE), rig.link, propagation=propagation)


def order(rig: Rig) -> list[str]:
    """Kinds in the order in which their objects went."""
    return [write.kind for write in rig.writes if write.after is None]


def test_in_the_background_the_owner_goes_first() -> None:
    rig = Rig(*NODES, deployment("web", 2))
    delete(rig, "Deployment", "web", "Background")
    rig.run(10 * S)
    assert order(rig) == ["Deployment", "ReplicaSet", "Pod", "Pod"]


def test_in_the_foreground_the_owner_goes_last() -> None:
    rig = Rig(*NODES, deployment("web", 2))
    delete(rig, "Deployment", "web", "Foreground")
    rig.run(1 * S)
    going = rig.get("Deployment", "web")["metadata"]
    assert going["finalizers"] == ["foregroundDeletion"]
    assert going["deletionTimestamp"]
    rig.run(10 * S)
    assert order(rig) == ["Pod", "Pod", "ReplicaSet", "Deployment"]


def test_an_owner_that_is_going_creates_nothing() -> None:
    rig = Rig(*NODES, deployment("web", 2))
    delete(rig, "Deployment", "web", "Foreground")
    rig.scale("web", 5)
    rig.run(20 * S)
    assert not [write for write in rig.writes if write.kind == "Pod" and write.before is None]


def test_orphans_stay_and_another_owner_may_adopt_them() -> None:
    rig = Rig(*NODES, deployment("web", 2))
    (replicaset,) = rig.replicasets("web")
    delete(rig, "ReplicaSet", name_of(replicaset), "Orphan")
    rig.run_until(lambda: not rig.store.objects["ReplicaSet"])
    before = [name_of(pod) for pod in rig.pods("web")]
    assert all("ownerReferences" not in pod["metadata"] for pod in rig.pods("web"))
    rig.run(20 * S)
    assert [name_of(pod) for pod in rig.ready("web") if name_of(pod) in before]
    assert len(rig.ready("web")) >= 2


def test_an_object_whose_owners_are_gone_is_collected() -> None:
    rig = Rig(*NODES, deployment("web", 1))
    pod = bare_pod("lost")
    reference = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "none",
        "uid": "u",
        "controller": True,
    }
    pod["metadata"]["ownerReferences"] = [reference]
    rig.create(pod)
    rig.run(5 * S)
    assert "lost" not in [name_of(one) for one in rig.pods()]
    assert len(rig.ready("web")) == 1


def test_what_another_owner_keeps_stays() -> None:
    rig = Rig(*NODES)
    owners = [rig.create(_config_map(name)) for name in ("a", "b")]
    shared: dict[str, Any] = _config_map("shared")
    shared["metadata"]["ownerReferences"] = [_reference(owner) for owner in owners]
    rig.create(shared)
    rig.run(1 * S)
    rig.delete("ConfigMap", "a")
    rig.run(2 * S)
    assert rig.get("ConfigMap", "shared")
    rig.delete("ConfigMap", "b")
    rig.run(2 * S)
    assert ("default", "shared") not in rig.store.objects["ConfigMap"]


def test_a_pod_created_while_its_owner_goes_does_not_stay() -> None:
    rig = Rig(*NODES, deployment("web", 1))
    rig.scale("web", 8)
    rig.run_until(lambda: len(rig.pods("web")) == 4)
    for replicaset in rig.replicasets("web"):
        rig.store.remove(Ref("ReplicaSet", name_of(replicaset), NAMESPACE), rig.link)
    rig.store.remove(Ref("Deployment", "web", NAMESPACE), rig.link)
    rig.run(60 * S)
    assert not rig.pods("web")


def test_a_namespace_goes_when_all_that_it_holds_has() -> None:
    rig = Rig(*NODES, _namespace(), deployment("web", 3), behaviours={"*": SLOW})
    rig.create(job("j", 600))
    rig.run(5 * S)
    rig.store.delete(Ref("Namespace", NAMESPACE), rig.link)
    began = rig.now
    assert rig.store.objects["Namespace"]["", NAMESPACE]["status"]["phase"] == "Terminating"
    rig.run(1 * S)
    with pytest.raises(Forbidden, match="because it is being terminated"):
        rig.create(bare_pod("late"))
    gone = rig.run_until(lambda: ("", NAMESPACE) not in rig.store.objects["Namespace"])
    # Pods need 5 s; it comes back after half of their grace period and a second.
    assert 16 * S <= gone - began < 17 * S
    assert not [key for kind in rig.store.objects.values() for key in kind if key[0] == NAMESPACE]


SLOW = {"startup": {"dist": "constant", "value_s": 1}, "exit": {"dist": "constant", "value_s": 5}}


def _namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _config_map(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}}


def _reference(owner: Any) -> Object:
    metadata = owner["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"]}
