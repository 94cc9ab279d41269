"""`headroom verify`: the answer of a certificate tested again, with seeds that the search never saw.

The search looked at its replications several times; this is one test with one look, at the full error, with
twice as many replications as the search would give a value. It confirms, or refutes, or leaves it open.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any, Final

import scenarios
from headroom import certificate
from headroom.capacity_probe import Settings, look
from headroom.capacity_search import Met
from headroom.errors import HarnessError
from headroom.progress import Teller
from headroom.trials import Trials, open_trials
from headroom.worker import WORLD
from reports import exits
from scenarios import Scenario

TIMES: Final = 2  # as many replications as the search had for a value at most
WORDS: Final = {Met.HOLDS: "confirmed", Met.FAILS: "refuted", Met.UNDECIDED: "undecided"}
CODES: Final = {Met.HOLDS: exits.OK, Met.FAILS: exits.TARGET_FAILED, Met.UNDECIDED: exits.INCONCLUSIVE}


def fresh(seed: int) -> int:
    """Return a root seed that has nothing to do with another, and is always the same."""
    return int.from_bytes(hashlib.sha256(f"verify {seed}".encode()).digest()[:7], "big")


def verify(
    path: Path, seed: int | None, workers: int, teller: Teller, world: str = WORLD
) -> tuple[dict[str, Any], int]:
    """Return the result of the check as JSON values, and the exit code."""
    from headroom import identity

    found = certificate.read(path)
    if found["answer"] is None:
        raise HarnessError(f"{path} has no answer to verify: {found['statement']}", exits.NO_DATA)
    seed = fresh(int(found["seed"])) if seed is None else seed
    if seed == found["seed"]:
        raise HarnessError(f"seed {seed} is that of the search", exits.USAGE, "another --seed, or none")
    with tempfile.TemporaryDirectory(prefix="headroom-verify-") as folder:
        scenario = _scenario(found, Path(folder))
        with open_trials(Path(folder) / "trials", workers, teller, world) as trials:
            answer, met = _tested(trials, scenario, found, found["answer"], seed)
            beyond = found["next"]
            after = None
            if beyond is not None:
                after, _ = _tested(trials, scenario, found, beyond["value"], seed)
    result = {
        "schema": certificate.SCHEMA,
        "certificate": str(path),
        "scenario": found["scenario"],
        "verdict": WORDS[met],
        "answer": answer,
        "next": after,
        "seed": seed,
        "searched_with_seed": found["seed"],
        "same_code": found["code_digest"] == identity.code_digest(),
    }
    return result, CODES[met]


def lines(result: dict[str, Any]) -> list[str]:
    """Return what was found, in words."""
    told = [f"{result['verdict']}: {_row(result['answer'])}"]
    if result["next"] is not None:
        told.append(f"next: {_row(result['next'])}")
        if result["next"]["finding"] == Met.HOLDS.value:
            told.append("the answer is on the safe side: with more seeds the next value holds too")
    told.append(f"seed {result['seed']}; the search had {result['searched_with_seed']}")
    if not result["same_code"]:
        told.append(
            "the code has changed since the certificate was made: this tells of the code as it is now"
        )
    return told


def _row(row: dict[str, Any]) -> str:
    why = row.get("text") or row.get("reason", "")
    return f"{row['path']} = {row['value']} {row['finding']}: {why}"


def _scenario(found: dict[str, Any], folder: Path) -> Scenario:
    file = folder / "scenario.yaml"
    file.write_text(str(found["scenario_yaml"]), encoding="utf-8")
    return scenarios.load(file)


def _tested(
    trials: Trials, scenario: Scenario, found: dict[str, Any], value: Any, seed: int
) -> tuple[dict[str, Any], Met]:
    count = TIMES * int(found["replications_max"])
    settings = Settings(
        tuple(found["targets"]), 1 - float(found["confidence"]), {"min": count, "max": count}, seed
    )
    path = str(found["knob"]["path"])
    seen, met = look(trials, settings.pin(scenario, {path: value}), value)
    row: dict[str, Any] = {
        "path": path,
        "value": value,
        "finding": met.value,
        "replications": seen.replications,
    }
    if seen.reason:
        row["reason"] = seen.reason
    return (row if seen.deciding is None else certificate.judged(seen.deciding) | row), met
