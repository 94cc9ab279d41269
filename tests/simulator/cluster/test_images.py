from typing import Any

import pytest

from simulator.cluster.images import always
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


PARALLEL: dict[str, Any] = {"kubelet.serialize_image_pulls": False, "kubelet.start_concurrency": 9}


def test_pulls_are_serial_unless_told_otherwise() -> None:
    """Together they share the node's link: the same work is done, but nobody waits for another's latency."""
    for more, times in (({}, [PULL, 2 * PULL, 3 * PULL]), (PARALLEL, [LATENCY + 6 * S] * 3)):
        rig = rig_with(**more)
        for name in "abc":
            rig.create(pod(name, f"{name}:1"))
        found = list(pulled(rig, "abc").values())
        assert all(abs(at - WATCH - time) <= 3 for at, time in zip(found, times, strict=True)), found


def test_at_most_so_many_pulls_at_once() -> None:
    rig = rig_with(**PARALLEL, **{"kubelet.max_parallel_image_pulls": 2})
    for name in "abc":
        rig.create(pod(name, f"{name}:1"))
    found = list(pulled(rig, "abc").values())
    times = [LATENCY + 4 * S, LATENCY + 4 * S, LATENCY + 4 * S + PULL]
    assert all(abs(at - WATCH - time) <= 3 for at, time in zip(found, times, strict=True)), found


def test_the_registry_limits_how_many_pulls_begin() -> None:
    limits = {"kubelet.registry_qps": 0.25, "kubelet.registry_burst": 1}
    rig = rig_with(**PARALLEL, **limits)
    for name in "abc":
        rig.create(pod(name, f"{name}:1"))
    assert list(pulled(rig, "abc").values()) == [WATCH + begin * S + PULL for begin in (0, 4, 8)]


def test_nodes_share_what_the_registry_sends() -> None:
    """Two nodes of 50 MB/s each, and 60 MB/s of the registry's: 100 MB take 3.33 s, not 2."""
    for serial in (True, False):
        rig = rig_with(**{"image.registry_mb_per_s": 60, "kubelet.serialize_image_pulls": serial})
        rig.create(pod("a", "web:1"))
        rig.create(pod("b", "web:1", "n2"))
        there = [pulled(rig, "a")["a"], pulled(rig, "b", "n2")["b"]]
        assert all(abs(at - WATCH - LATENCY - 100 * S // 30) <= 3 for at in there), there


def test_a_full_disk_loses_the_images_that_were_used_longest_ago() -> None:
    """Room for 400 MB: with the fourth image 85 % are passed; two must go, and those in use stay."""
    rig = rig_with(**{"image.disk_mb": 400})
    images = rig.cluster.kubelets["n1"].images
    for name in "abcd":
        rig.create(pod(name, f"{name}:1"))
        rig.run(40 * S)
    rig.delete("Pod", "b", grace_s=0)
    rig.delete("Pod", "c", grace_s=0)
    assert [images.has(f"{name}:1") for name in "abcd"] == [True] * 4
    rig.run(301 * S - rig.now)
    assert [images.has(f"{name}:1") for name in "abcd"] == [True, False, True, True]
    rig.create(pod("e", "b:1"))
    begun = rig.now + WATCH
    assert pulled(rig, "abcde")["e"] == begun + PULL


@pytest.mark.parametrize(
    ("image", "policy", "asked"),
    [
        ("web:1", None, False),
        ("web", None, True),
        ("web:latest", None, True),
        ("registry:5000/web", None, True),
        ("web@sha256:12", None, False),
        ("web:latest", "IfNotPresent", False),
        ("web:1", "Always", True),
    ],
)
def test_the_tag_latest_is_asked_for_each_time(image: str, policy: str | None, asked: bool) -> None:  # noqa: FBT001
    assert always({"name": "c", "image": image} | ({"imagePullPolicy": policy} if policy else {})) == asked


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
