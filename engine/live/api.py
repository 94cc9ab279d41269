"""The Kubernetes API as effects see it: one call a request, its refusals as the engine's own errors.

Retries: a read that got no answer or a 5xx is made again a few times; anything refused with 429 and a
Retry-After waits that long and is made again, as client-go does. A write that got no answer is not repeated
here: whether it was carried out is for the action to look at, which it does when the step is tried again.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from engine.core.effects import Create, Delete, Evict, Get, List, Patch, ReadLogs, Ref, Resource, Selection
from engine.core.errors import (
    ApiError,
    Cancelled,
    Invalid,
    ServerError,
    TooManyRequests,
    Unreachable,
)
from engine.live.bucket import TokenBucket
from engine.live.connection import Answer, Connection
from engine.live.resources import BY_KIND
from engine.live.resources import Resource as ApiResource
from engine.live.status import BY_STATUS

MERGE_PATCH: Final = "application/merge-patch+json"
READ_TRIES: Final = 4
THROTTLED_TRIES: Final = 10  # client-go rest/request.go maxRetries
BACKOFF_S: Final = 0.25  # before the second try of a read; doubled each time
WAIT_S_MAX: Final = 30.0  # of a Retry-After
PAGE: Final = 500
Throttled = Callable[[float], None]
"""Told of the seconds that a request waited for the client's own bucket."""


def _unheard(_seconds: float) -> None:
    """Nobody asks."""


class KubernetesApi:
    """Calls of one client, paced by its bucket. Every call blocks; use it from a pool of threads."""

    def __init__(self, connection: Connection, bucket: TokenBucket) -> None:
        """Call through `connection`."""
        self.connection = connection
        self._bucket = bucket
        self._stopping = threading.Event()

    def close(self) -> None:
        """Let nothing wait any more, and close all connections: calls under way raise an `ActionError`."""
        self._stopping.set()
        self.connection.close()

    def answer(self, effect: Any, throttled: Throttled = _unheard) -> Any:
        """Carry out one effect of the Kubernetes API and return its result; raises an `ActionError`."""
        match effect:
            case Get(ref):
                return self._call("GET", path_of(ref), throttled=throttled).body
            case List(selection):
                return self.list(selection, throttled)[0]
            case Create(resource):
                return self._create(resource, throttled)
            case Patch():
                return self._patch(effect, throttled)
            case Delete(ref, uid, grace_s):
                self._delete(ref, uid, grace_s, throttled)
            case Evict(ref, uid):
                self._evict(ref, uid, throttled)
            case ReadLogs():
                return self._logs(effect, throttled)
            case _:
                raise Invalid(f"{type(effect).__name__} is no effect of the Kubernetes API")
        return None

    def list(self, selection: Selection, throttled: Throttled = _unheard) -> tuple[list[Resource], str]:
        """Return the objects of a selection, in order of namespace and name, and the list's version."""
        resource = resource_of(selection.kind)
        path = collection_of(resource, selection.namespace)
        query = {"limit": str(PAGE)}
        if selection.labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in selection.labels)
        if selection.name:
            query["fieldSelector"] = f"metadata.name={selection.name}"
        items: list[Resource] = []
        while True:
            body = self._call("GET", path, query, throttled=throttled).body
            items += [_with_kind(one, resource) for one in body.get("items") or ()]
            metadata = body.get("metadata") or {}
            if not metadata.get("continue"):
                return sorted(items, key=key_of), str(metadata.get("resourceVersion", ""))
            query["continue"] = metadata["continue"]

    @contextmanager
    def watch(self, kind: str, version: str, timeout_s: int) -> Iterator[Iterator[str]]:
        """Open a watch on all objects of a kind."""
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(timeout_s),
        }
        path = collection_of(resource_of(kind), "")
        with self.connection.stream(path, query, timeout_s + 15) as lines:
            yield lines

    def _create(self, resource: Resource, throttled: Throttled) -> Resource:
        api = resource_of(resource["kind"])
        body = {"apiVersion": api.group_version, **resource}
        path = collection_of(api, resource["metadata"].get("namespace", ""))
        created: Resource = self._call("POST", path, body=body, throttled=throttled).body
        return created

    def _patch(self, effect: Patch, throttled: Throttled) -> Resource:
        changes = dict(effect.changes)
        if effect.resource_version is not None:
            metadata = {**(changes.get("metadata") or {}), "resourceVersion": effect.resource_version}
            changes["metadata"] = metadata
        path = path_of(effect.ref) + (f"/{effect.subresource}" if effect.subresource else "")
        query = {"fieldManager": effect.manager[:128]} if effect.manager else {}
        patched: Resource = self._call("PATCH", path, query, changes, MERGE_PATCH, throttled=throttled).body
        return patched

    def _delete(self, ref: Ref, uid: str | None, grace_s: int | None, throttled: Throttled) -> None:
        options: dict[str, Any] = {
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        }  # fmt: skip
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        self._call("DELETE", path_of(ref), body=options, throttled=throttled)

    def _evict(self, ref: Ref, uid: str | None, throttled: Throttled) -> None:
        body: dict[str, Any] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": ref.name, "namespace": ref.namespace},
        }
        if uid is not None:
            body["deleteOptions"] = {"preconditions": {"uid": uid}}
        self._call("POST", f"{path_of(ref)}/eviction", body=body, throttled=throttled)

    def _logs(self, effect: ReadLogs, throttled: Throttled) -> str:
        query = {"tailLines": str(effect.tail_lines), "limitBytes": str(effect.bytes_max)}
        if effect.container:
            query["container"] = effect.container
        return str(self._call("GET", f"{path_of(effect.ref)}/log", query, throttled=throttled).body)

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        *,
        throttled: Throttled = _unheard,
    ) -> Answer:
        tries = refusals = 0
        while True:
            tries += 1
            self._take_token(throttled)
            try:
                answer = self.connection.request(method, path, query, body, content_type)
            except Unreachable:
                if method != "GET" or tries >= READ_TRIES:
                    raise
                self._wait(BACKOFF_S * 2 ** (tries - 1))
                continue
            if answer.status < 400:
                return answer
            if answer.retry_after_s is not None and answer.status in (429, 503, 504):
                refusals += 1
                if refusals <= THROTTLED_TRIES and (answer.status == 429 or method == "GET"):
                    self._wait(min(answer.retry_after_s, WAIT_S_MAX))
                    continue
            elif answer.status >= 500 and method == "GET" and tries < READ_TRIES:
                self._wait(BACKOFF_S * 2 ** (tries - 1))
                continue
            raise error_of(answer)

    def _take_token(self, throttled: Throttled) -> None:
        wait_s = self._bucket.reserve()
        if wait_s > 0:
            began_s = time.monotonic()
            self._wait(wait_s)
            throttled(time.monotonic() - began_s)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Cancelled("the engine stops")


