"""Refusals word for word, and reason and status with them, as a real API server gave them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.core.effects import Ref
from engine.core.errors import ApiError
from simulator.cluster.words import group_of, resource_of
from tests.simulator.cluster.objects import bare_pod, deployment, node
from tests.simulator.cluster.rig import Rig

Json = dict[str, Any]


@pytest.fixture(scope="module")
def recorded(reference_data: Path) -> Callable[[str], Json]:
    """The answer to a recorded request by its name."""
    exchanges = json.loads((reference_data / "control-plane" / "wire.json").read_text())
    by_name = {one["name"]: one["response"] for one in exchanges}
    return lambda name: by_name[name]


def in_rec(resource: Json) -> Json:
    return {**resource, "metadata": {**resource["metadata"], "namespace": "rec"}}


def pod(name: str, cpu: str | None) -> Json:
    requests = {"requests": {"cpu": cpu}} if cpu else {}
    return in_rec(
        bare_pod(name) | {"spec": {"containers": [{"name": "c", "image": "i", "resources": requests}]}}
    )


def quota() -> Json:
    metadata = {"name": "q", "namespace": "rec"}
    return {"kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"requests.cpu": "1"}}}


def namespace(**metadata: str) -> Json:
    return {"kind": "Namespace", "metadata": {"name": "rec", "namespace": "", **metadata}}


def refused(act: Callable[[], Any]) -> ApiError:
    with pytest.raises(ApiError) as refusal:
        act()
    return refusal.value


def same(error: ApiError, answer: Json) -> None:
    body = answer["body"]
    assert str(error) == body["message"]
    assert error.status == answer["status"] == body["code"]
    assert error.reason == body["reason"]


def test_names_that_are_taken(recorded: Callable[[str], Json]) -> None:
    rig = Rig(node("n1"))
    rig.create(namespace())
    web = in_rec(deployment("web", 0))
    rig.create(web)
    same(refused(lambda: rig.create(namespace())), recorded("create namespace again"))
    same(refused(lambda: rig.create(web)), recorded("create deployment again"))


def test_what_is_not_there(recorded: Callable[[str], Json]) -> None:
    rig = Rig(node("n1"))
    nope = Ref("Deployment", "nope", "rec")
    same(refused(lambda: rig.store.get(nope)), recorded("get missing deployment"))
    gone = Ref("Pod", "nope", "rec")
    same(refused(lambda: rig.store.delete(gone, rig.link)), recorded("delete missing pod"))


def test_a_stale_version_and_a_wrong_uid(recorded: Callable[[str], Json]) -> None:
    rig = Rig(node("n1"))
    rig.create(in_rec(deployment("web", 0)))
    web = Ref("Deployment", "web", "rec")
    stale = refused(lambda: rig.store.patch(web, {"spec": {"replicas": 1}}, rig.link, "1"))
    same(stale, recorded("put with stale resourceVersion"))
    answer = recorded("delete pod with wrong uid")
    name = answer["body"]["details"]["name"]
    rig.create(pod(name, "1m"))
    uid = rig.store.get(Ref("Pod", name, "rec"))["metadata"]["uid"]
    wrong = refused(
        lambda: rig.store.delete(Ref("Pod", name, "rec"), rig.link, "00000000-0000-0000-0000-000000000000")
    )
    message = answer["body"]["message"]
    theirs = message.partition("UID in record (")[2].partition(")")[0]
    answer["body"]["message"] = message.replace(theirs, uid)
    same(wrong, answer)


def test_quotas(recorded: Callable[[str], Json]) -> None:
    rig = Rig(node("n1"))
    for number in range(4):
        rig.create(pod(f"p{number}", "100m"))
    rig.create(quota())
    same(refused(lambda: rig.create(pod("big", "2"))), recorded("create pod over quota"))
    same(refused(lambda: rig.create(pod("noreq", None))), recorded("create pod without requests under quota"))


def test_a_namespace_that_goes_away(recorded: Callable[[str], Json]) -> None:
    rig = Rig(node("n1"))
    rig.create(namespace(deletionTimestamp="2026-01-01T00:00:00Z"))
    answer = recorded("create in terminating namespace")
    same(refused(lambda: rig.create(in_rec(deployment("web", 0)))), answer)


def test_kinds_are_called_what_the_server_calls_them(recorded: Callable[[str], Json]) -> None:
    for name, group in (("core resources", ""), ("apps resources", "apps"), ("policy resources", "policy")):
        for resource in recorded(name)["body"]["resources"]:
            if "/" not in resource["name"] and resource["kind"] != "ComponentStatus":
                kind = resource["kind"]
                assert (resource_of(kind), group_of(kind)) == (resource["name"], group)
