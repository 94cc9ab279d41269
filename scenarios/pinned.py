"""One point of a scenario as a scenario of its own: what a search, a what-if or a comparison runs."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import did_you_mean, one_of
from scenarios.load import build
from scenarios.paths import PATH_EXPECTED, assign, is_path, same_value, short_form
from scenarios.scenario import Scenario
from scenarios.schema import Target

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_DROPPED: Final = ("comparisons", "sensitivity", "regressions")  # they speak of other points too


def pinned(
    scenario: Scenario, values: Mapping[str, Any] = _NOTHING, targets: Sequence[str] | None = None
) -> Scenario:
    """Return the scenario at one point, judged by some of its targets wherever that point lies.

    Every path of `values`, and every swept path, has one value there: that of `values`, else the one at
    which the targets look, else the only one of the sweep. Without `targets` those of severity *error* are
    kept; `where` is taken away from all of them. The name stays, so the dice are those of the scenario.

    Raises:
        ScenarioError: a path is none, a target is unknown, or a swept path is left with several values.
    """
    kept = _kept(scenario, targets)
    chosen = {short_form(path): value for path, value in values.items()}
    for path in chosen:
        if not is_path(path):
            raise scenario.document.error((), f"'{path}' is not a path", PATH_EXPECTED)
    for path in scenario.sweep.paths:
        if path not in chosen:
            chosen[path] = _only_value(scenario, path, kept)
    document = dataclasses.replace(
        scenario.document, data=copy.deepcopy(scenario.document.data), marks=dict(scenario.document.marks)
    )
    data = document.data
    for section in _DROPPED:
        data.pop(section, None)
    ids = [target.id for target in kept]
    rows = [row for row in data.get("targets") or [] if row.get("id") in ids]
    data["targets"] = [{key: item for key, item in row.items() if key != "where"} for row in rows]
    _put(document, chosen)
    return build(document, scenario.sources.base)


def _kept(scenario: Scenario, names: Sequence[str] | None) -> list[Target]:
    if names is None:
        return [target for target in scenario.targets if target.severity == "error"]
    known = {target.id: target for target in scenario.targets}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            raise scenario.document.error(("targets",), f"unknown target '{name}'", one_of(known), hint)
    return [known[name] for name in names]


def _only_value(scenario: Scenario, path: str, kept: Sequence[Target]) -> Any:
    """Return the value that a swept path has where the targets look, or the only one that it takes."""
    looked_at = _distinct([target.where[path] for target in kept if path in target.where])
    taken = _distinct([point.coordinates[path] for point in scenario.points()])
    for values in (looked_at, taken):
        if len(values) == 1:
            return values[0]
    raise scenario.document.error(
        ("sweep", path),
        f"{path} has {len(looked_at or taken)} values where the targets look",
        f"{path}=VALUE, with {one_of(map(str, looked_at or taken))}",
    )


def _distinct(values: Sequence[Any]) -> list[Any]:
    distinct: list[Any] = []
    for value in values:
        if not any(same_value(value, other) for other in distinct):
            distinct.append(value)
    return distinct


def _put(document: Document, chosen: Mapping[str, Any]) -> None:
    """Make a sweep of one point: its values are coordinates, so that reports name them."""
    document.data.pop("sweep", None)
    for place in [place for place in document.marks if place[:1] == ("sweep",)]:
        del document.marks[place]
    swept = {}
    for path, value in chosen.items():
        if path.startswith("experiment."):  # which no sweep varies
            assign(document, path, value, Document(f"{path}={value}"))
        else:
            swept[path] = [value]
    if swept:
        document.data["sweep"] = swept
