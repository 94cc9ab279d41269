"""Waits find what they wait for through an index; asking everybody everything must give the same."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.causes import Cause
from engine.core.effects import Resource, Selection, WaitUntil
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch
from simulator.streams import Streams, sampler
from simulator.waits import Waits

NAMESPACES, NAMES, LABELS = ("a", "b"), ("x", "y", "z"), ("red", "green")


class World:
    """A store, its watch and the waits, with a delay of 2 ns."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.store = Store(lambda: "")
        delay = sampler({"dist": "constant", "value_s": 2e-9})
        self.watch = Watch(self.agenda, delay, Streams(0, 0).stream("w"))
        self.store.published.append(self.watch.published)
        self.waits = Waits(self.watch)

    def put(self, namespace: str, name: str, labels: dict[str, str], size: int) -> None:
        of_kind = self.store.objects.get("Pod", {})
        if (namespace, name) in of_kind:
            self.store.objects["Pod"][namespace, name] = of_kind[namespace, name]
            ref = (namespace, name)
            before = of_kind[ref]
            pod = {**before, "metadata": {**before["metadata"], "labels": labels}, "spec": {"size": size}}
            self.store._commit("Pod", ref, before, pod, root(self.agenda.now))  # noqa: SLF001
            return
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        self.store.create(
            {"kind": "Pod", "metadata": metadata, "spec": {"size": size}}, root(self.agenda.now)
        )


def pod_labels() -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(LABELS), st.sampled_from(("1", "2")))


writes = st.lists(
    st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(NAMES), pod_labels(), st.integers(0, 9)),
    max_size=12,
)
selections = st.one_of(
    st.builds(lambda namespace: Selection("Pod", namespace), st.sampled_from(NAMESPACES)),
    st.builds(
        lambda namespace, name: Selection("Pod", namespace, name=name),
        st.sampled_from(NAMESPACES),
        st.sampled_from(NAMES),
    ),
    st.builds(
        lambda namespace, labels: Selection("Pod", namespace, tuple(labels.items())),
        st.sampled_from(NAMESPACES),
        pod_labels(),
    ),
)


def selected(watch: Watch, selection: Selection) -> list[Resource]:
    """The objects of a selection, by asking each."""
    return [
        pod
        for key, pod in sorted(watch.cache.get("Pod", {}).items())
        if key[0] == selection.namespace
        and selection.name in ("", key[1])
        and dict(selection.labels).items() <= pod["metadata"]["labels"].items()
    ]


@settings(max_examples=150)
@given(st.lists(selections, min_size=1, max_size=3), writes)
def test_a_wait_sees_what_a_search_of_the_whole_cache_finds(chosen: list[Selection], changes: Any) -> None:
    """Changes of labels included, which move an object from one selection to another."""
    world = World()
    seen: list[tuple[list[Resource], ...]] = []

    def look(*found: Sequence[Resource]) -> None:
        seen.append(tuple(list(of_selection) for of_selection in found))

    world.waits.add(WaitUntil(tuple(chosen), look, ""), lambda _value, _link: None)
    before = tuple(selected(world.watch, selection) for selection in chosen)
    for change in changes:
        seen.clear()
        world.put(*change)
        world.agenda.run()
        after = tuple(selected(world.watch, selection) for selection in chosen)
        if after != before:
            assert seen, "a selection changed and nobody looked"
        if seen:
            assert seen[-1] == after
        assert len(seen) <= 1
        before = after


def test_a_wait_ends_once_with_the_link_of_the_delivery() -> None:
    world = World()
    ended: list[tuple[Any, Link]] = []
    selection = Selection("Pod", "a", name="x")

    def big(pods: Sequence[Resource]) -> int | None:
        return next((pod["spec"]["size"] for pod in pods if pod["spec"]["size"] > 5), None)

    effect = WaitUntil((selection,), big, "")
    assert world.waits.evaluate(effect) is None
    wait = world.waits.add(effect, lambda value, link: ended.append((value, link)))
    for size in (3, 7, 9):
        world.put("a", "x", {}, size)
        world.agenda.run()
    assert [value for value, _ in ended] == [7]
    assert not wait.live
    assert ended[0][1][1:3] == (Cause.WATCH_DELAY, 4)
    assert [link[2] for link in wait.links] == [2, 4]
    assert world.waits.evaluate(effect) == 9


def test_a_wait_that_another_ended_hears_nothing_more() -> None:
    """Two waits for the same object: the first to come true removes the second, in the same delivery."""
    world = World()
    heard: list[str] = []
    effect: WaitUntil[int] = WaitUntil((Selection("Pod", "a", name="x"),), lambda pods: len(pods) or None, "")

    def first_came_true(_value: int, _link: Link) -> None:
        heard.append("first")
        world.waits.remove(second)

    world.waits.add(effect, first_came_true)
    second = world.waits.add(effect, lambda _value, _link: heard.append("second"))
    world.put("a", "x", {}, 1)
    world.agenda.run()
    assert heard == ["first"]


def test_waiters_are_asked_in_the_order_in_which_they_came() -> None:
    world = World()
    heard: list[int] = []
    for number in range(5):
        effect: WaitUntil[int] = WaitUntil((Selection("Pod", "a"),), lambda pods: len(pods) or None, "")

        def came_true(_value: int, _link: Link, number: int = number) -> None:
            heard.append(number)

        world.waits.add(effect, came_true)
    world.put("a", "x", {}, 1)
    world.agenda.run()
    assert heard == [0, 1, 2, 3, 4]
