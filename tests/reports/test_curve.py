"""What the laws say of a sweep: values within their intervals, and words where nothing may be said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scenarios
from reports.curve import Curve, curves
from reports.figures.laws import laws
from reports.read import read_run
from reports.summary import summarise
from reports.usl import law
from tests.headroom.command import headroom
from tests.reports.lines import Rate, line_summary

LOADS = (1, 2, 4, 8, 16, 32, 64)


def usl(rate: float, contention: float, coherency: float) -> Rate:
    return lambda load: float(law(np.array([load]), rate, contention, coherency)[0])


def one(directory: Path, rate: Rate, axis: str = "load.burst", loads: Any = LOADS, **given: Any) -> Curve:
    [found] = curves(line_summary(directory, (axis, loads), rate, **given))
    return found


def test_a_known_law_lies_within_the_intervals(tmp_path: Path) -> None:
    found = one(tmp_path, usl(2.0, 0.05, 0.002))
    assert found.usl.holds
    for name, truth in (("rate", 2.0), ("contention", 0.05), ("coherency", 0.002), ("peak_load", 21.79)):
        value = found.usl.values[name]
        assert value.low is not None
        assert value.high is not None
        assert value.low <= truth <= value.high, name
        assert value.n == 10
        assert value.high - value.low < 0.8 * truth
    assert "throughput peaks at load" in found.usl.words
    assert found.knee.methods["usl"] == found.usl.values["peak_load"]


def test_what_flattens_out_is_given_no_peak(tmp_path: Path) -> None:
    """The best law of two straight lines bends down, within the loads measured: that is no finding."""
    found = one(tmp_path, lambda load: min(load, 10.0), noise=0.01)
    assert found.usl.values["coherency"].value
    assert "throughput was not seen to fall" in found.usl.words
    assert "peak_load" not in found.usl.values
    assert "usl" not in found.knee.methods
    assert found.knee.methods["kneedle"].value == 16


def test_a_peak_beyond_what_was_measured_is_none(tmp_path: Path) -> None:
    found = one(tmp_path, usl(2.0, 0.05, 0.00001), noise=0.001)
    assert "no finite peak in the range measured, 1 to 64" in found.usl.words
    assert "peak_load" not in found.usl.values
    assert "usl" not in found.knee.methods


def test_linear_growth_has_no_knee_and_no_law(tmp_path: Path) -> None:
    found = one(tmp_path, lambda load: 2 * load, noise=0.01)
    assert not found.usl.holds
    assert "nothing bends" in found.usl.words
    assert found.usl.throughput == ()
    assert found.knee.words == "no knee in the range measured, 1 to 64"
    assert found.knee.methods == {}


def test_a_curve_that_is_none_of_the_law_s_is_not_drawn(tmp_path: Path) -> None:
    found = one(tmp_path, lambda load: 3 if load in (1, 8, 32) else 9, noise=0.01)
    assert not found.usl.holds
    assert "does not follow the law" in found.usl.words


@pytest.mark.parametrize(
    ("axis", "loads", "words"),
    [
        ("load.burst", (1, 2, 4, 8, 16), "5 loads were measured, and it needs 6"),
        ("load.open.rate", ("1/s", "2/s", "4/s", "8/s", "16/s", "32/s"), "the load is offered at a rate"),
        ("load.burst", (100, 200, 300, 400, 500, 600), "all loads lie beyond"),
    ],
)
def test_where_the_law_does_not_apply_the_reason_stands(
    tmp_path: Path, axis: str, loads: Any, words: str
) -> None:
    found = one(tmp_path, usl(2.0, 0.05, 0.00002), axis, loads, noise=0.002)
    assert not found.usl.holds
    assert words in found.usl.words
    assert found.usl.throughput == ()


def test_the_station_that_saturates_first_is_the_ceiling(tmp_path: Path) -> None:
    stations = {"api": (2, 0.5), "scheduler": (1, 0.4), "delay": (0, 9.0), "idle": (1, 0.0)}
    found = one(tmp_path, lambda load: min(load / 2.0, 2.4), stations=stations, noise=0.02)
    values = found.bounds.values
    assert values["ceiling"].value == pytest.approx(1 / 0.4, rel=1e-6)
    assert values["demand"].value == pytest.approx(0.4)
    assert "through scheduler" in found.bounds.words
    assert values["cycle"].value == pytest.approx(2.0, rel=0.05)
    assert values["knee"].value == pytest.approx(5.0, rel=0.05)
    line = dict(found.bounds.throughput)
    assert line[64] == pytest.approx(2.5)
    assert line[2] == pytest.approx(1.0, rel=0.05)
    assert found.knee.methods["asymptotes"].value == values["knee"].value
    assert found.knee.words.startswith("the knee lies at ")


def test_every_measured_throughput_lies_below_the_bounds_of_its_own_run(tmp_path: Path) -> None:
    found = one(tmp_path, usl(2.0, 0.1, 0.001), stations={"api": (1, 1 / 13)}, noise=0.0001)
    bound = dict(found.bounds.throughput)
    assert all(
        value.value is not None and value.value <= bound[load] * 1.001
        for load, value in zip(found.line.loads, found.throughput, strict=True)
    )


def test_a_burst_is_no_network_and_no_stream(tmp_path: Path) -> None:
    found = one(tmp_path, usl(2.0, 0.05, 0.002), stations={"api": (1, 0.1)})
    assert "a burst drains" in found.mva.words
    assert "no Poisson stream" in found.erlang.words
    assert not found.mva.holds
    assert not found.erlang.holds


def test_one_line_for_each_value_of_the_other_axes(tmp_path: Path) -> None:
    held = ({"workflow.steps": 1}, {"workflow.steps": 5})
    summary = line_summary(tmp_path, ("load.burst", LOADS), usl(2, 0.05, 0.002), held=held)
    assert [curve.line.held for curve in curves(summary)] == list(held)


def test_without_a_load_that_was_swept_there_is_no_curve(tmp_path: Path) -> None:
    assert curves(line_summary(tmp_path, ("engine.dispatch", ("1/fifo", "2/other")), lambda _load: 1.0)) == ()


def test_few_replications_give_values_without_intervals(tmp_path: Path) -> None:
    found = one(tmp_path, usl(2.0, 0.05, 0.002), replications=3)
    value = found.usl.values["rate"]
    assert (value.low, value.high, value.n) == (None, None, 3)
    assert "no interval: fewer than 5 replications" in value.note


@pytest.mark.parametrize(("noise", "floor"), [(0.1, 0.0), (0.0, 0.01)])
def test_a_point_weighs_by_its_interval_and_none_beyond_a_hundredth(
    tmp_path: Path, noise: float, floor: float
) -> None:
    line = one(tmp_path, usl(2.0, 0.05, 0.002), noise=noise).line
    for weight, point in zip(line.weights, line.points, strict=True):
        found = point.estimates["executions_per_second"]
        assert found.value is not None
        assert found.half_width is not None
        assert weight == pytest.approx(1 / (floor * found.value or found.half_width))


def test_as_json_it_is_strict_and_the_same_each_time(tmp_path: Path) -> None:
    summary = line_summary(tmp_path, ("load.burst", LOADS), usl(2, 0.05, 0.002), stations={"api": (1, 0.1)})
    texts = {json.dumps([it.to_json() for it in curves(summary)], allow_nan=False) for _ in range(2)}
    assert len(texts) == 1
    [found] = json.loads(texts.pop())
    assert (found["axis"], found["kind"], found["held"]) == ("load.burst", "burst", {})
    assert [entry["load"] for entry in found["points"]] == list(LOADS)
    assert {reading["law"] for reading in found["laws"]} == {"usl", "bounds", "mva", "erlang"}
    for reading in found["laws"]:
        for value in reading["values"].values():
            assert {"value", "low", "high", "unit", "n"} <= set(value)


@pytest.mark.slow
def test_the_intervals_hold_the_truth_as_often_as_they_say(tmp_path: Path) -> None:
    """Nominal 95 %, ten replications that share half of their luck: 120 sweeps, each with its own dice."""
    truth = {"rate": 2.0, "contention": 0.05, "coherency": 0.002}
    held = dict.fromkeys(truth, 0)
    sweeps = 120
    for seed in range(sweeps):
        found = one(tmp_path / str(seed), usl(**truth), noise=0.1, seed=seed)
        for name, value in truth.items():
            estimate = found.usl.values[name]
            assert estimate.low is not None
            assert estimate.high is not None
            held[name] += estimate.low <= value <= estimate.high
    assert all(0.89 <= count / sweeps <= 0.995 for count in held.values()), held


LEDGERS = "\n".join(
    f"      - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: ledger-{number}, namespace: workflows}}}}"
    for number in range(20)
)
NETWORK = """
apiVersion: headroom/v1
name: network
cluster:
  profile: basic-development
  add:
    objects:
