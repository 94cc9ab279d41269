"""The Job controller: runs pods until enough have succeeded or too many have failed."""

from collections.abc import Generator
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.events import EventRecorder
from simulator.cluster.objects import condition_of, is_active, key_of, owner_of
from simulator.cluster.offspring import new_pod
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.streams import entity
from simulator.tasks import Waitable

# k/k pkg/controller/job: a failed pod is replaced after 10 s doubling to 10 min; backoffLimit defaults to 6.
POD_BACKOFF_NS = 10_000_000_000
POD_BACKOFF_NS_MAX = 600_000_000_000


class JobController:
    """Keeps every Job supplied with pods, and says how it ended."""

    def __init__(self, store: Store, watch: Watch, client: Client) -> None:
        """Follow jobs and their pods."""
        self.queue: WorkQueue
        self.events: EventRecorder
        self._store = store
        self._watch = watch
        self._client = client
        self._pods: dict[Key, dict[str, Resource]] = {}
        self._created: dict[Key, int] = {}
        self._awaited: dict[Key, int] = {}
        self._failures: dict[Key, int] = {}
        self._held_until: dict[Key, int] = {}
        watch.subscribe(("Job",), self._job_changed)
        watch.subscribe(("Pod",), self._pod_changed, owner="Job")

    def load(self, link: Link) -> None:
        """Take in the jobs and their pods that exist before time 0."""
        for key, pod in sorted(self._watch.cache.get("Pod", {}).items()):
            owner = owner_of(pod, "Job")
            if owner is not None:
                self._pods.setdefault(owner, {})[key[1]] = pod
        for key in self._watch.cache.get("Job", {}):
            self._created[key] = len(self._pods.get(key, {}))
            self.queue.add(key, link)

    def _job_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is not None and (before is None or before["spec"] != after["spec"]):
            self.queue.add(key_of(after), link)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        pod = after or before or {}
        owner = owner_of(pod, "Job")
        if owner is None:
            return
        pods = self._pods.setdefault(owner, {})
        if after is None:
            pods.pop(pod["metadata"]["name"], None)
        else:
            pods[pod["metadata"]["name"]] = after
        if before is None:
            self._awaited[owner] = max(0, self._awaited.get(owner, 0) - 1)
        failures = sum(_phase(one) == "Failed" for one in pods.values())
        if failures > self._failures.get(owner, 0):
            self._failures[owner] = failures
            delay = min(POD_BACKOFF_NS << min(failures - 1, 30), POD_BACKOFF_NS_MAX)
            self._held_until[owner] = self.queue.now + delay
            self.queue.add_after(delay, owner, link)
        self.queue.add(owner, link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Create the pods that are missing, or write how the job ended."""
        job = self._watch.cache.get("Job", {}).get(key)
        if job is None or condition_of(job, "Complete") == "True" or condition_of(job, "Failed") == "True":
            return False
        spec = job["spec"]
        pods = list(self._pods.get(key, {}).values())
        succeeded = sum(_phase(pod) == "Succeeded" for pod in pods)
        failed = sum(_phase(pod) == "Failed" for pod in pods)
        active = sum(map(is_active, pods))
        completions = spec.get("completions", 1)
        over = failed > spec.get("backoffLimit", 6)
        wanted = 0 if over else min(spec.get("parallelism", 1), completions - succeeded)
        error = False
        if over:
            link = yield from self._stop(key, [pod for pod in pods if is_active(pod)], link)
        held = bool(self._awaited.get(key)) or self.queue.now < self._held_until.get(key, 0)
        while not held and active < wanted:
            call = self._create(key, job, link)
            yield call
            self.events.record(key, entity(f"event/{key[0]}/{key[1]}") + self._created[key])
            link = call.link
            active += 1
            if call.error is not None:
                self._awaited[key] -= 1
                error = True
                break
        status: dict[str, Any] = {"active": active, "succeeded": succeeded, "failed": failed}
        if succeeded >= completions or over:
            ended = "Complete" if succeeded >= completions else "Failed"
            reason = {"Complete": "CompletionsReached", "Failed": "BackoffLimitExceeded"}[ended]
            status["conditions"] = [{"type": ended, "status": "True", "reason": reason}]
        written = job.get("status") or {}
        if any(written.get(name, 0) != value for name, value in status.items()):
            operation = partial(self._write, Ref("Job", key[1], key[0]), status)
            yield self._client.write(operation, self._client.repeated(f"status/Job/{key[0]}/{key[1]}"), link)
        return error

    def _stop(self, key: Key, pods: list[Resource], link: Link) -> Generator[int | Waitable, Any, Link]:
        """Delete the pods of a Job that has failed."""
        for pod in pods:
            ref = Ref("Pod", pod["metadata"]["name"], key[0])
            call = self._client.write(
                partial(self._store.delete, ref), entity(f"delete/{ref.namespace}/{ref.name}"), link
            )
            yield call
            link = call.link
        return link

    def _create(self, key: Key, job: Resource, link: Link) -> Any:
        ordinal = self._created.get(key, 0)
        self._created[key] = ordinal + 1
        self._awaited[key] = self._awaited.get(key, 0) + 1
        pod = new_pod(job, ordinal, 0)
        return self._client.write(
            partial(self._store.create, pod), entity(f"create/{key[0]}/{pod['metadata']['name']}"), link
        )

    def _write(self, ref: Ref, status: dict[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, status, link)
        except NotFound:
            return


def _phase(pod: Resource) -> str:
    phase: str = (pod.get("status") or {}).get("phase", "")
    return phase
