"""A Kubernetes in a dictionary: effects happen at once, controllers move while an action waits."""

import copy
from collections.abc import Callable, Generator, Mapping
from typing import Any

from engine.actions import CATALOGUE
from engine.core.action import ActionContext, ActionCoroutine
from engine.core.effects import (
    Create,
    Delete,
    Effect,
    Evict,
    Get,
    List,
    Log,
    Patch,
    ReadLogs,
    Ref,
    Remember,
    Selection,
    Sleep,
    WaitUntil,
)
from engine.core.errors import ActionError, Conflict, NotFound, TooManyRequests
from tests.actions.outside import Outside

Object = dict[str, Any]
CALLS = (Get, List, Create, Patch, Delete, Evict, ReadLogs)
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
REVISION = "deployment.kubernetes.io/revision"


class StuckError(Exception):
    """The world has come to rest and the action still waits; the message is its purpose."""


Attempt = Generator[Effect[Any], None, Mapping[str, Any]]


class World:
    """Objects, the writes that changed one, and the calls made."""

    def __init__(self) -> None:
        self.objects: dict[Ref, Object] = {}
        self.version = 0
        self.pods_created = 0
        self.mutations: list[str] = []
        self.calls: list[str] = []
        self.logged: list[str] = []
        self.slept_ns: list[tuple[int, bool]] = []
        self.evictions_refused = 0  # how many evictions the budget still forbids
        self.before_call: dict[
            int, Callable[[], None]
        ] = {}  # what somebody else does just before the n-th call
        self.pods_become_ready = True
        self.job_outcome = "Complete"
        self.outside = Outside(self.mutations.append)

    # What a test puts there.

    def put(self, resource: Object) -> Object:
        metadata = resource["metadata"]
        metadata.setdefault("uid", f"uid-{resource['kind']}-{metadata['name']}")
        metadata.setdefault("generation", 1)
        self._write(Ref(resource["kind"], metadata["name"], metadata["namespace"]), resource)
        return resource

    def deployment(self, name: str, replicas: int, **spec: Any) -> None:
        template = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "a:1"}]},
        }
        self.put(
            {
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": "ns"},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": {"app": name}},
                    "template": template,
                    **spec,
                },
            }
        )
        self.settle()
        self.mutations.clear()

    def settle(self) -> None:
        for _ in range(1000):
            if not self.step():
                return
        raise AssertionError("the world does not come to rest")

    def of_kind(self, kind: str) -> list[Object]:
        return [self.objects[ref] for ref in sorted(self.objects) if ref.kind == kind]

    # What the API server does.

    def perform(self, effect: Effect[Any]) -> Any:
        if isinstance(effect, CALLS):
            self.calls.append(type(effect).__name__)
            disturb = self.before_call.pop(len(self.calls), None)
            if disturb is not None:
                disturb()
            return self._call(effect)
        match effect:
            case WaitUntil():
                return self._wait(effect)
            case Sleep(duration_ns, retry):
                self.slept_ns.append((duration_ns, retry))
            case Log(message):
                self.logged.append(message)
            case _:
                return self.outside.perform(effect)
        return None

    def _call(self, effect: Effect[Any]) -> Any:
        match effect:
            case Get(ref):
                return self._get(ref)
            case List(selection):
                return self.select(selection)
            case Create(resource):
                return self._create(dict(resource))
            case Patch():
                return self._patch(effect)
            case Evict() if self.evictions_refused:
                self.evictions_refused -= 1
                raise TooManyRequests("the disruption budget needs its pods")
            case Delete(ref, uid) | Evict(ref, uid):
                self._delete(ref, uid)
            case ReadLogs():
                return self.outside.perform(effect)
        return None

    def select(self, selection: Selection) -> list[Object]:
        return [
            one
            for one in self.of_kind(selection.kind)
            if one["metadata"]["namespace"] == selection.namespace
            and (not selection.name or one["metadata"]["name"] == selection.name)
            and all(one["metadata"].get("labels", {}).get(key) == value for key, value in selection.labels)
        ]

    def _get(self, ref: Ref) -> Object:
        if ref not in self.objects:
            raise NotFound(f"{ref} not found")
        return self.objects[ref]

    def _write(self, ref: Ref, resource: Object) -> Object:
        self.version += 1
        resource["metadata"] = {**resource["metadata"], "resourceVersion": str(self.version)}
        self.objects[ref] = resource
        return resource

    def _create(self, resource: Object) -> Object:
        metadata = resource["metadata"]
        ref = Ref(resource["kind"], metadata["name"], metadata["namespace"])
        if metadata["namespace"] != "ns":
            raise NotFound(f"namespace {metadata['namespace']} not found")
        if ref in self.objects:
            raise Conflict(f"{ref} already exists")
        self.mutations.append(f"create {ref}")
        return self.put({**resource, "metadata": dict(metadata)})

    def _patch(self, effect: Patch) -> Object:
        before = self._get(effect.ref)
        assert effect.manager, "every write names its writer"
        if effect.resource_version not in (None, before["metadata"]["resourceVersion"]):
            raise Conflict(f"{effect.ref} has been modified")
        after = merged(before, effect.changes)
        if after == before:
            return before
        self.mutations.append(f"patch {effect.ref}")
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        return self._write(effect.ref, after)

    def _delete(self, ref: Ref, uid: str | None) -> None:
        pod = self._get(ref)
        if uid not in (None, pod["metadata"]["uid"]):
            raise Conflict(f"{ref} is another one now")
        if "deletionTimestamp" not in pod["metadata"]:
            self.mutations.append(f"delete {ref}")
            self._write(ref, merged(pod, {"metadata": {"deletionTimestamp": "now"}}))

    def _wait(self, effect: WaitUntil[Any]) -> Any:
        while True:
            value = effect.ready(*(self.select(selection) for selection in effect.selections))
            if value is not None:
                return value
            if not self.step():
                raise StuckError(effect.purpose)

    # What controllers and kubelets do, one change at a time.

    def step(self) -> bool:
        return any(
            change(one)
            for kind, change in (
                ("Pod", self._kubelet),
                ("Job", self._job),
                ("ReplicaSet", self._replicaset),
                ("Deployment", self._deployment),
            )
            for one in self.of_kind(kind)
        )

    def _kubelet(self, pod: Object) -> bool:
        ref = Ref("Pod", pod["metadata"]["name"], "ns")
        if "deletionTimestamp" in pod["metadata"]:
            del self.objects[ref]
            return True
        ready = [{"type": "Ready", "status": "True"}]
        if self.pods_become_ready and pod["status"].get("conditions") != ready:
            self._write(ref, {**pod, "status": {"phase": "Running", "conditions": ready}})
            return True
        return False

    def _job(self, job: Object) -> bool:
        done = {"conditions": [{"type": self.job_outcome, "status": "True"}]}
        if job.get("status"):
            return False
        self._write(Ref("Job", job["metadata"]["name"], "ns"), {**job, "status": done})
        return True

    def _replicaset(self, one: Object) -> bool:
        name = one["metadata"]["name"]
        pods = [pod for pod in self.of_kind("Pod") if pod["metadata"]["ownerReferences"][0]["name"] == name]
        live = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        if len(live) < one["spec"]["replicas"]:
            self.pods_created += 1
            template = one["spec"]["template"]
            metadata = {
                **template["metadata"],
                "name": f"{name}-{self.pods_created:03}",
                "namespace": "ns",
                "creationTimestamp": f"{self.pods_created:03}",
                "ownerReferences": [{"kind": "ReplicaSet", "name": name, "controller": True}],
            }
            self.put({"kind": "Pod", "metadata": metadata, "spec": template["spec"], "status": {}})
            return True
        if len(live) > one["spec"]["replicas"]:
            pod = live[-1]
            self._write(
                Ref("Pod", pod["metadata"]["name"], "ns"),
                merged(pod, {"metadata": {"deletionTimestamp": "now"}}),
            )
            return True
        ready = sum(bool(pod["status"].get("conditions")) for pod in live)
        return self._status(one, {"replicas": len(live), "readyReplicas": ready})

    def _deployment(self, one: Object) -> bool:
        owned = [
            rs
            for rs in self.of_kind("ReplicaSet")
            if rs["metadata"]["ownerReferences"][0]["uid"] == one["metadata"]["uid"]
        ]
        new = next((rs for rs in owned if rs["metadata"]["x-template"] == one["spec"]["template"]), None)
        highest = max((int(rs["metadata"]["annotations"][REVISION]) for rs in owned), default=0)
        if new is None:
            self._new_replicaset(one, highest + 1)
            return True
        if int(new["metadata"]["annotations"][REVISION]) != highest:
            revision = {"metadata": {"annotations": {REVISION: str(highest + 1)}}}
            self._write(Ref("ReplicaSet", new["metadata"]["name"], "ns"), merged(new, revision))
            return True
        for rs in owned:
            wanted = one["spec"]["replicas"] if rs is new else 0
            if rs["spec"]["replicas"] != wanted:
                scaled = merged(rs, {"spec": {"replicas": wanted}})
                self._write(Ref("ReplicaSet", rs["metadata"]["name"], "ns"), scaled)
                return True
        statuses = [rs.get("status", {}) for rs in owned]
        ready = sum(status.get("readyReplicas", 0) for status in statuses)
        status = {
            "observedGeneration": one["metadata"]["generation"],
            "replicas": sum(status.get("replicas", 0) for status in statuses),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": new.get("status", {}).get("replicas", 0),
        }
        return self._status(one, status)

    def _new_replicaset(self, one: Object, revision: int) -> None:
        template = one["spec"]["template"]
        digest = f"h{revision}"
        labels = {**template["metadata"]["labels"], "pod-template-hash": digest}
        owner = {"kind": "Deployment", "name": one["metadata"]["name"], "uid": one["metadata"]["uid"]}
        self.put(
            {
                "kind": "ReplicaSet",
                "metadata": {
                    "name": f"{one['metadata']['name']}-{digest}",
                    "namespace": "ns",
                    "labels": labels,
                    "annotations": {REVISION: str(revision)},
                    "ownerReferences": [{**owner, "controller": True}],
                    "x-template": template,
                },
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": labels},
                    "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
                },
            }
        )

    def _status(self, one: Object, status: Object) -> bool:
        conditions = one.get("status", {}).get("conditions")
        wanted = {**status, **({"conditions": conditions} if conditions else {})}
        if one.get("status") == wanted:
            return False
        self._write(Ref(one["kind"], one["metadata"]["name"], "ns"), {**one, "status": wanted})
        return True


