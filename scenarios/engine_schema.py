"""The engine block of a scenario: its limits, what its own work costs, and what its optimiser may do."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from scenarios.engine_costs import ENGINE_COSTS
from scenarios.engine_presets import CLIENT_PRESETS, ENGINE_PRESETS, with_preset
from scenarios.errors import did_you_mean, one_of
from scenarios.fields import (
    CountOrUnlimited,
    Distribution,
    Duration,
    DurationOrUnlimited,
    Model,
    PositiveDuration,
    QpsOrUnlimited,
    Rate,
    Rows,
    custom_error,
)
from scenarios.runspec import EngineSpec
from scenarios.units import SECOND_NS

_FREE = {"dist": "constant", "value_s": 0.0}


class Client(Model):
    """The engine's own token bucket towards the API server: a preset's name, or `qps` and `burst`."""

    preset: Literal["client-go", "controller-runtime", "argo", "kubelet", "unlimited"] | None = None
    qps: QpsOrUnlimited = 20.0
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 30

    @model_validator(mode="before")
    @classmethod
    def _preset_first(cls, value: Any) -> Any:
        named = {"preset": value} if isinstance(value, str) else value
        preset = named.get("preset") if isinstance(named, dict) else None
        if isinstance(preset, str) and preset in CLIENT_PRESETS:
            given = {row.path.removeprefix("client."): row.value for row in CLIENT_PRESETS[preset]}
            return given | {key: item for key, item in named.items() if key != "preset"}
        return named


class Cost(Model):
    """What the engine's own work takes: it decides on every event, and commits it before it acts."""

    decision: Duration = round(ENGINE_COSTS["engine.decision"].value * SECOND_NS)
    workers: Annotated[int, Field(ge=1, le=1_000)] = ENGINE_COSTS["engine.workers"].value
    store_commit: Distribution = ENGINE_COSTS["engine.store_commit"].value
    store_group: Annotated[int, Field(ge=1, le=1_000_000)] = ENGINE_COSTS["engine.store_group"].value


class ActionRate(Model):
    """How often an action may be started: so many a second, after a burst."""

    rate: Rate
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 1

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"rate": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if self.rate <= 0:
            raise custom_error("a rate of 0", "a rate above 0", at=("rate",))
        return self


class Oscillation(Model):
    """When a target counts as going in circles, and whether it is then left alone."""

    reversals_max: Annotated[int, Field(ge=1, le=99)] = 3  # changes of direction of its scaling
    scaling_window: PositiveDuration = 1_800 * SECOND_NS
    restarts_max: Annotated[int, Field(ge=1, le=99)] = 5
    restart_window: PositiveDuration = 600 * SECOND_NS
    hold_back: bool = True  # an attempt that would go on with it fails, for the reason Oscillating
    retryable: bool = False

    def build(self) -> dict[str, Any]:
        """Return the fields of the engine's policy."""
        return {
            "reversals_max": self.reversals_max,
            "scaling_window_ns": self.scaling_window,
            "restarts_max": self.restarts_max,
            "restart_window_ns": self.restart_window,
            "hold_back": self.hold_back,
            "retryable": self.retryable,
        }


class Engine(Model):
    """The engine: its limits, its own cost, its optimiser. All that is switchable is off by default.

    A preset gives the limits of a known engine, field by field, where the scenario says nothing.
    """

    preset: Literal["argo-workflows", "tekton", "controller-runtime", "unlimited"] | None = None
    max_concurrency: CountOrUnlimited = 10  # executions at once; the rest wait in admission
    step_slots: CountOrUnlimited = None  # attempts at once, over all executions
    step_timeout: PositiveDuration = 600 * SECOND_NS
    execution_timeout: DurationOrUnlimited = None
    dispatch: Literal["fifo", "critical-path"] = "fifo"
    client: Client = Client()
    cost: Cost = Cost()
    ageing: PositiveDuration | None = None  # one priority level for so much waiting
    semaphores: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(default_factory=dict)
    rates: dict[str, ActionRate] = Field(default_factory=dict)
    coalesce: Rows[str] = ()  # actions carried out once for all who ask for the same; or all, or none
    capacity_aware: bool = False  # do not start what the cluster cannot hold
    reduce_needs: bool = False  # drop needs that follow from others
    parallelise: bool = False  # run side by side what only its order of definition holds apart
    reads: Literal["api", "cache"] = "api"  # where the engine's reads are answered
    throttle_backoff: Duration = 0  # first wait after a refusal with 429, then doubled; 0s: it is a failure
    oscillation: Oscillation | None = None
    cancel_grace: Duration = 30 * SECOND_NS  # for the clean-up of what is cancelled
    subflow_depth_max: Annotated[int, Field(ge=1, le=64)] = 8

    @model_validator(mode="before")
    @classmethod
    def _preset_first(cls, value: Any) -> Any:
        preset = value.get("preset") if isinstance(value, dict) else None
        return with_preset(value) if isinstance(preset, str) and preset in ENGINE_PRESETS else value

    @field_validator("coalesce", mode="before")
    @classmethod
    def _all_or_none(cls, value: Any) -> Any:
        """One word for the two ends, so that a sweep can switch between them."""
        if value == "none":
            return ()
        if value == "all":
            from engine.registry import actions

            return tuple(name for name, spec in actions().items() if spec.coalescible)
        return value

    @model_validator(mode="after")
    def _actions_are_known(self) -> Self:
        _refuse_unknown("rates", self.rates)
        _refuse_unknown("coalesce", self.coalesce)
        return self

    def build(self, semaphores: Mapping[str, int]) -> EngineSpec:
        """Return the spec; `semaphores` are those of the workflows, unless the scenario says otherwise."""
        return EngineSpec(
            max_concurrency=self.max_concurrency,
            step_slots=self.step_slots,
            step_timeout_ns=self.step_timeout,
            execution_timeout_ns=self.execution_timeout,
            dispatch=self.dispatch,
            client_qps=self.client.qps,
            client_burst=self.client.burst,
            decision_ns=self.cost.decision,
            workers=self.cost.workers,
            store_commit=None if self.cost.store_commit == _FREE else self.cost.store_commit,
            store_group=self.cost.store_group,
            ageing_ns=self.ageing,
            semaphores={**semaphores, **self.semaphores},
            rates={name: (rate.rate, rate.burst) for name, rate in self.rates.items()},
            coalesce=self.coalesce,
            capacity_aware=self.capacity_aware,
            reduce_needs=self.reduce_needs,
            parallelise=self.parallelise,
            reads=self.reads,
            throttle_backoff_ns=self.throttle_backoff,
            oscillation=self.oscillation.build() if self.oscillation else None,
            cancel_grace_ns=self.cancel_grace,
            subflow_depth_max=self.subflow_depth_max,
        )


def _refuse_unknown(key: str, names: Iterable[str]) -> None:
    listed = list(names)
    if not listed:
        return
    from engine.registry import actions

    known = actions()

    for position, name in enumerate(listed):
        at: tuple[str | int, ...] = (key, name) if key == "rates" else (key, position)
        if name not in known:
            raise custom_error(f"unknown action '{name}'", one_of(known), did_you_mean(name, known), at)
        if key == "coalesce" and not known[name].coalescible:
            able = [other for other, spec in known.items() if spec.coalescible]
            raise custom_error(f"{name} cannot be shared", one_of(able), at=at)
