"""Lists and watches by resource version: consistent, any, exact, in pages, from the past, and 410."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.effects import Resource, Selection
from engine.core.errors import Gone, Invalid, ServerError
from simulator.cluster.listing import COMPACTED_NS, WINDOW_MIN, BadContinue, Listing
from tests.simulator.cluster.objects import node, ref
from tests.simulator.cluster.rig import MS, Rig, S

ALL = Selection("ConfigMap")
Told = list[tuple[str, Resource]]


class Past:
    """A cluster whose ConfigMaps are written to; what it looked like at each version is remembered."""

    def __init__(self) -> None:
        self.rig = Rig(node("n1"))
        self.listing = Listing(self.rig.agenda, self.rig.store, self.rig.cluster.watch)
        self.looks: dict[int, list[Resource]] = {}
        self.look()

    def look(self) -> None:
        self.looks[self.rig.store.version] = self.rig.store.select(ALL)

    def write(self, name: str, what: str, value: int = 0) -> None:
        there = ("default", name) in self.rig.store.objects.get("ConfigMap", {})
        if what == "delete" and there:
            self.rig.store.remove(ref("ConfigMap", name), self.rig.link)
        elif there:
            labels = {"labels": {"even": str(value % 2 == 0)}}
            self.rig.patch("ConfigMap", name, {"metadata": labels, "data": {"n": str(value)}})
        else:
            metadata = {"name": name, "namespace": "default", "labels": {"even": "True"}}
            self.rig.create({"kind": "ConfigMap", "metadata": metadata, "data": {}})
        self.look()

    def follow(self, selection: Selection = ALL, version: str = "", **more: Any) -> Told:
        told: Told = []
        self.listing.watch(selection, lambda what, one: told.append((what, one)), version, **more)
        return told


def replayed(told: Told, start: list[Resource] | None = None) -> list[Resource]:
    """What a client holds who believes what it is told; an impossible change is an error."""
    held = {one["metadata"]["name"]: one for one in start or []}
    for what, one in told:
        name = one["metadata"]["name"]
        assert (name in held) == (what != "ADDED"), (what, name)
        if what == "DELETED":
            del held[name]
        else:
            held[name] = one
    return [held[name] for name in sorted(held)]


WRITES = st.lists(
    st.tuples(
        st.sampled_from("abcde"), st.sampled_from(["write", "delete"]), st.integers(0, 9), st.integers(0, 5)
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(WRITES, st.integers(1, 3), st.data())
def test_the_past_is_as_it_was(
    writes: list[tuple[str, str, int, int]], limit: int, data: st.DataObject
) -> None:
    past = Past()
    for name, what, value, wait in writes:
        past.write(name, what, value)
        past.rig.run(wait * MS)
    version = data.draw(st.sampled_from(sorted(past.looks)))
    told = past.follow(version=str(version))
    even = Selection("ConfigMap", labels=(("even", "True"),))
    told_even = past.follow(even, str(version))
    exact = past.listing.list(ALL, str(version), "Exact")
    assert (exact.items, exact.version) == (past.looks[version], version)
    pages, more, first = [], "", past.listing.list(ALL, limit=limit)
    now = past.rig.store.select(ALL)
    pages += first.items
    more = first.more
    past.write("z", "write")
    while more:
        page = past.listing.list(ALL, limit=limit, more=more)
        assert page.version == first.version
        pages += page.items
        more = page.more
    assert pages == now
    past.rig.run(S)
    assert replayed(told, past.looks[version]) == past.rig.store.select(ALL)
    before = [one for one in past.looks[version] if one["metadata"]["labels"]["even"] == "True"]
    assert replayed(told_even, before) == past.rig.store.select(even)
    versions = [int(one["metadata"]["resourceVersion"]) for _, one in told]
    assert versions == sorted(versions)


def test_any_version_is_what_the_cache_has_and_a_watch_goes_on_from_there() -> None:
    past = Past()
    past.write("a", "write")
    past.rig.run(S)
    past.write("b", "write")
    stale = past.listing.list(ALL, "0")
    assert [one["metadata"]["name"] for one in stale.items] == ["a"]
    assert [one["metadata"]["name"] for one in past.listing.list(ALL).items] == ["a", "b"]
    told = past.follow()
    assert [what for what, _ in told] == ["ADDED"]
    past.rig.run(S)
    assert replayed(told) == past.rig.store.select(ALL)


def test_what_is_too_old_is_gone_and_what_is_too_new_is_not_there_yet() -> None:
    past = Past()
    past.write("a", "write")
    early = str(past.rig.store.version)
    page = past.listing.list(ALL, limit=1)
    assert not page.more
    past.write("b", "write")
    more = past.listing.list(ALL, limit=1).more
    for value in range(3 * WINDOW_MIN):
        past.write("a", "write", value)
    assert past.listing.list(ALL, early, "Exact").items == past.looks[int(early)]
    past.rig.run(80 * S)
    with pytest.raises(Gone, match=r"^too old resource version: \d+ \(\d+\)$"):
        past.follow(version=early)
    past.rig.run(COMPACTED_NS)
    with pytest.raises(Gone, match="for the provided list is too old"):
        past.listing.list(ALL, early, "Exact")
    with pytest.raises(Gone, match="The provided continue parameter is too old"):
        past.listing.list(ALL, more=more)
    future = str(past.rig.store.version + 1)
    for match in ("Exact", "NotOlderThan"):
        with pytest.raises(ServerError, match=f"Too large resource version: {future}, current: "):
            past.listing.list(ALL, future, match)
    with pytest.raises(Invalid):
        past.listing.list(ALL, "new", "Exact")
    with pytest.raises(BadContinue):
        past.listing.list(ALL, more="what")


def test_bookmarks_tell_how_far_a_watch_is() -> None:
    past = Past()
    told = past.follow(bookmarks=True)
    past.write("a", "write")
    past.rig.run(61 * S)
    assert [what for what, _ in told] == ["ADDED", "BOOKMARK"]
    assert told[1][1]["metadata"] == {"resourceVersion": str(past.rig.store.version)}
    watcher = past.listing.watch(ALL, lambda *_: pytest.fail("it is closed"), str(past.rig.store.version))
    watcher.close()
    past.write("a", "delete")
    past.rig.run(S)
    assert told[-1][0] == "DELETED"


def test_a_break_shows_a_watcher_what_is_different_after_the_relist() -> None:
    past = Past()
    past.write("a", "write")
    past.write("b", "write")
    past.rig.run(S)
    told = past.follow()
    past.write("a", "delete")
    past.write("c", "write")
    past.rig.cluster.watch.drop()
    past.rig.run(500 * MS)
    assert [what for what, _ in told] == ["ADDED", "ADDED"]
    past.rig.run(5 * S)
    assert replayed(told) == past.rig.store.select(ALL)


def test_tokens_and_answers_are_those_of_a_real_server(reference_data: Path) -> None:
    exchanges = json.loads((reference_data / "control-plane" / "wire.json").read_text())
    answers = {one["name"]: one["response"]["body"] for one in exchanges}
    told = answers["list at a future resourceVersion"]
    past = Past()
    with pytest.raises(ServerError) as refusal:
        past.listing.list(ALL, "999999999", "NotOlderThan")
    ours, theirs = str(refusal.value).rpartition(" ")[0], told["message"].rpartition(" ")[0]
    assert (ours, refusal.value.reason) == (theirs, told["reason"])
    for name in "abc":
        past.write(name, "write")
    page = past.listing.list(ALL, limit=2)
    theirs = answers["list pods, page of 2"]["metadata"]
    assert page.remaining == theirs["remainingItemCount"]
    past.listing.list(ALL, limit=2, more=page.more)
    with pytest.raises(ServerError):  # a token of theirs is read: it names a version that is not yet
        past.listing.list(ALL, more=theirs["continue"].replace("=", ""))
