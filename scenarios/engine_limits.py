"""The engine's limits unless a scenario or a preset says otherwise, each with its source."""

from dataclasses import dataclass
from typing import Any, Final

from scenarios.engine_costs import ENGINE_COSTS
from scenarios.engine_presets import CLIENT_PRESETS, UNLIMITED

_CLIENT = {row.path: row for row in CLIENT_PRESETS["controller-runtime"]}


@dataclass(frozen=True, slots=True)
class EngineNumber:
    """A number of the `engine` block: its path below it, and its default as a file writes it."""

    path: str
    value: Any
    unit: str
    source: str
    summary: str

    @property
    def name(self) -> str:
        """The name under which it is listed."""
        return f"engine.{self.path}"


ENGINE_NUMBERS: Final = (
    EngineNumber(
        "max_concurrency", 10, "executions", "jordigilh/kubernaut, workflow engine: max_concurrency",
        "executions at once; the rest wait in admission",
    ),
    EngineNumber(
        "step_slots", UNLIMITED, "attempts", "no limit unless a scenario sets one",
        "attempts at once, over all executions",
    ),
    EngineNumber(
        "client.qps", _CLIENT["client.qps"].value, "1/s", _CLIENT["client.qps"].source,
        "requests a second of the engine's client",
    ),
    EngineNumber(
        "client.burst", _CLIENT["client.burst"].value, "requests", _CLIENT["client.burst"].source,
        "bucket of the same",
    ),
    *(
        EngineNumber(
            f"cost.{name.removeprefix('engine.')}", entry.format(entry.value), entry.unit, entry.source,
            entry.summary,
        )
        for name, entry in ENGINE_COSTS.items()
    ),
)  # fmt: skip
