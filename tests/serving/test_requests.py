"""What comes over HTTP: watches, tokens, and everything that is no sound request."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headroom.serving.access import User
from headroom.serving.patching import MERGE_PATCH
from tests.serving.served import Served, serving

PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as place:
        yield place


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def events_of(served: Served, path: str) -> list[dict[str, Any]]:
    reply = served.send("GET", path)
    assert reply.status == 200
    return [json.loads(line) for line in reply.body.splitlines()]


def test_a_watch_tells_what_is_there_and_then_what_happens(served: Served) -> None:
    maps = "/api/v1/namespaces/default/configmaps"
    served.send("POST", maps, config_map("first"))
    heard: list[dict[str, Any]] = []
    listening = threading.Thread(
        target=lambda: heard.extend(events_of(served, f"{maps}?watch=1&timeoutSeconds=2"))
    )
    listening.start()
    listening.join(0.5)
    served.send("POST", maps, config_map("second"))
    served.send("PATCH", f"{maps}/second", {"data": {"a": "1"}}, MERGE_PATCH)
    served.send("DELETE", f"{maps}/first")
    listening.join()
    told = [(event["type"], event["object"]["metadata"]["name"]) for event in heard]
    assert told == [("ADDED", "first"), ("ADDED", "second"), ("MODIFIED", "second"), ("DELETED", "first")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in heard]
    assert versions == sorted(versions)


def test_a_watch_goes_on_from_a_version(served: Served) -> None:
    maps = "/api/v1/namespaces/default/configmaps"
    before = served.get(maps)["metadata"]["resourceVersion"]
    served.send("POST", maps, config_map("later"))
    [event] = events_of(served, f"{maps}?watch=1&resourceVersion={before}&timeoutSeconds=1")
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "later")


def test_a_watch_with_a_selector_sees_objects_come_and_go_as_they_match(served: Served) -> None:
    maps = "/api/v1/namespaces/default/configmaps"
    served.send("POST", maps, config_map("chosen"))
    before = served.get(maps)["metadata"]["resourceVersion"]
    for labels in ({"team": "a"}, {"team": "b"}, {"team": "z"}):
        patch = {"metadata": {"labels": labels}}
        served.send("PATCH", f"{maps}/chosen", patch, MERGE_PATCH)
    query = f"watch=1&resourceVersion={before}&timeoutSeconds=1&labelSelector=team+in+(a,b)"
    assert [event["type"] for event in events_of(served, f"{maps}?{query}")] == [
        "ADDED",
        "MODIFIED",
        "DELETED",
    ]


def test_a_watch_from_before_the_beginning_is_told_that_it_is_gone(served: Served) -> None:
    [event] = events_of(served, f"{PODS}?watch=1&resourceVersion=1&timeoutSeconds=1")
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_watch_can_come_as_a_table(served: Served) -> None:
    reply = served.send(
        "GET",
        "/api/v1/nodes?watch=1&timeoutSeconds=1",
        accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    )
    rows = [json.loads(line)["object"] for line in reply.body.splitlines()]
    assert [row["kind"] for row in rows] == ["Table"] * 3
    assert [bool(row["columnDefinitions"]) for row in rows] == [True, False, False]


def test_tokens_say_who_may_do_what() -> None:
    with serving(tokens={"w": User("admin"), "r": User("viewer", writes=False)}) as served:
        body = config_map("mine")
        maps = "/api/v1/namespaces/default/configmaps"
        codes = {
            token: (
                served.send("GET", maps, token=token).status,
                served.send("POST", maps, body, token=token).status,
            )
            for token in ("w", "r", "stolen")
        }
        assert codes == {"w": (200, 201), "r": (200, 403), "stolen": (401, 401)}
        served.token = ""
        anonymous = served.send("GET", maps)
        assert anonymous.status == 403
        assert served.send("GET", "/readyz").status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "code"),
    [
        ("POST", DEPLOYMENTS, b'{"kind":', None, 400),
        ("POST", DEPLOYMENTS, b"\xff\xfe", None, 400),
        ("POST", DEPLOYMENTS, b"[" * 100_000, None, 400),
        ("POST", DEPLOYMENTS, b"NaN", None, 400),
        ("POST", DEPLOYMENTS, b"[]", None, 400),
        ("POST", DEPLOYMENTS, {"kind": "Pod"}, None, 400),
        ("POST", DEPLOYMENTS, {"metadata": {"name": "x", "namespace": "other"}}, None, 400),
        ("POST", DEPLOYMENTS, {"metadata": 3}, None, 400),
        ("POST", DEPLOYMENTS, {"metadata": {"name": "x"}}, None, 422),
        ("POST", DEPLOYMENTS, {"metadata": {}}, None, 422),
        ("POST", DEPLOYMENTS, {"metadata": {"name": "x"}, "spec": {"replicas": "three"}}, None, 400),
        ("POST", "/api/v1/namespaces/nowhere/configmaps", config_map("x"), None, 404),
        ("POST", DEPLOYMENTS, b"x" * (3 * 1024 * 1024 + 1), None, 413),
        ("POST", DEPLOYMENTS, b"x", "application/vnd.kubernetes.protobuf", 415),
        ("PATCH", f"{DEPLOYMENTS}/api-gateway", {}, "application/json", 415),
        ("PATCH", f"{DEPLOYMENTS}/api-gateway", [], MERGE_PATCH, 400),
        ("PATCH", f"{DEPLOYMENTS}/api-gateway", {"spec": None}, MERGE_PATCH, 422),
        (
            "PATCH",
            f"{DEPLOYMENTS}/api-gateway",
            {"spec": {"replicas": -1}},
            MERGE_PATCH,
            422,
        ),
        ("PATCH", f"{DEPLOYMENTS}/nope", {}, MERGE_PATCH, 404),
        ("PATCH", f"{DEPLOYMENTS}/api-gateway", {}, "application/apply-patch+yaml", 400),
        ("PATCH", f"{DEPLOYMENTS}/api-gateway/scale", {"spec": 3}, MERGE_PATCH, 400),
        ("PUT", f"{DEPLOYMENTS}/api-gateway/scale", [], None, 400),
        ("PUT", f"{DEPLOYMENTS}/api-gateway", {"metadata": {"name": "other"}}, None, 400),
        ("DELETE", f"{PODS}/nope", {"gracePeriodSeconds": -1}, None, 400),
        ("DELETE", f"{PODS}/nope?propagationPolicy=Sideways", None, None, 400),
        ("GET", f"{PODS}?limit=-1", None, None, 400),
        ("GET", f"{PODS}?limit=999999999999999999999", None, None, 400),
        ("GET", f"{PODS}?continue=nonsense", None, None, 400),
        ("GET", f"{PODS}?resourceVersion=abc", None, None, 422),
        ("GET", f"{PODS}?resourceVersionMatch=Sometimes", None, None, 400),
        ("GET", f"{PODS}?watch=1&timeoutSeconds=soon", None, None, 400),
        ("GET", f"{PODS}/{'x' * 300}", None, None, 400),
        ("GET", "/apis/apps/v1/namespaces/default/deployments/x/status/y", None, None, 404),
        ("GET", "/api/v1/pods/one", None, None, 404),
        ("GET", "/nothing", None, None, 404),
        ("PUT", PODS, {}, None, 405),
        ("POST", f"{PODS}/x/eviction", [], None, 400),
    ],
)
def test_what_is_no_sound_request_is_answered_with_a_status(
    served: Served, method: str, path: str, body: Any, kind: str | None, code: int
) -> None:
    reply = served.send(method, path, body, kind)
    assert reply.status == code, reply.body
    assert (reply.body["kind"], reply.body["status"], reply.body["code"]) == ("Status", "Failure", code)
    assert reply.body["message"]
    assert served.send("GET", "/readyz").status == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("replicas", "selector", "template", "strategy", "minReadySeconds", "paused", "matchLabels", "spec")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(
        (
            MERGE_PATCH,
            "application/strategic-merge-patch+json",
            "application/json-patch+json",
        )
    ),
    patch=st.one_of(
        json_values,
        st.fixed_dictionaries({"spec": st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3)}),
        st.fixed_dictionaries({"metadata": json_values}),
    ),
)
def test_no_patch_brings_the_server_down(served: Served, kind: str, patch: Any) -> None:
    reply = served.send("PATCH", f"{DEPLOYMENTS}/user-service", json.dumps(patch).encode(), kind)
    assert reply.status in (200, 400, 422), reply.body
    assert served.send("GET", f"{DEPLOYMENTS}/user-service").status == 200
