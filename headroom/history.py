"""`headroom history`: what the registry of runs knows of a scenario, and where it changed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from headroom import registry
from headroom.errors import HarnessError
from headroom.registry import Entry, Measure
from headroom.verbs import console, print_json
from reports import exits
from reports.formats import coordinates, visible
from scenarios.errors import did_you_mean

if TYPE_CHECKING:
    from reports.history import Run, Shift

CODE_SHOWN = 8  # digits of a digest


def history(
    name: str | None, measure: str, at: Sequence[str], limit: int, *, everything: bool, as_json: bool
) -> None:
    """Print the history of a scenario; without a name, which there are."""
    path = registry.place()
    if path is None:
        hint = f"{registry.VARIABLE} is empty"
        raise HarnessError("there is no registry of runs", exits.NO_DATA, hint)
    found = registry.entries(path)
    if name is None:
        return _scenarios(found, as_json=as_json)
    mine = [it for it in found if it.scenario == name and (everything or not it.overridden)]
    if not mine:
        names = dict.fromkeys(it.scenario for it in found)
        hint = did_you_mean(name, names) or f"there are: {', '.join(names) or 'none'}"
        if name in names:
            hint = "all its runs had values set on the command line: show them with --all"
        raise HarnessError(f"{path} has no run of {name!r}", exits.NO_DATA, hint)
    point = _point(path, mine, measure, at)
    runs = _runs(mine, registry.measures(path, [it.id for it in mine], point, measure))
    return _series(name, measure, point, runs, limit, as_json=as_json)


def _scenarios(found: Sequence[Entry], *, as_json: bool) -> None:
    last = {it.scenario: it for it in found}
    rows = [
        {
            "scenario": name,
            "runs": sum(it.scenario == name for it in found),
            "last": it.at,
            "exit_code": it.exit_code,
            "path": it.path,
        }
        for name, it in sorted(last.items())
    ]
    if as_json:
        return print_json(rows)
    table = Table("scenario", "runs", "last", "exit", "path", box=None)
    for row in rows:
        table.add_row(*(visible(str(value)) for value in row.values()))
    console().print(table)
    return None


def _point(path: Path, runs: Sequence[Entry], measure: str, at: Sequence[str]) -> str:
    """Return the key of the point that is meant: the last run's focus, or where the paths have the values."""
    known = registry.known(path, [it.id for it in runs])
    names = sorted({name for _, name in known})
    if measure not in names:
        hint = did_you_mean(measure, names) or f"entered are: {', '.join(names) or 'none'}"
        raise HarnessError(f"--metric {measure}: not in the registry", exits.NO_DATA, hint)
    points = [point for point, name in known if name == measure]
    if not at:
        focus = next((it.focus for it in reversed(runs) if it.focus in points), None)
        return points[-1] if focus is None else focus
    wanted = dict(word.partition("=")[::2] for word in at)
    matching = [it for it in points if _matches(json.loads(it), wanted)]
    if len(matching) != 1:
        hint = "; ".join(coordinates(json.loads(it)) for it in (matching or points)[:12])
        count = len(matching)
        raise HarnessError(f"--at {', '.join(at)}: {count} points are there", exits.NO_DATA, hint)
    return matching[0]


def _matches(point: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(path in point and str(point[path]) == value for path, value in wanted.items())


def _runs(entries: Sequence[Entry], values: Mapping[int, Measure]) -> "list[Run]":
    from reports.estimates import Estimate
    from reports.history import Run

    return [
        Run(
            number=it.id,
            at=it.at,
            verb=it.verb,
            exit_code=it.exit_code,
            path=it.path,
            code=it.code_digest,
            scenario=it.scenario_digest,
            seed=it.seed,
            found=Estimate(got.unit, got.value, got.low, got.high, got.n, got.n, "t"),
            error=got.error,
        )
        for it in entries
        if (got := values.get(it.id)) is not None
    ]


def _series(name: str, measure: str, point: str, runs: "list[Run]", limit: int, *, as_json: bool) -> None:
    from reports.formats import printed_unit
    from reports.history import method, shifts_of

    shifts = shifts_of(runs)
    shown = runs[-limit:]
    where = json.loads(point)
    if as_json:
        return print_json(
            {
                "scenario": name,
                "measure": measure,
                "coordinates": where,
                "runs": [_run_json(run) for run in shown],
                "runs_count": len(runs),
                "changes": [shift.to_json() for shift in shifts],
                "method": method(),
            }
        )
    out = console()
    unit = printed_unit(runs[-1].found.unit) if runs else ""
    out.print(
        f"{visible(name)} at {coordinates(where)}: {measure}{f' in {unit}' if unit else ''}", markup=False
    )
    out.print(_table(shown, {shift.after.number: shift for shift in shifts}))
    for shift in shifts:
        told = ", ".join(shift.with_it) or "nothing that is entered"
        out.print(f"between {shift.before.number} and {shift.after.number}: {shift.text}; changed: {told}")
    if not shifts:
        out.print(f"no change in {len(runs)} runs beyond what their intervals allow")
    out.print(method())
    return None


def _table(runs: "Sequence[Run]", shifts: "Mapping[int, Shift]") -> Table:
    table = Table("", "run", "when", "code", "seed", "value", "n", "exit", "path", box=None)
    for run in runs:
        mark = ">" if run.number in shifts else ""
        code, seed, when = run.code[:CODE_SHOWN], str(run.seed), run.at.removesuffix("+00:00")
        value, n = run.found.text, str(run.found.n)
        table.add_row(
            mark, str(run.number), when, code, seed, value, n, str(run.exit_code), visible(run.path)
        )
    return table


def _run_json(run: "Run") -> dict[str, Any]:
    return {
        "run": run.number,
        "at": run.at,
        "verb": run.verb,
        "code_digest": run.code,
        "scenario_digest": run.scenario,
        "seed": run.seed,
        "exit_code": run.exit_code,
        "path": run.path,
        **run.found.to_json(),
    }
