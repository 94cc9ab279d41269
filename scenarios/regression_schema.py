"""The `regressions` block of a scenario: what may not get worse than a baseline, and what is waived."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from scenarios.errors import did_you_mean, one_of
from scenarios.fields import Model, Name, Ratio, Rows, custom_error, with_units
from scenarios.units import UnitError

WORSE_THAN: Final = 0.03
BETTER_THAN: Final = 0.3  # beyond it, the measurement has more likely collapsed than the code improved
RULES_MAX: Final = 200
_DATE: Final = "a day such as 2026-12-31"


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    except ValueError:
        raise UnitError(f"there is no day {value}", _DATE) from None
    raise UnitError(f"{value!r} is no day", _DATE)


Day = Annotated[
    date,
    BeforeValidator(with_units(_day)),
    PlainSerializer(date.isoformat, return_type=Any),
    WithJsonSchema({"type": "string", "format": "date", "description": _DATE}),
]


class Rule(Model):
    """What may not get worse than the baseline: a stat of a metric, at the points of `where` or at all.

    Worse is more of a time, a count or a cost, and less of a throughput or a share that completed. A change
    for the better beyond `better_than` is refused too: what collapsed looks fast. `id` is made of metric and
    stat where none is given.
    """

    id: Name = "rule"
    metric: Annotated[str, Field(min_length=1, max_length=200)]
    stat: Literal["mean", "p50", "p90", "p95", "p99", "min", "max"] = "mean"
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)
    worse_than: Ratio = WORSE_THAN
    better_than: Ratio = BETTER_THAN

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "id" in value or not isinstance(value.get("metric"), str):
            return value
        words = f"{value['metric']}-{value.get('stat', 'mean')}".lower()
        return {"id": re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:100].strip("-")} | value

    @model_validator(mode="after")
    def _below_all(self) -> "Rule":
        if self.better_than >= 1:
            raise custom_error(
                "better_than 100%",
                "a share below 100%: nothing gets better by all of it",
                at=("better_than",),
            )
        return self


class Waiver(Model):
    """A regression that is known and accepted until a day, that day included, and why."""

    rule: str
    until: Day
    reason: Annotated[str, Field(min_length=3, max_length=1000)]


class Regressions(Model):
    """Rules against a baseline that was reviewed: a file that `headroom baseline accept` wrote."""

    baseline: Annotated[str, Field(min_length=1, max_length=1000)] | None = None  # relative to the scenario
    rules: Annotated[Rows[Rule], Field(min_length=1, max_length=RULES_MAX)]
    waivers: Annotated[Rows[Waiver], Field(max_length=RULES_MAX)] = ()

    @model_validator(mode="after")
    def _ids_are_known_once(self) -> "Regressions":
        ids = _unique(rule.id for rule in self.rules)
        for index, waiver in enumerate(self.waivers):
            if waiver.rule not in ids:
                hint = did_you_mean(waiver.rule, ids)
                raise custom_error(
                    f"unknown rule '{waiver.rule}'", one_of(ids), hint, at=("waivers", index, "rule")
                )
        return self


def _unique(ids: Iterable[str]) -> list[str]:
    seen: list[str] = []
    for index, name in enumerate(ids):
        if name in seen:
            raise custom_error(f"a second rule '{name}'", "ids that are unique", at=("rules", index))
        seen.append(name)
    return seen
