"""How many requests a change costs the controllers, as kube-controller-manager's code makes them.

One Deployment of one replica: of the ReplicaSet controller's five requests a creation the last comes after
the pod is ready, so its bucket of 20 a second makes about five of them ready a second, as others measured.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.cluster.objects import deployment
from tests.simulator.cluster.rig import Rig, S, name_of
from tests.simulator.cluster.rollouts import NODES


def requests(rig: Rig) -> dict[str, int]:
    """By controller."""
    return {
        client.name.removesuffix("-controller"): client.requests_count
        for client in rig.cluster.clients
        if client.name in ("deployment-controller", "replicaset-controller")
    }


def cost(rig: Rig, settled: str = "web") -> dict[str, int]:
    """What is asked for until a Deployment has settled, after what was asked for before."""
    before = requests(rig)
    rig.settle(settled)
    rig.run(5 * S)
    return {name: count - before[name] for name, count in requests(rig).items()}


@pytest.fixture
def rig() -> Rig:
    made = Rig(*NODES)
    made.create(deployment("web", 1))
    return made


def test_a_creation(rig: Rig) -> None:
    """Deployment: ReplicaSet, event, revision; a status refused, again, with a pod, with an available one.

    ReplicaSet: pod, event; a status that has seen the spec, with a pod, with a ready one.
    """
    assert cost(rig) == {"deployment": 7, "replicaset": 5}


def test_a_roll_out(rig: Rig) -> None:
    """As a creation, and: a smaller old one, its event, a status; a pod's end, its event, two statuses."""
    cost(rig)
    rig.roll_out("web", "v2")
    assert cost(rig) == {"deployment": 10, "replicaset": 9}


def test_a_scale_up(rig: Rig) -> None:
    """No ReplicaSet is created and nothing refused."""
    cost(rig)
    rig.scale("web", 2)
    assert cost(rig) == {"deployment": 6, "replicaset": 5}


def test_a_pod_that_is_replaced(rig: Rig) -> None:
    """Deployment: no pod, one again, an available one. ReplicaSet: the same, the pod and its event."""
    cost(rig)
    rig.delete("Pod", name_of(rig.pods("web")[0]))
    rig.run(1)
    assert cost(rig) == {"deployment": 3, "replicaset": 5}


@settings(max_examples=40, deadline=None)
@given(
    standing=st.integers(0, 8),
    wanted=st.integers(0, 8),
    paused=st.sampled_from([None, True]),
    ready_seconds_min=st.sampled_from([0, 3]),
    delay=st.sampled_from([0.002, 0.5]),
)
def test_replicas_converge_from_any_beginning(
    standing: int, wanted: int, paused: Any, ready_seconds_min: int, delay: float
) -> None:
    """Whatever a ReplicaSet holds at time 0, and however late the watch, it comes to what is wanted."""
    watch = {"watch.delay": {"dist": "constant", "value_s": delay}}
    web = deployment("web", standing, minReadySeconds=ready_seconds_min)
    rig = Rig(*NODES, web, parameters=watch)
    for pod in rig.pods("web")[::2]:
        rig.delete("Pod", name_of(pod))
    rig.patch("Deployment", "web", {"spec": {"paused": paused, "replicas": wanted}})
    rig.run(120 * S)
    assert len(rig.ready("web")) == len(rig.pods("web")) == wanted
    status = rig.get("Deployment", "web")["status"]
    assert (status["replicas"], status["availableReplicas"]) == (wanted, wanted)
