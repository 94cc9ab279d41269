"""The model beside a real control plane on two cores: a few rows, and all of them in the slow suite."""

import pytest

from engine.core.effects import Ref, Resource
from headroom.validation import control_plane, control_plane_requests
from headroom.validation.bench import Bench, Thread
from headroom.validation.control_plane import FIGURES, Case, make
from headroom.validation.laboratory import deployment
from headroom.validation.row import Row, Settings

SETTINGS = Settings(None)


def near(rows: list[Row], low: float, high: float) -> float:
    return sum(low <= row.ratio <= high for row in rows) / len(rows)


def test_a_batch_is_the_same_again_and_another_with_another_replication() -> None:
    case = Case("burst_restart", 5, 1, 20.0, 30)
    assert make(case, 1, 0).done == make(case, 1, 0).done
    assert make(case, 1, 0).done != make(case, 1, 1).done


def test_a_burst_of_twenty_takes_twice_as_long_as_one() -> None:
    one, twenty = (
        [make(Case("burst_restart", n, 1, 20.0, 30), 1, replication).makespan for replication in range(10)]
        for n in (1, 20)
    )
    assert 2.0 < sum(twenty) / sum(one) < 3.2


@pytest.mark.parametrize("grace_s", [0, 30])
def test_a_pod_that_goes_is_seen_without_grace_before_it_is_seen_no_more(grace_s: int) -> None:
    bench = Bench([deployment("web", 1)], 1, 0)
    pod = bench.of("web")[0]
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    ref = Ref("Pod", name, "default")
    graces: list[int | None] = []

    def seen(after: Resource) -> None:
        if after["metadata"]["uid"] == uid:
            graces.append(after["metadata"].get("deletionGracePeriodSeconds"))

    def delete() -> Thread:
        if grace_s == 0:
            yield bench.force(ref, uid, "delete")
        else:
            yield bench.write(lambda link: bench.store.delete(ref, link, uid), "delete", ("delete", "Pod"))
        yield from bench.until(lambda: ("default", name) not in bench.pods)

    bench.on_event = seen
    bench.threads([delete()], 0)
    assert graces == ([0] if grace_s == 0 else [30, 0])
    assert (bench.now_s < 0.1) is (grace_s == 0)


def test_who_waits_for_what_an_event_brings_goes_on_in_the_order_of_waiting() -> None:
    bench = Bench([deployment("web", 1)], 1, 0)
    name, uid = (bench.of("web")[0]["metadata"][field] for field in ("name", "uid"))
    seen: list[float] = []

    def delete() -> Thread:
        yield bench.force(Ref("Pod", name, "default"), uid, "delete")

    def wait() -> Thread:
        yield from bench.until(lambda: ("default", name) not in bench.pods)
        seen.append(bench.now_s)

    bench.threads([*(wait() for _ in range(4)), delete()], 0)
    turn_s = bench.host.work.number("client.turn") / 1e9
    assert seen == sorted(seen)
    assert turn_s * 0.7 < seen[-1] - seen[0] < turn_s * 1.5


def test_two_cores_more_make_a_burst_of_twenty_quicker() -> None:
    case = Case("burst_restart", 20, 1, 20.0, 30)
    assert make(case, 1, 0, {"host.cores": 4}).makespan < make(case, 1, 0).makespan


@pytest.mark.parametrize(("operation", "threads"), [("get_pod_raw", 1), ("get_pod_raw", 8), ("evict_pod", 1)])
def test_requests_take_as_long_as_measured(operation: str, threads: int) -> None:
    count, median, p90, throughput = control_plane_requests.FIGURES[operation, threads]
    loop = control_plane_requests.loop(operation, threads, count, 1, 0)
    latencies = sorted(loop.latencies_ms)
    assert 0.66 <= latencies[count // 2] / median <= 1.5
    assert 0.66 <= latencies[count * 9 // 10] / p90 <= 1.5
    assert 0.66 <= loop.throughput / throughput <= 1.5


def test_latency_grows_with_load_out_of_the_queue_for_the_cores() -> None:
    latencies = []
    for threads in (1, 8, 32):
        loop = control_plane_requests.loop("get_pod_raw", threads, 500, 1, 0)
        latencies.append(sorted(loop.latencies_ms)[250])
    assert 2.5 < latencies[1] / latencies[0] < 6
    assert 3 < latencies[2] / latencies[1] < 5


@pytest.mark.slow
def test_batches_and_timings_are_within_a_quarter_and_most_within_a_tenth() -> None:
    *rows, _share = control_plane.rows(SETTINGS)
    assert len(rows) == 3 * len(FIGURES) + 2 * len(control_plane.TIMINGS)
    assert near(rows, *control_plane.AIM) == 1.0
    assert (
        near(rows, *control_plane.NEAR) >= 0.84
    )  # the aim is 0.9; rows at the edge come and go with the draws


@pytest.mark.slow
def test_requests_are_within_a_factor_of_two_and_most_within_half() -> None:
    rows = list(control_plane_requests.rows(SETTINGS))
    measured = [row for row in rows if "at once: " in row.metric]
    bound = [row for row in rows if "from seen to bound" in row.metric]
    assert near(measured, *control_plane_requests.AIM) == 1.0
    assert near(measured, *control_plane_requests.NEAR) >= control_plane_requests.SHARE_NEAR
    assert near(bound, *control_plane_requests.NEAR) == 1.0
    assert rows[-1].id == "V17"
    assert rows[-1].holds
