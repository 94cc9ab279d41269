"""Timelines: valid for their readers, complete, the same bytes each time, and refused where they would lie.

The two forms are checked against the rules of their formats, written down here apart from what makes them.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from headroom import tracing
from headroom.errors import HarnessError
from headroom.worker import Job
from reports import ReportError, chrome_trace, exits, otlp
from reports.spans import Span
from tests.headroom.command import headroom


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("trace") / "run"
    fast = ("--replications", "2", "--set", "load.burst=6", "--quiet")
    done = headroom("run", "disaster-simulation", *fast, "--out", path, "--allow-inconclusive")
    assert (path / "records").is_dir(), done.stderr
    return path


def traced(
    run: Path, out: Path, kind: str = "chrome", which: tuple[int, int] = (0, 1), only: tuple[str, ...] = ()
) -> Any:
    tracing.trace(run, Job(*which), out, kind, only)
    return json.loads(out.read_text())


# The Trace Event Format: what each phase must have.
REQUIRED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "M": {"name", "pid", "tid", "args"},
    "C": {"name", "ts", "pid", "args"},
    "b": {"name", "cat", "id", "ts", "pid"},
    "e": {"name", "cat", "id", "ts", "pid"},
}
METADATA = {"process_name": str, "thread_name": str, "process_sort_index": int, "thread_sort_index": int}


def check_chrome(trace: Any) -> Counter[str]:
    """Fail where a reader of the format would drop or misplace something; return how many of each phase."""
    assert isinstance(trace["traceEvents"], list)
    assert trace["displayTimeUnit"] in ("ms", "ns")
    threads: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for event in trace["traceEvents"]:
        assert REQUIRED[event["ph"]] <= event.keys(), event
        assert type(event["pid"]) is int
        assert event.get("ts", 0) >= 0
        if event["ph"] == "X":
            start, length = round(event["ts"] * 1000), round(event["dur"] * 1000)
            assert length >= 0
            threads.setdefault((event["pid"], event["tid"]), []).append((start, start + length))
        if event["ph"] == "M":
            [value] = event["args"].values()
            assert isinstance(value, METADATA[event["name"]])
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
    for slices in threads.values():  # complete events of a thread must nest
        open_until: list[int] = []
        for start, end in sorted(slices, key=lambda item: (item[0], -item[1])):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1], "slices of a thread cross"
            open_until.append(end)
    return Counter(event["ph"] for event in trace["traceEvents"])


def test_a_chrome_trace_is_valid_and_holds_the_run(run: Path, tmp_path: Path) -> None:
    trace = traced(run, tmp_path / "t.json", which=(0, 0))
    phases = check_chrome(trace)
    [record] = (run / "records").glob("p0000-r00000.jsonl")
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    kinds = Counter(event["cat"] for event in trace["traceEvents"] if event["ph"] == "X")
    assert kinds["execution"] == 6
    assert kinds["step"] == sum(row["type"] == "step" and bool(row["causes"]) for row in rows)
    assert kinds["call"] > kinds["attempt"] >= kinds["step"]
    assert kinds["wait"] > kinds["call"]
    assert phases["C"] > 10, "who waits at each station"
    assert phases["b"] == phases["e"] == 1, "the fault of the scenario"
    ends = [event["ts"] + event["dur"] for event in trace["traceEvents"] if event.get("cat") == "execution"]
    assert max(ends) == pytest.approx(max(r["ended_ns"] for r in rows if r["type"] == "execution") / 1000)


def check_attributes(attributes: Any) -> dict[str, Any]:
    """KeyValue of opentelemetry.proto.common.v1: exactly one value; int64 is a string."""
    found = {}
    for pair in attributes:
        assert pair.keys() == {"key", "value"}
        [(kind, value)] = pair["value"].items()
        kinds = {"stringValue": str, "boolValue": bool, "intValue": str, "doubleValue": float}
        assert type(value) is kinds[kind]
        assert kind != "intValue" or re.fullmatch(r"-?\d{1,19}", str(value))
        found[pair["key"]] = value
    assert len(found) == len(attributes), "keys are unique"
    return found


SPAN = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"}


def check_otlp(request: Any) -> list[Any]:
    """ExportTraceServiceRequest of opentelemetry-proto in its JSON mapping; returns the spans."""
    assert request.keys() == {"resourceSpans"}
    [of_resource] = request["resourceSpans"]
    assert of_resource.keys() == {"resource", "scopeSpans"}
    assert check_attributes(of_resource["resource"]["attributes"])["service.name"]
    [of_scope] = of_resource["scopeSpans"]
    assert of_scope.keys() == {"scope", "spans"}
    spans: list[Any] = of_scope["spans"]
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans), "ids are unique"
    for span in spans:
        assert span.keys() <= SPAN | {"attributes", "status"}
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"])
        assert re.fullmatch("[0-9a-f]{16}", span["spanId"])
        assert int(span["traceId"], 16)
        assert int(span["spanId"], 16)
        assert span["kind"] in (1, 3)
        assert all(re.fullmatch(r"\d{18,19}", span[f"{end}TimeUnixNano"]) for end in ("start", "end"))
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert span["status"].get("code") in (None, 1, 2)
        assert span["status"].get("code") == 2 or "message" not in span["status"]
        check_attributes(span["attributes"])
        if "parentSpanId" in span:
            parent = by_id[span["parentSpanId"]]
            assert parent["traceId"] == span["traceId"]
            assert int(parent["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
            assert int(parent["endTimeUnixNano"]) >= int(span["endTimeUnixNano"])
    return spans


def test_otlp_is_valid_and_each_execution_is_a_trace(run: Path, tmp_path: Path) -> None:
    spans = check_otlp(traced(run, tmp_path / "o.json", "otlp"))
    roots = [span for span in spans if "parentSpanId" not in span]
    assert len(roots) == len({span["traceId"] for span in spans}) == 6
    failed = [span for span in spans if span["status"].get("code") == 2]
    assert all(span["status"]["message"] for span in failed)
    lengths = sorted(int(it["endTimeUnixNano"]) - int(it["startTimeUnixNano"]) for it in roots)
    chrome = traced(run, tmp_path / "c.json")["traceEvents"]
    slices = sorted(round(it["dur"] * 1000) for it in chrome if it.get("cat") == "execution")
    assert lengths == slices, "both tell the same"


def test_the_same_run_gives_the_same_bytes_and_one_execution_can_be_chosen(run: Path, tmp_path: Path) -> None:
    traced(run, tmp_path / "a.json")
    done = headroom("trace", run, "--replication", "1", "--out", tmp_path / "b.json")
    assert "b.json: open it in https://ui.perfetto.dev" in done.stdout
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    one = traced(run, tmp_path / "c.json", only=("disaster-simulation-1-2",))
    names = [it["name"] for it in one["traceEvents"] if it.get("cat") == "execution"]
    assert names == ["disaster-simulation-1-2"]


def asks(run: Path, kind: str = "chrome", only: str = "", **which: int) -> None:
    job = tracing.telling(run, which.get("point"), which.get("replication"))
    tracing.trace(run, job, None, kind, [only] if only else [])


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"kind": "chrom"}, exits.USAGE, "--format chrom: unknown: did you mean"),
        ({"point": 9}, exits.NO_DATA, "no record of point 9: points: 0"),
        ({"replication": 7}, exits.NO_DATA, "no record of point 0, replication 7: 4 runs are there"),
        (
            {"only": "disaster-simulation-0-9"},
            exits.NO_DATA,
            "has no execution 'disaster-simulation-0-9': did",
        ),
    ],
)
def test_what_is_not_there_is_told(run: Path, asked: dict[str, Any], code: int, words: str) -> None:
    with pytest.raises(HarnessError) as caught:
        asks(run, **asked)
    assert caught.value.code == code
    assert words in f"{caught.value}: {caught.value.hint}"


def test_a_run_that_comes_out_otherwise_has_no_timeline(run: Path, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    for name in ("manifest.json", "scenario.resolved.yaml"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    record = min((run / "records").iterdir())
    text = record.read_text()
    digest = json.loads(text.splitlines()[0])["history_digest"]
    (tmp_path / "records" / record.name).write_text(text.replace(digest, "0" * 64))
    with pytest.raises(HarnessError, match="does not come out as it was recorded") as caught:
        tracing.recompute(tmp_path, Job(0, 0))
    assert caught.value.code == exits.MODEL_ERROR


HOSTILE = "</script>\u202e" + "x" * 10_000


def test_hostile_names_are_text_of_bounded_length(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"type": "run", "scenario": HOSTILE, "point": 0, "replication": 0, "seed": 1, "digest": "d"}
    run |= {"history_digest": "h", "world": "simulated", "coordinates": {HOSTILE: HOSTILE}, "ended_ns": 9}
    call = Span("call", HOSTILE, 0, 9, "Timeout", HOSTILE, {"target": HOSTILE})
    span = Span("execution", HOSTILE, 0, 9, "failed", HOSTILE, {}, [call])
    chrome = chrome_trace.chrome_trace([run], [span])
    check_chrome(chrome)
    request = otlp.otlp_trace([run], [span], version="1")
    assert len(check_otlp(request)) == 2
    text = json.dumps([chrome["traceEvents"], request], ensure_ascii=False)
    assert "\u202e" not in text
    assert max(len(part) for part in re.findall(r'"([^"]*)"', text)) <= 1100
    monkeypatch.setattr(chrome_trace, "EVENTS_MAX", 3)
    monkeypatch.setattr(otlp, "SPANS_MAX", 1)
    with pytest.raises(ReportError, match="more than 3 events: name some"):
        chrome_trace.chrome_trace([run], [span])
    with pytest.raises(ReportError, match="more than 1 spans: name some"):
        otlp.otlp_trace([run], [span], version="1")


def test_steps_side_by_side_have_lanes_of_their_own() -> None:
    spans = [
        Span("step", name, start, end)
        for name, start, end in (("a", 0, 5), ("b", 1, 3), ("c", 3, 9), ("d", 5, 6))
    ]
    assert [[span.name for span in lane] for lane in chrome_trace.lanes(spans)] == [["a", "d"], ["b", "c"]]