def error_of(answer: Answer) -> ApiError:
    """Return what a refusal means."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    message = str(body.get("message") or answer.body or f"status {answer.status}")[:2000]
    reason = str(body.get("reason") or "") or None
    kind = BY_STATUS.get(answer.status, ServerError if answer.status >= 500 else Invalid)
    error = kind(message, reason=reason)
    if isinstance(error, TooManyRequests) and answer.retry_after_s is not None:
        error.retry_after_ns = int(answer.retry_after_s * 1e9)
    return error


def resource_of(kind: str) -> ApiResource:
    """Return the API's resource of a kind; raises `Invalid` for one that is not known."""
    found = BY_KIND.get(kind)
    if found is None:
        raise Invalid(f"{kind} is no kind that this client knows; there are {', '.join(sorted(BY_KIND))}")
    return found


def collection_of(resource: ApiResource, namespace: str) -> str:
    """Return the path of a collection; without a namespace, of all of them."""
    base = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    inner = f"/namespaces/{namespace}" if namespace and resource.namespaced else ""
    return f"{base}{inner}/{resource.plural}"


def path_of(ref: Ref) -> str:
    """Return the path of an object."""
    return f"{collection_of(resource_of(ref.kind), ref.namespace)}/{ref.name}"


def key_of(resource: Resource) -> tuple[str, str]:
    """Return (namespace, name)."""
    metadata = resource["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _with_kind(item: Mapping[str, Any], resource: ApiResource) -> Resource:
    """Return an item of a list with what lists leave unsaid."""
    return {"apiVersion": resource.group_version, "kind": resource.kind, **item}
