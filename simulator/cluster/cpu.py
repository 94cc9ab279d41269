"""A node's CPU, shared by what its pods want of it: a start-up that wants more than it gets takes longer.

As the kernel's completely fair scheduler does it: nobody gets more than its limit (quota), and where all
together want more than there is, each gets its share by its request (weight), what one leaves going to the
others. Only pods whose use is declared take part.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from engine.core.effects import Resource
from scenarios.quantities import resource_amount
from simulator.agenda import Agenda
from simulator.cluster.usage import CpuDeclared

WEIGHT_MIN: Final = (
    2  # cpu shares of a container without a request (cm/helpers_linux.go MinShares), 1024 a CPU
)


class _User:
    """One pod: what it wants and gets, in millicores, and what is left of its start-up."""

    __slots__ = ("declared", "limit", "rate", "since", "up", "wants", "weight", "work")

    def __init__(self, declared: CpuDeclared, weight: int, limit: int | None, since: int) -> None:
        self.declared = declared
        self.weight = weight
        self.limit = limit
        self.since = since
        self.wants = 0
        self.rate = 0.0
        self.work = 0.0  # millicores x ns; 0: it is up
        self.up: Callable[[], None]


class NodeCpu:
    """The CPU of one node."""

    def __init__(
        self, agenda: Agenda, capacity_m: int, declared: Callable[[Resource], CpuDeclared | None]
    ) -> None:
        """Start idle; `declared` says what a pod's workload uses."""
        self.capacity_m = capacity_m
        self._agenda = agenda
        self._declared = declared
        self._users: dict[str, _User] = {}
        self._at = 0
        self._turn = 0  # an entry of an earlier turn is void

    def begin(self, pod: Resource, startup_ns: int, up: Callable[[], None]) -> None:
        """A pod's container has started; `up` is called when its start-up is done."""
        declared = self._declared(pod)
        if declared is None or (declared.startup_m is None and startup_ns):
            # A start-up that needs no CPU to speak of takes its time.
            self._agenda.after(startup_ns, lambda _entry: up())
            startup_ns = 0
        self._advance()
        if declared is not None:
            user = _User(declared, *_share(pod["spec"]["containers"]), self._agenda.now)
            self._users[pod["metadata"]["uid"]] = user
            if startup_ns:
                user.work, user.up = float(declared.startup_m or 0) * startup_ns, up
            elif declared.startup_m is not None:
                up()
        self._allot()

    def end(self, pod: Resource) -> None:
        """A pod's container has stopped."""
        if self._users.pop(pod["metadata"]["uid"], None) is not None:
            self._advance()
            self._allot()

    def _advance(self) -> None:
        elapsed, self._at = self._agenda.now - self._at, self._agenda.now
        for user in self._users.values():
            if user.work:
                user.work = max(0.0, user.work - user.rate * elapsed)

    def _allot(self) -> None:
        """Share the CPU out anew, and come back when a start-up is done or a use changes."""
        now = self._agenda.now
        following: list[int] = []
        for user in self._users.values():
            curve = user.declared.curve
            zero = 0 if user.declared.shared else user.since
            wants = user.declared.startup_m if user.work else curve.step(now - zero)
            user.wants = wants or 0
            if user.limit is not None:
                user.wants = min(user.wants, user.limit)
            change = curve.changes_after(now - zero)
            if change is not None:
                following.append(zero + change)
        share_out(self._users, self.capacity_m)
        following += [
            now + max(1, -int(-user.work // user.rate))
            for user in self._users.values()
            if user.work and user.rate
        ]
        self._turn += 1
        if following:
            self._agenda.after(min(following) - now, partial(self._again, self._turn))

    def _again(self, turn: int, _entry: Any) -> None:
        if turn != self._turn:
            return
        before = [user for user in self._users.values() if user.work]
        self._advance()
        done = [user for user in before if user.work < 1]
        for user in done:
            user.work = 0.0
        self._allot()
        for user in done:
            user.up()


def share_out(users: Mapping[str, _User], capacity_m: int) -> None:
    """Set what each user gets: its want, or its weighted share of what those who want less leave over."""
    left = float(capacity_m)
    hungry = sorted(users.values(), key=lambda user: user.wants / user.weight)
    weights = sum(user.weight for user in hungry)
    for user in hungry:
        user.rate = min(float(user.wants), left * user.weight / weights)
        left -= user.rate
        weights -= user.weight


def _share(containers: list[Mapping[str, Any]]) -> tuple[int, int | None]:
    """Return the weight by request, and the limit of all containers, in millicores."""
    request, limit = 0, 0
    limited = True
    for container in containers:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        request += resource_amount("cpu", requests.get("cpu", limits.get("cpu", 0)))
        limited = limited and "cpu" in limits
        limit += resource_amount("cpu", limits.get("cpu", 0))
    return max(WEIGHT_MIN, request * 1024 // 1000), limit if limited else None
