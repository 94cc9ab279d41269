"""Parameters of what scales all assumptions of one kind, for sensitivity analyses."""

from typing import Final

from scenarios.parameter import Parameter

_ASSUMED = "assumption"

ASSUMPTIONS: Final = (
    Parameter(
        "assumptions.startup_scale",
        1,
        "x",
        "number",
        _ASSUMED,
        "",
        "factor on every workload's time from start of container to ready",
    ),
    Parameter(
        "assumptions.exit_scale",
        1,
        "x",
        "number",
        _ASSUMED,
        "",
        "factor on every workload's time from SIGTERM to exit",
    ),
    Parameter(
        "assumptions.api_scale",
        1,
        "x",
        "number",
        _ASSUMED,
        "",
        "factor on every service time of the API server",
    ),
)
