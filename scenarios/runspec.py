"""`RunSpec`: one sweep point x one replication, with every default explicit. The only input of a world.

A RunSpec is plain data (JSON-serialisable, picklable). Its `digest` identifies what a run was asked to do.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from scenarios.fault_spec import FaultSpec

Json = Any  # None, bool, int, float, str, list or dict of the same


@dataclass(frozen=True)
class EngineSpec:
    """The engine's limits. None means unlimited."""

    max_concurrency: int | None  # executions at once; the rest wait in admission
    step_slots: int | None  # attempts at once, over all executions
    step_timeout_ns: int
    execution_timeout_ns: int | None
    dispatch: Literal["fifo", "critical-path"]
    client_qps: float | None  # None: no client-side token bucket
    client_burst: int
    decision_ns: int  # virtual time one engine decision takes
    workers: int = 1  # decisions at once
    store_commit: Mapping[str, Json] | None = None  # how long a commit of its store takes; None: no store
    store_group: int = 1_000  # events that one commit takes at most
    ageing_ns: int | None = None  # one priority level for so much waiting; None: no ageing
    semaphores: Mapping[str, int] = field(default_factory=dict)  # locks that more than one may hold
    rates: Mapping[str, tuple[float, int]] = field(default_factory=dict)  # action -> starts a second, burst
    coalesce: tuple[str, ...] = ()  # actions that steps with the same target share
    capacity_aware: bool = False  # do not start what the cluster cannot hold
    reduce_needs: bool = False  # drop needs that follow from others
    parallelise: bool = False  # run side by side what only its order of definition holds apart
    reads: Literal["api", "cache"] = "api"  # where Get and List are answered
    throttle_backoff_ns: int = 0  # first wait before a call refused with 429 is made again; 0: it fails
    oscillation: Mapping[str, Json] | None = None  # of `engine.core.action_history.OscillationPolicy`
    cancel_grace_ns: int = 30_000_000_000
    subflow_depth_max: int = 8


@dataclass(frozen=True)
class LoadSpec:
    """How executions arrive.

    burst: `count` at time 0. closed: `users` each submit, wait for the end, think `think_ns` on average
    (exponential; 0: none), until `for_ns`. open: a Poisson stream of `rate_per_s` until `for_ns`. trace: as
    `gaps` say, nanoseconds to the first arrival and from each to the next, apart by spaces. Nothing
    arrives after `for_ns`; what has arrived is run to its end, or to `horizon_ns`.
    """

    kind: Literal["burst", "closed", "open", "trace"]
    count: int = 0
    users: int = 0
    think_ns: int = 0
    rate_per_s: float = 0.0
    for_ns: int = 0
    gaps: str = ""


@dataclass(frozen=True)
class TargetsSpec:
    """Which Deployments the steps of an execution act on.

    `assign`: "random" draws each step's target uniformly over pods (so a Deployment of 8 replicas is drawn
    8 times as often as one of 1), keyed by execution and step; "round-robin" takes them in order of
    execution index, then step. `deployments` is the explicit list, "namespace/name", in order.
    """

    deployments: tuple[str, ...]
    replicas: tuple[int, ...]  # as the cluster file declares them, for the uniform draw over pods
    assign: Literal["random", "round-robin"]


@dataclass(frozen=True)
class SignalSpec:
    """A signal that every execution is sent.

    after: the time from the submission of the execution, or from the moment at which a step begins to wait
    for the signal (`from_waiting`), drawn anew for each.
    """

    name: str
    after: Mapping[str, Json]  # a distribution
    payload: Mapping[str, Json]
    from_waiting: bool


@dataclass(frozen=True)
class WorkloadSpec:
    """The workflow, its variables (templates evaluated per execution) and the load.

    `subflows` are what the workflow calls, and what they call, each before its callers.
    """

    workflow: Mapping[str, Json]  # Workflow.to_json()
    variables: Mapping[str, Json]
    targets: TargetsSpec | None
    load: LoadSpec
    subflows: tuple[Mapping[str, Json], ...] = ()
    signals: tuple[SignalSpec, ...] = ()


@dataclass(frozen=True)
class ClusterSpec:
    """The modelled cluster: Kubernetes objects, behaviour of workloads, and every parameter of the model."""

    name: str
    kubernetes_version: str
    objects: tuple[
        Mapping[str, Json], ...
    ]  # as the API writes them; Pods of a Deployment may be left to the model
    behaviours: Mapping[
        str, Mapping[str, Json]
    ]  # "namespace/deployment" or "*" -> startup, exit, ... (distributions)
    parameters: Mapping[str, Json]  # name -> value, all of `scenarios.parameters.CATALOGUE`
    overrides: Mapping[str, str]  # parameter name -> who overrode it
    pools: tuple[Mapping[str, Json], ...] = ()  # nodes that have a price, or that come and go


@dataclass(frozen=True)
class RunSpec:
    """One run. `coordinates` are the swept paths with this point's values, for people and reports."""

    scenario: str
    requirement: str
    point: int
    coordinates: Mapping[str, Json]
    replication: int
    seed: int
    horizon_ns: int
    detail: bool  # write attempt, effect and sample rows too
    engine: EngineSpec
    workload: WorkloadSpec
    cluster: ClusterSpec
    faults: tuple[FaultSpec, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the spec as JSON values."""
        data = dataclasses.asdict(self)
        # What a run is not given does not change the digest of those that were never asked for it.
        if not self.faults:
            del data["faults"]
        if not self.cluster.pools:
            del data["cluster"]["pools"]
        if not self.workload.load.gaps:
            del data["workload"]["load"]["gaps"]
        return data

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of everything above, as 64 hex digits."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
