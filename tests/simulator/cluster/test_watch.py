from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch
from simulator.streams import Streams
from tests.simulator.cluster.objects import bare_pod, ref

Delivery = tuple[int, "Resource | None", "Resource | None", Link]


class Watched:
    """A store, its watch, and what was delivered when."""

    def __init__(self, delays_ns: list[int]) -> None:
        self.agenda = Agenda()
        self.store = Store(lambda: "")
        left = iter(delays_ns)
        self.watch = Watch(self.agenda, lambda _uniform: next(left), Streams(1, 0).stream("watch"))
        self.store.published.append(self.watch.published)
        self.deliveries: list[Delivery] = []
        self.watch.subscribe(("Pod",), self._delivered)

    def _delivered(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        self.deliveries.append((self.agenda.now, before, after, link))

    def at(self, at_ns: int, what: Any) -> None:
        self.agenda.after(at_ns - self.agenda.now, lambda _event: what(root(self.agenda.now)))


def test_the_cache_is_the_past() -> None:
    watched = Watched([10, 10, 10])
    watched.at(5, lambda link: watched.store.create(bare_pod("a"), link))
    watched.agenda.run(until=15)
    assert watched.store.get(ref("Pod", "a"))
    assert not watched.watch.cache
    watched.at(18, lambda link: watched.store.remove(ref("Pod", "a"), link))
    watched.agenda.run(until=28)
    assert ("default", "a") in watched.watch.cache["Pod"]
    assert not watched.store.objects["Pod"]
    watched.agenda.run(until=29)
    assert not watched.watch.cache["Pod"]
    assert [at for at, *_ in watched.deliveries] == [15, 28]


def test_a_delivery_says_what_was_and_what_is() -> None:
    watched = Watched([1, 1, 1])
    watched.at(0, lambda link: watched.store.create(bare_pod("a"), link))
    watched.at(5, lambda link: watched.store.patch(ref("Pod", "a"), {"spec": {"nodeName": "n"}}, link))
    watched.at(9, lambda link: watched.store.remove(ref("Pod", "a"), link))
    watched.agenda.run()
    (_, none, created, _), (_, before, after, _), (_, last, gone, _) = watched.deliveries
    assert (none, gone) == (None, None)
    assert before is created
    assert last is after
    assert after is not None
    assert after["spec"]["nodeName"] == "n"


def test_a_delivery_is_charged_to_the_watch() -> None:
    watched = Watched([30])
    watched.at(4, lambda link: watched.store.create(bare_pod("a"), link))
    watched.agenda.run()
    at, _, _, link = watched.deliveries[0]
    parent, cause, end, _ = link
    assert (at, cause, end) == (34, Cause.WATCH_DELAY, 34)
    assert parent is not None
    assert parent[2] == 4


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), min_size=1, max_size=30))
def test_writes_arrive_in_order_and_never_before_their_delay(steps: list[tuple[int, int]]) -> None:
    watched = Watched([delay for _, delay in steps])
    written: list[int] = []
    at = 0
    for number, (gap, _) in enumerate(steps):
        at += gap
        written.append(at)
        pod = bare_pod(f"p{number}")
        watched.at(at, lambda link, pod=pod: watched.store.create(pod, link))
    watched.agenda.run()
    names = [after["metadata"]["name"] for _, _, after, _ in watched.deliveries if after]
    assert names == [f"p{number}" for number in range(len(steps))]
    latest = 0
    for (delivered, *_), wrote, (_, delay) in zip(watched.deliveries, written, steps, strict=True):
        latest = max(latest, wrote + delay)
        assert delivered == latest


def test_earlier_subscribers_hear_first() -> None:
    watched = Watched([1])
    heard: list[str] = []
    watched.watch.subscribe(("Pod",), lambda *_: heard.append(f"second, after {len(watched.deliveries)}"))
    watched.watch.subscribe(("Node",), lambda *_: heard.append("another kind"))
    watched.at(0, lambda link: watched.store.create(bare_pod("a"), link))
    watched.agenda.run()
    assert heard == ["second, after 1"]
