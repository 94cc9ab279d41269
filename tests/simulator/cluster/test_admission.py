"""What admission fills in and what it refuses: limit ranges, tolerations, quotas of every kind, names."""

from typing import Any

import pytest

from engine.core.errors import Forbidden
from tests.simulator.cluster.objects import bare_pod, deployment, node, quota
from tests.simulator.cluster.rig import Rig, S

Json = dict[str, Any]
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


def limits(kind: str = "Container", **item: Json) -> Json:
    metadata = {"name": "range", "namespace": "default"}
    return {"kind": "LimitRange", "metadata": metadata, "spec": {"limits": [{"type": kind, **item}]}}


def pod(name: str = "p", requests: Json | None = None, limit: Json | None = None) -> Json:
    resources = {what: amounts for what, amounts in (("requests", requests), ("limits", limit)) if amounts}
    container = {"name": "c", "image": "i", "resources": resources}
    return {**bare_pod(name), "spec": {"containers": [container]}}


def claim(name: str, size: str) -> Json:
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"resources": {"requests": {"storage": size}}},
    }


def thing(kind: str, name: str) -> Json:
    return {"kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": {}}


def resources(rig: Rig, name: str = "p") -> Json:
    found: Json = rig.get("Pod", name)["spec"]["containers"][0]["resources"]
    return found


def test_containers_get_the_defaults_of_their_namespace() -> None:
    rig = Rig(node("n1"))
    rig.create(limits(default={"cpu": "500m", "memory": "64Mi"}, defaultRequest={"cpu": "100m"}))
    rig.create(pod())
    assert resources(rig) == {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "500m", "memory": "64Mi"},
    }
    rig.create(pod("own", {"cpu": "50m"}, {"cpu": "200m"}))
    assert resources(rig, "own")["requests"]["cpu"] == "50m"
    assert resources(rig, "own")["limits"] == {"cpu": "200m", "memory": "64Mi"}


