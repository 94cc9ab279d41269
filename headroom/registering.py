"""Entering a run, when it is over, into the registry of runs."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headroom import identity, registry
from headroom.errors import HarnessError
from headroom.progress import Teller
from headroom.registry import Entry, Measure, key_of
from scenarios import Scenario
from scenarios.resolved import resolved_data

if TYPE_CHECKING:
    from reports.estimates import Estimate
    from reports.summary import Summary

# What is entered of every point; all that a summary estimates would make the registry large.
MEASURES: Final = (
    "makespan",
    "executions_per_second",
    "steps_per_second",
    "execution_duration_mean",
    "execution_duration_p95",
)


def enter_run(summary: "Summary", scenario: Scenario, out: Path, teller: Teller, *, overridden: bool) -> None:
    """Enter what `headroom run` found. A registry that cannot be written is told, and stops nobody."""
    from reports.focus import focus_index

    points = {point.index: point.coordinates for point in summary.points}
    index = focus_index(summary.judgements, points)
    entry = _entry(
        "run",
        scenario,
        out,
        summary.exit_code,
        overridden=overridden,
        focus=key_of({} if index is None else points[index]),
        verdicts={result.target.id: result.verdict.value for result in summary.targets},
    )
    _enter(entry, _measures(summary), teller)


def enter_answer(
    verb: str, scenario: Scenario, out: Path, exit_code: int, measures: list[Measure], teller: Teller
) -> None:
    """Enter what another verb answered about a scenario."""
    entry = _entry(verb, scenario, out, exit_code, overridden=False, focus=key_of({}), verdicts={})
    _enter(entry, measures, teller)


def enter_capacity(
    found: Mapping[str, Any], scenario: Scenario, out: Path, exit_code: int, teller: Teller
) -> None:
    """Enter the answer of `headroom capacity`; its certificate has how sure it is, and no interval."""
    answer = found["answer"]
    number = answer if isinstance(answer, int | float) and not isinstance(answer, bool) else None
    name = f"capacity:{found['knob']['path']}"
    told = [] if number is None else [Measure(key_of({}), name, "count", number, None, None, None, 1)]
    enter_answer("capacity", scenario, out, exit_code, told, teller)


def _enter(entry: Entry, measures: Any, teller: Teller) -> None:
    path = registry.place()
    if path is None:
        return
    try:
        registry.enter(path, entry, measures)
    except (HarnessError, OSError) as error:
        teller.say(f"note: not entered into the registry of runs: {error}")


def digest_of(scenario: Scenario) -> str:
    """Return the digest of what is asked, apart from how often it is tried and with which dice."""
    asked = resolved_data(scenario.document, scenario.file, scenario.sources, scenario.sweep)
    asked.pop("experiment", None)
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _entry(
    verb: str,
    scenario: Scenario,
    out: Path,
    exit_code: int,
    *,
    overridden: bool,
    focus: str,
    verdicts: dict[str, str],
) -> Entry:
    return Entry(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        verb=verb,
        scenario=scenario.name,
        scenario_digest=digest_of(scenario),
        code_digest=identity.code_digest(),
        version=identity.version(),
        seed=scenario.experiment.seed,
        overridden=overridden,
        exit_code=exit_code,
        path=str(out),
        focus=focus,
        verdicts=json.dumps(verdicts, ensure_ascii=False),
    )


def _measures(summary: "Summary") -> Iterator[Measure]:
    from reports.history import standard_error

    for point in summary.points:
        for name in MEASURES:
            found: Estimate = point.estimates[name]
            if found.value is None or found.value in (float("inf"), float("-inf")):
                continue
            error = standard_error(found, summary.questions.alpha / 2)
            key = key_of(point.coordinates)
            yield Measure(key, name, found.unit, found.value, found.low, found.high, error, found.n)
