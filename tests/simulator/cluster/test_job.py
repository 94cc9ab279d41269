from typing import Any

from simulator.cluster.objects import condition_of
from tests.simulator.cluster.objects import job, node, quota
from tests.simulator.cluster.rig import (
    CYCLE,
    MS,
    REPORT,
    START,
    STARTUP,
    SYNC,
    VOLUMES,
    WATCH,
    WRITE,
    Rig,
    S,
    constant,
)

CRASHES = {"*": {"startup": constant(STARTUP / S), "exit": constant(1), "crash_probability": 1}}


def status(rig: Rig, name: str = "j") -> dict[str, Any]:
    return dict(rig.get("Job", name).get("status") or {})


def ended(rig: Rig, name: str = "j") -> str:
    found = rig.get("Job", name)
    return next((one for one in ("Complete", "Failed") if condition_of(found, one) == "True"), "")


def created(rig: Rig) -> list[int]:
    return [write.at_ns for write in rig.writes if write.kind == "Pod" and write.before is None]


def test_a_job_runs_its_pod_out_and_completes() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 5))
    rig.run_until(lambda: ended(rig) == "Complete")
    bound = WATCH + SYNC + WRITE + WATCH + CYCLE + WRITE
    started = bound + WATCH + VOLUMES + START
    succeeded = rig.relist_after("n1", started + 5 * S) + REPORT
    assert rig.now == succeeded + WATCH + SYNC + WRITE
    assert (status(rig)["succeeded"], status(rig)["active"], status(rig)["failed"]) == (1, 0, 0)
    rig.run(60 * S)
    assert created(rig) == [WATCH + SYNC + WRITE]
    assert rig.pods()[0]["status"]["phase"] == "Succeeded"


def test_completions_are_reached_with_no_more_than_its_parallelism() -> None:
    rig = Rig(node("n1"))
    active = []
    rig.store.published.append(lambda *_: active.append(len(rig.active())))
    rig.create(job("j", 3, completions=5, parallelism=2))
    rig.run_until(lambda: bool(ended(rig)))
    assert ended(rig) == "Complete"
    assert status(rig)["succeeded"] == 5
    assert max(active) == 2
    assert len(rig.pods()) == 5


def test_the_last_completions_need_no_more_pods_than_are_left() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 3, completions=4, parallelism=3))
    rig.run(60 * S)
    assert ended(rig) == "Complete"
    assert len(created(rig)) == 4


def test_a_job_fails_when_too_many_pods_have() -> None:
    rig = Rig(node("n1"), behaviours=CRASHES)
    rig.create(job("j", 60, backoffLimit=2))
    rig.run_until(lambda: bool(ended(rig)))
    assert ended(rig) == "Failed"
    assert status(rig)["conditions"][0]["reason"] == "BackoffLimitExceeded"
    assert (status(rig)["failed"], status(rig)["active"]) == (3, 0)
    failed = rig.now
    rig.run(600 * S)
    assert len(created(rig)) == 3
    assert max(created(rig)) < failed


def test_a_failed_pod_is_replaced_after_a_back_off_that_doubles() -> None:
    rig = Rig(node("n1"), behaviours=CRASHES)
    rig.create(job("j", 60, backoffLimit=4))
    failures: list[int] = []

    def note(kind: str, before: Any, after: Any, _link: Any) -> None:
        if (
            kind == "Pod"
            and before
            and after
            and before["status"]["phase"] != "Failed" == after["status"]["phase"]
        ):
            failures.append(rig.now)

    rig.store.published.append(note)
    rig.run_until(lambda: bool(ended(rig)))
    waits = [later - earlier for earlier, later in zip(failures, created(rig)[1:], strict=False)]
    assert waits == [WATCH + wait * S + SYNC + WRITE for wait in (10, 20, 40, 80)]
    assert len(failures) == 5


def test_the_status_says_at_once_that_a_pod_has_failed() -> None:
    rig = Rig(node("n1"), behaviours=CRASHES)
    rig.create(job("j", 60, backoffLimit=0))
    rig.run_until(lambda: any(pod["status"]["phase"] == "Failed" for pod in rig.pods()))
    failed = rig.now
    assert rig.run_until(lambda: ended(rig) == "Failed") == failed + WATCH + SYNC + WRITE


def test_a_failed_job_stops_its_other_pods() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 600, completions=3, parallelism=3, backoffLimit=0))
    rig.run(10 * S)
    victim = rig.pods()[0]["metadata"]["name"]
    rig.patch("Pod", victim, {"status": {"phase": "Failed"}})
    rig.run(60 * S)
    assert ended(rig) == "Failed"
    assert [pod["metadata"]["name"] for pod in rig.pods()] == [victim]


def test_a_refused_pod_is_tried_again() -> None:
    rig = Rig(node("n1"), quota(pods="0"))
    rig.create(job("j", 1))
    rig.run(2 * S)
    assert not rig.pods()
    assert not ended(rig)
    rig.patch("ResourceQuota", "compute", {"spec": {"hard": {"pods": "1"}}})
    rig.run(30 * S)
    assert ended(rig) == "Complete"
    assert len(created(rig)) == 1


def test_jobs_do_not_disturb_each_other() -> None:
    rig = Rig(node("n1"), node("n2"))
    for number in range(6):
        rig.create(job(f"j{number}", 1 + number))
    rig.run(120 * S)
    assert [ended(rig, f"j{number}") for number in range(6)] == ["Complete"] * 6
    assert len(created(rig)) == 6
    assert max(created(rig)) < 100 * MS
