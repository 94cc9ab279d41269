"""Real processes: killed at any instant, and fighting for one lease."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.core.events import Remembered
from engine.core.store import ExecutionStore
from engine.stores import SqlStore
from tests.house.tree import ROOT
from tests.stores.tiny import ENGINE, expected, recorded_successes

OpenAt = Callable[[str], SqlStore]


def child(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.stores.child", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, **options)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


class Killings:
    """A process that is killed and comes back, again and again."""

    def __init__(self, url: str, folder: Path, store: ExecutionStore, seed: int) -> None:
        self.url = url
        self.folder = folder
        self.store = store
        self.lives_that_came_up = 0
        self._draw = random.Random(seed)
        self._successes: dict[tuple[str, str, int], None] = {}
        self._recorded: list[tuple[int, list[tuple[str, str, int]]]] = []  # by how many deeds had been done

    def kill_once(self) -> None:
        """Kill a process at a random instant: of its start, of its recovery, or of its work."""
        process = child("live", self.url, self.folder, stdout=subprocess.PIPE)
        assert process.stdout is not None
        if self._draw.random() < 0.25:
            time.sleep(self._draw.uniform(0, 0.5))
        else:
            assert process.stdout.readline() == "up\n"
            self.lives_that_came_up += 1
            time.sleep(self._draw.expovariate(8))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        deeds = self.folder / "deeds"
        successes = recorded_successes(self.store)
        self._successes |= dict.fromkeys(successes)
        self._recorded.append((len(lines(deeds)) if deeds.exists() else 0, successes))

    def finish(self) -> None:
        (self.folder / "stop").touch()
        process = child("live", self.url, self.folder, stdout=subprocess.PIPE)
        process.communicate(timeout=120)
        assert process.returncode == 0

    def check(self) -> str:
        acknowledged = lines(self.folder / "acknowledged")
        assert [name.partition("-")[2] for name in acknowledged] == [*map(str, range(len(acknowledged)))]
        states = {it.execution_id: it.state for it in self.store.executions(ENGINE, count_max=10**6)}
        assert [name for name in acknowledged if name not in states] == [], (
            "an acknowledged execution is lost"
        )
        self._check_results(states)
        deeds = [tuple(key[:3]) for key, *_ in lines(self.folder / "deeds")]
        assert self._successes
        for before, successes in self._recorded:
            later = dict.fromkeys(deeds[before:])
            assert [key for key in successes if key in later] == [], "a recorded success was done again"
        return (
            f"killed {len(self._recorded)} times, {self.lives_that_came_up} of them at work: "
            f"{len(acknowledged)} executions acknowledged, all ended as without a kill; {len(deeds)} "
            f"effects, none of one of {len(self._successes)} recorded successes"
        )

    def _check_results(self, states: dict[str, str]) -> None:
        wanted, _ = expected()
        for name, found in lines(self.folder / "results"):
            model = name.partition("-")[0]
            text = json.dumps(wanted[model], sort_keys=True).replace(f'"{model}.', f'"{name}.')
            assert json.loads(text) == found, name
            assert states[name] == found["state"]


def killings(count: int, url: str, folder: Path, store: ExecutionStore) -> str:
    killed = Killings(url, folder, store, seed=count)
    for _ in range(count):
        killed.kill_once()
    killed.finish()
    return killed.check()


def test_a_process_that_is_killed(url: str, tmp_path: Path, open_at: OpenAt) -> None:
    killings(4, url, tmp_path, open_at(url))


@pytest.mark.slow
def test_a_process_that_is_killed_a_hundred_times(
    url: str, tmp_path: Path, open_at: OpenAt, capsys: pytest.CaptureFixture[str]
) -> None:
    said = killings(100, url, tmp_path, open_at(url))
    with capsys.disabled():
        sys.stdout.write(f"\n{url.partition(':')[0]}: {said}\n")


def test_two_processes_that_fight_for_one_lease(url: str, tmp_path: Path, open_at: OpenAt) -> None:
    """Whatever either was told is stored is stored, where it was told; nobody writes where the other did."""
    store = open_at(url)
    fighters = ["left", "right"]
    processes = [child("fight", url, tmp_path, name, "2.5") for name in fighters]
    assert [process.wait(60) for process in processes] == [0, 0]
    told = {name: [it for it in lines(tmp_path / name) if it != "lost"] for name in fighters}
    lost = sum(it == "lost" for name in fighters for it in lines(tmp_path / name))
    written = [
        (event.execution_id, position, event.value)
        for position, (_, event) in enumerate(store.events(ENGINE))
        if isinstance(event, Remembered)
    ]
    acknowledged = sorted((position, name, count) for name in fighters for position, count in told[name])
    assert [(name, position, count) for position, name, count in acknowledged] == written
    assert lost >= 3, "they never overtook each other"
    assert all(told.values())
