"""Controllers let go of pods by their labels, adopt orphans, and what an owner leaves is collected."""

from simulator.cluster.objects import is_ready
from tests.simulator.cluster.objects import bare_pod, deployment, job, node
from tests.simulator.cluster.rig import Rig, S, name_of
from tests.simulator.cluster.sets import daemonset, statefulset


def relabel(rig: Rig, pod: str, **labels: str | None) -> None:
    rig.patch("Pod", pod, {"metadata": {"labels": labels}})


def test_a_pod_that_no_longer_matches_is_let_go_and_replaced() -> None:
    rig = Rig(node("n1"), deployment("web", 2))
    pod = rig.pods("web")[0]
    relabel(rig, name_of(pod), app="held")
    rig.run_until(lambda: rig.settled("web"))
    held = rig.get("Pod", name_of(pod))
    assert "ownerReferences" not in held["metadata"]
    assert is_ready(held)
    assert held["metadata"]["uid"] == pod["metadata"]["uid"]


def test_given_its_labels_back_it_is_adopted_and_one_too_many_goes() -> None:
    rig = Rig(node("n1"), deployment("web", 2))
    pod = name_of(rig.pods("web")[0])
    relabel(rig, pod, app="held")
    rig.run_until(lambda: rig.settled("web"))
    relabel(rig, pod, app="web")
    rig.run_until(lambda: len(rig.pods("web")) == 3)
    rig.run_until(lambda: rig.settled("web") and len(rig.pods("web")) == 2)
    rig.roll_out("web", "again")
    rig.run_until(lambda: rig.settled("web"))


def test_a_daemon_sets_pod_is_replaced_on_its_node_beside_the_one_let_go() -> None:
    rig = Rig(node("n1"), daemonset("agent"))
    pod = name_of(rig.pods("agent")[0])
    relabel(rig, pod, app="held")
    rig.run_until(lambda: len(rig.ready("agent")) == 1 and len(rig.pods()) == 2)


def test_a_stateful_sets_pod_that_is_let_go_blocks_its_own_replacement() -> None:
    rig = Rig(node("n1"), statefulset("db", 1))
    relabel(rig, "db-0", app="held")
    rig.run(30 * S)
    assert rig.pods("db") == []
    rig.delete("Pod", "db-0")
    rig.run_until(lambda: len(rig.ready("db")) == 1, limit_ns=2000 * S)


def test_an_orphan_that_matches_is_adopted_instead_of_a_new_pod() -> None:
    rig = Rig(node("n1"), deployment("web", 1))
    labels = rig.pods("web")[0]["metadata"]["labels"]
    rig.create(bare_pod("stray", labels=dict(labels)))
    rig.run(60 * S)
    assert len(rig.pods("web")) == 1


def test_what_a_deployment_or_job_owned_goes_with_it() -> None:
    rig = Rig(node("n1"), deployment("web", 3), job("work", 1000))
    rig.run_until(lambda: len(rig.pods()) == 4 and all(map(is_ready, rig.pods())))
    rig.delete("Deployment", "web")
    rig.delete("Job", "work")
    rig.run_until(lambda: not rig.pods())
    assert rig.replicasets("web") == []
