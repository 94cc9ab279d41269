"""What the engine's own work takes unless a scenario says otherwise: measured, each with where."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from scenarios.parameter import Parameter

_MEASURED: Final = "measured by tests/benchmarks on an x86-64 cloud machine"

_ENTRIES: Final = (
    Parameter(
        "engine.decision",
        0.000017,
        "s",
        "duration",
        _MEASURED,
        "",
        "time to decide on one event: the state machine, and the host that carries its commands out",
    ),
    Parameter(
        "engine.workers",
        1,
        "workers",
        "integer",
        "one process has one engine, and that one thread",
        "",
        "events decided on at once",
    ),
    Parameter(
        "engine.store_commit",
        {"dist": "constant", "value_s": 0.0003},
        "s",
        "distribution",
        _MEASURED + ": SQLite, WAL, one commit after the other",
        "",
        "time of one commit of the engine's store, for all events that it takes together",
    ),
    Parameter(
        "engine.store_group",
        1_000,
        "events",
        "integer",
        "the engine commits all that it has taken in, at most so many events at once",
        "",
        "events that one commit takes at most",
    ),
)

ENGINE_COSTS: Final[Mapping[str, Parameter]] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""The engine's own parameters, which a scenario sets with `engine.cost`."""
