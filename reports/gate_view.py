"""What documents show of `regressions.json`: read with care, since a file may have been edited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.exits import NAMES, OK, ExitCause
from reports.formats import coordinates
from reports.verdicts import Verdict


@dataclass(frozen=True)
class RowView:
    """One rule at one point, in texts."""

    rule: str
    metric: str
    where: str
    verdict: Verdict
    finding: str
    waived: str  # until when and why; empty if it is not
    before: str
    after: str
    change: str
    allowed: str
    n: int
    power: str
    reason: str
    text: str
    line: int
    percents: tuple[float, float, float] | None  # change, low, high
    margin: tuple[float, float] | None  # what passes

    @property
    def fails(self) -> bool:
        """Whether it is a reason not to pass."""
        return self.verdict is not Verdict.PASS and not self.waived

    @property
    def state(self) -> str:
        """The verdict as documents print it."""
        return "WAIVED" if self.waived else self.verdict.value.replace("_", " ")


@dataclass(frozen=True)
class GateView:
    """A whole gate, in texts."""

    scenario: str
    requirement: str
    baseline: str
    baseline_reason: str
    exit_code: int
    causes: tuple[ExitCause, ...]
    rows: tuple[RowView, ...]
    unjudged: tuple[str, ...]
    differences: tuple[str, ...]
    differences_more: int
    identical: tuple[int, int]
    notes: tuple[str, ...]
    source: str

    @property
    def headline(self) -> str:
        """The verdict in a few words."""
        return "PASS" if self.exit_code == OK else NAMES.get(self.exit_code, "failed").upper()

    @property
    def counted(self) -> str:
        """How the rules stand: `3 rules at 4 points: 10 pass, 2 fail`."""
        states = [row.state for row in self.rows]
        words = {
            "PASS": "pass",
            "FAIL": "fail",
            "INCONCLUSIVE": "inconclusive",
            "NO DATA": "without data",
            "WAIVED": "waived",
        }
        parts = [f"{states.count(state)} {word}" for state, word in words.items() if state in states]
        return f"{len(states)} comparison{'' if len(states) == 1 else 's'}: " + ", ".join(parts)

    @property
    def unchanged(self) -> str:
        """In how many replications nothing at all has changed."""
        same, count = self.identical
        if not count:
            return ""
        if same == count:
            return f"all {count} replications have the same history as the baseline: nothing has changed"
        return f"{same} of {count} replications have the same history as the baseline"


def gate_view(told: Mapping[str, Any]) -> GateView:
    """Return what can be shown of a gate."""
    baseline, configuration = _mapping(told, "baseline"), _mapping(told, "configuration")
    identical = _mapping(told, "identical")
    changes = [row for row in _rows(configuration, "differences") if isinstance(row, Mapping)]
    return GateView(
        scenario=str(told.get("scenario", "")),
        requirement=str(told.get("requirement", "")),
        baseline=str(baseline.get("file", "")),
        baseline_reason=str(baseline.get("reason", "")),
        exit_code=_whole(told.get("exit_code")),
        causes=tuple(
            ExitCause(_whole(it.get("code")), str(it.get("message", "")))
            for it in _rows(told, "causes")
            if isinstance(it, Mapping) and _whole(it.get("code")) in NAMES
        ),
        rows=tuple(_row(row) for row in _rows(told, "rows") if isinstance(row, Mapping)),
        unjudged=tuple(map(str, _rows(told, "unjudged"))),
        differences=tuple(_difference(row) for row in changes),
        differences_more=_whole(configuration.get("more")),
        identical=(_whole(identical.get("replications")), _whole(identical.get("of"))),
        notes=tuple(map(str, _rows(told, "notes"))),
        source=str(told.get("source", "")),
    )


def _difference(row: Mapping[str, Any]) -> str:
    before, after = str(row.get("before", "")), str(row.get("after", ""))
    return f"{row.get('path', '')}: {before or 'not there'} → {after or 'not there'}"


def _row(row: Mapping[str, Any]) -> RowView:
    waiver, allowed = _mapping(row, "waiver"), _mapping(row, "allowed")
    percents = [row.get(f"{name}_percent") for name in ("change", "low", "high")]
    margin = [allowed.get(f"{name}_percent") for name in ("low", "high")]
    waived = f"until {waiver.get('until')}: {waiver.get('reason')}" if row.get("waived") else ""
    known = [verdict.value for verdict in Verdict]
    return RowView(
        rule=str(row.get("rule", "")),
        metric=f"{row.get('metric', '')} {row.get('stat', '')}",
        where=coordinates(_mapping(row, "coordinates")),
        verdict=Verdict(row["verdict"]) if row.get("verdict") in known else Verdict.NO_DATA,
        finding=str(row.get("finding", "")),
        waived=waived,
        before=str(_mapping(row, "before").get("text", "")),
        after=str(_mapping(row, "after").get("text", "")),
        change=str(row.get("change", "")),
        allowed=str(allowed.get("text", "")),
        n=_whole(row.get("n")),
        power=str(row.get("power", "")),
        reason=str(row.get("reason", "")),
        text=str(row.get("text", "")),
        line=_whole(row.get("line")),
        percents=_triple(percents),
        margin=_pair(margin),
    )


def _numbers(values: Sequence[Any]) -> list[float] | None:
    good = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return [float(value) for value in values] if good else None


def _triple(values: Sequence[Any]) -> tuple[float, float, float] | None:
    found = _numbers(values)
    return (found[0], found[1], found[2]) if found else None


def _pair(values: Sequence[Any]) -> tuple[float, float] | None:
    found = _numbers(values)
    return (found[0], found[1]) if found else None


def _mapping(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = told.get(key)
    return value if isinstance(value, Mapping) else {}


def _rows(told: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = told.get(key)
    return value if isinstance(value, list) else ()


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
