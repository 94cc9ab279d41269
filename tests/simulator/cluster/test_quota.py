import pytest

from engine.core.errors import Forbidden
from tests.simulator.cluster.objects import bare_pod, deployment, node, quota
from tests.simulator.cluster.rig import EXIT, REPORT, WATCH, Rig, S, name_of


def refusal(rig: Rig, name: str, cpu: str = "100m") -> str:
    with pytest.raises(Forbidden) as refused:
        rig.create(bare_pod(name, cpu=cpu))
    return str(refused.value)


def test_a_refusal_names_what_is_exceeded_as_the_api_server_does() -> None:
    rig = Rig(
        node("n1"),
        deployment("web", 3, cpu="500m"),
        quota(**{"requests.cpu": "2", "memory": "224Mi", "pods": "9"}),
    )
    assert refusal(rig, "a", "1500m") == (
        'pods "a" is forbidden: exceeded quota: compute, '
        "requested: memory=64Mi,requests.cpu=1500m, used: memory=192Mi,requests.cpu=1500m, "
        "limited: memory=224Mi,requests.cpu=2"
    )


@pytest.mark.parametrize(
    ("hard", "fits"), [({"pods": "5"}, 2), ({"cpu": "1"}, 7), ({"memory": "256Mi"}, 1), ({}, 12)]
)
def test_as_many_pods_as_the_quota_admits(hard: dict[str, str], fits: int) -> None:
    rig = Rig(node("n1"), deployment("web", 3), quota(**hard))
    admitted = 0
    for number in range(12):
        try:
            rig.create(bare_pod(f"p{number}"))
        except Forbidden:
            break
        admitted += 1
    assert admitted == fits


def test_what_the_quota_does_not_count_is_free() -> None:
    rig = Rig(node("n1"), quota(**{"requests.storage": "0", "services": "0"}))
    rig.create(bare_pod("a"))
    assert not Forbidden.retryable


def test_another_namespace_has_its_own() -> None:
    rig = Rig(node("n1"), quota(pods="0"))
    pod = bare_pod("a")
    rig.create({**pod, "metadata": {**pod["metadata"], "namespace": "elsewhere"}})
    refusal(rig, "a")


def test_a_pod_is_counted_until_it_has_ended() -> None:
    rig = Rig(node("n1"), deployment("web", 1), quota(pods="2"))
    rig.scale("web", 0)
    rig.create(bare_pod("a"))
    refusal(rig, "b")
    rig.run_until(lambda: any("deletionTimestamp" in pod["metadata"] for pod in rig.pods("web")))
    deleted = rig.now
    refusal(rig, "b")  # a pod that is going still counts
    rig.run(WATCH + EXIT + REPORT - 1)
    refusal(rig, "b")
    rig.run_until(lambda: not any(pod["status"]["phase"] == "Running" for pod in rig.pods("web")))
    assert rig.now == deleted + WATCH + EXIT + REPORT
    rig.create(bare_pod("b"))
    refusal(rig, "c")
    rig.run(10 * S)  # its removal does not count it out again
    assert not rig.pods("web")
    refusal(rig, "c")
    rig.delete("Pod", "a", grace_s=0)
    rig.create(bare_pod("c"))
    assert {name_of(pod) for pod in rig.pods()} == {"b", "c"}


def test_every_quota_of_the_namespace_must_admit() -> None:
    second = quota(pods="1")
    second["metadata"] = {**second["metadata"], "name": "second"}
    rig = Rig(node("n1"), quota(cpu="10"), second)
    rig.create(bare_pod("a"))
    assert "exceeded quota: second" in refusal(rig, "b")


def test_a_changed_quota_counts_at_once() -> None:
    rig = Rig(node("n1"), quota(pods="0"))
    refusal(rig, "a")
    rig.patch("ResourceQuota", "compute", {"spec": {"hard": {"pods": "1"}}})
    rig.create(bare_pod("a"))
    refusal(rig, "b")
