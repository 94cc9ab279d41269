"""Pods resized in place: granted, deferred, infeasible, refused; and who reckons with it."""

from typing import Any

import pytest

from engine.core.errors import Forbidden, Invalid, NotFound
from simulator.cluster.objects import is_ready
from tests.simulator.cluster.objects import bare_pod, deployment, node, quota, ref
from tests.simulator.cluster.rig import Rig, S, name_of


def versioned(name: str, version: str = "v1.34.0", **given: Any) -> Any:
    one = node(name, **given)
    one["status"]["nodeInfo"] = {"kubeletVersion": version}
    return one


def resize(rig: Rig, pod: str, cpu: str, **resources: Any) -> None:
    [container] = rig.get("Pod", pod)["spec"]["containers"]
    wanted = {"requests": {"cpu": cpu, "memory": "64Mi"}, **resources}
    changes = {"spec": {"containers": [{**container, "resources": wanted}]}}
    rig.cluster.patch(ref("Pod", pod), changes, rig.link, None, "resize")


def granted(rig: Rig, pod: str) -> str:
    [status] = rig.get("Pod", pod)["status"]["containerStatuses"]
    cpu: str = status["resources"]["requests"]["cpu"]
    return cpu


def pending(rig: Rig, pod: str) -> list[str]:
    conditions = rig.get("Pod", pod)["status"]["conditions"]
    return [one["reason"] for one in conditions if one["type"] == "PodResizePending"]


def rig_of(replicas: int = 2, cpu: str = "1", version: str = "v1.34.0", **given: Any) -> Rig:
    return Rig(versioned("n1", version, cpu=cpu), deployment("web", replicas, cpu="200m"), *given.values())


def test_it_is_granted_at_the_next_relist_without_a_restart() -> None:
    rig = rig_of()
    pod = name_of(rig.pods("web")[0])
    resize(rig, pod, "500m")
    assert granted(rig, pod) == "200m"
    rig.run_until(lambda: granted(rig, pod) == "500m", limit_ns=2 * S)
    assert is_ready(rig.get("Pod", pod))
    assert rig.checker.violations["node_overcommitted"] == 0


def test_the_scheduler_reckons_with_it_at_once_and_gets_it_back() -> None:
    rig = rig_of()
    first, second = (name_of(pod) for pod in rig.pods("web"))
    resize(rig, first, "700m")
    rig.create(bare_pod("late", cpu="200m"))
    rig.run(30 * S)
    assert "nodeName" not in rig.get("Pod", "late")["spec"]
    resize(rig, first, "300m")
    rig.run_until(lambda: is_ready(rig.get("Pod", "late")))
    assert granted(rig, second) == "200m"


def test_what_the_node_cannot_hold_now_is_deferred_until_it_can() -> None:
    rig = Rig(versioned("n1", cpu="1"), deployment("web", 2, cpu="200m"), bare_pod("other", cpu="500m"))
    rig.run_until(lambda: is_ready(rig.get("Pod", "other")))
    pod = name_of(rig.pods("web")[0])
    resize(rig, pod, "700m")
    rig.run_until(lambda: pending(rig, pod) == ["Deferred"])
    assert granted(rig, pod) == "200m"
    rig.delete("Pod", "other")
    rig.run_until(lambda: granted(rig, pod) == "700m")
    assert pending(rig, pod) == []
    assert rig.checker.violations["node_overcommitted"] == 0


def test_what_the_node_can_never_hold_is_infeasible() -> None:
    rig = rig_of()
    pod = name_of(rig.pods("web")[0])
    resize(rig, pod, "1100m")
    rig.run_until(lambda: pending(rig, pod) == ["Infeasible"])
    resize(rig, pod, "300m")
    rig.run_until(lambda: granted(rig, pod) == "300m")
    assert pending(rig, pod) == []


def test_a_pod_without_a_node_is_scheduled_by_what_it_now_asks_for() -> None:
    rig = rig_of(2, cpu="1")
    rig.create(bare_pod("large", cpu="800m"))
    rig.run(30 * S)
    assert "nodeName" not in rig.get("Pod", "large")["spec"]
    resize(rig, "large", "500m")
    rig.run_until(lambda: is_ready(rig.get("Pod", "large")))
    assert granted(rig, "large") == "500m"
    assert rig.checker.violations["node_overcommitted"] == 0


def test_an_older_cluster_has_no_such_subresource() -> None:
    rig = rig_of(version="v1.32.4")
    with pytest.raises(NotFound, match="could not find the requested resource"):
        resize(rig, name_of(rig.pods("web")[0]), "300m")


def test_the_quality_of_service_may_not_change() -> None:
    rig = rig_of()
    limits = {"cpu": "300m", "memory": "64Mi"}
    with pytest.raises(Invalid, match="QOS"):
        resize(rig, name_of(rig.pods("web")[0]), "300m", limits=limits)


def test_nothing_but_resources_may_change() -> None:
    rig = rig_of()
    pod = rig.pods("web")[0]
    [container] = pod["spec"]["containers"]
    changes = {"spec": {"containers": [{**container, "image": "other:2"}]}}
    with pytest.raises(Invalid, match="only cpu and memory"):
        rig.cluster.patch(ref("Pod", name_of(pod)), changes, rig.link, None, "resize")


def test_a_quota_bounds_it_and_counts_it() -> None:
    rig = rig_of(quota=quota(cpu="600m"))
    first, second = (name_of(pod) for pod in rig.pods("web"))
    resize(rig, first, "400m")
    with pytest.raises(Forbidden, match="requested: cpu=100m, used: cpu=600m, limited: cpu=600m"):
        resize(rig, second, "300m")
    resize(rig, first, "300m")
    resize(rig, second, "300m")
    assert rig.checker.violations["quota_exceeded"] == 0


def test_others_of_its_deployment_keep_what_their_template_says() -> None:
    rig = rig_of(1)
    pod = name_of(rig.pods("web")[0])
    resize(rig, pod, "300m")
    rig.run(5 * S)
    rig.scale("web", 3)
    rig.run_until(lambda: rig.settled("web"))
    assert granted(rig, pod) == "300m"
    assert sorted(granted(rig, name_of(one)) for one in rig.pods("web")) == ["200m", "200m", "300m"]
