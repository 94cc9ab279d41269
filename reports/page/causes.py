"""Section 8: where the time goes, by cause and by station."""

from collections.abc import Mapping
from typing import Any

from reports import figures
from reports.attachments import answer
from reports.blame import Blame, blames_of, parties
from reports.bottleneck import OWN_WAITS, Station
from reports.console import bottleneck_line
from reports.formats import ABSENT, coordinates, interval, number, percent, scaled
from reports.page.cells import sort_key
from reports.page.view import View
from reports.summary import PointSummary, Summary
from reports.whatif_json import recorded

_MOST_ROWS = 30


def legend(causes: list[str]) -> list[dict[str, str]]:
    """Return the entries of a legend of causes."""
    return [{"name": cause, "variable": figures.cause_variable(cause)} for cause in causes]


def cause_values(view: View) -> Mapping[str, Any]:
    """Return the bars, the shares and the stations."""
    focus = view.focus
    if focus is None or not focus.shares:
        return view.absent("No time was recorded.")
    shown = figures.shown_causes(view.summary.points)
    smaller = {"name": "smaller ones", "variable": figures.cause_variable(None)}
    return {
        "figure": figures.time_by_cause(view.summary, view.layout),
        "legend": [*legend(shown), smaller],
        "bottleneck": f"At {view.focus_name}, {bottleneck_line(focus)}.",
        "shares": _shares(focus),
        "stations": _stations(view.summary, focus),
        "blames": _blames(view.summary, focus),
        **_whatif(view),
    }


def _whatif(view: View) -> Mapping[str, Any]:
    """Return the answer of `headroom whatif`, if it was asked of this scenario."""
    run = view.summary.run
    document = answer(run, "whatif")
    command = f"headroom whatif {view.asked_as}"
    if document is None:
        stale = "whatif" in run.attachments
        words = "What would buy more was asked of another version of this scenario; again:" if stale else ""
        return {"whatif": None, "ask": words or "What would buy more was not asked:", "command": command}
    found = recorded(document)
    tried = [row for row in found.rows if row.effect not in ("same", "not applicable")]
    left_out = [f"{row.knob}: {row.reason}" for row in found.rows if row.effect in ("same", "not applicable")]
    return {
        "whatif": found,
        "whatif_place": coordinates(found.coordinates),
        "whatif_rows": tried,
        "whatif_rest": left_out,
        "tornado": figures.tornado(found),
    }


def _blames(summary: Summary, focus: PointSummary) -> list[dict[str, str]]:
    """Return who makes whom wait, a row a cause."""
    found = blames_of(summary.run.point(focus.index), summary.questions.alpha / 2)
    return [
        {
            "cause": it.cause,
            "mean": it.mean.text,
            "slowest": it.slowest.text,
            "station": _kind(it),
            "utilisation": "" if it.utilisation is None else it.utilisation.text,
            "queue": "" if it.queue_length is None else it.queue_length.text,
            "waiting": parties(it.waiting),
            "ahead": parties(it.ahead),
            "n": str(it.mean.n),
        }
        for it in found
    ]


def _kind(blame: Blame) -> str:
    if blame.stations_count > 1:
        return f"{blame.station}, the most used of {blame.stations_count}"
    return blame.station or ("the workload's own wait" if blame.cause in OWN_WAITS else "")


def _shares(focus: PointSummary) -> list[dict[str, str]]:
    return [
        {
            "cause": cause,
            "share": number(scaled(share.value, "ratio")),
            "interval": interval(share.low, share.high, "ratio"),
            "seconds": number(focus.seconds[cause]),
            "n": str(share.n),
        }
        for cause, share in list(focus.shares.items())[:_MOST_ROWS]
    ]


def _stations(summary: Summary, focus: PointSummary) -> list[dict[str, Any]]:
    ranked = sorted(focus.stations, key=lambda item: (-(item.utilisation or 0.0), item.name))
    return [_station(item, summary) for item in ranked[:_MOST_ROWS]]


def _station(item: Station, summary: Summary) -> dict[str, Any]:
    everywhere = [
        (station.utilisation, point)
        for point in summary.points
        for station in point.stations
        if station.name == item.name and station.utilisation is not None
    ]
    busiest = max(everywhere, key=lambda entry: entry[0], default=None)
    return {
        "name": item.name,
        "seats": item.seats or ABSENT,
        "utilisation": "" if item.utilisation is None else percent(item.utilisation),
        "width": number(min((item.utilisation or 0.0) * 100, 100)),
        "sort": sort_key(item.utilisation),
        "wait": number(item.wait_s),
        "arrivals": number(item.arrivals),
        "queue": item.queue_length_max,
        "busiest": ""
        if busiest is None
        else f"{percent(busiest[0])} at {coordinates(busiest[1].coordinates)}",
    }
