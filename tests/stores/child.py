"""A process that is killed: one life of an engine in real time. `python -m tests.stores.child MODE ...`.

What is outside is kept in append-only files: deeds, acknowledgements and results, one JSON line each.
"""

import json
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.core.errors import ActionError, LeaseHeld, LeaseLost
from engine.core.events import ExecutionSubmitted, Remembered
from engine.stores import open_store
from tests.engine.kinds import SUBMISSIONS
from tests.stores.tiny import Deed, Outside, World

SNAPSHOT_EVERY = 300
_ARRIVAL_NS = 8_000_000


class File:
    """JSON lines, each written by one call to the operating system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, value: Any) -> None:
        os.write(self._descriptor, json.dumps(value).encode() + b"\n")

    def read(self) -> list[Any]:
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]


class FiledOutside(Outside):
    """An outside that this process finds as the last one left it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.deeds_file = File(folder / "deeds")
        self.acknowledged_file = File(folder / "acknowledged")
        self.results_file = File(folder / "results")
        for deed in self.deeds_file.read():
            with suppress(ActionError):  # it was refused then, too
                self.apply(deed)
        self.acknowledged = self.acknowledged_file.read()

    def do(self, deed: Deed) -> Any:
        self.deeds_file.write(deed)
        return self.apply(deed)

    def report(self, execution_id: str, found: Any) -> None:
        self.results_file.write([execution_id, found])


class RealWorld(World):
    """A world whose clock is the wall's."""

    def move_to(self, at_ns: int) -> None:
        time.sleep(max(0, at_ns - time.time_ns()) / 1e9)
        self.now = max(self.now, time.time_ns())


def live(url: str, folder: Path) -> None:
    """Submit executions, one every few milliseconds, until there is a file ``stop``; then finish all."""
    outside = FiledOutside(folder)
    world = RealWorld(open_store(url), outside, snapshot_every=SNAPSHOT_EVERY)
    world.move_to(0)
    world.take_up()
    sys.stdout.write("up\n")
    sys.stdout.flush()
    arrivals: list[None] = [None]
    while arrivals or world.ask() or world.step():
        if arrivals and not (folder / "stop").exists():  # outside a batch: what is fed is stored then
            number = len(outside.acknowledged)
            model, workflow, variables = SUBMISSIONS[number % len(SUBMISSIONS)]
            name = f"{model}-{number}"
            world.submit(ExecutionSubmitted(name, workflow, variables))
            outside.acknowledged_file.write(name)
            world.after(_ARRIVAL_NS, lambda: arrivals.append(None))
        arrivals.clear()


def fight(url: str, folder: Path, name: str, seconds: str) -> None:
    """Take the lease whenever it can be had, write under it, and sleep longer than it lasts."""
    draw, store, file = random.Random(name), open_store(url), File(folder / name)
    until = time.monotonic() + float(seconds)
    count = 0
    while time.monotonic() < until:
        try:
            lease = store.acquire("e", name, 20_000_000)
        except LeaseHeld:
            time.sleep(0.002)
            continue
        position = lease.position
        try:
            while time.monotonic() < until:
                count += 1
                store.append(lease, position, [(0, Remembered(name, "a", 1, "n", count))])
                file.write([position, count])
                position += 1
                time.sleep(draw.choice([0, 0, 0, 0.001, 0.05]))
        except LeaseLost:
            file.write("lost")


if __name__ == "__main__":
    mode, at, where, *rest = sys.argv[1:]
    if mode == "live":
        live(at, Path(where))
    else:
        fight(at, Path(where), *rest)
