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

BATCH = 1 * S
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
    # Looked at a second later: named in the status, its finalizer removed, counted.
    assert rig.now == succeeded + WATCH + BATCH + SYNC + 3 * WRITE
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
    # The pass that counts the failure, a second after it, comes back when the back-off is over.
    assert waits == [WATCH + wait * S + SYNC + WRITE for wait in (10, 20, 40, 80)]
    assert len(failures) == 5


def test_the_status_says_with_the_next_batch_that_a_pod_has_failed() -> None:
    rig = Rig(node("n1"), behaviours=CRASHES)
    rig.create(job("j", 60, backoffLimit=0))
    rig.run_until(lambda: any(pod["status"]["phase"] == "Failed" for pod in rig.pods()))
    failed = rig.now
    assert rig.run_until(lambda: ended(rig) == "Failed") == failed + WATCH + BATCH + SYNC + 3 * WRITE


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


def conditions(rig: Rig, name: str = "j") -> dict[str, str]:
    return {
        one["type"]: one["reason"]
        for one in status(rig, name).get("conditions", ())
        if one["status"] == "True"
    }


def test_pods_are_created_in_batches_that_double() -> None:
    rig = Rig(node("n1", "64"))
    rig.create(job("j", 5, completions=7, parallelism=7))
    rig.run(1 * S)
    first = WATCH + SYNC + WRITE
    assert created(rig) == [first] + [first + WRITE] * 2 + [first + 2 * WRITE] * 4


def test_a_job_that_takes_too_long_fails_and_its_pods_go() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 600, activeDeadlineSeconds=30))
    rig.run_until(lambda: ended(rig) == "Failed")
    assert conditions(rig) == {"FailureTarget": "DeadlineExceeded", "Failed": "DeadlineExceeded"}
    assert 30 * S <= rig.now < 36 * S  # its pod ends within its grace period first
    told = [
        write.at_ns
        for write in rig.writes
        if write.kind == "Job" and write.after and condition_of(write.after, "FailureTarget") == "True"
    ]
    assert 30 * S <= told[0] < 30 * S + 100 * MS
    rig.run(5 * S)
    assert not rig.active()


def test_one_that_ends_in_time_is_left_alone() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 5, activeDeadlineSeconds=30))
    rig.run(100 * S)
    assert conditions(rig) == {
        "SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"
    }  # fmt: skip
    assert status(rig)["completionTime"]


def test_a_suspended_job_has_no_pods_and_its_deadline_begins_anew() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 40, suspend=True, activeDeadlineSeconds=60))
    rig.run(100 * S)
    assert not rig.pods()
    assert conditions(rig) == {"Suspended": "JobSuspended"}
    rig.patch("Job", "j", {"spec": {"suspend": False}})
    rig.run(20 * S)
    assert len(rig.active()) == 1
    rig.patch("Job", "j", {"spec": {"suspend": True}})
    rig.run(50 * S)
    assert not rig.active()
    assert status(rig)["failed"] == 0  # what it stopped itself does not count
    rig.patch("Job", "j", {"spec": {"suspend": False}})
    rig.run_until(lambda: bool(ended(rig)))
    assert ended(rig) == "Complete"


def test_a_finished_job_goes_after_its_time_and_its_pods_with_it() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 5, ttlSecondsAfterFinished=20))
    finished = rig.run_until(lambda: bool(ended(rig)))
    rig.run(15 * S)
    assert rig.pods()
    gone = rig.run_until(lambda: "j" not in [key[1] for key in rig.store.objects["Job"]])
    assert 19 * S <= gone - finished < 21 * S
    assert not rig.pods()  # in the foreground: they went first


def test_an_indexed_job_runs_each_index_to_success() -> None:
    rig = Rig(node("n1", "64"))
    rig.create(job("j", 5, completions=5, parallelism=2, completionMode="Indexed"))
    rig.run(3 * S)
    names = sorted(pod["metadata"]["name"].split("-")[1] for pod in rig.pods())
    assert names == ["0", "1"]
    victim = next(pod for pod in rig.pods() if pod["metadata"]["name"].startswith("j-0-"))
    rig.patch("Pod", victim["metadata"]["name"], {"status": {"phase": "Failed"}})
    rig.run(8 * S)
    assert status(rig)["completedIndexes"] == "1"
    rig.run_until(lambda: bool(ended(rig)))
    assert (status(rig)["completedIndexes"], status(rig)["failed"]) == ("0-4", 1)
    assert len(created(rig)) == 6


def test_a_work_queue_is_over_when_one_has_succeeded_and_none_runs() -> None:
    rig = Rig(node("n1", "64"))
    rig.create(job("j", 5, parallelism=3))
    rig.run_until(lambda: bool(ended(rig)))
    assert status(rig)["succeeded"] == len(created(rig)) == 3


def test_a_lower_parallelism_stops_pods_without_counting_them() -> None:
    rig = Rig(node("n1", "64"))
    rig.create(job("j", 30, completions=6, parallelism=6))
    rig.run(5 * S)
    rig.patch("Job", "j", {"spec": {"parallelism": 2}})
    rig.run(10 * S)
    assert len(rig.active()) == 2
    rig.run_until(lambda: bool(ended(rig)))
    assert (ended(rig), status(rig)["succeeded"], status(rig)["failed"]) == ("Complete", 6, 0)


def test_restarts_in_place_count_against_the_limit() -> None:
    rig = Rig(node("n1"), behaviours=CRASHES)
    crashing = job("j", 600, backoffLimit=2)
    crashing["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    rig.create(crashing)
    rig.run_until(lambda: bool(ended(rig)))
    assert conditions(rig)["Failed"] == "BackoffLimitExceeded"
    assert len(created(rig)) == 1


def test_success_ends_the_back_off() -> None:
    """Two failures, 10 and 20 s, then a success: the next failure waits for 10 s again."""
    rig = Rig(node("n1", "64"))
    rig.create(job("j", 5, completions=4, parallelism=1, backoffLimit=9))
    waits = []
    for fails in (True, True, False, True):
        rig.run_until(lambda: len(rig.active()) == 1)
        (pod,) = rig.active()
        if not fails:
            rig.run_until(lambda: not rig.active())
            continue
        rig.patch("Pod", pod["metadata"]["name"], {"status": {"phase": "Failed"}})
        began = rig.now
        waits.append(round((rig.run_until(lambda: len(rig.active()) == 1) - began) / S))
    assert waits == [10, 20, 10]


def test_a_pod_that_is_deleted_counts_as_failed_and_is_replaced() -> None:
    rig = Rig(node("n1"))
    rig.create(job("j", 20))
    rig.run(5 * S)
    rig.delete("Pod", rig.pods()[0]["metadata"]["name"])
    rig.run_until(lambda: bool(ended(rig)))
    assert (ended(rig), status(rig)["failed"], status(rig)["succeeded"]) == ("Complete", 1, 1)
