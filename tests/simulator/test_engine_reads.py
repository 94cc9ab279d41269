"""Reads from the watch cache, and calls that flow control refuses."""

from dataclasses import replace
from typing import Any

import pytest

import scenarios
from engine.core.definition import Step, Workflow
from engine.core.effects import Ref, Selection
from engine.core.errors import NotFound, TooManyRequests
from simulator import simulate
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cached_reads import CachedReads
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch
from simulator.streams import Constant, Streams
from tests.simulator import worlds
from tests.simulator.worlds import SECOND_NS, of_type, run_row, run_spec


def test_the_cache_sees_a_write_when_the_watch_has_delivered_it() -> None:
    agenda = Agenda()
    watch = Watch(agenda, Constant(10), Streams(1, 0).stream("watch"))
    reads = CachedReads(watch)
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ns", "labels": {"app": "web"}, "resourceVersion": "1"},
    }
    watch.published("Pod", None, pod, root(0))
    with pytest.raises(NotFound):
        reads.get(Ref("Pod", "p", "ns"))
    assert reads.select(Selection("Pod")) == []
    agenda.run(until=11)
    assert reads.get(Ref("Pod", "p", "ns")) is pod
    for selection, found in (
        (Selection("Pod", "ns", (("app", "web"),)), [pod]),
        (Selection("Pod", "ns", (("app", "db"),)), []),
        (Selection("Pod", "other"), []),
        (Selection("Pod", "ns", name="p"), [pod]),
        (Selection("Pod", "ns", name="q"), []),
        (Selection("Job"), []),
    ):
        assert reads.select(selection) == found


def test_its_own_writes_are_seen_at_once_and_until_the_watch_has_more() -> None:
    agenda = Agenda()
    watch = Watch(agenda, Constant(10), Streams(1, 0).stream("watch"))
    reads = CachedReads(watch)
    ref = Ref("ConfigMap", "c", "ns")

    def version(number: int) -> dict[str, Any]:
        metadata = {"name": "c", "namespace": "ns", "resourceVersion": str(number)}
        return {"kind": "ConfigMap", "metadata": metadata}

    first, second, third = version(1), version(2), version(3)
    reads.note(second)  # the answer to our own write, made after somebody else's
    assert reads.get(ref) is second
    watch.published("ConfigMap", None, first, root(0))
    agenda.run(until=11)
    assert reads.get(ref) is second
    assert reads.select(Selection("ConfigMap", "ns")) == [second]
    watch.published("ConfigMap", first, third, root(11))
    agenda.run(until=30)
    assert reads.get(ref) is third
    reads.note(second)
    assert reads.get(ref) is third
    watch.published("ConfigMap", third, None, root(30))
    agenda.run(until=50)
    with pytest.raises(NotFound):
        reads.get(ref)


@pytest.mark.parametrize("name", ["state-consistency-hard", "optimised-under-constraints-hard"])
def test_cached_reads_spare_calls_and_lose_nothing(name: str) -> None:
    runs = []
    for reads in ("api", "cache"):
        scenario = scenarios.load(name, [f"engine.reads={reads}"])
        spec = scenarios.compile(scenario, scenario.points()[-1], 0)
        runs.append(run_row(simulate(spec)))
    asked, cached = runs
    assert cached["client_requests_count"] < asked["client_requests_count"]
    assert cached["completed_count"] == asked["completed_count"] == cached["submitted_count"]
    assert not any(cached["checks"].values())


JOB = Workflow(
    "job", (Step("s", action="run_job", parameters={"namespace": "default", "name": "j", "duration_s": 1}),)
)


def refusing(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let flow control refuse so many creations of Jobs."""
    left, create = [times], Store.create

    def refuse(store: Store, resource: Any, link: Any) -> Any:
        if resource["kind"] == "Job" and left[0]:
            left[0] -= 1
            message = "too many requests"
            raise TooManyRequests(message)
        return create(store, resource, link)

    monkeypatch.setattr(Store, "create", refuse)


def test_a_refused_call_is_made_again_later_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, 3)
    limits = worlds.engine(throttle_backoff_ns=SECOND_NS, client_qps=None)
    (step,) = of_type(simulate(run_spec(JOB, 1, limits=limits)), "step")
    assert step["state"] == "completed"
    assert step["causes"]["client throttle"] == (1 + 2 + 4) * SECOND_NS
    assert step["attempts_count"] == 1


def test_without_back_off_a_refusal_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, 1)
    (step,) = of_type(simulate(run_spec(JOB, 1)), "step")
    assert (step["state"], step["attempts_count"]) == ("failed", 1)


def test_a_step_cut_while_it_backs_off_is_charged_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, 99)
    limits = worlds.engine(throttle_backoff_ns=60 * SECOND_NS, step_timeout_ns=10 * SECOND_NS)
    limits = replace(limits, client_qps=None)
    (step,) = of_type(simulate(run_spec(JOB, 1, limits=limits)), "step")
    assert step["state"] == "failed"
    assert step["causes"]["client throttle"] > 9 * SECOND_NS
    assert sum(step["causes"].values()) == step["ended_ns"] - step["ready_ns"]
