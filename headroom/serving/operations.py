"""What requests do: each verb as calls on the modelled API server, which take their virtual time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from engine.core.effects import Ref, Selection
from engine.core.errors import ActionError, ServerError, TooManyRequests
from headroom.serving import checking, forms, patching, selecting
from headroom.serving.asked import Asked
from headroom.serving.ownership import Manager, Ownership
from headroom.serving.problems import Refusal, invalid, of_error
from headroom.serving.world import World
from simulator.attribution import Link
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.disruption import budget_of
from simulator.cluster.listing import Match, Page
from simulator.cluster.words import already_exists, terminating

Answer = tuple[int, dict[str, Any]]
Change = Callable[[Mapping[str, Any]], dict[str, Any]]
"""From an object as it is to the object as it is to be; raises a `Refusal`."""

SUCCESS: Final = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
_MATCHES: Final[Mapping[str, Match]] = {"": "", "Exact": "Exact", "NotOlderThan": "NotOlderThan"}


class Operations:
    """The verbs, on one world."""

    def __init__(self, world: World) -> None:
        """Serve a world."""
        self.world = world
        self.ownership = Ownership()

    async def get(self, asked: Asked, user: str) -> Answer:
        """Return one object, or its scale."""
        ref = _ref(asked)
        stored = await self._read(user, lambda _link: self.world.store.get(ref), 0, asked)
        if asked.subresource == "scale":
            return 200, forms.scale_of(stored)
        return 200, forms.shown(asked.resource, stored)

    async def list(self, asked: Asked, user: str) -> tuple[Page, list[Mapping[str, Any]]]:
        """Return a page of objects, and those of it that the selectors leave."""
        selection, wanted = selected(asked)
        match = _MATCHES.get(asked.query.get("resourceVersionMatch", ""))
        if match is None:
            wrong = asked.query["resourceVersionMatch"][:40]
            raise Refusal(400, f'resourceVersionMatch: Unsupported value: "{wrong}"')
        count = len(self.world.store.objects.get(selection.kind, {}))

        def operation(_link: Link) -> Page:
            return self.world.listing.list(
                selection,
                asked.query.get("resourceVersion", ""),
                match,
                asked.count("limit"),
                asked.query.get("continue", ""),
            )

        page: Page = await self._read(user, operation, count, asked)
        return page, [one for one in page.items if wanted is None or wanted(one)]

    async def create(self, asked: Asked, user: str, body: Any, manager: str) -> Answer:
        """Store a new object; with `dryRun` only say what it would be."""
        resource = asked.resource
        given = checking.check_envelope(body, resource, asked.namespace, "")
        asked = replace(asked, name=given["metadata"].get("name", ""))
        self._check_fields(asked, given)
        checking.check_sound(forms.without_nulls(given), resource)
        made = forms.new_object(given, resource)
        if asked.namespace:
            self._check_namespace(asked)
        store = self.world.store

        def operation(link: Link) -> Mapping[str, Any]:
            if asked.query.get("dryRun"):
                return self._unstored(made, resource.kind)
            stored = store.create(made, link)
            self.ownership.wrote(None, stored, Manager(manager, resource.group_version))
            return stored

        stored = await self._write(user, operation, asked, "create")
        return 201, forms.shown(resource, stored)

    def _check_namespace(self, asked: Asked) -> None:
        """Refuse what would come into a namespace that is not there, or goes away."""
        name = asked.namespace
        namespace = self.world.store.objects.get("Namespace", {}).get(("", name))
        if namespace is None:
            details = {"name": name, "kind": "namespaces"}
            raise Refusal(404, f'namespaces "{name}" not found', details=details)
        if "deletionTimestamp" in namespace["metadata"]:
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {name} is being terminated",
                "field": "metadata.namespace",
            }
            error = terminating(asked.resource.kind, asked.name, name)
            raise Refusal(403, str(error), details={**asked.details, "causes": [cause]})

    def _unstored(self, made: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
        """Return what creating would have given, having asked whether it may be."""
        store = self.world.store
        metadata = made["metadata"]
        key = (metadata.get("namespace", ""), metadata.get("name", ""))
        if key in store.objects.get(kind, {}):
            raise already_exists(kind, key[1])
        for admit in store.admit.get(kind, ()):
            admit(made)
        given = {"uid": str(uuid4()), "creationTimestamp": self.world.cluster.timestamp(), "generation": 1}
        return {**made, "metadata": {**metadata, **given}}

    async def replace(self, asked: Asked, user: str, body: Any, manager: str) -> Answer:
        """Put an object in the place of another."""
        if asked.subresource == "scale":
            return await self._scale(asked, user, lambda _current: _mapping(body), manager)
        given = checking.check_envelope(body, asked.resource, asked.namespace, asked.name)
        self._check_fields(asked, given)
        version = given["metadata"].get("resourceVersion") or None
        return await self._change(asked, user, lambda _current: given, manager, version)

    async def patch(self, asked: Asked, user: str, kind: str, body: Any, manager: str) -> Answer:
        """Change an object by a patch."""
        if kind == patching.APPLY_PATCH:
            return await self._apply(asked, user, body, manager)

        def change(current: Mapping[str, Any]) -> dict[str, Any]:
            return patching.patched(current, kind, body)

        if asked.subresource == "scale":
            return await self._scale(asked, user, change, manager)
        metadata = body.get("metadata") if isinstance(body, dict) else None
        version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
        return await self._change(asked, user, change, manager, version)

    async def _apply(self, asked: Asked, user: str, body: Any, manager: str) -> Answer:
        if not asked.query.get("fieldManager"):
            raise Refusal(400, "fieldManager is required for apply patch")
        resource = asked.resource
        given = checking.check_envelope(body, resource, asked.namespace, asked.name)
        self._check_fields(asked, given)
        who = Manager(manager, resource.group_version, applies=True)
        if (asked.namespace, asked.name) not in self.world.store.objects.get(resource.kind, {}):
            named = {**given, "metadata": {**given["metadata"], "name": asked.name}}
            code, stored = await self.create(asked, user, named, manager)
            self.ownership.applied(stored, given, who, force=True)
            return code, stored

        def change(current: Mapping[str, Any]) -> dict[str, Any]:
            return self.ownership.applied(current, given, who, force=asked.flag("force"))

        return await self._change(asked, user, change, manager, None, applies=True)

    async def _change(
        self,
        asked: Asked,
        user: str,
        change: Change,
        manager: str,
        version: str | None,
        *,
        applies: bool = False,
    ) -> Answer:
        resource, ref = asked.resource, _ref(asked)

        def operation(link: Link) -> Mapping[str, Any]:
            before = self.world.store.get(ref)
            after = self._allowed(before, change(before), asked)
            if asked.query.get("dryRun"):
                return after
            changes = forms.changes_between(before, after)
            subresource = "resize" if asked.subresource == "resize" else ""
            stored = self.world.cluster.patch(ref, changes, link, version, subresource)
            if not applies and stored is not before:
                who = Manager(manager, resource.group_version, asked.subresource)
                self.ownership.wrote(before, stored, who)
            return stored

        stored = await self._write(user, operation, asked, asked.verb)
        return 200, forms.shown(resource, stored)

    def _allowed(self, before: Mapping[str, Any], wanted: dict[str, Any], asked: Asked) -> dict[str, Any]:
        """Return what a change may come to: the server's own fields stay, as does what is not asked for."""
        resource = asked.resource
        wanted = checking.check_envelope(wanted, resource, asked.namespace, asked.name)
        old = before["metadata"]
        kept = {key: old[key] for key in forms.SERVER_OWNED if key in old}
        for key in ("name", "namespace", "deletionTimestamp", "deletionGracePeriodSeconds"):
            if key in old:
                kept[key] = old[key]
        metadata = {**{k: v for k, v in wanted["metadata"].items() if k not in kept}, **kept}
        after = {**wanted, "metadata": metadata}
        if "status" in resource.subresources:
            if asked.subresource == "status":
                after = {**before, "status": wanted.get("status") or {}}
            elif "status" in before:
                after["status"] = before["status"]
            else:
                after.pop("status", None)
        after = forms.without_nulls(after)
        checking.check_sound(after, resource)
        return forms.with_defaults(after, resource)

    async def _scale(self, asked: Asked, user: str, change: Change, manager: str) -> Answer:
        def scaled(current: Mapping[str, Any]) -> dict[str, Any]:
            wanted = change(forms.scale_of(current))
            spec = wanted.get("spec")
            replicas = spec.get("replicas", 0) if isinstance(spec, dict) else None
            if not isinstance(replicas, int) or isinstance(replicas, bool):
                raise Refusal(400, "spec.replicas of a Scale is no whole number")
            if replicas < 0:
                why = f"Invalid value: {replicas}: must be greater than or equal to 0"
                raise invalid(
                    "Scale", "autoscaling", asked.name, [("FieldValueInvalid", why, "spec.replicas")]
                )
            return {**current, "spec": {**current["spec"], "replicas": replicas}}

        await self._change(asked, user, scaled, manager, None)
        stored = self.world.store.objects[asked.resource.kind].get((asked.namespace, asked.name))
        return 200, forms.scale_of(stored or {})

    async def delete(self, asked: Asked, user: str, options: Mapping[str, Any]) -> Answer:
        """Delete one object: the answer is the object as it goes, or that it is gone."""
        ref = _ref(asked)
        uid, grace_s, propagation = _deletion(options, asked)
        store = self.world.store

        def operation(link: Link) -> Mapping[str, Any]:
            before = store.get(ref)
            store.check_uid(ref, before, uid)
            if not asked.query.get("dryRun"):
                store.delete(ref, link, uid, grace_s, propagation)
            after = store.objects[ref.kind].get((ref.namespace, ref.name))
            if after is not None:
                return after
            self.ownership.forget(before["metadata"]["uid"])
            gone = {"deletionTimestamp": self.world.cluster.timestamp(), "deletionGracePeriodSeconds": 0}
            return {**before, "metadata": {**gone, **before["metadata"], "deletionGracePeriodSeconds": 0}}

        last = await self._write(user, operation, asked, "delete")
        still_there = (ref.namespace, ref.name) in store.objects.get(ref.kind, {})
        if still_there or asked.resource.kind == "Pod":
            return 200, forms.shown(asked.resource, last)
        return 200, {**SUCCESS, "details": {**asked.details, "uid": last["metadata"]["uid"]}}

    async def delete_all(self, asked: Asked, user: str, options: Mapping[str, Any]) -> Answer:
        """Delete what a list would give."""
        page, items = await self.list(asked, user)
        for one in items:
            metadata = one["metadata"]
            single = Asked(
                "delete", asked.resource, metadata.get("namespace", ""), metadata["name"], "", asked.query
            )
            try:
                await self.delete(single, user, options)
            except Refusal as refusal:
                if refusal.code != 404:  # somebody else was faster
                    raise
        return 200, forms.list_of(asked.resource, items, page.version, "", 0)

    async def evict(self, asked: Asked, user: str, body: Any) -> Answer:
        """Evict a pod, as its disruption budgets allow."""
        ref = _ref(asked)
        if not isinstance(body, dict) or body.get("kind", "Eviction") != "Eviction":
            raise Refusal(400, "the body of an eviction is an Eviction of policy/v1")
        options = body.get("deleteOptions")
        uid, _, _ = _deletion(options if isinstance(options, dict) else {}, asked)
        client = self.world.client(user)
        key = self._key(client, f"evict/{ref}")
        call = await self.world.request(
            lambda link: self.world.cluster.evictions.evict(client, ref, uid, key, link)
        )
        if isinstance(call.error, TooManyRequests) and not call.error.retry_after_ns:
            raise self._exhausted(call.error, ref)
        self._check(call, asked)
        return 201, {**SUCCESS, "code": 201}

    def _exhausted(self, error: TooManyRequests, ref: Ref) -> Refusal:
        """Say which budget forbids an eviction, and what it needs (core/pod/storage/eviction.go)."""
        store = self.world.store
        budget = budget_of(store, ref, store.get(ref))
        if budget is None:  # it has gone meanwhile
            return Refusal(429, str(error))
        status = budget.get("status") or {}
        needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        name = budget["metadata"]["name"]
        message = f"The disruption budget {name} needs {needs} healthy pods and has {has} currently"
        if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 1):
            message = f"The disruption budget {name} is still being processed by the server."
        return Refusal(
            429,
            "Cannot evict pod as it would violate the pod's disruption budget.",
            details={"causes": [{"reason": "DisruptionBudget", "message": message}]},
        )

    def _check_fields(self, asked: Asked, given: Mapping[str, Any]) -> None:
        if asked.query.get("fieldValidation", "") == "Strict":
            checking.refuse_unknown(given, asked.resource)

    async def _read(self, user: str, operation: Callable[[Link], Any], objects: int, asked: Asked) -> Any:
        client = self.world.client(user)
        key = self._key(client, f"{asked.verb}/{asked.resource.plural}")
        what = ("list" if objects else "get", asked.resource.kind)
        guarded = _guarded(operation)
        call = await self.world.request(lambda link: client.read(guarded, key, link, objects, what))
        return self._check(call, asked)

    async def _write(self, user: str, operation: Callable[[Link], Any], asked: Asked, verb: str) -> Any:
        client = self.world.client(user)
        key = self._key(client, f"{verb}/{asked.resource.plural}")
        guarded = _guarded(operation)
        call = await self.world.request(
            lambda link: client.write(guarded, key, link, (verb, asked.resource.kind))
        )
        return self._check(call, asked)

    @staticmethod
    def _key(client: Client, name: str) -> int:
        return client.repeated(name)

    @staticmethod
    def _check(call: Call, asked: Asked) -> Any:
        if isinstance(call.error, _Refused):
            raise call.error.refusal
        if call.error is not None:
            raise of_error(call.error, asked.details)
        return call.value


