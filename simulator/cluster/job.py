"""The Job controller: runs pods until enough have succeeded, too many have failed, or time is up.

What its pods do is looked at once a second (SyncJobBatchPeriod). Each pod that has ended costs three writes,
as counting it must survive a crash of the controller: the status that names it, its finalizer's removal, and
the status that counts it (trackJobStatusAndRemoveFinalizers). Finalizers are such writes only: no pod is kept
back by one.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import Conflict, NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.deleting import delete_if_there
from simulator.cluster.events import EventRecorder
from simulator.cluster.expectations import Expiry
from simulator.cluster.injection import CREATE_POD, DELETE_POD
from simulator.cluster.instants import seconds_of, until
from simulator.cluster.jobspec import (
    INDEX,
    JobSpec,
    Tally,
    counts_of,
    ending,
    index_of,
    is_finished,
    outcome,
    unchanged,
)
from simulator.cluster.objects import (
    has_ended,
    is_active,
    is_ready,
    is_terminating,
    key_of,
    owner_of,
    with_condition,
)
from simulator.cluster.offspring import new_pod
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.streams import entity
from simulator.tasks import Gather, Waitable

# k/k pkg/controller/job/job_controller.go: DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff (10 minutes
# since 1.27), MaxPodCreateDeletePerSync.
_UPDATE: Final = ("update", "Job")
POD_BACKOFF_NS: Final = 10_000_000_000
POD_BACKOFF_NS_MAX: Final = 600_000_000_000
BURST: Final = 500
Steps = Generator["int | Waitable", Any, Link]


class _Job:
    """What is known of one Job."""

    def __init__(self) -> None:
        self.pods: dict[str, Resource] = {}
        self.tally = Tally()
        self.counted: dict[str, None] = {}  # uids of pods in the tally
        self.untracked: list[str] = []  # pods in the tally whose finalizers are still to be removed
        self.dropped: dict[str, None] = {}  # names of pods that were too many: they count for nothing
        self.awaited: dict[str, None] = {}  # names of pods created and not yet seen
        self.created = 0
        self.failed_in_row = 0
        self.held_until = 0
        self.batch_at = -1  # when what its pods did is looked at
        self.deadline_at = -1
        self.error = False
        self.written: Mapping[str, Any] = {}  # the last status, which the cache may not show yet
        self.unsure = False  # whether that was written at all


class JobController:
    """Keeps every Job supplied with pods, and says how it ended."""

    def __init__(
        self,
        store: Store,
        watch: Watch,
        client: Client,
        slow_start: int,
        timestamp: Callable[[], str],
        batch_ns: int,
    ) -> None:
        """Look at what pods did `batch_ns` after the first of it."""
        self.queue: WorkQueue
        self.events: EventRecorder
        self._store = store
        self._watch = watch
        self._client = client
        self._slow_start = slow_start
        self._timestamp = timestamp
        self._batch_ns = batch_ns
        self._jobs: dict[Key, _Job] = {}
        self._expiry = Expiry(
            watch, lambda: {key: known.awaited for key, known in self._jobs.items()}, lambda: self.queue
        )
        watch.subscribe(("Job",), self._job_changed)
        watch.subscribe(("Pod",), self._pod_changed, owner="Job")

    def load(self, link: Link) -> None:
        """Take in the jobs and their pods that exist before time 0."""
        for key, pod in sorted(self._watch.cache.get("Pod", {}).items()):
            owner = owner_of(pod, "Job")
            if owner is not None:
                self._known(owner).pods[key[1]] = pod
        for key, job in self._watch.cache.get("Job", {}).items():
            known = self._known(key)
            known.created = len(known.pods)
            for pod in known.pods.values():
                self._count(known, pod)
            known.untracked.clear()
            status = job.get("status") or {}
            known.tally.succeeded = max(known.tally.succeeded, status.get("succeeded", 0))
            known.tally.failed = max(known.tally.failed, status.get("failed", 0))
            known.failed_in_row = 0
            self.queue.add(key, link)

    def _known(self, key: Key) -> _Job:
        known = self._jobs.get(key)
        if known is None:
            known = self._jobs[key] = _Job()
        return known

    def _job_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            self._jobs.pop(key_of(before or {}), None)
        elif before is None or before["spec"] != after["spec"]:
            self.queue.add(key_of(after), link)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        pod = after or before or {}
        owner = owner_of(pod, "Job")
        if owner is None or owner not in self._watch.cache.get("Job", {}):
            return
        known, name = self._known(owner), pod["metadata"]["name"]
        known.awaited.pop(name, None)
        if after is None:
            known.pods.pop(name, None)
            self._count(known, pod, gone=True)
        else:
            known.pods[name] = after
            self._count(known, after)
        now = self.queue.now
        if known.batch_at < now:
            known.batch_at = now + self._batch_ns
            self.queue.add_after(self._batch_ns, owner, link)

    def _count(self, known: _Job, pod: Resource, *, gone: bool = False) -> None:
        """Take a pod that has ended into the tally, once."""
        metadata = pod["metadata"]
        how = outcome(pod) or ("Failed" if gone else "")
        if not how or metadata["uid"] in known.counted or metadata["name"] in known.dropped:
            return
        known.counted[metadata["uid"]] = None
        known.untracked.append(metadata["name"])
        index, tally = index_of(pod), known.tally
        if index >= 0 and tally.indexes is None:
            tally.indexes = {}
        if how == "Succeeded":
            known.failed_in_row = 0
            if tally.indexes is not None:
                tally.indexes[index] = None
                tally.succeeded = len(tally.indexes)
            else:
                tally.succeeded += 1
            return
        tally.failed += 1
        known.failed_in_row += 1
        delay = min(POD_BACKOFF_NS << min(known.failed_in_row - 1, 30), POD_BACKOFF_NS_MAX)
        known.held_until = self.queue.now + delay

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Create or delete pods, then write how the Job stands."""
        job = self._watch.cache.get("Job", {}).get(key)
        if job is None or is_terminating(job):
            return False
        known = self._known(key)
        if is_finished({"status": known.written or job.get("status")}):
            return False
        spec = JobSpec.of(job)
        known.error = False
        if self._expiry.due:
            for name in self._expiry.take(key):
                known.awaited.pop(name, None)
        pods = list(known.pods.values())
        failure = spec.failure(job, pods, known.tally, self._timestamp())
        active = [pod for pod in pods if is_active(pod)]
        complete = not failure[0] and spec.is_complete(known.tally, len(active))
        if failure[0] or complete:
            link = yield from self._delete(key, active, link)
        elif spec.suspended:
            link = yield from self._drop(key, known, active, link)
        else:
            link = yield from self._manage(key, job, known, spec, link)
        if known.untracked:
            link = yield from self._track(key, known, link)
        yield from self._write_status(key, job, known, spec, failure, complete=complete, link=link)
        return known.error

    def _manage(self, key: Key, job: Resource, known: _Job, spec: JobSpec, link: Link) -> Steps:
        """Bring the number of pods to what is wanted (manageJob)."""
        if known.awaited:
            return link
        active = [pod for pod in known.pods.values() if is_active(pod)]
        missing = spec.wanted(known.tally, len(active)) - len(active)
        if missing < 0:
            surplus = sorted(active, key=_rank)[:-missing]
            return (yield from self._drop(key, known, surplus, link))
        now = self.queue.now
        if missing and now < known.held_until:
            # Looked at again no sooner than what happens is looked at anyway.
            self.queue.add_after(max(known.held_until - now, self._batch_ns), key, link)
            return link
        missing = min(missing, BURST)
        indexes = list(spec.missing_indexes(known.pods.values(), known.tally))[:missing]
        if spec.indexed:
            missing = len(indexes)
        batch = self._slow_start
        while missing and not known.error:
            size = min(batch, missing)
            link = yield from self._create(
                key, job, known, indexes[:size] if spec.indexed else [-1] * size, link
            )
            missing, indexes, batch = missing - size, indexes[size:], batch * 2
        return link

    def _create(self, key: Key, job: Resource, known: _Job, indexes: Sequence[int], link: Link) -> Steps:
        calls, names = [], []
        for index in indexes:
            ordinal = known.created
            known.created += 1
            pod = new_pod(job, ordinal, 0)
            if index >= 0:
                _give_index(pod, key[1], index)
            name = pod["metadata"]["name"]
            known.awaited[name] = None
            names.append(name)
            number = entity(f"create/{key[0]}/{name}")
            calls.append(self._client.write(partial(self._store.create, pod), number, link, CREATE_POD))
        gathered = Gather(calls)
        yield gathered
        for name, call in zip(names, calls, strict=True):
            self.events.record(key, entity(f"create/{key[0]}/{name}") + 1)
            if call.error is not None:
                known.awaited.pop(name, None)
                known.error = True
        return gathered.link

    def _delete(self, key: Key, pods: Sequence[Resource], link: Link) -> Steps:
        """Delete pods of a Job that has ended."""
        calls = []
        for pod in pods:
            ref, uid = Ref("Pod", pod["metadata"]["name"], key[0]), pod["metadata"]["uid"]
            number = entity(f"delete/{key[0]}/{ref.name}")
            calls.append(
                self._client.write(partial(delete_if_there, self._store, ref, uid), number, link, DELETE_POD)
            )
        if not calls:
            return link
        gathered = Gather(calls)
        yield gathered
        for pod in pods:
            self.events.record(key, entity(f"delete/{key[0]}/{pod['metadata']['name']}") + 1)
        gathered.check()
        return gathered.link

    def _drop(self, key: Key, known: _Job, pods: Sequence[Resource], link: Link) -> Steps:
        """Take pods out of the count and delete them (deleteJobPods)."""
        if not pods:
            return link
        known.dropped |= {pod["metadata"]["name"]: None for pod in pods}
        link = yield from self._release(key, [pod["metadata"]["name"] for pod in pods], link)
        return (yield from self._delete(key, pods, link))

    def _track(self, key: Key, known: _Job, link: Link) -> Steps:
        """Name the pods that have ended in the status, then remove their finalizers."""
        call = self._client.write(
            _nothing, self._client.repeated(f"uncounted/{key[0]}/{key[1]}"), link, _UPDATE
        )
        yield call
        call.check()
        names = known.untracked
        link = yield from self._release(key, names, call.link)
        known.untracked = known.untracked[len(names) :]
        return link

    def _release(self, key: Key, names: Sequence[str], link: Link) -> Steps:
        calls = [
            self._client.write(_nothing, entity(f"release/{key[0]}/{name}"), link, ("patch", "Pod"))
            for name in names
        ]
        gathered = Gather(calls)
        yield gathered
        gathered.check()
        return gathered.link

    def _write_status(
        self,
        key: Key,
        job: Resource,
        known: _Job,
        spec: JobSpec,
        failure: tuple[str, str],
        *,
        complete: bool,
        link: Link,
    ) -> Steps:
        written, now = known.written or job.get("status") or {}, self._timestamp()
        pods = list(known.pods.values())
        status = counts_of(pods, known.tally)
        gone = not any(not has_ended(pod) for pod in pods)
        conditions = list(written.get("conditions") or ())
        for name, reason, message in ending(failure, complete=complete, gone=gone):
            conditions = with_condition(conditions, name, "True", now, reason=reason, message=message)
        suspended = any(one["type"] == "Suspended" and one["status"] == "True" for one in conditions)
        if spec.suspended != suspended:
            word, reason = ("True", "JobSuspended") if spec.suspended else ("False", "JobResumed")
            conditions = with_condition(conditions, "Suspended", word, now, reason=reason)
        status["conditions"] = conditions
        status["startTime"] = None if spec.suspended else written.get("startTime") or now
        if complete and gone:
            status["completionTime"] = now
        self._await_deadline(key, known, spec, status["startTime"], link)
        if unchanged(written, status) and not known.unsure:
            return link
        operation = partial(self._write, Ref("Job", key[1], key[0]), job["metadata"]["uid"], status)
        call = self._client.write(
            operation, self._client.repeated(f"status/Job/{key[0]}/{key[1]}"), link, _UPDATE
        )
        yield call
        known.unsure = call.error is not None
        call.check()
        known.written = {**written, **status}
        return call.link

    def _await_deadline(self, key: Key, known: _Job, spec: JobSpec, since: str | None, link: Link) -> None:
        now = self.queue.now
        if spec.deadline_s is None or not since or known.deadline_at > now:
            return
        left = until(seconds_of(since) + spec.deadline_s, self._timestamp(), now)
        if left > 0:
            known.deadline_at = now + left
            self.queue.add_after(left, key, link, Cause.JOB_RUN)

    def _write(self, ref: Ref, uid: str, status: dict[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, status, link, uid)
        except (NotFound, Conflict):
            return  # it is gone, or another by now


def _give_index(pod: dict[str, Any], job: str, index: int) -> None:
    """Make a pod one of an Indexed Job's (indexed_job_utils.go)."""
    metadata = pod["metadata"]
    suffix = metadata["name"].rpartition("-")[2]
    metadata["name"] = f"{job}-{index}-{suffix}"
    metadata["generateName"] = f"{job}-{index}-"
    metadata["annotations"] = {**metadata["annotations"], INDEX: str(index)}
    metadata["labels"] = {**metadata["labels"], INDEX: str(index)}


def _rank(pod: Resource) -> tuple[bool, bool, bool, str]:
    """Order pods that are too many: those without a node, not running, not ready, then by name."""
    running = (pod.get("status") or {}).get("phase") == "Running"
    return bool(pod["spec"].get("nodeName")), running, is_ready(pod), pod["metadata"]["name"]


def _nothing(_link: Link) -> None:
    """Change nothing that the model reads."""
