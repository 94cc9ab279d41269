"""The Deployment controller: revisions as ReplicaSets, rolled over within surge and unavailability.

The arithmetic is kube-controller-manager's (pkg/controller/deployment: rolling.go, recreate.go, sync.go).
"""

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import Conflict, NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Call, Client, Refused
from simulator.cluster.changes import GONE
from simulator.cluster.deploymentstatus import created_condition, deadline_ns, has_deadline, status_of
from simulator.cluster.events import EventRecorder
from simulator.cluster.objects import has_ended, key_of, owner_of
from simulator.cluster.offspring import new_replicaset
from simulator.cluster.revisions import REVISION, Revisions, same_template
from simulator.cluster.rolling import recreates, surge_and_unavailable
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.streams import entity
from simulator.tasks import Waitable

_UPDATE = ("update", "Deployment")
_DELETE = ("delete", "ReplicaSet")
DESIRED = "deployment.kubernetes.io/desired-replicas"
Steps = Generator["int | Waitable", Any, Link]


class DeploymentController:
    """Keeps every Deployment's ReplicaSets on their way to its template."""

    def __init__(self, store: Store, watch: Watch, client: Client, timestamp: Callable[[], str]) -> None:
        """`timestamp` renders the virtual clock for condition times."""
        self.queue: WorkQueue
        self.events: EventRecorder
        self._store = store
        self._watch = watch
        self._client = client
        self._timestamp = timestamp
        self._owned: dict[Key, dict[str, None]] = {}
        self._settled: dict[Key, tuple[Any, ...] | None] = {}  # specs for which nothing is to be done
        self._same: dict[tuple[str, int | None, str], bool] = {}
        self._written: dict[str, Mapping[str, Any]] = {}  # by uid: the cache may not show the last status yet
        self._unsure: dict[str, None] = {}  # uids of those whose last status may have been written or not
        self._unnumbered: dict[str, tuple[int, str]] = {}  # uids of those whose revision could not be written
        self._stale: dict[Key, bool] = {}  # written by the pass that is under way
        self._looked_at: dict[Key, int] = {}  # when a roll-out is looked at for its deadline
        watch.subscribe(("Deployment",), self._deployment_changed)
        watch.subscribe(("ReplicaSet",), self._replicaset_changed)
        watch.subscribe(("Pod",), self._pod_gone, GONE)

    def load(self) -> None:
        """Take in the ReplicaSets that exist before time 0."""
        for key, replicaset in self._watch.cache.get("ReplicaSet", {}).items():
            owner = owner_of(replicaset, "Deployment")
            if owner is not None:
                self._owned.setdefault(owner, {})[key[1]] = None

    def _deployment_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            uid = (before or {})["metadata"]["uid"]
            self._written.pop(uid, None)
            self._unsure.pop(uid, None)
            self._unnumbered.pop(uid, None)
            self._looked_at.pop(key_of(before or {}), None)
        elif before is None or before["spec"] != after["spec"]:
            self.queue.add(key_of(after), link)

    def _replicaset_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        replicaset = after or before or {}
        owner = owner_of(replicaset, "Deployment")
        if owner is None:
            return
        owned = self._owned.setdefault(owner, {})
        if after is None:
            owned.pop(replicaset["metadata"]["name"], None)
        else:
            owned[replicaset["metadata"]["name"]] = None
        self.queue.add(owner, link)

    def _pod_gone(self, before: Resource | None, _after: Resource | None, link: Link) -> None:
        """Wake a Deployment that recreates, once the last of its old pods is gone."""
        owner = owner_of(before or {}, "ReplicaSet")
        replicaset = self._watch.cache.get("ReplicaSet", {}).get(owner) if owner else None
        deployment = owner_of(replicaset, "Deployment") if replicaset else None
        if deployment is not None:
            found = self._watch.cache["Deployment"].get(deployment)
            if found is not None and recreates(found):
                self.queue.add(deployment, link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Take one step of the roll-out, if one is due, then write the status."""
        deployment = self._watch.cache["Deployment"].get(key)
        if deployment is None or "deletionTimestamp" in deployment["metadata"]:
            return False
        self._stale.pop(key, None)
        revisions = self._revisions(key, deployment)
        specs = _specs(deployment, revisions)
        if specs is None or self._settled.get(key) != specs:
            began = link
            link = yield from self._progress(key, deployment, revisions, link)
            if link is began:
                self._settled[key] = specs
            else:  # time has passed, and the watch may have brought more
                revisions = self._revisions(key, deployment)
        return (yield from self._write_status(key, deployment, revisions, link))

    def _progress(self, key: Key, deployment: Resource, revisions: Revisions, link: Link) -> Steps:
        """Take the step of the roll-out that is due."""
        unnumbered = self._unnumbered.get(deployment["metadata"]["uid"])
        if unnumbered and revisions.new and revisions.number(revisions.new) == unnumbered[0]:
            link = yield from self._set_revision(deployment, unnumbered[0], link, unnumbered[1])
        if revisions.new is not None:
            link = yield from self._annotate(deployment, revisions.new, revisions, link)
        if deployment["spec"].get("paused") or _is_scaled(deployment, revisions):
            return (yield from self._resize(deployment, revisions, link))
        if recreates(deployment):
            return (yield from self._recreate(key, deployment, revisions, link))
        return (yield from self._roll(key, deployment, revisions, link))

    def _revisions(self, key: Key, deployment: Resource) -> Revisions:
        cache = self._watch.cache.get("ReplicaSet", {})
        namespace = key[0]
        owned = [cache[namespace, name] for name in self._owned.get(key, ()) if (namespace, name) in cache]
        return Revisions(owned, partial(self._is_new, deployment))

    def _is_new(self, deployment: Resource, replicaset: Resource) -> bool:
        """Compare once per pair: a Deployment's template changes only with its generation."""
        metadata = deployment["metadata"]
        pair = (metadata["uid"], metadata.get("generation"), replicaset["metadata"]["uid"])
        known = self._same.get(pair)
        if known is None:
            known = self._same[pair] = same_template(deployment, replicaset)
        return known

    def _roll(self, key: Key, deployment: Resource, revisions: Revisions, link: Link) -> Steps:
        wanted = deployment["spec"]["replicas"]
        surge, unavailable = surge_and_unavailable(deployment)
        new = revisions.new
        total = revisions.replicas
        if new is None:
            return (
                yield from self._create(
                    key, deployment, revisions, max(0, min(wanted, wanted + surge - total)), link
                )
            )
        current = new["spec"]["replicas"]
        target = min(current, wanted)
        if current < wanted:
            target = min(wanted, current + max(0, wanted + surge - total))
        if target != current or _desired(new) != wanted:
            link = yield from self._scale(new, target, wanted, link)
            if target != current:
                return link
        reductions = revisions.reductions(wanted - unavailable)
        for replicaset, replicas in reductions:
            link = yield from self._scale(replicaset, replicas, wanted, link)
        if not reductions:
            link = yield from self._forget_old(key, deployment, revisions, link)
        return link

    def _recreate(self, key: Key, deployment: Resource, revisions: Revisions, link: Link) -> Steps:
        wanted = deployment["spec"]["replicas"]
        standing = [replicaset for replicaset in revisions.old if replicaset["spec"]["replicas"]]
        for replicaset in standing:
            link = yield from self._scale(replicaset, 0, wanted, link)
        if standing or self._old_pods_run(revisions):
            return link
        if revisions.new is None:
            return (yield from self._create(key, deployment, revisions, wanted, link))
        if revisions.new["spec"]["replicas"] != wanted:
            return (yield from self._scale(revisions.new, wanted, wanted, link))
        return (yield from self._forget_old(key, deployment, revisions, link))

    def _old_pods_run(self, revisions: Revisions) -> bool:
        """Say whether a pod of an old template has not ended; one that terminates still runs."""
        old = {key_of(replicaset) for replicaset in revisions.old}
        return bool(old) and any(
            not has_ended(pod) and owner_of(pod, "ReplicaSet") in old
            for pod in self._watch.cache.get("Pod", {}).values()
        )

    def _resize(self, deployment: Resource, revisions: Revisions, link: Link) -> Steps:
        """Follow the number of replicas, and go on with no roll-out meanwhile (sync.go scale)."""
        wanted = deployment["spec"]["replicas"]
        for replicaset, size in revisions.resized(wanted, partial(_most, deployment)):
            if replicaset["spec"]["replicas"] != size or _desired(replicaset) != wanted:
                link = yield from self._scale(replicaset, size, wanted, link)
        return link

    def _create(
        self, key: Key, deployment: Resource, revisions: Revisions, replicas: int, link: Link
    ) -> Steps:
        revision = revisions.next_number
        replicaset = new_replicaset(deployment, replicas, revision)
        operation = partial(self._create_once, replicaset)
        call = self._client.write(
            operation,
            entity(f"create/{key[0]}/{replicaset['metadata']['name']}"),
            link,
            ("create", "ReplicaSet"),
        )
        self._unnumbered[deployment["metadata"]["uid"]] = revision, replicaset["metadata"]["name"]
        yield call
        call.check()
        self._owned.setdefault(key, {})[replicaset["metadata"]["name"]] = None
        if replicas:
            self._tell_of_scaling(replicaset)
        return (
            yield from self._set_revision(deployment, revision, call.link, replicaset["metadata"]["name"])
        )

    def _create_once(self, replicaset: Resource, link: Link) -> None:
        try:
            self._store.create(replicaset, link)
        except Conflict:
            return  # the cache was stale: it exists already

    def _annotate(self, deployment: Resource, new: Resource, revisions: Revisions, link: Link) -> Steps:
        """Give a template that came back (a rollback) the next revision number; pass on minReadySeconds."""
        newest = revisions.next_number - 1
        number = revisions.number(new)
        revision = newest if number and number == newest else newest + 1
        changes: dict[str, Any] = {}
        if revision != newest:
            changes["metadata"] = {"annotations": {REVISION: str(revision)}}
        ready_seconds_min = deployment["spec"].get("minReadySeconds", 0)
        if ready_seconds_min != new["spec"].get("minReadySeconds", 0):
            changes["spec"] = {"minReadySeconds": ready_seconds_min}
        if not changes:
            return link
        call = yield from self._write(new, changes, link)
        if call.value is not None:
            revisions.update(call.value)
        return (yield from self._set_revision(deployment, revision, call.link))

    def _set_revision(self, deployment: Resource, revision: int, link: Link, created: str = "") -> Steps:
        """Write the revision, and that a ReplicaSet has been created for it (sync.go getNewReplicaSet)."""
        annotations = deployment["metadata"].get("annotations") or {}
        uid = deployment["metadata"]["uid"]
        written = self._written.get(uid) or deployment.get("status") or {}
        changes: dict[str, Any] = {}
        if annotations.get(REVISION) != str(revision):
            changes["metadata"] = {"annotations": {REVISION: str(revision)}}
        if created and has_deadline(deployment):
            conditions = created_condition(written, created, self._timestamp())
            changes["status"] = {"conditions": conditions}
        if not changes:
            self._unnumbered.pop(uid, None)
            return link
        if created:  # of an existing one, what is written is read back
            self._stale[key_of(deployment)] = True
        self._unnumbered[uid] = revision, created
        link = (yield from self._write(deployment, changes, link)).link
        self._unnumbered.pop(uid, None)
        if "status" in changes:
            self._written[uid] = {**written, **changes["status"]}
        return link

    def _scale(self, replicaset: Resource, replicas: int, desired: int, link: Link) -> Steps:
        changes = {"spec": {"replicas": replicas}, "metadata": {"annotations": {DESIRED: str(desired)}}}
        link = (yield from self._write(replicaset, changes, link)).link
        if replicas != replicaset["spec"]["replicas"]:
            self._tell_of_scaling(replicaset)
        return link

    def _tell_of_scaling(self, replicaset: Resource) -> None:
        """Record a cluster event: ScalingReplicaSet, about the Deployment."""
        about = owner_of(replicaset, "Deployment")
        if about is not None:
            name = f"event/{about[0]}/{replicaset['metadata']['name']}"
            self.events.record(about, self._client.repeated(name))

    def _forget_old(self, key: Key, deployment: Resource, revisions: Revisions, link: Link) -> Steps:
        """Delete the oldest of the ReplicaSets that are empty and beyond the history limit."""
        for replicaset in revisions.beyond(deployment["spec"].get("revisionHistoryLimit", 10)):
            name = replicaset["metadata"]["name"]
            operation = partial(self._remove, Ref("ReplicaSet", name, key[0]))
            call = self._client.write(operation, entity(f"delete/{key[0]}/{name}"), link, _DELETE)
            yield call
            call.check()
            link = call.link
        return link

    def _remove(self, ref: Ref, link: Link) -> None:
        try:
            self._store.remove(ref, link)
        except NotFound:
            return

    def _write(
        self, resource: Resource, changes: Mapping[str, Any], link: Link
    ) -> Generator[int | Waitable, Any, Call]:
        namespace, name = key_of(resource)
        ref = Ref(resource["kind"], name, namespace)
        # A ReplicaSet is updated whole, so only the version that was read; an annotation of the Deployment
        # is patched.
        version = resource["metadata"]["resourceVersion"] if ref.kind == "ReplicaSet" else None
        call = self._client.write(
            partial(self._patch, ref, changes, version),
            self._client.repeated(f"write/{ref.kind}/{namespace}/{name}"),
            link,
            ("update", ref.kind),
        )
        yield call
        call.check()
        return call

    def _patch(
        self, ref: Ref, changes: Mapping[str, Any], version: str | None, link: Link
    ) -> Resource | None:
        try:
            return self._store.patch(ref, changes, link, version)
        except NotFound:
            return None

    def _write_status(
        self, key: Key, deployment: Resource, revisions: Revisions, link: Link
    ) -> Generator[int | Waitable, Any, bool]:
        """Write the status if it says something else than the last one; return whether that was refused."""
        uid = deployment["metadata"]["uid"]
        written = self._written.get(uid) or deployment.get("status") or {}
        status = status_of(deployment, revisions, written, self._timestamp())
        for name, value in status.items():
            if written.get(name, 0) != value:
                break
        else:
            if uid not in self._unsure:
                self._await_progress(key, deployment, written, link)
                return False
        namespace, name = key
        key_of_write = self._client.repeated(f"status/Deployment/{namespace}/{name}")
        if self._stale.pop(key, False):
            # It would be written on top of a version that this very pass has replaced.
            yield self._client.write(_refused, key_of_write, link, _UPDATE)
            return True
        operation = partial(self._set_status, Ref("Deployment", name, namespace), uid, status)
        call = self._client.write(operation, key_of_write, link, _UPDATE)
        yield call
        if call.error is not None:
            self._unsure[uid] = None
            raise Refused(call.error, call.link)
        if self._unsure:
            self._unsure.pop(uid, None)
        self._written[uid] = {**written, **status}
        self._await_progress(key, deployment, status, link)
        return False

    def _await_progress(self, key: Key, deployment: Resource, status: Mapping[str, Any], link: Link) -> None:
        """Look at a roll-out again when it would have failed for want of progress."""
        now = self.queue.now
        if self._looked_at.get(key, 0) > now:
            return
        left = deadline_ns(deployment, status, self._timestamp(), now)
        if left:
            self._looked_at[key] = now + left
            self.queue.add_after(left, key, link, Cause.PROGRESS_DEADLINE)

    def _set_status(self, ref: Ref, uid: str, status: Mapping[str, Any], link: Link) -> None:
        try:
            self._store.set_status(ref, status, link, uid)
        except (NotFound, Conflict):
            return  # it is gone, or another by now


def _refused(_link: Link) -> None:
    message = "the object has been modified; please apply your changes to the latest version and try again"
    raise Conflict(message)


def _specs(deployment: Resource, revisions: Revisions) -> tuple[Any, ...] | None:
    """Return all that a roll-out depends on while there is but one ReplicaSet: specs, and no status."""
    if len(revisions.owned) != 1 or revisions.new is None:
        return None
    theirs, ours = revisions.owned[0]["metadata"], deployment["metadata"]
    return (
        ours["uid"],
        ours.get("generation"),
        ours.get("annotations"),
        theirs["uid"],
        theirs.get("generation"),
        theirs.get("annotations"),
    )


def _desired(replicaset: Resource) -> int:
    return int((replicaset["metadata"].get("annotations") or {}).get(DESIRED, -1))


def _is_scaled(deployment: Resource, revisions: Revisions) -> bool:
    """Say whether the replicas wanted have changed since a ReplicaSet was last sized (isScalingEvent)."""
    wanted = deployment["spec"]["replicas"]
    return any(one["spec"]["replicas"] and _desired(one) not in (-1, wanted) for one in revisions.owned)


def _most(deployment: Resource, replicaset: Resource | None) -> int:
    """Return the most pods that a roll-out may have: now, or when `replicaset` was last sized."""
    if replicaset is not None and _desired(replicaset) >= 0:
        deployment = {"spec": {**deployment["spec"], "replicas": _desired(replicaset)}}
    wanted: int = deployment["spec"]["replicas"]
    return wanted + (0 if recreates(deployment) else surge_and_unavailable(deployment)[0])