class _Refused(ActionError):
    """Carries a refusal of the front end out of an operation."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def _guarded(operation: Callable[[Link], Any]) -> Callable[[Link], Any]:
    """Let nothing out of an operation that the agenda does not expect."""

    def guarded(link: Link) -> Any:
        try:
            return operation(link)
        except ActionError:
            raise
        except Refusal as refusal:
            raise _Refused(refusal) from refusal
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            message = f"the model cannot take this object: {type(error).__name__}: {error}"
            raise ServerError(message) from error

    return guarded


def selected(asked: Asked) -> tuple[Selection, selecting.Predicate | None]:
    """Return what a list or watch selects: what the model can look up, and a predicate for the rest."""
    labelled, equal = selecting.by_labels(asked.query.get("labelSelector", ""))
    fielded, name = selecting.by_fields(asked.query.get("fieldSelector", ""), asked.resource.kind)
    selection = Selection(asked.resource.kind, asked.namespace, equal, name or asked.name)
    return selection, selecting.both(labelled, fielded)


def _mapping(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal(400, f"the body is no object but {type(body).__name__}")
    return body


def _ref(asked: Asked) -> Ref:
    return Ref(asked.resource.kind, asked.name, asked.namespace)


def _deletion(options: Mapping[str, Any], asked: Asked) -> tuple[str | None, int | None, str]:
    """Return uid, grace period and propagation of a deletion, from its body or its query."""
    preconditions = options.get("preconditions") or {}
    uid = preconditions.get("uid") if isinstance(preconditions, dict) else None
    grace = options.get("gracePeriodSeconds", asked.query.get("gracePeriodSeconds"))
    if isinstance(grace, str):
        grace = asked.count("gracePeriodSeconds")
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool) or grace < 0):
        raise Refusal(400, "gracePeriodSeconds is no whole number from 0")
    propagation = options.get("propagationPolicy") or asked.query.get("propagationPolicy") or "Background"
    if propagation not in ("Background", "Foreground", "Orphan"):
        raise Refusal(400, f'propagationPolicy: Unsupported value: "{str(propagation)[:40]}"')
    return uid, grace, propagation
