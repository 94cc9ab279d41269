"""The one flat, versioned schema of a run's records, written by both worlds and read by every report.

A records file is JSON lines; each row has a `type` and the fields of the TypedDict of that name here. Times
are integer nanoseconds since the start of the run. Rows are ordered: run, then executions by index (each
followed by its steps in order of definition, each followed by its attempts and their effects), then
samples, then faults, then node pools.
"""

from typing import Any, Final, Literal, NotRequired, TypedDict

SCHEMA_VERSION: Final = 1


class RunRow(TypedDict):
    """One per file, the first."""

    type: Literal["run"]
    schema: int
    world: str  # "simulated" | "live"
    scenario: str
    requirement: str
    point: int
    coordinates: dict[str, Any]
    replication: int
    seed: int
    digest: str  # of the RunSpec
    history_digest: str
    submitted_count: int
    completed_count: int
    failed_count: int
    unfinished_count: int  # at the horizon (censored)
    first_arrival_ns: int
    ended_ns: int  # when the last execution ended and no fault's end was awaited, or the horizon
    makespan_ns: int  # first arrival to the end of the last execution; the horizon if unfinished
    executions_active_max: int
    api_requests_count: int  # all clients
    client_requests_count: int  # the engine's own client
    events_count: int  # events of the history
    checks: dict[str, int]  # invariant -> number of violations; empty of violations means all zero
    causes: dict[str, int]  # cause -> ns, summed over executions' critical paths


class ExecutionRow(TypedDict):
    """One per execution.

    One that has not ended when its run does is ``unfinished``: its `ended_ns` is then the horizon, up to
    which its causes are charged. The same holds for unfinished steps and attempts.
    """

    type: Literal["execution"]
    execution: str
    index: int
    workflow: str
    state: str  # completed | failed | unfinished
    failure: str  # reason: message of the first failed step, or empty
    submitted_ns: int
    admitted_ns: int  # got an execution slot
    started_ns: int  # first attempt (or first evaluation) began
    ended_ns: int
    steps_count: int
    steps_completed_count: int
    attempts_count: int
    progress_gap_ns_max: (
        int  # longest time between two signs of progress (submission, attempt start or end, step end)
    )
    causes: dict[str, int]  # along the critical path; sums to ended_ns - submitted_ns exactly


class StepRow(TypedDict):
    """One per step that became ready; steps skipped or never reached have no times (-1) and no causes."""

    type: Literal["step"]
    execution: str
    step: str
    kind: str
    action: str
    state: str  # completed | failed | skipped | omitted | cancelled | unfinished
    failure: str
    ready_ns: int
    started_ns: int
    ended_ns: int
    attempts_count: int
    critical: bool  # on the critical path of its execution
    causes: dict[str, int]  # sums to ended_ns - ready_ns exactly


class AttemptRow(TypedDict):
    """Detail: one per attempt. `spans`: contiguous [cause, start_ns, end_ns], started_ns to ended_ns."""

    type: Literal["attempt"]
    execution: str
    step: str
    attempt: int
    started_ns: int
    ended_ns: int
    outcome: str  # succeeded | failed | cancelled | unfinished
    failure: str
    spans: list[tuple[str, int, int]]


class EffectRow(TypedDict):
    """Detail: one per effect."""

    type: Literal["effect"]
    execution: str
    step: str
    attempt: int
    effect: str
    target: str
    started_ns: int
    ended_ns: int
    outcome: str  # ok, or the reason of the error


class SampleRow(TypedDict):
    """A station or cluster quantity: totals since the start of the run up to `at_ns`.

    Every run has one row per station at its end; with detail also one per second of virtual time; in a
    longer run, every second, fourth, ... so that there are 600 per station at most.
    """

    type: Literal["sample"]
    at_ns: int
    station: (
        str  # "api.workload-low", "client.engine", "kubelet.node-0", "scheduler", "engine.executions", ...
    )
    seats: int  # 0: unlimited or not a server
    arrivals_count: int
    busy_ns: int  # sum of service over seats
    wait_ns: int  # sum of waits
    queue_length_max: int
    queue_ns: NotRequired[int]  # time integral of the queue length, counted apart from the waits
    note: NotRequired[str]


class FaultRow(TypedDict):
    """One for each time that a fault of the scenario happened, in order of beginning.

    An instant that had not come by the end of the run is -1. What was wrong before the run began is left
    out of account.
    """

    type: Literal["fault"]
    fault: str
    index: int  # of the scenario's faults
    targets: list[str]  # what it hit: nodes, zones, workloads, clients
    began_ns: int
    ended_ns: int
    restored_ns: int  # every workload had its wanted number of ready pods on nodes that were there
    whole_ns: int  # and it was over, and every node was ready


class PoolRow(TypedDict):
    """One for each node pool, where any has a price or is autoscaled: what its nodes cost over the run."""

    type: Literal["pool"]
    pool: str
    nodes_count_min: int
    nodes_count_max: int
    nodes_count_end: int
    node_ns: int  # summed over its nodes, from the order of each to its end
    price_per_hour: float  # of one node; 0 where none was said
    cost: float


Row = RunRow | ExecutionRow | StepRow | AttemptRow | EffectRow | SampleRow | FaultRow | PoolRow