@pytest.mark.parametrize(
    ("item", "made", "told"),
    [
        (
            {"min": {"cpu": "100m"}},
            pod(requests={"cpu": "50m"}, limit={"cpu": "1"}),
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
        (
            {"max": {"memory": "1Gi"}},
            pod(requests={"memory": "1Gi"}, limit={"memory": "2Gi"}),
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            pod(requests={"cpu": "100m"}, limit={"cpu": "300m"}),
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
        (
            {"max": {"cpu": "1", "memory": "1Gi"}},
            pod(requests={"cpu": "2", "memory": "2Gi"}, limit={"cpu": "2", "memory": "2Gi"}),
            (
                "[maximum cpu usage per Container is 1, but limit is 2, "
                "maximum memory usage per Container is 1Gi, but limit is 2Gi]"
            ),
        ),
        (
            {"kind": "Pod", "max": {"cpu": "1"}},
            pod(requests={"cpu": "2"}, limit={"cpu": "2"}),
            "maximum cpu usage per Pod is 1, but limit is 2",
        ),
        (
            {"kind": "Pod", "min": {"cpu": "1"}},
            pod(requests={"memory": "1Gi"}),
            "minimum cpu usage per Pod is 1.  No request is specified",
        ),
    ],
)
def test_what_is_out_of_bounds_is_refused(item: Json, made: Json, told: str) -> None:
    rig = Rig(node("n1"))
    rig.create(limits(**item))
    with pytest.raises(Forbidden) as refusal:
        rig.create(made)
    assert str(refusal.value) == f'pods "p" is forbidden: {told}'
    assert not rig.pods()


def test_claims_have_bounds_too() -> None:
    rig = Rig(node("n1"))
    rig.create(limits("PersistentVolumeClaim", min={"storage": "1Gi"}, max={"storage": "10Gi"}))
    rig.create(claim("fits", "10Gi"))
    for size in ("500Mi", "20Gi"):
        with pytest.raises(Forbidden, match="storage usage per PersistentVolumeClaim"):
            rig.create(claim("not", size))


def test_a_limit_range_binds_controllers_pods() -> None:
    rig = Rig(node("n1"), deployment("web", 0))
    rig.create(limits(max={"cpu": "50m"}))
    rig.scale("web", 2)
    rig.run(5 * S)
    assert not rig.pods("web")


def test_every_pod_bears_a_lost_node_for_five_minutes_unless_it_says_else() -> None:
    rig = Rig(node("n1"), deployment("web", 1))
    rig.create(pod("bare"))
    own = pod("own")
    own["spec"]["tolerations"] = [{"key": NOT_READY, "operator": "Exists", "tolerationSeconds": 7}]
    rig.create(own)
    everything = pod("everything")
    everything["spec"]["tolerations"] = [{"operator": "Exists"}]
    rig.create(everything)

    def borne(one: Any) -> list[Any]:
        return [(each.get("key"), each.get("tolerationSeconds")) for each in one["spec"]["tolerations"]]

    both = [(NOT_READY, 300), (UNREACHABLE, 300)]
    assert borne(rig.get("Pod", "bare")) == both
    assert borne(rig.get("Pod", "own")) == [(NOT_READY, 7), (UNREACHABLE, 300)]
    assert borne(rig.get("Pod", "everything")) == [(None, None)]
    rig.scale("web", 2)
    rig.run(10 * S)
    assert [borne(one) for one in rig.pods("web")][-1] == both


@pytest.mark.parametrize(
    ("hard", "kind", "shown"),
    [
        ("services", "Service", "services"),
        ("configmaps", "ConfigMap", "configmaps"),
        ("secrets", "Secret", "secrets"),
        ("count/secrets", "Secret", "secrets"),
        ("count/deployments.apps", "Deployment", "deployments.apps"),
        ("count/jobs.batch", "Job", "jobs.batch"),
    ],
)
def test_numbers_of_objects(hard: str, kind: str, shown: str) -> None:
    rig = Rig(node("n1"))
    rig.create(quota(**{hard: "2"}))

    def made(name: str) -> Json:
        return deployment(name, 0) if kind == "Deployment" else thing(kind, name)

    rig.create(made("a"))
    rig.create(made("b"))
    with pytest.raises(Forbidden) as refusal:
        rig.create(made("c"))
    assert str(refusal.value).startswith(f'{shown} "c" is forbidden: exceeded quota: ')
    assert str(refusal.value).endswith(f"requested: {hard}=1, used: {hard}=2, limited: {hard}=2")
    rig.delete(kind, "a")
    rig.create(made("c"))


def test_limits_and_storage_are_counted() -> None:
    rig = Rig(node("n1"))
    rig.create(quota(**{"limits.memory": "1Gi", "requests.storage": "10Gi", "persistentvolumeclaims": "5"}))
    rig.create(pod("a", limit={"memory": "768Mi"}))
    with pytest.raises(Forbidden, match=r"requested: limits.memory=512Mi, used: limits.memory=768Mi"):
        rig.create(pod("b", limit={"memory": "512Mi"}))
    rig.create(pod("b", limit={"memory": "256Mi"}))
    with pytest.raises(Forbidden, match=r"must specify limits.memory for: c"):
        rig.create(pod("c", {"memory": "1Mi"}))
    rig.create(claim("a", "8Gi"))
    with pytest.raises(Forbidden, match=r"requested: requests.storage=4Gi, used: requests.storage=8Gi"):
        rig.create(claim("b", "4Gi"))


def test_names_are_made_of_a_prefix() -> None:
    rig = Rig(node("n1"))
    names = [
        rig.create({"kind": "ConfigMap", "metadata": {"generateName": "x-", "namespace": "default"}})[
            "metadata"
        ]["name"]
        for _ in range(20)
    ]
    assert len(dict.fromkeys(names)) == 20
    assert all(name.startswith("x-") and len(name) == 7 for name in names)
