"""What a roll-out may do at most, and what it did."""

from hypothesis import strategies as st

from tests.simulator.cluster.objects import node
from tests.simulator.cluster.rig import Rig

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
