"""The certificate of a capacity: what was found, how sure it is, and all that is needed to check it again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headroom.capacity_knob import Knob
from headroom.capacity_search import Direction, Probe, Search
from headroom.errors import HarnessError
from reports import exits
from reports.formats import json_number, percent, quantity
from scenarios import Scenario

if TYPE_CHECKING:
    from headroom.capacity_probe import Seen
    from reports.judge import Judgement

NAME: Final = "capacity.json"
SCHEMA: Final = 1
SIZE_MAX: Final = 64 * 1024 * 1024
_NEEDED: Final = (
    "scenario",
    "scenario_digest",
    "scenario_yaml",
    "code_digest",
    "knob",
    "answer",
    "confidence",
)


def digest_of(text: str) -> str:
    """Return the digest of a resolved scenario."""
    return hashlib.sha256(text.encode()).hexdigest()


def build(scenario: Scenario, knob: Knob, search: Search, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the certificate as JSON values; `settings` are what the search was told."""
    from headroom import identity

    text = scenario.resolved_yaml()
    return {
        "schema": SCHEMA,
        "kind": "capacity",
        "scenario": scenario.name,
        "requirement": scenario.requirement,
        "scenario_digest": digest_of(text),
        "code_digest": identity.code_digest(),
        "version": identity.version(),
        **settings,
        "knob": {
            "path": knob.path,
            "looking_for": search.direction.value,
            "own": None if knob.own is None else knob.value(knob.own),
            "low": knob.value(search.low),
            "high": knob.value(search.high),
            "step": float(knob.step),
            "unit": knob.suffix,
        },
        "statement": statement(knob, search, settings["confidence"], settings["targets"]),
        "answer": None if search.answer is None else knob.value(search.answer.at),
        "at_the_end_of_the_range": search.at_the_end,
        "shown": [] if search.answer is None else [judged(it) for it in search.answer.detail.judgements],
        "next": told(knob, search.missed),
        "bracket": {
            "holds": None if search.answer is None else knob.value(search.answer.at),
            "fails": None if search.fails is None else knob.value(search.fails.at),
        },
        "headroom": headroom(knob, search),
        "binding": binding(search),
        "monotone": search.monotone,
        "replications": sum(probe.detail.replications for probe in search.probes),
        "probes": [told(knob, probe) for probe in sorted(search.probes, key=lambda probe: probe.at)],
        "scenario_yaml": text,
    }


def statement(knob: Knob, search: Search, confidence: float, targets: list[str]) -> str:
    """Say the answer in one sentence."""
    what = f"{knob.path} from {knob.value(search.low)} to {knob.value(search.high)}"
    asked = "the target " + targets[0] if len(targets) == 1 else "the targets " + ", ".join(targets)
    if search.answer is None:
        return f"No value of {what} is shown to meet {asked} at {percent(confidence)} confidence."
    value = knob.text(search.answer.at)
    largest = search.direction is Direction.LARGEST
    word = "Up to" if largest else "From"
    range_ends = ", where the range ends: there may be more" if largest else ", the least of the range"
    more = range_ends if search.at_the_end else ""
    upward = "" if largest else " up"
    sure = f"at {percent(confidence)} confidence"
    return f"{word} {knob.path} = {value}{upward} {asked} {_verb(targets)} met, {sure}{more}."


def _verb(targets: list[str]) -> str:
    return "is" if len(targets) == 1 else "are"


def headroom(knob: Knob, search: Search) -> dict[str, Any] | None:
    """Return how far the answer lies from what the scenario has, as a share of that."""
    if search.answer is None or not knob.own:
        return None
    difference = search.answer.at - knob.own
    share = (difference if search.direction is Direction.LARGEST else -difference) / knob.own
    word = "more than" if search.direction is Direction.LARGEST else "of"
    if share >= 0:
        spare = "" if search.direction is Direction.LARGEST else " to spare"
        text = f"{percent(share)} {word} the scenario's own {knob.text(knob.own)}{spare}"
    else:
        lack = "too much" if search.direction is Direction.LARGEST else "are missing"
        text = f"the scenario's own {knob.text(knob.own)} is not shown to hold: {percent(-share)} {lack}"
    return {"percent": json_number(share * 100), "text": text}


def told(knob: Knob, probe: Probe | None) -> dict[str, Any] | None:
    """Return one probe as JSON values."""
    if probe is None:
        return None
    seen: Seen = probe.detail
    item = seen.deciding
    row: dict[str, Any] = {
        "value": knob.value(probe.at),
        "finding": probe.met.value,
        "replications": seen.replications,
    }
    if seen.reason:
        row["reason"] = seen.reason
    return row if item is None else judged(item) | row


def judged(item: "Judgement") -> dict[str, Any]:
    """Return the judgement that decides at a value, with its interval and n."""
    unit = item.value_unit
    return {
        "target": item.target.id,
        "stat": item.stat,
        "reached": quantity(item.value, unit),
        "estimate": json_number(item.value),
        "low": json_number(item.low),
        "high": json_number(item.high),
        "n": item.n,
        "unit": unit,
        "asked": item.limit_text,
        "reason": item.reason,
        "text": f"{item.target.id}: {item.value_text}, n={item.n}, asked {item.limit_text}",
    }


def binding(search: Search) -> dict[str, Any] | None:
    """Return what holds the scenario back where it gives way, else at the answer."""
    for probe in (search.missed, search.fails, search.answer):
        summary = None if probe is None else probe.detail.summary
        neck = None if summary is None else summary.points[0].bottleneck
        if neck is not None:
            return {
                "cause": neck.cause,
                "share": neck.share.to_json(),
                "station": neck.station_text,
                "text": f"{neck.text}{' (' + neck.station_text + ')' if neck.station_text else ''}",
            }
    return None


def read(path: Path) -> dict[str, Any]:
    """Read a certificate.

    Raises:
        HarnessError: it is none, or its scenario is not the one that its digest names.
    """
    try:
        if path.stat().st_size > SIZE_MAX:
            raise HarnessError(f"{path}: larger than {SIZE_MAX:,} bytes", exits.INVALID)
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "name the capacity.json that `headroom capacity` wrote"
        raise HarnessError(f"{path}: there is no such file", exits.USAGE, hint) from None
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"{path}: not a certificate: {error}", exits.INVALID) from error
    missing = [key for key in _NEEDED if not isinstance(found, dict) or key not in found]
    if missing or found["schema" if "schema" in found else missing[0]] != SCHEMA:
        what = f"it has no {', '.join(missing)}" if missing else f"schema {found.get('schema')!r}"
        hint = "name the capacity.json that `headroom capacity` wrote"
        raise HarnessError(f"{path}: not a certificate of schema {SCHEMA}: {what}", exits.INVALID, hint)
    if digest_of(str(found["scenario_yaml"])) != found["scenario_digest"]:
        raise HarnessError(
            f"{path}: its scenario is not the one that its scenario_digest names",
            exits.INVALID,
            "it was changed after it was made: run `headroom capacity` again",
        )
    return dict(found)
