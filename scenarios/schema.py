"""The scenario file: what may be written, and its defaults. Durations are nanoseconds inside."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from scenarios.cluster_choice import ClusterChoice
from scenarios.engine_schema import Engine
from scenarios.errors import did_you_mean, one_of
from scenarios.experiment_schema import Experiment
from scenarios.fault_schema import FaultEntry
from scenarios.fields import (
    Distribution,
    Model,
    Name,
    Ratio,
    Rows,
    custom_error,
)
from scenarios.limits import LimitField, unit_mismatch
from scenarios.load_schema import Load
from scenarios.metrics import find_metric
from scenarios.regression_schema import Regressions
from scenarios.units import format_duration

API_VERSION = "headroom/v1"
ASSUMPTION_SCALES = ("assumptions.startup_scale", "assumptions.exit_scale", "assumptions.api_scale")
AT_ONCE: Final = {"dist": "constant", "value_s": 0.0}
Scalar = str | int | float | bool
Where = dict[str, Scalar]


class Targeting(Model):
    """Which Deployments the steps act on: `all`, or a list of `namespace/name`."""

    deployments: Literal["all"] | Rows[str] = "all"
    assign: Literal["random", "round-robin"] = "random"


class Signal(Model):
    """A signal that every execution is sent, so long `after` its submission or the start of the wait."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    after: Distribution = Field(default_factory=lambda: dict(AT_ONCE))
    since: Literal["waiting", "submission"] = "waiting"
    payload: dict[str, Any] = Field(default_factory=dict)


class Workload(Model):
    """What is run: a workflow (shipped, a file, or written here), parameters, variables, targets, load."""

    workflow: str | dict[str, Any]
    parameters: dict[str, Scalar | list[Any]] = Field(default_factory=dict)
    variables: dict[str, Any] = Field(default_factory=dict)
    targets: Targeting | None = None
    load: Load
    signals: Rows[Signal] = ()  # approvals and the like, for steps that wait for them


class Target(Model):
    """What must hold: a statistic, or the share of runs or executions (`attainment`), within limits.

    `where` picks the points to judge; without it every point is judged. Without `stat` and `attainment` the
    metric's own statistic is meant: the mean of a time, the worst run of a count or a ratio. With
    `attainment` and without `stat`, each run (for a metric of runs) or each execution (of executions) is
    judged by itself.
    """

    id: Name
    metric: Annotated[str, Field(min_length=1)]
    stat: Literal["mean", "p50", "p90", "p95", "p99", "min", "max", "per-execution"] | None = None
    attainment: Ratio | None = None
    min: LimitField | None = None
    max: LimitField | None = None
    where: Where = Field(default_factory=dict)
    severity: Literal["error", "warn", "info"] = "error"
    requirement: str = ""  # the scenario's, unless said otherwise
    description: str = ""

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.min is None and self.max is None:
            raise custom_error("a target without a limit", "min, max or both")
        if self.stat == "per-execution" and self.attainment is None:
            raise custom_error(
                "stat per-execution without attainment", "attainment, such as 95%", at=("stat",)
            )
        metric = find_metric(self.metric)
        for name, limit in (("min", self.min), ("max", self.max)):
            if metric and limit is not None and (wrong := unit_mismatch(limit, metric)):
                raise custom_error(wrong.message, wrong.expected, wrong.hint, (name,))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise custom_error(f"min {self.min} is above max {self.max}", "min <= max", at=("min",))
        return self


class Comparison(Model):
    """Two values of one swept path, compared run by run on the same seeds."""

    id: Name
    metric: Annotated[str, Field(min_length=1)]
    stat: Literal["mean", "p50", "p90", "p95", "p99", "min", "max"] | None = None
    between: dict[str, Rows[Scalar]]
    where: Where = Field(default_factory=dict)
    description: str = ""

    @model_validator(mode="after")
    def _two_values(self) -> Self:
        if len(self.between) != 1:
            raise custom_error(
                f"{len(self.between)} paths", "one swept path with two values", at=("between",)
            )
        path, values = next(iter(self.between.items()))
        if len(values) != 2 or values[0] == values[1]:
            raise custom_error(f"values {list(values)}", "two different values", at=("between", path))
        return self


class Sensitivity(Model):
    """An assumption to scale up until a target's estimate crosses its limit."""

    parameter: str
    targets: Annotated[Rows[str], Field(min_length=1)]
    up_to: Annotated[float, Field(gt=1, le=1000)] = 16.0

    @model_validator(mode="after")
    def _is_a_scale(self) -> Self:
        if self.parameter not in ASSUMPTION_SCALES:
            hint = did_you_mean(self.parameter, ASSUMPTION_SCALES)
            raise custom_error(
                f"'{self.parameter}' is no assumption", one_of(ASSUMPTION_SCALES), hint, ("parameter",)
            )
        return self


class ScenarioFile(Model):
    """A scenario: a workload on a cluster, swept over points, judged by targets."""

    api_version: Annotated[Literal["headroom/v1"], Field(alias="apiVersion")]
    name: Name
    requirement: str = ""
    description: str = ""
    cluster: ClusterChoice
    engine: Engine = Engine()
    workload: Workload
    faults: Rows[FaultEntry] = ()
    sweep: dict[str, Any] | list[dict[str, Any]] | None = None
    experiment: Experiment = Experiment()
    targets: Rows[Target] = ()
    comparisons: Rows[Comparison] = ()
    sensitivity: Rows[Sensitivity] = ()
    regressions: Regressions | None = None

    @model_validator(mode="before")
    @classmethod
    def _requirement_travels(cls, value: Any) -> Any:
        rows = value.get("targets") if isinstance(value, dict) else None
        if not isinstance(rows, list) or not isinstance(value.get("requirement"), str):
            return value
        inherited = {"requirement": value["requirement"]}
        return value | {"targets": [inherited | row if isinstance(row, dict) else row for row in rows]}

    @model_validator(mode="after")
    def _steady_has_a_stream(self) -> Self:
        load = self.workload.load
        if self.experiment.kind == "steady" and load.burst is not None:
            raise custom_error(
                f"a burst of {load.burst} in a steady experiment, though it ends",
                "a load that goes on (open, closed or trace), or kind: terminating",
                at=("experiment", "kind"),
            )
        return self

    @model_validator(mode="after")
    def _steady_outlives_its_warmup(self) -> Self:
        lasts, warmup = self.workload.load.lasts, self.experiment.warmup
        if warmup is not None and lasts is not None and 2 * warmup >= lasts:
            raise custom_error(
                f"a warm-up of {format_duration(warmup)} in a load of {format_duration(lasts)}",
                "a warm-up below half of the load; a tenth or less leaves enough to estimate from",
                at=("experiment", "warmup"),
            )
        return self

    @model_validator(mode="after")
    def _ids_are_known_once(self) -> Self:
        ids = _unique("targets", [target.id for target in self.targets])
        _unique("comparisons", [comparison.id for comparison in self.comparisons])
        for index, row in enumerate(self.sensitivity):
            for position, name in enumerate(row.targets):
                if name not in ids:
                    at = ("sensitivity", index, "targets", position)
                    raise custom_error(f"unknown target '{name}'", one_of(ids), did_you_mean(name, ids), at)
        return self


def _unique(section: str, ids: Iterable[str]) -> list[str]:
    seen: list[str] = []
    for index, name in enumerate(ids):
        if name in seen:
            raise custom_error(f"a second '{name}'", "ids that are unique", at=(section, index, "id"))
        seen.append(name)
    return seen