def merged(target: Mapping[str, Any], changes: Mapping[str, Any]) -> Object:
    """RFC 7386."""
    result = copy.deepcopy(dict(target))
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def attempt(
    world: World, action: str, parameters: Mapping[str, Any], memory: dict[str, Any], number: int = 1
) -> Attempt:
    """Run one attempt; each effect is yielded before and after it is performed. Close to crash."""
    spec = CATALOGUE[action]
    context = ActionContext("run-1", "step-1", number, memory, "headroom/run-1/step-1")
    coroutine = spec.run(context, spec.bind(parameters))
    answer: Any = None
    error: ActionError | None = None
    try:
        while True:
            try:
                effect = coroutine.throw(error) if error is not None else coroutine.send(answer)
            except StopIteration as stop:
                outputs: Mapping[str, Any] = stop.value
                return outputs
            yield effect
            answer, error = None, None
            try:
                if isinstance(effect, Remember):
                    memory[effect.key] = copy.deepcopy(effect.value)
                else:
                    answer = world.perform(effect)
            except ActionError as raised:
                error = raised
            yield effect
    finally:
        coroutine.close()


def run(
    world: World, action: str, memory: dict[str, Any] | None = None, /, **parameters: Any
) -> Mapping[str, Any]:
    """Run an attempt to its end and return its outputs."""
    steps = attempt(world, action, parameters, {} if memory is None else memory)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            outputs: Mapping[str, Any] = stop.value
            return outputs


def drive(world: World, coroutine: ActionCoroutine) -> Mapping[str, Any]:
    """Run a coroutine that remembers nothing to its end and return its outputs."""
    answer: Any = None
    error: ActionError | None = None
    while True:
        try:
            effect = coroutine.throw(error) if error is not None else coroutine.send(answer)
        except StopIteration as stop:
            outputs: Mapping[str, Any] = stop.value
            return outputs
        answer = error = None
        try:
            answer = world.perform(effect)
        except ActionError as raised:
            error = raised
