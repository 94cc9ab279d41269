"""The recorded exchanges with a real API server 1.36: the same status, reason and shape from the model's."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headroom.serving.access import User
from tests.serving.served import Reply, Served, serving

pytestmark = pytest.mark.oracle
ADMIN, VIEWER = "admin-token", "viewer-token"
# What a real server writes and the model has not, by path in the body.
NOT_MODELLED = re.compile(
    r"(items\[\]|rows\[\]\.object|object)?\.?("
    r"spec(\.template\.spec)?\.(securityContext|enableServiceLinks|serviceAccount|serviceAccountName"
    r"|preemptionPolicy|volumes|priority)"
    r"|spec(\.template\.spec)?\.containers\[\]\.(terminationMessagePath|terminationMessagePolicy|volumeMounts)"
    r"|spec\.ttlSecondsAfterFinished|spec\.podReplacementPolicy|spec\.selector|spec\.manualSelector"
    r"|spec\.template\.metadata\.labels"
    r"|status\.(podIPs?|hostIPs?|observedGeneration|terminatingReplicas|nodeInfo|images|addresses|daemonEndpoints"
    r"|phase|runtimeHandlers|features|uncountedTerminatedPods|startTime|qosClass)"
    r"|status\.conditions\[\]\.(observedGeneration|lastProbeTime|lastHeartbeatTime|lastUpdateTime|message|reason)"
    r"|status\.containerStatuses(\[\]\..*)?"
    r"|metadata\.(labels|annotations|generation)"
    r")(\..*|\[\].*)?"
)
# The same, of single exchanges: nodes are ready from the beginning, budgets have no condition of their own.
OF_ONE = {
    **dict.fromkeys(
        ("list nodes", "cordon", "uncordon"), r"(items\[\]\.)?status\.conditions\[\]\.lastTransitionTime"
    ),
    "get budget": r"status\.conditions(\[\].*)?",
}
PARTS: dict[str, str] = {  # exchanges whose bodies differ by what the server is, and why
    "version": "what the binary was built from",
    "api groups": "it has groups that the model has nothing of",
    "core resources": "it has resources that the model has nothing of",
    "apps resources": "storage hashes",
    "policy resources": "storage hashes",
    "list pods as table": "descriptions of columns",
    "events": "the model's events are load on the API server and no objects",
    "watch from an old resourceVersion": "a stream",
}


@pytest.fixture(scope="module")
def exchanges(reference_data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((reference_data / "control-plane" / "wire.json").read_text())
    return found


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    tokens = {ADMIN: User("admin"), VIEWER: User("viewer", writes=False)}
    with serving(tokens=tokens) as place:
        yield place


class Session:
    """The recorded session, played again: names and versions of ours in the place of theirs."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.names: dict[str, str] = {}
        self.more = ""
        self.began = served.get("/api/v1/namespaces/default/pods")["metadata"]["resourceVersion"]

    def play(self, exchange: dict[str, Any]) -> Reply:
        """Send one exchange's request, when the cluster is as it was then."""
        self.settle(exchange["name"])
        request = exchange["request"]
        token = {"unauthenticated": "", "viewer deletes": VIEWER}.get(exchange["name"])
        reply = self.served.send(
            request["method"],
            self.path(request["path"]),
            self.body(exchange),
            request.get("content_type"),
            request.get("accept") or "application/json",
            token=token,
        )
        if isinstance(reply.body, dict):
            self.more = (reply.body.get("metadata") or {}).get("continue", self.more)
        return reply

    def settle(self, name: str) -> None:
        """Wait for what had happened before the exchange was recorded."""
        deployments = "/apis/apps/v1/namespaces/rec/deployments/web"
        if name in ("get deployment", "delete pod"):
            self.served.until(deployments, lambda reply: _is_whole(reply.body))
        elif name in ("evict, budget exhausted", "evict, two budgets"):
            budgets = "/apis/policy/v1/namespaces/rec/poddisruptionbudgets"
            self.served.until(budgets, lambda reply: all(_is_seen(one) for one in reply.body["items"]))

    def path(self, recorded: str) -> str:
        path = re.sub(r"web-[0-9a-f]{8,10}-[a-z0-9]{5}", lambda match: self.pod(match[0]), recorded)
        path = re.sub(r"continue=[^&]+", f"continue={self.more}", path)
        return re.sub(r"resourceVersion=1\b", f"resourceVersion={self.began}", path) + (
            "&timeoutSeconds=1" if "watch=1" in path else ""
        )

    def body(self, exchange: dict[str, Any]) -> Any:
        request = exchange["request"]
        if exchange["name"] == "put with stale resourceVersion":
            current = self.served.get("/apis/apps/v1/namespaces/rec/deployments/web")
            return {**current, "metadata": {**current["metadata"], "resourceVersion": "1"}}
        body = request.get("body")
        if exchange["name"] == "bad json":
            return b""
        if isinstance(body, str):
            return body.encode()
        if (
            isinstance(body, dict)
            and body.get("kind") == "Eviction"
            and body["metadata"]["name"] in self.names
        ):
            return {**body, "metadata": {**body["metadata"], "name": self.names[body["metadata"]["name"]]}}
        return body

    def pod(self, recorded: str) -> str:
        """Return a pod of ours that stands for one of theirs: one that runs."""
        if recorded not in self.names:
            pods = self.served.until(
                "/api/v1/namespaces/rec/pods?labelSelector=app%3Dweb",
                lambda reply: any(self.free(one) for one in reply.body["items"]),
            )
            self.names[recorded] = next(one["metadata"]["name"] for one in pods["items"] if self.free(one))
        return self.names[recorded]

    def free(self, pod: dict[str, Any]) -> bool:
        ready = any(
            one["type"] == "Ready" and one["status"] == "True"
            for one in (pod.get("status") or {}).get("conditions") or ()
        )
        metadata = pod["metadata"]
        return ready and "deletionTimestamp" not in metadata and metadata["name"] not in self.names.values()


