"""What each verb does with its result: print it for a person or as JSON, and choose the exit code."""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

import scenarios
from headroom import announcing, gating, registering, rundir
from headroom.errors import HarnessError
from headroom.experiment import Experiment, Settings
from headroom.progress import Teller
from headroom.rundir import RunDirectory
from headroom.worker import Job
from reports import exits
from scenarios import Scenario

if TYPE_CHECKING:
    from reports.summary import Summary

LOG_WIDTH = 120  # columns of what is piped or kept, where nobody can widen the window


def load(
    name: str, overrides: Sequence[str] | None, replications: int | None = None, seed: int | None = None
) -> Scenario:
    """Load a scenario with what the command line overrides."""
    given = list(overrides or ())
    if replications is not None:
        given.append(f"experiment.replications={replications}")
    if seed is not None:
        given.append(f"experiment.seed={seed}")
    return scenarios.load(name, given)


def default_directory(scenario: Scenario, *, overridden: bool) -> Path:
    """Return runs/NAME; with overrides, a directory of their own, so that no other result is replaced."""
    if not overridden:
        return Path("runs") / scenario.name
    digest = hashlib.sha256(scenario.resolved_yaml().encode()).hexdigest()
    return Path("runs") / f"{scenario.name}-{digest[:8]}"


def run(
    scenario: Scenario,
    settings: Settings,
    teller: Teller,
    *,
    explore: bool,
    allow_inconclusive: bool,
    as_json: bool,
    github: bool | None = None,
) -> int:
    """Run, judge, write, print.

    A target that can find no data is refused before anything is run, but not when the user overrides values
    (`explore`): a narrower sweep leaves targets behind, and they fail at the end.
    """
    if scenario.warnings and not (explore or settings.force):
        hint = "mend the target, or run all the same with --force"
        raise HarnessError("\n".join(scenario.warnings), exits.NO_DATA, hint)
    for note in scenario.notes:
        teller.say(f"note: {note}")
    for warning in scenario.warnings:
        teller.say(f"warning: {warning}")
    experiment = Experiment(scenario, settings, teller)
    experiment.prepare()
    with experiment.directory.alone():
        experiment.perform()
        gating.attach(scenario, settings.out, datetime.now(UTC).date())
        return judge(
            settings.out,
            scenario,
            allow_inconclusive=allow_inconclusive,
            as_json=as_json,
            github=github,
            enter=lambda it: registering.enter_run(it, scenario, settings.out, teller, overridden=explore),
        )


def report(path: Path, *, allow_inconclusive: bool, as_json: bool) -> int:
    """Judge a run directory again."""
    directory = RunDirectory.existing(path)
    scenario = scenarios.load(directory.path / rundir.SCENARIO)
    return judge(path, scenario, allow_inconclusive=allow_inconclusive, as_json=as_json)


def judge(
    path: Path,
    scenario: Scenario,
    *,
    allow_inconclusive: bool,
    as_json: bool,
    github: bool | None = False,
    enter: "Callable[[Summary], None] | None" = None,
) -> int:
    """Write the documents of a run directory and print the summary; let `enter` note it."""
    import reports

    run = reports.read_run(path)
    crashed = rundir.read_json(path / rundir.FAILURES) if (path / rundir.FAILURES).is_file() else []
    causes = [reports.ExitCause(exits.MODEL_ERROR, crash_of(path, row)) for row in crashed]
    causes += gating.causes_of(run, allow_inconclusive=allow_inconclusive)
    summary = reports.summarise(run, scenario, allow_inconclusive=allow_inconclusive, causes=causes)
    if run.infeasible and not run.points:  # nothing was run, so nothing is missing
        summary = replace(summary, causes=tuple(it for it in summary.causes if it.code != exits.NO_DATA))
    reports.write(path, summary)
    if enter is not None:
        enter(summary)
    if announcing.wanted(given=github):
        announcing.announce_run(summary, scenario)
    if as_json:
        sys.stdout.write((path / "summary.json").read_text(encoding="utf-8"))
    else:
        out = console()
        reports.render_console(summary, out)
        out.print(f"report: {path / 'report.html'}", markup=False)
    return summary.exit_code


def crash_of(path: Path, row: Mapping[str, Any]) -> str:
    """Say in one line which run crashed, with what, and how to see it again."""
    error = row["error"].strip().splitlines()[-1]
    command = f"headroom replay {path} --point {row['point']} --replication {row['replication']}"
    return f"{Job(row['point'], row['replication'])} crashed: {error}; again: {command}"


def validate(scenario: Scenario, *, as_json: bool) -> None:
    """Say that the scenario is sound, and how large."""
    points = scenario.points()
    replications = scenario.experiment.replications
    result = {
        "ok": True,
        "scenario": scenario.name,
        "requirement": scenario.requirement,
        "points": len(points),
        "replications": {"min": replications.min, "max": replications.max},
        "targets": [target.id for target in scenario.targets],
        "warnings": [str(warning) for warning in scenario.warnings],
        "notes": list(scenario.notes),
    }
    if as_json:
        return print_json(result)
    out = console()
    for note in scenario.notes:
        out.print(f"note: {note}", markup=False)
    for warning in scenario.warnings:
        out.print(f"warning: {warning}", markup=False)
    out.print(
        f"ok: {scenario.name}, {len(points)} points x {replications.min} to {replications.max} replications,"
        f" {len(scenario.targets)} targets",
        markup=False,
    )
    return None


def schema() -> None:
    """Print the JSON Schema."""
    print_json(scenarios.json_schema())


