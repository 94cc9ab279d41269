"""A node's CPU: start-ups that want more than there is, or than they may have, take longer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cluster.cpu import share_out
from simulator.cluster.objects import is_ready
from tests.simulator.cluster.objects import Object, bare_pod, node
from tests.simulator.cluster.rig import STARTUP, Rig, S, constant


class User:
    """What `share_out` looks at of one."""

    def __init__(self, wants: int, weight: int) -> None:
        self.wants, self.weight, self.rate = wants, weight, 0.0


USERS = st.lists(st.tuples(st.integers(0, 4000), st.integers(2, 4096)), min_size=1, max_size=8)


@given(USERS, st.integers(1, 8000))
def test_cpu_is_shared_out_by_weight_and_none_is_left_lying(
    users: list[tuple[int, int]], capacity: int
) -> None:
    shared: dict[str, Any] = {str(number): User(*one) for number, one in enumerate(users)}
    share_out(shared, capacity)
    total = sum(one.rate for one in shared.values())
    wanted = sum(one.wants for one in shared.values())
    assert total == pytest.approx(min(wanted, capacity))
    assert all(one.rate <= one.wants + 1e-6 for one in shared.values())
    hungry = [one.rate / one.weight for one in shared.values() if one.rate < one.wants - 1e-6]
    if hungry:  # who got less than wanted got the same by weight, and nobody got more
        assert max(hungry) == pytest.approx(min(hungry))
        assert all(one.rate / one.weight <= max(hungry) + 1e-6 for one in shared.values())


def pod(name: str, request: str = "500m", limit: str = "") -> Object:
    made = bare_pod(name, nodeName="n1")
    resources: Object = {"requests": {"cpu": request}} | ({"limits": {"cpu": limit}} if limit else {})
    made["spec"]["containers"] = [
        {"name": "c", "image": "i:1", "resources": resources, "readinessProbe": {"periodSeconds": 1}}
    ]
    return made


def rig_with(cores: str, **declared: Any) -> Rig:
    behaviour = {"startup": constant(STARTUP / S), "exit": constant(1), **declared}
    parameters = {"kubelet.start_concurrency": 9}
    return Rig(node("n1", cpu=cores), behaviours={"*": behaviour}, parameters=parameters)


def started_up(rig: Rig, name: str) -> int:
    """How long the application of a pod took to be up."""
    kubelet = rig.cluster.kubelets["n1"]
    rig.run_until(lambda: is_ready(rig.get("Pod", name)))
    begun = kubelet.begun(rig.get("Pod", name))
    assert begun is not None
    return rig.now - begun


def test_start_ups_together_take_as_long_as_their_work_takes_the_node() -> None:
    """Four of 10 s on 2 CPU that want one CPU each: 20 s; alone, or on 4 CPU, 10 s."""
    use = {"points": [[0.0, 0]], "of": "pod", "startup_m": 1000}
    times = {}
    for cpu, count in (("2", 4), ("2", 1), ("4", 4)):
        rig = rig_with(cpu, startup=constant(10), cpu=use)
        for number in range(count):
            rig.create(pod(f"p{number}"))
        times[cpu, count] = started_up(rig, "p0")
    assert 20 * S <= times["2", 4] < 22 * S
    assert times["2", 1] == times["4", 4]
    assert 10 * S <= times["2", 1] < 12 * S


def test_a_limit_stretches_a_start_up_that_is_alone() -> None:
    rig = rig_with("4", startup=constant(10), cpu={"points": [[0.0, 0]], "of": "pod", "startup_m": 2000})
    rig.create(pod("p", limit="500m"))
    assert 40 * S <= started_up(rig, "p") < 42 * S


def test_requests_are_weights_and_steady_use_takes_its_part() -> None:
    """1 CPU: one pod uses all it can get; a start-up of 3 times its request gets three quarters."""
    behaviours = {
        "*": {"startup": constant(0), "exit": constant(1), "cpu": {"points": [[0.0, 4000]], "of": "pod"}},
        "default/new": {
            "startup": constant(9), "exit": constant(1),
            "cpu": {"points": [[0.0, 0]], "of": "pod", "startup_m": 1000},
        },
    }  # fmt: skip
    rig = Rig(node("n1", cpu="1"), behaviours=behaviours, parameters={"kubelet.start_concurrency": 9})
    rig.create(pod("busy", "100m"))
    rig.run(5 * S)
    rig.create(pod("new", "300m"))
    assert 12 * S <= started_up(rig, "new") < 14 * S


def test_a_pod_that_goes_leaves_its_cpu_to_the_others() -> None:
    use = {"points": [[0.0, 0]], "of": "pod", "startup_m": 1000}
    rig = rig_with("1", startup=constant(10), cpu=use)
    for name in ("p", "q"):
        rig.create(pod(name))
    rig.run(5 * S)
    rig.delete("Pod", "q", grace_s=0)
    took = started_up(rig, "p")
    assert 11 * S < took < 14.5 * S  # about 4 s at half speed, the rest alone
