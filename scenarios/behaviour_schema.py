"""How a workload's containers behave, as cluster files and scenarios declare it.

All of it is of the application, not of Kubernetes: assumptions unless `source` says where they were measured.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from scenarios import usage
from scenarios.fields import (
    Distribution,
    Duration,
    Model,
    PositiveCount,
    Ratio,
    Rows,
    custom_error,
    with_units,
)
from scenarios.units import SECOND_NS

PROBES_FAILING_MAX: Final = 100

CpuUse = Annotated[
    dict[str, Any],
    BeforeValidator(with_units(usage.parse_cpu)),
    PlainSerializer(usage.format_cpu_use, return_type=Any),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "object"}]}),
]
MemoryUse = Annotated[
    dict[str, Any],
    BeforeValidator(with_units(usage.parse_memory)),
    PlainSerializer(usage.format_memory_use, return_type=Any),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "object"}]}),
]


class Readiness(Model):
    """The readiness probe; Kubernetes counts in whole seconds."""

    period: Duration = 10 * SECOND_NS
    initial_delay: Duration = 0
    timeout: Duration = SECOND_NS
    success_threshold: PositiveCount = 1
    failure_threshold: PositiveCount = 3

    @model_validator(mode="after")
    def _whole_seconds(self) -> Self:
        for name in ("period", "initial_delay", "timeout"):
            if getattr(self, name) % SECOND_NS:
                raise custom_error(
                    "a fraction of a second", "whole seconds, as Kubernetes has them", at=(name,)
                )
        if self.period == 0:
            raise custom_error("a period of 0s", "at least 1s", at=("period",))
        return self


class FailingProbe(Model):
    """A time in a container's life, reckoned from its start, during which one of its probes fails."""

    probe: Literal["startup", "readiness", "liveness"]
    begins: Duration
    ends: Duration
    starts: PositiveCount | None = None  # only of the first so many starts of the container

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.begins >= self.ends:
            raise custom_error("an end that is not after its beginning", "begins < ends", at=("ends",))
        return self


class Behaviour(Model):
    """How a workload's containers behave: assumptions unless `source` says where they were measured."""

    startup: Distribution | None = None  # start of container to ready
    exit: Distribution | None = None  # SIGTERM to exit
    run: Distribution | None = None  # a job's work; None: as its pod declares
    image_mb: Annotated[float, Field(ge=0)] | None = None  # compressed
    ignores_sigterm: bool | None = None  # then only the end of the termination grace kills it
    crash_probability: Ratio | None = None  # of each start
    crash_after: Distribution | None = None  # from such a start; None: when it would be ready
    pre_stop: Distribution | None = None  # how long its preStop hook takes
    init: Distribution | None = None  # how long each of its init containers works
    cpu: CpuUse | None = None
    memory: MemoryUse | None = None
    failing_probes: Annotated[Rows[FailingProbe], Field(max_length=PROBES_FAILING_MAX)] | None = None
    source: str | None = None

    def declared(self) -> dict[str, Any]:
        """Return what is said, in the form that a RunSpec carries."""
        given = {field: getattr(self, field) for field in type(self).model_fields}
        failing = given.pop("failing_probes")
        if failing is not None:
            given["failing_probes"] = [
                {
                    "probe": one.probe,
                    "begins_s": one.begins / SECOND_NS,
                    "ends_s": one.ends / SECOND_NS,
                    "starts": one.starts,
                }
                for one in failing
            ]
        return {field: value for field, value in given.items() if value is not None}
