"""Random histories of what people do to a cluster, and of faults: what must hold of each, seed by seed.

A seed that fails is replayed by ``python -m tests.storms SEED``.
"""

import os
from collections import Counter
from dataclasses import replace

import pytest

from tests.storms.__main__ import SUITE
from tests.storms.account import try_seed
from tests.storms.scene import OF_ALL, OF_NODES, scene_of
from tests.storms.storm import Storm

FEW, MANY, ALL = range(40), range(40, 200), range(200, 5_000)


def test_a_few_seeds() -> None:
    SUITE.check(FEW)


@pytest.mark.slow
def test_200_seeds() -> None:
    SUITE.check(MANY, workers=os.cpu_count() or 1)


@pytest.mark.exhaustive
def test_5_000_seeds() -> None:
    SUITE.check(ALL, workers=os.cpu_count() or 1)


def test_a_seed_gives_the_same_history_again() -> None:
    for seed in FEW[::8]:
        one, other = Storm(scene_of(seed), seed), Storm(scene_of(seed), seed)
        one.violations()
        other.violations()
        assert one.rig.writes == other.rig.writes


def test_the_seeds_reach_what_they_are_meant_to() -> None:
    """The suite proves little if it does little."""
    seen: Counter[str] = Counter()
    for seed in range(200):
        scene = scene_of(seed)
        seen.update(one.verb for one in scene.operations)
        seen.update(one.fault for one in scene.faults)
        seen.update(one["kind"] for one in scene.objects)
        seen["judged strictly"] += not scene.deletes and any(one.verb == "evict" for one in scene.operations)
    for what in (
        *OF_NODES,
        *OF_ALL,
        "evict",
        "recreate",
        "cordon",
        "pause",
        "Job",
        "StatefulSet",
        "DaemonSet",
    ):
        assert seen[what] >= 5, (what, seen)
    assert seen["judged strictly"] >= 5


def test_what_does_not_recover_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A scene whose fault outlasts the calm does not come to rest as wanted."""
    seed = next(
        seed for seed in range(200) if any(one.fault == "node-crash" for one in scene_of(seed).faults)
    )
    scene = scene_of(seed)
    lasting = [replace(one, lasts=None) for one in scene.faults if one.fault == "node-crash"]
    found = Storm(replace(scene, faults=lasting), seed).violations()
    assert any("is not ready" in one for one in found), found
    assert try_seed(seed) == []
    assert SUITE.main([str(seed)]) == 0
    assert "1 seeds, 0 failed" in capsys.readouterr().out
