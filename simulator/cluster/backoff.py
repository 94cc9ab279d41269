"""The kubelet's back-off of what keeps failing: containers that crash, images that cannot be pulled."""

# k/k pkg/kubelet/kubelet.go: backOffPeriod and MaxContainerBackOff, imageBackOffPeriod and MaxImageBackOff.
# doBackOff (kuberuntime) restarts at once the first time, since only that makes the back-off's entry.
BACKOFF_NS = 10_000_000_000
BACKOFF_NS_MAX = 300_000_000_000
# k/k pkg/util/goroutinemap/exponentialbackoff: initialDurationBeforeRetry, maxDurationBeforeRetry.
MOUNT_BACKOFF_NS = 500_000_000
MOUNT_BACKOFF_NS_MAX = 122_000_000_000
# client-go util/flowcontrol/backoff.go: an entry counts no more after twice the longest back-off.
FORGOTTEN_AFTER_NS = 2 * BACKOFF_NS_MAX


def crash_backoff_ns(restarts: int) -> int:
    """Return how long a container that has been restarted `restarts` times waits after its next crash."""
    return min(BACKOFF_NS << min(restarts - 1, 10), BACKOFF_NS_MAX) if restarts else 0


def mount_backoff_ns(failures: int) -> int:
    """Return how long volumes are not mounted again after `failures` failures in a row, and one more."""
    return min(MOUNT_BACKOFF_NS << min(failures, 10), MOUNT_BACKOFF_NS_MAX)


def pull_backoff_ns(failures: int) -> int:
    """Return how long an image is not pulled again after its `failures`-th failure in a row."""
    return min(BACKOFF_NS << min(failures - 1, 10), BACKOFF_NS_MAX)
