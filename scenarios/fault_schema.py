"""The faults of a scenario: what may be written of each kind, when it happens and what it hits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from scenarios.distributions import mean_s
from scenarios.errors import did_you_mean, one_of
from scenarios.fields import (
    Distribution,
    Duration,
    Model,
    PositiveDuration,
    Ratio,
    Rows,
    custom_error,
)
from scenarios.units import SECOND_NS, format_duration

FaultName = Literal[
    "node-crash", "node-pause", "node-partition", "kubelet-stop", "zone-loss", "scheduler-stop",
    "controller-manager-stop", "api-errors", "api-slow", "watch-drop", "watch-stale", "etcd-slow",
    "etcd-full", "image-pull-failure", "crash-loop",
]  # fmt: skip
ApiClient = Literal[
    "engine", "controllers", "controller-manager", "scheduler", "kubelets", "storage", "autoscaler"
]
Verb = Literal["get", "list", "create", "patch", "delete"]
Status = Literal[409, 429, 500, 503, 504, "timeout"]
Names = Annotated[Rows[str], Field(min_length=1)]
_NODES: Final = ("node", "zone", "workload", "pick")
EVERY_MIN_S: Final = 1.0  # between two beginnings of a fault
_CALLS: Final = ("clients", "verbs", "kinds", "share")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What goes with one kind of fault."""

    summary: str
    targets: tuple[str, ...] = ()  # the keys that say what it hits
    hits: tuple[str, ...] = ()  # at least one of these is needed
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    lasts: bool = True  # whether it goes on; else it is over at once
    defaults: Mapping[str, Any] = field(default_factory=dict)


FAULTS: Final[Mapping[FaultName, FaultKind]] = MappingProxyType(
    {
        "node-crash": FaultKind("the machine dies; when it returns it boots", _NODES, _NODES),
        "node-pause": FaultKind("the machine is not heard of, nor reached", _NODES, _NODES),
        "node-partition": FaultKind("its network is cut; containers run on", _NODES, _NODES),
        "kubelet-stop": FaultKind("its kubelet is down; containers run on", _NODES, _NODES),
        "zone-loss": FaultKind("every node of a zone dies", ("zone", "pick"), ("zone", "pick")),
        "scheduler-stop": FaultKind("no pod is placed"),
        "controller-manager-stop": FaultKind("no controller acts"),
        "api-errors": FaultKind(
            "requests are refused, or their answers never come",
            needs=("status",),
            options=(*_CALLS, "retry_after"),
            defaults={"share": 1.0},
        ),
        "api-slow": FaultKind(
            "requests take longer, by a factor or a time",
            options=(*_CALLS, "factor", "delay"),
            defaults={"share": 1.0},
        ),
        "watch-drop": FaultKind("watch connections break; caches list anew", lasts=False),
        "watch-stale": FaultKind("watchers see the past, later by `lag`", needs=("lag",)),
        "etcd-slow": FaultKind("commits take `factor` times as long", needs=("factor",)),
        "etcd-full": FaultKind("the database has reached its quota: writes are refused"),
        "image-pull-failure": FaultKind("images cannot be pulled", _NODES, options=("image",)),
        "crash-loop": FaultKind(
            "a workload's containers crash, and crash again",
            ("workload",),
            ("workload",),
            options=("after",),
            defaults={"after": 1_000_000_000},
        ),
    }
)


