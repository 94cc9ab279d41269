from typing import Any

from tests.simulator.cluster.objects import Object, bare_pod, node
from tests.simulator.cluster.rig import MS, WATCH, Rig, S, constant

LATENCY = 500 * MS
PULL = LATENCY + 2 * S  # 100 MB at 50 MB/s


def rig_with(*objects: Object, **more: Any) -> Rig:
    parameters = {"image.cached": False, "image.pull_latency": constant(LATENCY / S), **more}
    return Rig(node("n1"), node("n2"), *objects, parameters=parameters)


def pod(name: str, image: str, on: str = "n1", *, always: bool = False, status: str = "Pending") -> Object:
    container = {"name": "c", "image": image, "imagePullPolicy": "Always" if always else "IfNotPresent"}
    return {**bare_pod(name, nodeName=on, containers=[container]), "status": {"phase": status}}


def pulled(rig: Rig, names: str, on: str = "n1") -> dict[str, int]:
    """When each pod's images were there: it takes its start seat once its volumes are set up."""
    seat = rig.cluster.kubelets[on].starts
    times = {}
    for number, name in enumerate(names, start=1):
        at = rig.run_until(lambda number=number: seat.arrivals_count >= number)  # type: ignore[misc]
        times[name] = at - 300 * MS
    return times


def test_an_image_is_pulled_once_a_node() -> None:
    rig = rig_with()
    rig.create(pod("a", "web:1"))
    assert pulled(rig, "a") == {"a": WATCH + PULL}
    rig.run(1 * S)
    rig.create(pod("b", "web:1"))
    begun = rig.now + WATCH
    assert pulled(rig, "ab")["b"] == begun
    rig.create(pod("c", "web:1", "n2"))
    begun = rig.now + WATCH
    assert pulled(rig, "c", "n2") == {"c": begun + PULL}


def test_who_wants_what_is_being_pulled_waits_for_it() -> None:
    rig = rig_with()
    rig.create(pod("a", "web:1"))
    rig.run(1 * S)
    rig.create(pod("b", "web:1"))
    assert pulled(rig, "ab") == {"a": WATCH + PULL, "b": WATCH + PULL}


def test_pulls_are_serial_unless_told_otherwise() -> None:
    for serial, times in ((True, [1, 2, 3]), (False, [1, 1, 1])):
        rig = rig_with(**{"kubelet.serialize_image_pulls": serial})
        for name in "abc":
            rig.create(pod(name, f"{name}:1"))
        assert list(pulled(rig, "abc").values()) == [WATCH + time * PULL for time in times]


def test_the_registry_limits_how_many_pulls_begin() -> None:
    limits = {"kubelet.registry_qps": 0.25, "kubelet.registry_burst": 2}
    rig = rig_with(**{"kubelet.serialize_image_pulls": False, **limits})
    for name in "abcd":
        rig.create(pod(name, f"{name}:1"))
    begins = [0, 0, 4 * S, 8 * S]
    assert list(pulled(rig, "abcd").values()) == [WATCH + begin + PULL for begin in begins]


def test_a_serial_pull_that_the_registry_delays_holds_up_the_next() -> None:
    rig = rig_with(**{"kubelet.registry_qps": 0.2, "kubelet.registry_burst": 1})
    for name in "abc":
        rig.create(pod(name, f"{name}:1"))
    assert list(pulled(rig, "abc").values()) == [WATCH + begin * S + PULL for begin in (0, 5, 10)]
    rig = rig_with(**{"kubelet.registry_qps": 0.5, "kubelet.registry_burst": 1})
    for name in "abc":
        rig.create(pod(name, f"{name}:1"))
    assert list(pulled(rig, "abc").values()) == [WATCH + PULL, WATCH + 2 * PULL, WATCH + 3 * PULL]


def test_always_asks_the_registry_but_fetches_no_layers_again() -> None:
    rig = rig_with(pod("old", "web:latest", status="Running"))
    rig.create(pod("a", "web:latest", always=True))
    assert pulled(rig, "a") == {"a": WATCH + LATENCY}


def test_the_images_of_what_runs_at_time_0_are_there() -> None:
    rig = rig_with(pod("old", "web:1", status="Running"))
    rig.create(pod("a", "web:1"))
    assert pulled(rig, "a") == {"a": WATCH}


def test_cached_images_take_no_time() -> None:
    rig = rig_with(**{"image.cached": True})
    rig.create(pod("a", "never-seen:1"))
    assert pulled(rig, "a") == {"a": WATCH}
