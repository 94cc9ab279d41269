"""Python's collector of cycles, where an engine runs.

Everything of an engine is freed by its reference count: an execution that is forgotten leaves no cycle behind
(`tests/engine/test_collector.py`). The collector would find nothing, but by its defaults it looks through
whatever is alive each time that some more is: ten thousand executions are 400,000 objects. What else is in
the process may leave cycles, so it is not switched off for good:

- where an engine runs for as long as its process (`DurableHost`), the collector looks when a million objects
  more are alive than when it last looked. That bounds what lies about uncollected, to 100 or 200 MB; under a
  steady load it never comes to that;
- a run that ends (`simulator.simulate`) does without it until its end.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG_MAX: Final = 1_000_000

Thresholds = tuple[int, int, int]


def look_seldom() -> Thresholds:
    """Set the collector for an engine that goes on running, and return how it was set, for `put_back`.

    A collector that looks more seldom already, or never, is left as it is.
    """
    before = gc.get_threshold()
    if 0 < before[0] < YOUNG_MAX:
        gc.set_threshold(YOUNG_MAX, *before[1:])
    return before


def put_back(before: Thresholds) -> None:
    """Set the collector as it was before `look_seldom`, unless somebody has set it otherwise meanwhile."""
    now = gc.get_threshold()
    if now == (YOUNG_MAX, *before[1:]):
        gc.set_threshold(*before)


@contextmanager
def at_rest() -> Iterator[None]:
    """Do without the collector until the end of the block."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