def _is_whole(deployment: Any) -> bool:
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    wanted = spec.get("replicas")
    return bool(
        wanted == status.get("readyReplicas") == status.get("updatedReplicas") == status.get("replicas")
    )


def _is_seen(budget: Any) -> bool:
    status = budget.get("status") or {}
    return bool(status.get("expectedPods")) and status.get("currentHealthy") == status.get("expectedPods")


def test_every_recorded_request_gets_the_recorded_answer(
    exchanges: list[dict[str, Any]], served: Served
) -> None:
    session = Session(served)
    wrong: list[str] = []
    assert len(exchanges) == 67
    for exchange in exchanges:
        reply, expected = session.play(exchange), exchange["response"]
        wrong += [f"{exchange['name']}: {one}" for one in differences(exchange["name"], reply, expected)]
    assert not wrong, "\n".join(wrong)


def differences(name: str, reply: Reply, expected: dict[str, Any]) -> Iterator[str]:
    """Say where an answer is not as recorded."""
    body = expected.get("body")
    if reply.status != expected["status"]:
        yield f"status {reply.status}, recorded {expected['status']}: {str(reply.body)[:300]}"
        return
    for header in set(expected.get("headers") or {}) & {"Retry-After"}:
        if reply.headers.get(header.lower(), reply.headers.get(header)) != expected["headers"][header]:
            yield f"header {header}: {reply.headers}"
    if not isinstance(body, dict):
        if isinstance(body, str) and reply.body != body:
            yield f"body {reply.body!r}, recorded {body!r}"
        return
    for key in ("kind", "apiVersion", "reason", "code", "status"):
        if isinstance(body.get(key), str | int) and reply.body.get(key) != body[key]:
            yield f"{key} {reply.body.get(key)!r}, recorded {body[key]!r}"
    if name not in PARTS:
        have = dict(shape(reply.body))
        for path, kind in shape(body):
            excepted = NOT_MODELLED.fullmatch(path) or re.fullmatch(OF_ONE.get(name, "-"), path)
            if path not in have and not excepted and not empty_list_above(path, have):
                yield f"{path} is missing"
            elif path in have and have[path] != kind and not excepted:
                yield f"{path} is {have[path]}, recorded {kind}"


def shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the paths of a body, list items folded together, each with its type."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from shape(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, "list"
        for item in value:
            yield from shape(item, f"{path}[]")
    else:
        yield path, type(value).__name__


def empty_list_above(path: str, have: dict[str, str]) -> bool:
    """Say whether the path lies in a list that has no entries in our answer."""
    head = path.partition("[]")[0]
    return "[]" in path and head in have and not any(one.startswith(f"{head}[]") for one in have)
