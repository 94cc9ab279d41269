"""A wait that says what it reads is asked less often, and must come true exactly when it would anyway."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions.pods import is_live, is_ready
from engine.core.effects import Reads, Ref, Resource, Selection, WaitUntil
from simulator.attribution import root
from simulator.cluster.changes import ENDED, GOING, GONE, NEW, OWNED, READY, SPEC, STARTED, changes_of
from simulator.cluster.objects import has_ended, is_terminating
from simulator.cluster.objects import is_ready as is_ready_in_the_model
from tests.simulator.test_waits import World

NAMES = ("x", "y", "z")
SELECTION = Selection("Pod", "a", (("app", "web"),))

writes = st.lists(
    st.tuples(
        st.sampled_from(("status", "status", "label", "delete", "remove")),
        st.sampled_from(NAMES),
        st.booleans(),
        st.sampled_from(("Pending", "Running", "Failed")),
    ),
    max_size=25,
)


def write(world: World, what: str, name: str, ready: bool, phase: str) -> None:  # noqa: FBT001
    link = root(world.agenda.now)
    ref = Ref("Pod", name, "a")
    if ("a", name) not in world.store.objects.get("Pod", {}):
        metadata = {"name": name, "namespace": "a", "labels": {"app": "web"}}
        world.store.create({"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n"}}, link)
    elif what == "status":
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        world.store.set_status(ref, {"phase": phase, "conditions": conditions}, link)
    elif what == "label":
        world.store.patch(ref, {"metadata": {"labels": {"app": "web" if ready else "other"}}}, link)
    elif what == "delete":
        world.store.delete(ref, link)
    else:
        world.store.remove(ref, link)


@settings(max_examples=300)
@given(writes, st.sampled_from((["x"], ["y"], ["x", "y"], ["x", "z"])))
def test_what_a_wait_does_not_read_cannot_bring_it(changes: Any, wanted: list[str]) -> None:
    world = World()
    asked: dict[str, int] = {"all": 0, "some": 0}
    came: dict[str, list[tuple[int, Any]]] = {"all": [], "some": []}

    def wait(name: str, reads: tuple[Reads, ...]) -> None:
        def enough(pods: Sequence[Resource]) -> list[str] | None:
            asked[name] += 1
            good = [pod["metadata"]["name"] for pod in pods if is_ready(pod) and is_live(pod)]
            return good if len(pods) > 1 and good == wanted else None

        world.waits.add(
            WaitUntil((SELECTION,), enough, "", reads),
            lambda value, _link: came[name].append((world.agenda.now, value)),
        )

    wait("all", ())
    wait("some", (Reads.READINESS | Reads.LIFE,))
    for change in changes:
        write(world, *change)
        world.agenda.run()
    assert came["all"] == came["some"]
    assert asked["some"] <= asked["all"]


@pytest.mark.parametrize("last", [("delete", "x", True, ""), ("status", "x", True, "Failed")])
def test_a_wait_for_life_sees_a_pod_go_and_end(last: Any) -> None:
    world = World()
    came: list[int] = []

    def none_lives(pods: Sequence[Resource]) -> int | None:
        return None if any(map(is_live, pods)) else len(pods)

    for first in (("create", "x", True, ""), ("status", "x", True, "Running")):
        write(world, *first)
        world.agenda.run()
    effect = WaitUntil((SELECTION,), none_lives, "", (Reads.LIFE,))
    world.waits.add(effect, lambda value, _link: came.append(value))
    write(world, "status", "x", False, "Running")  # noqa: FBT003
    world.agenda.run()
    assert came == []
    write(world, *last)
    world.agenda.run()
    assert came == [1]


def test_a_wait_for_the_spec_is_not_asked_about_the_status() -> None:
    world = World()
    asked: list[Sequence[Resource]] = []
    world.waits.add(WaitUntil((SELECTION,), asked.append, "", (Reads.SPEC,)), lambda _value, _link: None)
    write(world, "create", "x", True, "")  # noqa: FBT003
    world.agenda.run()
    assert len(asked) == 1
    write(world, "status", "x", True, "Running")  # noqa: FBT003
    world.agenda.run()
    assert len(asked) == 1
    world.store.patch(Ref("Pod", "x", "a"), {"spec": {"nodeName": "m"}}, root(world.agenda.now))
    world.agenda.run()
    assert len(asked) == 2


def runs(pod: Resource) -> bool:
    return bool((pod.get("status") or {}).get("phase") == "Running")


@given(writes)
def test_every_change_that_a_follower_may_name_is_named(changes: Any) -> None:
    """Judged on the objects themselves, before and after."""
    world = World()
    heard: list[int] = []

    def judge(before: Resource | None, after: Resource | None, _link: Any) -> None:
        told = world.watch.changes
        heard.append(told)
        assert bool(told & NEW) == (before is None)
        assert bool(told & GONE) == (after is None)
        if before is None or after is None:
            return
        assert bool(told & SPEC) >= (before["spec"] != after["spec"])
        assert bool(told & OWNED) >= (before["metadata"]["labels"] != after["metadata"]["labels"])
        assert bool(told & GOING) == (is_terminating(before) != is_terminating(after))
        assert bool(told & READY) == (is_ready_in_the_model(before) != is_ready_in_the_model(after))
        assert bool(told & ENDED) == (has_ended(before) != has_ended(after))
        became = (runs(before), runs(after)) == (False, True)
        assert bool(told & STARTED) == (became and not told & ENDED)

    world.watch.subscribe(("Pod",), judge)
    only: list[int] = []
    world.watch.subscribe(("Pod",), lambda *_: only.append(world.watch.changes), READY + GONE)
    for change in changes:
        write(world, *change)
        world.agenda.run()
    assert only == [told for told in heard if told & (READY + GONE)]


def test_what_has_no_spec_changes_none() -> None:
    before, after = {"metadata": {}, "data": {"a": "1"}}, {"metadata": {}, "data": {"a": "2"}}
    assert changes_of("ConfigMap", before, after) == 0
