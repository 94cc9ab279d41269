"""Where more replications are worth their time: where a number matters and is not known well enough.

A number matters at a point where a target judges a time or a rate, and where the curve over a swept number
bends: there the knee is found. Known well enough is a mean whose half-width is at most the asked share of it.
"""

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reports.columns import PointRuns
from reports.judge import Judgement
from reports.questions import Questions

if TYPE_CHECKING:
    from reports.summary import PointSummary, Summary

MEASURES: Final = ("makespan", "execution_duration_mean")
BEND: Final = 0.3  # change of the slope in log-log, from one segment to the next, that counts as a bend
BEND_ROUNDS: Final = 2
LEAST_POINTS: Final = 4  # of a curve that can be said to bend


def reached(point: "PointSummary") -> float | None:
    """Return the relative half-width of the less well known of the two means; None where neither has one."""
    found = [point.estimates[name].precision for name in MEASURES]
    return max((value for value in found if value is not None), default=None)


def judged(questions: Questions, judgements: Iterable[Judgement]) -> frozenset[int]:
    """Return the points at which a target that may fail judges a time or a rate.

    Where nothing is asked, all of them. A count that must be zero everywhere asks for no mean.
    """
    if not questions.targets:
        return frozenset(index for index, _ in questions.points)
    return frozenset(
        item.point
        for item in judgements
        if item.point is not None and item.target.severity != "info" and item.unit in ("s", "1/s", "1/min")
    )


def error_of(point: PointRuns, questions: Questions, watched: Container[int]) -> float:
    """Return the error of each bound at a point: divided over the planned looks where there may be several.

    Who looks again and again and stops when an interval is narrow stops where it is narrow by chance: with
    the whole error at every look, intervals at 95 % hold the truth in 92 % only.
    """
    again = point.index in watched or len(point.replications) > questions.replications_min
    return questions.alpha / 2 / (len(questions.looks) if again else 1)


def imprecise(summary: "Summary") -> list[int]:
    """Return the points whose means are not known to within the precision asked, in order.

    A bend gets at most `BEND_ROUNDS` doublings: where nothing is judged, a map is worth no more.
    """
    asked, most = summary.questions.precision, summary.questions.replications_min << BEND_ROUNDS
    chosen = judged(summary.questions, summary.judgements)
    bent = {point.index for point in summary.points if point.n < most} & set(bends(summary.points))
    return [
        point.index
        for point in summary.points
        if point.index in chosen | bent and (reached(point) or 0.0) > asked
    ]


def bends(points: Sequence["PointSummary"]) -> list[int]:
    """Return the points at which a curve bends most, in order."""
    found = set()
    for path, curve in curves(points):
        for name in MEASURES:
            place = _bend(curve, path, name)
            if place is not None:
                found.add(curve[place].index)
    return sorted(found)


def curves(points: Sequence["PointSummary"]) -> Iterator[tuple[str, list["PointSummary"]]]:
    """Yield each swept number with the points along it, everything else equal, in order of the number."""
    paths = dict.fromkeys(path for point in points for path in point.coordinates)
    for path in paths:
        groups: dict[tuple[tuple[str, str], ...], list[PointSummary]] = {}
        for point in points:
            if _positive(point.coordinates.get(path)):
                groups.setdefault(_rest(point.coordinates, path), []).append(point)
        for group in groups.values():
            curve = sorted(group, key=lambda point: float(point.coordinates[path]))
            if len(curve) >= LEAST_POINTS:
                yield path, curve


def _rest(coordinates: Mapping[str, Any], path: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, repr(value)) for name, value in coordinates.items() if name != path)


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _bend(curve: Sequence["PointSummary"], path: str, name: str) -> int | None:
    """Return the place of the greatest change of slope, if it is one to speak of."""
    logs = []
    for point in curve:
        value = point.estimates[name].value
        if value is None or not math.isfinite(value) or value <= 0:
            return None
        logs.append((math.log(float(point.coordinates[path])), math.log(value)))
    changes = {
        place: abs(_slope(logs[place], logs[place + 1]) - _slope(logs[place - 1], logs[place]))
        for place in range(1, len(logs) - 1)
    }
    place = max(changes, key=lambda place: changes[place])
    return place if changes[place] >= BEND else None


def _slope(first: tuple[float, float], second: tuple[float, float]) -> float:
    return (second[1] - first[1]) / (second[0] - first[0])