LEDGERS
  parameters:
    apiserver.seats.workload-low: 1
    apiserver.flow.borrowing: false
    apiserver.service.read: {dist: exponential, mean: 100ms}
    apiserver.service.write: {dist: exponential, mean: 100ms}
engine: {max_concurrency: 200, step_timeout: 10m, client: unlimited}
workload:
  workflow: ledger-entries
  variables: {workflow_id: "{{ execution }}", ledger: "ledger-{{ execution % 20 }}"}
  parameters: {steps: 1}
  load: {closed: {users: 1, think: 5s, for: 300s}}
sweep: {load.closed.users: [1, 15, 30]}
experiment: {replications: 5, seed: 1}
""".replace("LEDGERS", LEDGERS)
QUEUE = """
apiVersion: headroom/v1
name: queue
cluster: basic-development
engine: {max_concurrency: 3, step_timeout: 100m}
workload:
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: answer
    steps:
      - {id: answered, kind: wait, signal: answer}
  load: {open: {rate: 0.1/s, for: 3000s}}
  signals: [{name: answer, after: {dist: exponential, mean: 10s}, since: waiting}]
sweep: {load.open.rate: [0.1/s, 0.2/s, 0.24/s]}
experiment: {replications: 10, seed: 1, horizon: 10h}
"""


def simulated(folder: Path, text: str, *more: str) -> Curve:
    file, out = folder / "scenario.yaml", folder / "run"
    file.write_text(text, encoding="utf-8")
    done = headroom("run", file, "--out", out, "--quiet", *more)
    assert done.returncode == 0, done.stderr
    summary = summarise(read_run(out), scenarios.load(out / "scenario.resolved.yaml"))
    [found] = curves(summary)
    written = json.loads((out / "summary.json").read_text(encoding="utf-8"))["curves"]
    assert written == json.loads(json.dumps([found.to_json()]))
    return found


def test_a_simulated_network_has_the_throughput_of_exact_theory(tmp_path: Path) -> None:
    """Users who think, and one API seat of exponential service: the closed network of the textbook."""
    found = simulated(tmp_path, NETWORK)
    assert found.mva.holds, found.mva.words
    exact = dict(found.mva.throughput)
    for load, value in zip(found.line.loads, found.throughput, strict=True):
        assert value.value == pytest.approx(exact[load], rel=0.05)
    assert found.bounds.values["ceiling"].value == pytest.approx(5.0, rel=0.05)
    assert "api.workload-low" in found.bounds.words


def test_a_simulated_queue_for_slots_has_erlang_s_waits(tmp_path: Path) -> None:
    found = simulated(tmp_path, QUEUE)
    assert found.erlang.holds, found.erlang.words
    exact = dict(found.erlang.response_s)
    for load, point in zip(found.line.loads, found.line.points, strict=True):
        seen = point.estimates["execution_duration_mean"]
        assert seen.value is not None
        assert seen.half_width is not None
        assert abs(seen.value - exact[load]) <= max(1.5 * seen.half_width, 0.1 * exact[load])


def test_constant_service_is_not_given_to_erlang(tmp_path: Path) -> None:
    constant = QUEUE.replace("{dist: exponential, mean: 10s}", "{dist: constant, value: 10s}")
    found = simulated(tmp_path, constant, "--replications", "2")
    assert not found.erlang.holds
    assert "2 times too long" in found.erlang.words


def test_the_figure_shows_what_holds_and_durations_where_a_law_tells_them(tmp_path: Path) -> None:
    burst = one(tmp_path / "burst", usl(2.0, 0.05, 0.002), stations={"api": (1, 0.1)})
    drawn = laws([burst])
    assert drawn is not None
    assert "mean duration" not in drawn.svg
    assert "operational bounds" in drawn.svg
    assert "closed network" not in drawn.svg
    assert burst.knee.words.partition(" (")[0] in drawn.description
    closed = one(tmp_path / "closed", usl(2.0, 0.05, 0.002), "load.closed.users", stations={"api": (1, 0.1)})
    drawn = laws([closed])
    assert drawn is not None
    assert "mean duration" in drawn.svg
    assert laws([]) is None
