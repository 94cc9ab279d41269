"""The named causes to which every nanosecond of a step is charged.

There is no residual: the sum of a step's causes is its duration exactly. `UNATTRIBUTED` exists for the live
world only, which cannot see inside the cluster; the simulator never uses it.
"""

from enum import StrEnum


class Cause(StrEnum):
    """Why time passed. Values are the words that reports print."""

    ADMISSION = "admission"  # the execution waited for one of the engine's execution slots
    DISPATCH_QUEUE = "dispatch queue"  # the step was ready and waited for a step slot
    LOCK = "lock"  # the step waited for a mutex or a semaphore
    RATE_LIMIT = "rate limit"  # the action had started as often as it may
    CAPACITY = "capacity"  # the cluster could not hold what the step, or the execution's first steps, demand
    COALESCED = "coalesced"  # the same was under way for another step, whose end was waited for
    CLIENT_THROTTLE = "client throttle"  # the engine's own client-side token bucket
    API_QUEUE = "API queue"  # waiting for a seat of the API server
    API_SERVICE = "API service"  # being served, the etcd commit of a write included
    WATCH_DELAY = "watch delay"  # from the commit to the watcher's cache
    CONTROLLER_THROTTLE = "controller throttle"  # the controller manager's shared bucket
    CONTROLLER_QUEUE = "controller queue"  # a controller's worker: waiting for it, its work, its back-off
    PROGRESS_DEADLINE = "progress deadline"  # a roll-out made no progress, until it counted as failed
    SCHEDULING = "scheduling"  # scheduler queue, cycle, and waiting for capacity
    SCHEDULING_BACKOFF = "scheduling back-off"
    IMAGE_PULL = "image pull"
    INIT_CONTAINER = "init containers"  # what a pod does before its containers are started
    CONTAINER_START = "container start"  # kubelet: volumes, sandbox, create, start, PLEG
    READINESS = "readiness"  # the workload's own start-up and the probe that sees it
    CRASH_BACKOFF = "crash back-off"  # the kubelet's, between restarts of a crashing container
    TERMINATION_GRACE = "termination grace"  # SIGTERM to exit
    EVICTION_RETRY = "eviction retry"  # waiting before an eviction refused with 429 is tried again
    RETRY_BACKOFF = "retry back-off"  # between attempts of a step
    SIGNAL = "signal"  # waiting for something that nobody in this run had begun
    PAUSE = "pause"
    STORE_COMMIT = "store commit"
    ENGINE_DECISION = "engine decision"
    DECLARED_WORK = "declared work"  # a wait that the workflow itself declares
    MONITORING = "monitoring"  # a query, alert or silence at the monitoring system
    OUTBOUND = "outbound"  # a webhook or a notification: somebody else's server
    JOB_RUN = "job run"  # a Job's pod doing its declared work
    UNATTRIBUTED = "unattributed"  # live only