class FaultEntry(Model):
    """One fault: `at` an instant, or again and again (`every`), `for` so long or for good."""

    fault: FaultName
    at: Duration | None = None
    every: Distribution | None = None
    lasts: Annotated[Distribution | None, Field(alias="for")] = None
    node: str | Names | None = None
    zone: str | None = None
    workload: str | None = None
    pick: Annotated[int, Field(ge=1, le=100_000)] | None = None
    status: Status | None = None
    share: Ratio | None = None  # of the requests
    clients: Annotated[Rows[ApiClient], Field(min_length=1)] | None = None  # all, unless said
    verbs: Annotated[Rows[Verb], Field(min_length=1)] | None = None
    kinds: Names | None = None
    retry_after: Duration | None = None  # what a refusal with 429 asks for
    factor: Annotated[float, Field(gt=1, le=100_000)] | None = None
    delay: PositiveDuration | None = None
    lag: PositiveDuration | None = None
    image: str | None = None
    after: Duration | None = None  # from a container's start to its crash

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        kind = FAULTS[self.fault]
        _check_times(self, kind)
        given = [name for name in (*_NODES, *_OPTIONS) if getattr(self, name) is not None]
        allowed = (*kind.targets, *kind.needs, *kind.options)
        for name in given:
            if name not in allowed:
                expected = f"fault, {'at, every, for' if kind.lasts else 'at, every'}"
                expected += "".join(f", {word}" for word in allowed)
                raise custom_error(f"'{name}' does not go with {self.fault}", expected, at=(name,))
        if kind.hits and not any(name in given for name in kind.hits):
            raise custom_error(f"a {self.fault} that hits nothing", one_of(kind.hits), at=("fault",))
        for name in kind.needs:
            if name not in given:
                raise custom_error(f"a {self.fault} without {name}", f"{name}", at=("fault",))
        if self.fault == "api-slow" and (self.factor is None) == (self.delay is None):
            raise custom_error("not one measure of how slow", "exactly one of factor, delay", at=("fault",))
        if self.retry_after is not None and self.status != 429:
            raise custom_error(
                f"'retry_after' with status {self.status}",
                "status: 429, the only refusal that says when to try again",
                at=("retry_after",),
            )
        return self

    @property
    def options(self) -> dict[str, Any]:
        """What the kind of fault is given beside its time and targets, defaults included."""
        kind = FAULTS[self.fault]
        names = [name for name in _OPTIONS if name in (*kind.needs, *kind.options)]
        said = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return dict(kind.defaults) | {
            name: list(value) if isinstance(value, tuple) else value for name, value in said.items()
        }


_OPTIONS: Final = (
    "status", "share", "clients", "verbs", "kinds", "retry_after", "factor", "delay", "lag", "image", "after",
)  # fmt: skip
assert tuple(FAULTS) == get_args(FaultName), "every kind of fault has its entry"


def _check_times(entry: FaultEntry, kind: FaultKind) -> None:
    if (entry.at is None) == (entry.every is None):
        found = "neither at nor every" if entry.at is None else "at and every"
        raise custom_error(found, "exactly one of at (an instant), every (a distribution)", at=("fault",))
    if entry.lasts is not None and not kind.lasts:
        raise custom_error(
            f"'for' does not go with {entry.fault}", "no 'for': it is over at once", at=("for",)
        )
    if entry.every is not None:
        _check_every(entry.every)
    if entry.lasts is not None and _most_s(entry.lasts) <= 0:
        raise custom_error("a fault that lasts 0s", "more than 0s, or no 'for': for good", at=("for",))


def _check_every(every: Mapping[str, Any]) -> None:
    """Refuse a fault that would happen without end at one instant, or as good as.

    What has no least value above 0 (exponential, lognormal) is held to its typical one.
    """
    kind = every["dist"]
    if kind in ("exponential", "lognormal"):
        name = "mean" if kind == "exponential" else "median"
        least_s, what, expected = every[f"{name}_s"], f"with a {name} of", f"a {name} of 1s or more"
    else:
        least_s, what, expected = _least_s(every), "as soon as", "1s or more at the least"
    if least_s < EVERY_MIN_S:
        found = format_duration(round(least_s * SECOND_NS))
        raise custom_error(f"a fault again {what} {found}", expected, at=("every",))


def _least_s(distribution: Mapping[str, Any]) -> float:
    """Return the least value that can occur."""
    match distribution["dist"]:
        case "constant":
            return float(distribution["value_s"])
        case "uniform":
            return float(distribution["low_s"])
        case _:
            return float(min(distribution["values_s"]))


def _most_s(distribution: Mapping[str, Any]) -> float:
    """Return the largest value that can occur, or one above 0 where there is none."""
    match distribution["dist"]:
        case "constant":
            return float(distribution["value_s"])
        case "uniform":
            return float(distribution["high_s"])
        case "empirical":
            return float(max(distribution["values_s"]))
        case _:
            return mean_s(distribution)


def unknown(what: str, name: str, known: list[str]) -> tuple[str, str, str]:
    """Return the parts of a message about a name that is not in the cluster."""
    expected = one_of(known) if known else f"a cluster that has {what}s"
    return f"unknown {what} '{name}'", expected, did_you_mean(name, known)
