"""What `gate`, `gate selftest` and `baseline accept` print, and the exit codes that they choose."""

from collections.abc import Sequence
from pathlib import Path

from headroom import announcing, baselines, comparing, gating, registering, verbs
from headroom.commands.gate import SELFTEST
from headroom.comparing import Asked as Comparison
from headroom.errors import HarnessError
from headroom.gating import Asked
from headroom.progress import Teller
from reports import exits
from scenarios import Scenario


def asked_for(words: Sequence[str]) -> tuple[str, bool]:
    """Return the scenario that is named, and whether the selftest is meant."""
    first, *rest = words
    if not rest and first != SELFTEST:
        return first, False
    if first == SELFTEST and len(rest) == 1:
        return rest[0], True
    hint = "headroom gate SCENARIO, or headroom gate selftest SCENARIO"
    raise HarnessError(f"gate {' '.join(words)}: expected one scenario", exits.USAGE, hint)


def gate(scenario: Scenario, asked: Asked, teller: Teller, *, github: bool | None, as_json: bool) -> int:
    """Judge and print; tell GitHub if it is asked for."""
    from reports.gate_console import render_gate
    from reports.gate_markdown import gate_markdown
    from reports.gate_view import gate_view
    from reports.github import gate_annotations

    for warning in scenario.warnings:
        teller.say(f"warning: {warning}")
    told = gating.gate(scenario, asked, teller)
    view = gate_view(told)
    registering.enter_answer("gate", scenario, asked.out, view.exit_code, [], teller)
    if as_json:
        verbs.print_json(told)
    else:
        out = verbs.console()
        render_gate(view, out)
        out.print(f"report: {asked.out / 'regressions.md'}", markup=False)
    if announcing.wanted(given=github):
        announcing.announce(gate_annotations(view, announcing.file_of(scenario)), gate_markdown(view))
    return view.exit_code


def selftest(scenario: Scenario, asked: Asked, teller: Teller, replications: int, *, as_json: bool) -> int:
    """Prove that the gate gates, and print the proofs."""
    from headroom import selftest as proving

    proofs = proving.selftest(scenario, asked, teller, replications)
    code = proving.passed(proofs)
    if as_json:
        verbs.print_json(proving.as_json(scenario, proofs))
        return code
    out = verbs.console()
    out.print(f"{scenario.name}: does the gate see what it must?", markup=False)
    for proof in proofs:
        sign = "ok " if proof.ok else "BAD"
        out.print(f"{sign} {proof.name}: {proof.found}, expected {proof.expected}", markup=False)
        told = "; ".join(part for part in (proof.done, proof.told) if part)
        out.print(f"      {told}", markup=False)
    blind = [proof.name for proof in proofs if not proof.ok]
    summary = "the gate gates" if not blind else f"the gate is blind to: {', '.join(blind)}"
    out.print(f"{summary}  exit code {code}", markup=False)
    return code


def accept(path: Path, reason: str, out: Path | None, keep: int, *, as_json: bool) -> None:
    """Write a baseline and say what it holds."""
    found = baselines.accept(path, reason, out, keep)
    points = found.baseline.points
    series = sum(len(point.series) for point in points)
    counts = sorted({len(point.replications) for point in points})
    if as_json:
        return verbs.print_json(
            {
                "file": str(found.file),
                "scenario": found.baseline.scenario,
                "points": len(points),
                "series": series,
                "replications": {"min": counts[0], "max": counts[-1]},
                "reason": found.baseline.reason,
                "notes": list(found.notes),
            }
        )
    console = verbs.console()
    each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    console.print(
        f"{found.file}: {series} series at {len(points)} points, {each} replications each", markup=False
    )
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    console.print("review it and commit it; `headroom gate` compares with it from now on", markup=False)
    return None


def compare(asked: Comparison, out: Path, workers: int, teller: Teller, *, as_json: bool) -> int:
    """Compare and print; only what has no data fails."""
    from reports.comparison_console import render_comparison

    found = comparing.compare(asked, out, workers, teller)
    if as_json:
        verbs.print_json(found.to_json())
    else:
        render_comparison(found, verbs.console())
    return exits.exit_code(found.causes)