def plan(scenario: Scenario, workers: int, *, as_json: bool) -> None:
    """Print the plan."""
    from headroom import planning

    result = planning.plan(scenario, workers)
    if as_json:
        return print_json(result)
    out = console()
    out.print(f"{result['scenario']} {result['requirement']}".strip(), markup=False)
    for path, values in result["sweep"].items():
        out.print(f"  {path}: {', '.join(map(str, values))}", markup=False)
    runs, seconds = result["runs"], result["estimated_s"]
    out.print(f"points        {result['points']}")
    out.print(f"replications  {spread(result['replications'])}")
    out.print(f"runs          {spread(runs)}")
    if result["sensitivity_runs"]["max"]:
        out.print(f"sensitivity   {spread(result['sensitivity_runs'])} runs")
    out.print(
        f"time          about {spread(seconds)} s on {workers} workers ({len(result['probes'])} probed)"
    )
    for row in result["floors"]:
        text = f"floor         {row['target']}: {row['metric']} is never below {row['bound_s']:.4g} s"
        out.print(f"{text}, asked at most {row['limit_s']:g} s: {row['because']}", markup=False)
    for row in result["infeasible"]:
        where = f"{row['target']} at {row['coordinates']}"
        text = f"infeasible: {where}: {row['because']}; limit {row['limit_s']:g} s"
        out.print(text, markup=False)
    for warning in result["warnings"]:
        out.print(f"warning: {warning}", markup=False)
    return None


def spread(limits: Mapping[str, Any]) -> str:
    """Return `10` or `10 to 80`."""
    low, high = limits["min"], limits["max"]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def replay(path: Path, point: int, replication: int, history: Path | None, *, as_json: bool) -> int:
    """Compute one run again and print whether it is the same."""
    from headroom import replaying

    result = replaying.replay(path, Job(point, replication), history)
    if as_json:
        print_json(result)
    else:
        out = console()
        recorded, now = result["history_digest"]["recorded"], result["history_digest"]["now"]
        out.print(f"recorded  {recorded}\nnow       {now}")
        out.print("equal: the run is reproduced" if result["equal"] else "DIFFERENT", markup=False)
        if not result["equal"] and not result["same_code"]:
            out.print("the code has changed since the run was made")
    return exits.OK if result["equal"] else exits.MODEL_ERROR


def doctor(*, as_json: bool) -> int:
    """Print what was found."""
    from headroom import doctor as doctors

    findings = doctors.examine()
    bad = any(not finding.ok and not finding.optional for finding in findings)
    if as_json:
        print_json({"ok": not bad, "findings": [asdict(finding) for finding in findings]})
    else:
        table = Table("", "", "found", box=None, show_header=False)
        for finding in findings:
            mark = "ok" if finding.ok else "--" if finding.optional else "BAD"
            table.add_row(mark, finding.name, finding.found)
        console().print(table)
    return exits.INVALID if bad else exits.OK


def actions(names: Sequence[str], *, as_json: bool) -> None:
    """Print the catalogue, or some of it in full."""
    from headroom import catalogue
    from headroom.rbac import find

    if as_json:
        specs = [find(name) for name in names] or catalogue.listed()
        return print_json([catalogue.described(spec) for spec in specs])
    if names:
        return catalogue.show(names, console())
    return catalogue.show_table(console())


def parameters(
    name: str | None,
    overrides: Sequence[str] | None,
    prefixes: Sequence[str],
    version: str | None,
    *,
    changed: bool,
    as_json: bool,
) -> None:
    """Print the parameters, or those that hold in a scenario."""
    from headroom import parameters as listing

    if name is None and overrides:
        raise HarnessError("--set without a scenario", exits.USAGE, "headroom parameters SCENARIO --set ...")
    scenario = load(name, overrides) if name is not None else None
    rows = listing.select(scenario, prefixes, version, changed=changed)
    if as_json:
        return print_json([row.to_json() for row in rows])
    return listing.show(rows, scenario, console())


def cluster(scenario: Scenario, out: Path | None, *, as_json: bool) -> None:
    """Write the settled cluster of a scenario, and say what it holds."""
    from headroom import cluster_file

    spec, objects = cluster_file.settled(scenario)
    if out is None:
        sys.stdout.write(cluster_file.as_json(cluster_file.as_list(objects)))
        return None
    cluster_file.write(objects, out)
    told = cluster_file.described(spec, objects)
    if as_json:
        return print_json({"file": str(out), **told})
    kinds = ", ".join(f"{kind} {count}" for kind, count in told["objects_count_by_kind"].items())
    lines = [f"{out}: {spec.name}, Kubernetes {spec.kubernetes_version}, {len(objects)} objects: {kinds}"]
    lines += [f"pending: {name}" for name in told["pending"]]
    lines.append(
        "Behaviours and parameters are no Kubernetes objects: a scenario that reads the file says them."
    )
    console().print("\n".join(lines), markup=False)
    return None


def rbac(
    names: Sequence[str], workflow: str | None, namespaces: tuple[str, ...], account: str, *, as_json: bool
) -> None:
    """Print the manifests that actions, or those of a workflow, need; all of the catalogue without either."""
    from headroom import rbac as rules
    from headroom.catalogue import listed

    if account.count("/") != 1 or not all(account.split("/")):
        raise HarnessError(f"{account!r} is no account", exits.USAGE, "write it as NAMESPACE/NAME")
    needs = rules.needs_by_name(names)
    if workflow is not None:
        needs += rules.needs_of(load(workflow, None))
    elif not names:
        needs = [rules.Need(spec) for spec in listed()]
    made = rules.manifests(needs, namespaces or ("default",), account)
    if as_json:
        return print_json({"apiVersion": "v1", "kind": "List", "items": made})
    sys.stdout.write(rules.as_yaml(made))
    return None


def console() -> Console:
    """Return where results for a person go."""
    is_terminal = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=not is_terminal, width=None if is_terminal else LOG_WIDTH)


def print_json(value: Any) -> None:
    """Print a result for a program."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
