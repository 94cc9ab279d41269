"""What a Job asks for, and how it has gone so far: plain reckoning over its pods.

The rules are pkg/controller/job/job_controller.go's: completions, the limit of failures (also of restarts
under OnFailure), the deadline, and which indexes an Indexed Job still needs.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.core.effects import Resource
from simulator.cluster.instants import seconds_of
from simulator.cluster.objects import condition_named, condition_of, has_ended, is_active, is_ready

INDEX: Final = "batch.kubernetes.io/job-completion-index"
COMPLETE, FAILED = "Complete", "Failed"
_FAILING, _SUCCEEDING = "FailureTarget", "SuccessCriteriaMet"
LIMIT, DEADLINE, REACHED = "BackoffLimitExceeded", "DeadlineExceeded", "CompletionsReached"


def is_finished(job: Resource) -> bool:
    """Say whether the Job has ended, either way."""
    return condition_of(job, COMPLETE) == "True" or condition_of(job, FAILED) == "True"


def finished_at(job: Resource) -> str:
    """Return when the Job ended; it has."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    ended = next(one for one in conditions if one["type"] in (COMPLETE, FAILED) and one["status"] == "True")
    since: str = ended.get("lastTransitionTime", "")
    return since


@dataclass(slots=True)
class Tally:
    """The pods of one Job that have ended, the way they did, over all its time."""

    succeeded: int = 0
    failed: int = 0
    indexes: dict[int, None] | None = None  # that have succeeded


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The fields of a Job's spec that the controller goes by, defaults in place."""

    parallelism: int
    completions: int | None  # None: a work queue, over when one pod has succeeded and none runs
    limit: int
    deadline_s: int | None
    suspended: bool
    indexed: bool
    on_failure: bool

    @classmethod
    def of(cls, job: Resource) -> "JobSpec":
        """Read a Job (defaults: pkg/apis/batch/v1/defaults.go)."""
        spec = job["spec"]
        completions = spec.get("completions", None if "parallelism" in spec else 1)
        return cls(
            parallelism=spec.get("parallelism", 1),
            completions=completions,
            limit=spec.get("backoffLimit", 6),
            deadline_s=spec.get("activeDeadlineSeconds"),
            suspended=bool(spec.get("suspend")),
            indexed=spec.get("completionMode") == "Indexed",
            on_failure=spec["template"]["spec"].get("restartPolicy") == "OnFailure",
        )

    def failure(self, job: Resource, pods: Iterable[Resource], tally: Tally, now: str) -> tuple[str, str]:
        """Return why the Job has failed (reason, message), or two empty texts."""
        known = condition_named((job.get("status") or {}).get("conditions") or (), _FAILING)
        if known is not None:
            return known["reason"], known["message"]
        if tally.failed > self.limit or self._restarted_too_often(pods):
            return LIMIT, "Job has reached the specified backoff limit"
        since = (job.get("status") or {}).get("startTime")
        if self.deadline_s is None or not since or self.suspended:
            return "", ""
        if seconds_of(now) - seconds_of(since) < self.deadline_s:
            return "", ""
        return DEADLINE, "Job was active longer than specified deadline"

    def _restarted_too_often(self, pods: Iterable[Resource]) -> bool:
        if not self.on_failure:
            return False
        restarts: int = sum(
            one.get("restartCount", 0)
            for pod in pods
            if not has_ended(pod)
            for one in (pod.get("status") or {}).get("containerStatuses") or ()
        )
        return restarts > 0 if self.limit == 0 else restarts >= self.limit

    def is_complete(self, tally: Tally, active: int) -> bool:
        """Say whether enough pods have succeeded."""
        if self.completions is None:
            return tally.succeeded > 0 and active == 0
        return tally.succeeded >= self.completions

    def wanted(self, tally: Tally, active: int) -> int:
        """Return how many pods may run now."""
        if self.completions is None:
            return active if tally.succeeded else self.parallelism
        return min(self.parallelism, max(0, self.completions - tally.succeeded))

    def missing_indexes(self, pods: Iterable[Resource], tally: Tally) -> Iterator[int]:
        """Yield the indexes without success and without a pod that runs, the lowest first."""
        taken = {index_of(pod) for pod in pods if is_active(pod)}
        done = tally.indexes or {}
        return (one for one in range(self.completions or 0) if one not in done and one not in taken)


def index_of(pod: Resource) -> int:
    """Return the completion index that a pod bears, or -1."""
    return int((pod["metadata"].get("annotations") or {}).get(INDEX, -1))


def phase_of(pod: Resource) -> str:
    """Return the pod's phase."""
    phase: str = (pod.get("status") or {}).get("phase", "")
    return phase


def outcome(pod: Resource) -> str:
    """Return how a pod counts: Succeeded, Failed (so does one that is asked to go), or an empty text."""
    phase = phase_of(pod)
    if phase == "Succeeded":
        return phase
    return "Failed" if phase == "Failed" or not is_active(pod) else ""


def counts_of(pods: Iterable[Resource], tally: Tally) -> dict[str, Any]:
    """Return the counts of a Job's status."""
    standing = list(pods)
    active = [pod for pod in standing if is_active(pod)]
    status: dict[str, Any] = {
        "active": len(active),
        "ready": sum(map(is_ready, active)),
        "terminating": sum(not is_active(pod) and not has_ended(pod) for pod in standing),
        "succeeded": tally.succeeded,
        "failed": tally.failed,
    }
    if tally.indexes is not None:
        status["completedIndexes"] = ranges(sorted(tally.indexes))
    return status


def ranges(numbers: Iterable[int]) -> str:
    """Write numbers as ``0,2-5,9`` (indexed_job_utils.go)."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)


def ending(failure: tuple[str, str], *, complete: bool, gone: bool) -> list[tuple[str, str, str]]:
    """Return the conditions (type, reason, message) of a Job that ends; the last when all its pods have."""
    if complete:
        message = "Reached expected number of succeeded pods"
        first, last, said = _SUCCEEDING, COMPLETE, (REACHED, message)
    elif failure[0]:
        first, last, said = _FAILING, FAILED, failure
    else:
        return []
    return [(first, *said), (last, *said)] if gone else [(first, *said)]


def unchanged(written: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Say whether a status says nothing that the last one did not."""
    empty: tuple[Any, ...] = (0, "", (), [], None)
    return all(
        written.get(name) == value or (value in empty and written.get(name) in empty)
        for name, value in status.items()
    )
