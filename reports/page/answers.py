"""The questions that a reader has, each answered in a line or two, with the section that shows more."""

from dataclasses import dataclass
from typing import Any

from reports import attachments
from reports.figures import mapped_targets
from reports.formats import coordinates, percent
from reports.gate_view import gate_view
from reports.judge import Judgement
from reports.page.view import View
from reports.paired import Finding
from reports.phrases import counted, margin_text
from reports.summary import PointSummary
from reports.verdicts import Verdict


@dataclass(frozen=True)
class Answer:
    """One question, its answer, and the section that shows it."""

    question: str
    text: str
    section: str
    command: str = ""  # what would answer it, where nothing does yet


def answers(view: View) -> list[Answer]:
    """Return the questions in the order in which one asks them."""
    return [
        Answer("Does it hold?", _holds(view), "targets"),
        _far(view),
        Answer("What gives way first?", _first(view), "causes"),
        _buys(view),
        _worse(view),
    ]


def _holds(view: View) -> str:
    graded = [
        result.worst
        for result in view.summary.targets
        if result.target.severity == "error" and margin_text(result.worst)
    ]
    words = counted(view.summary)
    if not graded:
        return f"{words}."
    item = min(graded, key=_margin_of)
    return (
        f"{words}. The tightest is {item.target.id}: {item.value_text}, asked {item.limit_text}, "
        f"n={item.n}; {margin_text(item)}."
    )


def _margin_of(item: Judgement) -> float:
    return item.margin or 0.0


def _far(view: View) -> Answer:
    question, command = "How far does it go?", f"headroom capacity {view.asked_as} --knob load.burst"
    told = attachments.answer(view.summary.run, "capacity")
    if told is not None and told.get("statement"):
        return Answer(question, str(told["statement"]), "capacity")
    mapped = mapped_targets(view.summary, view.layout)
    if not mapped:
        return Answer(question, _unasked(view, "capacity"), "capacity", command)
    result, layout = mapped[0], view.layout
    verdicts = {item.point: item.verdict for item in result.judgements}
    reached = []
    for second in layout.series.values:
        held = _held(layout.line(second), verdicts)
        if held is not None:
            value = coordinates({layout.along.short: held.coordinates[str(layout.along.path)]})
            reached.append(f"{value} at {coordinates({layout.series.short: second})}")
    asked = f"{result.target.metric.replace('_', ' ')}, {result.worst.limit_text},"
    text = f"{asked} holds up to {'; '.join(reached)}" if reached else f"{asked} holds nowhere"
    return Answer(question, f"Of the points of the sweep, {text}.", "map", command)


def _held(line: list[PointSummary], verdicts: dict[Any, Verdict]) -> PointSummary | None:
    """Return the last point of the line up to which all pass."""
    held = None
    for point in line:
        if verdicts.get(point.index) is not Verdict.PASS:
            break
        held = point
    return held


def _first(view: View) -> str:
    focus = view.focus
    if focus is None or focus.bottleneck is None:
        return "No time passed."
    said = [_neck(focus)]
    last = max(view.layout.points, key=view.layout.place, default=focus)
    if last.bottleneck is not None and last.bottleneck.cause != focus.bottleneck.cause:
        said.append(_neck(last))
    return "; ".join(said) + "."


def _neck(point: PointSummary) -> str:
    neck = point.bottleneck
    assert neck is not None
    station = f" ({neck.station_text})" if neck.station_text else ""
    where = coordinates(point.coordinates)
    return f"{neck.cause}, {percent(neck.share.value)} of the time{station}, at {where}"


def _buys(view: View) -> Answer:
    question, run = "What would buy more?", view.summary.run
    told = attachments.answer(run, "whatif")
    if told is None:
        return Answer(question, _unasked(view, "whatif"), "causes", f"headroom whatif {view.asked_as}")
    words = str(told.get("headline", "")).removeprefix(question).strip()
    return Answer(question, words, "causes")


def _worse(view: View) -> Answer:
    question, found = "Did it get worse?", view.summary.comparisons
    told = attachments.answer(view.summary.run, "regressions")
    if told is not None:
        gate = gate_view(told)
        same = f" {gate.unchanged[:1].upper()}{gate.unchanged[1:]}." if gate.unchanged else ""
        text = f"{gate.headline} against {gate.baseline}: {gate.counted}.{same}"
        return Answer(question, text, "regressions")
    if not found:
        command = f"headroom gate {view.asked_as} --baseline FILE"
        return Answer(question, _unasked(view, "regressions"), "regressions", command)
    changed = sum(item.finding in (Finding.LOWER, Finding.HIGHER) for item in found)
    return Answer(
        question,
        f"Within the sweep, {changed} of {len(found)} comparisons differ by more than 3 %.",
        "regressions",
    )


def _unasked(view: View, name: str) -> str:
    stale = name in view.summary.run.attachments
    return "Asked of another version of the scenario; again:" if stale else "Not asked:"
