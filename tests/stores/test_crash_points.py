"""Stop the engine at every store append and at every effect boundary, recover, and finish.

The same final state, no recorded success done again, no acknowledged execution lost.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.limits import Limits
from engine.core.store import Entry, ExecutionStore, ExecutionSummary, Lease
from engine.stores import MemoryStore, open_store
from tests.engine.kinds import SUBMISSIONS
from tests.stores.tiny import ENGINE, Deed, Outside, World, expected, recorded_successes

LIMITS = {"free": Limits(), "tight": Limits(max_concurrency=2, step_slots=2, dispatch="critical-path")}


class Crash(BaseException):
    """The process is gone: nothing that follows is done."""


class Fuse:
    """Counts boundaries and blows at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.count = 0
        self.at = at

    def pass_by(self) -> None:
        if self.count == self.at:
            raise Crash
        self.count += 1


class FusedStore:
    """A store with a boundary before and after every append."""

    def __init__(self, store: ExecutionStore, fuse: Fuse) -> None:
        self.store = store
        self.fuse = fuse

    def append(
        self,
        lease: Lease,
        position: int,
        entries: Sequence[Entry],
        executions: Sequence[ExecutionSummary] = (),
    ) -> None:
        self.fuse.pass_by()
        self.store.append(lease, position, entries, executions)
        self.fuse.pass_by()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class FusedOutside(Outside):
    """An outside with a boundary before and after every effect."""

    fuse = Fuse()

    def do(self, deed: Deed) -> Any:
        self.fuse.pass_by()
        try:
            return super().do(deed)
        finally:
            self.fuse.pass_by()


class Lives:
    """One engine's lives, one after the other, on one store and in one outside."""

    def __init__(self, store: ExecutionStore, **options: Any) -> None:
        self.store = store
        self.outside = FusedOutside()
        self.crashes = 0
        self.replayed_counts: list[int] = []
        self._options = options
        self._recorded: list[tuple[int, list[tuple[str, str, int]]]] = []  # by how many deeds had been done

    def live(self, at: int = -1) -> Fuse:
        """Live until a boundary, or to the end."""
        fuse = self.outside.fuse = Fuse(at)
        try:
            world = World(FusedStore(self.store, fuse), self.outside, **self._options)
            self.replayed_counts.append(world.replayed_count)
            world.run()
        except Crash:
            self.crashes += 1
            self._recorded.append((len(self.outside.deeds), recorded_successes(self.store)))
        else:
            assert not world.host.engine.executions(), "something has not ended"
        return fuse

    def check(self, wanted: tuple[Any, Any]) -> None:
        results, things = wanted
        assert self.outside.acknowledged == [name for name, _, _ in SUBMISSIONS]
        assert self.outside.results == results
        assert self.outside.shape() == things
        assert_drawn_once(self.outside)
        states = {it.execution_id: it.state for it in self.store.executions(ENGINE)}
        assert states == {name: found["state"] for name, found in results.items()}
        for before, successes in self._recorded:
            later = [key[:3] for key, *_ in self.outside.deeds[before:]]
            assert [key for key in successes if key in later] == [], "a recorded success was done again"


def assert_drawn_once(outside: Outside) -> None:
    """What an attempt remembered before it acted, its successor acted upon."""
    drawn: dict[str, Any] = {}
    for _, effect, _, changes in outside.deeds:
        for name, token in changes["marks"].items() if effect == "Patch" else ():
            assert drawn.setdefault(name, token) == token, "something remembered was forgotten"


def boundaries(limits: Limits) -> int:
    lives = Lives(MemoryStore(), limits=limits)
    count = lives.live().count
    lives.check(expected(limits))
    return count


def try_points(limits: Limits, first: int = 0, every: int = 1) -> str:
    """Crash once at each of the boundaries, recover, and finish."""
    wanted, count = expected(limits), boundaries(limits)
    assert count > 300
    tried = range(first, count, every)
    for at in tried:
        lives = Lives(MemoryStore(), limits=limits)
        lives.live(at)
        lives.live()
        lives.check(wanted)
        assert lives.crashes == 1
    return f"{len(tried)} crash points tried of {count}: before and after every append and every effect"


@pytest.mark.slow
@pytest.mark.parametrize("limits", LIMITS.values(), ids=list(LIMITS))
def test_every_crash_point(limits: Limits, capsys: pytest.CaptureFixture[str]) -> None:
    said = try_points(limits)
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")


@pytest.mark.parametrize("limits", LIMITS.values(), ids=list(LIMITS))
def test_some_crash_points(limits: Limits) -> None:
    """Of those that `make slow` tries all; the step is prime, so that kinds of boundaries do not line up."""
    try_points(limits, first=3, every=37)


def test_some_crash_points_on_a_file(tmp_path: Path) -> None:
    """On SQLite, opened anew as a new process would."""
    wanted, count = expected(), boundaries(Limits())
    for at in range(0, count, 50):
        url = f"sqlite:///{tmp_path}/{at}.db?synchronous=normal"
        first = open_store(url)
        lives = Lives(first)
        lives.live(at)
        first.close()
        lives.store = open_store(url)
        lives.live()
        lives.check(wanted)
        lives.store.close()


@settings(deadline=None, max_examples=20)
@given(
    points=st.lists(st.integers(0, 200), max_size=8),
    limits=st.sampled_from(list(LIMITS.values())),
    snapshot_every=st.sampled_from([1, 2, 7, 10_000]),
)
def test_crashes_one_after_the_other(points: list[int], limits: Limits, snapshot_every: int) -> None:
    """A process that crashes again while it recovers, with and without snapshots in between."""
    lives = Lives(MemoryStore(), limits=limits, snapshot_every=snapshot_every)
    for at in points:
        lives.live(at)
    lives.live()
    lives.check(expected(limits))
    assert snapshot_every > 7 or max(lives.replayed_counts) < 150, "snapshots do not bound the replay"
