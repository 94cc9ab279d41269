"""The validation pack: which parts there are, and how they are run on several cores."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module

from headroom.validation.row import Row, Settings

PARTS: dict[str, str] = {
    "drains": "headroom.validation.drains",
    "controllers": "headroom.validation.controllers",
    "argo": "headroom.validation.argo",
    "schedules": "headroom.validation.schedules",
    "queueing": "headroom.validation.queueing",
    "pods": "headroom.validation.pods",
    "cws": "headroom.validation.cws",
    "control-plane": "headroom.validation.control_plane",
    "requests": "headroom.validation.control_plane_requests",
}
"""Module by name of its part; a module has `rows(settings)`. In the order in which they are printed."""


def run(part: str, settings: Settings) -> list[Row]:
    """Carry out one part."""
    return list(import_module(PARTS[part]).rows(settings))


def run_all(
    parts: list[str], settings: Settings, workers: int, begun: Callable[[str, int], None]
) -> Iterator[tuple[str, list[Row]]]:
    """Carry out parts, on `workers` processes, and yield each with its rows, in order.

    `begun` is told which part is waited for, and how many are over.
    """
    if workers == 1 or len(parts) == 1:
        for number, part in enumerate(parts):
            begun(part, number)
            yield part, run(part, settings)
        return
    with contextlib.ExitStack() as stack:
        pool = ProcessPoolExecutor(max_workers=workers)
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        running = [(part, pool.submit(run, part, settings)) for part in parts]
        for number, (part, future) in enumerate(running):
            begun(part, number)
            yield part, future.result()
