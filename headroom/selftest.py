"""`headroom gate selftest`: regressions are built into real runs, and the gate must turn red for each.

It must stay green for the same code run anew, and stay closed where nothing can be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import scenarios
from headroom import injected
from headroom.baselines import rules_of
from headroom.gating import Asked, here, judged, now_of
from headroom.progress import Teller
from headroom.trials import Trials, open_trials
from reports import exits
from scenarios import RunSpec, Scenario

if TYPE_CHECKING:
    from reports.baseline import Baseline
    from reports.columns import RunData
    from reports.gate import Gate, Now

POINTS_MAX: Final = 2
SCRATCH: Final = ".selftest"
_NOBODY: Final = Path("baseline")


@dataclass(frozen=True)
class Injection:
    """A regression, in sizes from small to large: the first that turns the gate red is told."""

    name: str
    kind: str
    sizes: tuple[float, ...]
    words: str  # of a size, with `{}`
    before: str = ""  # the world of the baseline, where it is not the plain one
    absent: str = ""  # why it cannot be built into this scenario


@dataclass(frozen=True)
class Proof:
    """What the gate made of one thing that was done to it."""

    name: str
    done: str
    expected: str  # red | green | closed
    found: str  # red | green | undecided | closed | not applicable
    ok: bool
    told: str  # what the gate said


def selftest(scenario: Scenario, asked: Asked, teller: Teller, replications: int) -> list[Proof]:
    """Prove that the gate gates this scenario."""
    now = _narrowed(now_of(scenario, here()))
    indices = [index for index, _ in now.points]
    asked.out.mkdir(parents=True, exist_ok=True)
    with open_trials(asked.out / SCRATCH, asked.workers, teller) as trials:
        bench = _Bench(trials, scenario, now, asked.today, replications)
        plain = bench.baseline("")
        proofs = [bench.unchanged(plain)]
        spec = scenarios.compile(scenario, scenario.points()[indices[0]], 0)
        for injection in injections(spec, bench.step_seconds()):
            proofs.append(bench.proof(injection))
            teller.say(f"{proofs[-1].name}: {proofs[-1].found}")
        proofs += bench.closed(plain)
    return proofs


def passed(proofs: Sequence[Proof]) -> int:
    """Return the exit code: a gate that does not see what it must is a broken self-check."""
    return exits.OK if all(proof.ok for proof in proofs) else exits.MODEL_ERROR


def as_json(scenario: Scenario, proofs: Sequence[Proof]) -> dict[str, Any]:
    """Return the proofs as JSON values."""
    code = passed(proofs)
    return {
        "scenario": scenario.name,
        "exit_code": code,
        "exit_name": exits.NAMES[code],
        "rules": [rule.id for rule in rules_of(scenario)],
        "proofs": [asdict(proof) for proof in proofs],
    }


def injections(spec: RunSpec, step_seconds: float) -> tuple[Injection, ...]:
    """Return what can be done to a scenario whose steps take so long on average."""
    workflows = [spec.workload.workflow, *spec.workload.subflows]
    shares = (0.05, 0.1, 0.3, 1.0)
    slower = tuple(float(f"{share * step_seconds:.3g}") for share in shares)
    no_bucket = "" if spec.engine.client_qps is not None else "the client has no bucket (unlimited)"
    no_retry = "" if any(map(injected.retries, workflows)) else "no step is tried more than once"
    return (
        Injection("slower action", injected.SLOWER_ACTION, slower, "every attempt takes {:g} s longer"),
        Injection("one call more per step", injected.EXTRA_CALLS, (1,), "every attempt makes {:g} call more"),
        Injection(
            "a lost retry",
            injected.LOST_RETRY,
            (0,),
            "where first attempts fail, no step is tried again",
            injected.HICCUP,
            no_retry,
        ),
        Injection(
            "a smaller bucket",
            injected.SMALLER_BUCKET,
            (0.5, 0.2, 0.05, 0.01),
            "the client's rate and burst are {:g} of what they were",
            absent=no_bucket,
        ),
    )


def _narrowed(now: "Now") -> "Now":
    """Keep a few points: the first at which a rule looks, and one in the middle."""
    from reports.questions import matches

    looked_at = [
        point for point in now.points if any(matches(rule.where, point[1]) for rule in now.rules)
    ] or list(now.points)
    chosen = [looked_at[0], *looked_at[len(looked_at) // 2 :][: POINTS_MAX - 1]]
    points = tuple(dict.fromkeys(index for index, _ in chosen))
    rules = tuple(
        rule for rule in now.rules if any(matches(rule.where, coordinates) for _, coordinates in chosen)
    )
    kept = tuple((index, coordinates) for index, coordinates in now.points if index in points)
    return replace(now, points=kept, rules=rules or now.rules, waivers=())


class _Bench:
    """Runs the points in different worlds and asks the gate about them."""

    def __init__(
        self, trials: Trials, scenario: Scenario, now: "Now", today: date, replications: int
    ) -> None:
        self.trials = trials
        self.scenario = scenario
        self.now = now
        self.today = today
        self.replications = replications
        self.runs: dict[str, RunData] = {}

    def run(self, name: str, world: str = "") -> "RunData":
        """Return the runs of a world, each named once."""
        if name not in self.runs:
            trials = Trials(
                self.trials.root / name, self.trials.executor, self.trials.teller, world or self.trials.world
            )
            indices = [index for index, _ in self.now.points]
            self.runs[name] = trials.measure(self.scenario, self.replications, indices)
        return self.runs[name]

    def baseline(self, kind: str) -> "Baseline":
        """Return the baseline that a world gives."""
        from reports.baseline import Baseline, points_of
        from reports.questions import questions_of
        from reports.steady import steady_view

        run = self.run(kind, injected.world(kind, 0)) if kind else self.run("plain")
        run = steady_view(run, questions_of(self.scenario))
        points = points_of(run, self.now.rules, self.now.paths)
        return Baseline(
            self.scenario.name, "selftest", "", "", "", self.now.fingerprint, points, self.now.configuration
        )

    def step_seconds(self) -> float:
        """Return how long a step takes on average, of those that completed."""
        import numpy as np

        found = [item.steps.duration_s for point in self.run("plain").points for item in point.replications]
        together = np.concatenate(found) if found else np.array([1.0])
        finite = together[np.isfinite(together)]
        return max(float(finite.mean()), 1e-3) if len(finite) else 1.0

    def unchanged(self, plain: "Baseline") -> Proof:
        """Run the same code anew: nothing may have changed, not even a history."""
        found = self.judge(plain, self.run("again"))
        same, count = found.identical
        colour, told = _colour(found), f"{same} of {count} histories are the same"
        ok = colour == "green" and same == count > 0
        return Proof("no change", "the same code runs anew", "green", colour, ok, told)

    def proof(self, injection: Injection) -> Proof:
        """Make the regression larger until the gate is red."""
        if injection.absent:
            return Proof(injection.name, "", "red", "not applicable", ok=True, told=injection.absent)
        baseline = self.baseline(injection.before)
        done = colour = told = ""
        for size in injection.sizes:
            world = injected.world(injection.kind, size)
            found = self.judge(baseline, self.run(f"{injection.kind}-{size:g}", world))
            done, colour, told = injection.words.format(size), _colour(found), _told(found)
            if colour == "red":
                break
        if colour != "red":
            told = f"not seen: {told}; {_ADVICE.get(injection.kind, 'watch another metric')}"
        return Proof(injection.name, done, "red", colour, colour == "red", told)

    def closed(self, plain: "Baseline") -> list[Proof]:
        """Take away what a comparison needs: the gate must say that it has no data."""
        from reports.gate import judge

        run, now = self.run("plain"), self.now
        elsewhere = {**now.fingerprint, "python": "another"}
        emptied = tuple(
            replace(point, series=tuple(replace(it, values=()) for it in point.series))
            for point in plain.points
        )
        hollow = replace(plain, points=tuple(replace(it, replications=(), histories=()) for it in emptied))
        renamed = tuple(
            replace(point, series=tuple(replace(it, metric=f"{it.metric}_renamed") for it in point.series))
            for point in plain.points
        )
        cases: Mapping[str, tuple[Now, Baseline | None]] = {
            "a missing baseline": (now, None),
            "an emptied baseline": (now, hollow),
            "a renamed metric": (now, replace(plain, points=renamed)),
            "a changed environment": (replace(now, fingerprint=elsewhere), plain),
            "another scenario's baseline": (now, replace(plain, scenario=f"{plain.scenario}-other")),
        }
        proofs = []
        for name, (asked, baseline) in cases.items():
            found = judge(asked, baseline, str(_NOBODY), run, 0.05, self.today)
            colour = _colour(found)
            proofs.append(
                Proof(name, "nothing can be compared", "closed", colour, colour == "closed", _told(found))
            )
        return proofs

    def judge(self, baseline: "Baseline", run: "RunData") -> "Gate":
        """Ask the gate."""
        return judged(self.now, baseline, _NOBODY, run, self.today)


_ADVICE: Final[Mapping[str, str]] = {
    injected.EXTRA_CALLS: "a rule on client_requests_count sees it",
    injected.LOST_RETRY: "a rule on executions_completed_ratio sees it",
    injected.SLOWER_ACTION: "a rule on makespan or execution_duration sees it",
    injected.SMALLER_BUCKET: "a rule on makespan sees it where the bucket binds",
}


def _colour(found: "Gate") -> str:
    """Return what a build would show."""
    from reports.gate import concluded

    codes = {cause.code for cause in concluded(found, (), allow_inconclusive=False).causes}
    if exits.REGRESSION in codes:
        return "red"
    if exits.NO_DATA in codes:
        return "closed"
    return "undecided" if codes else "green"


def _told(found: "Gate") -> str:
    """Return the gravest thing that the gate says."""
    from reports.gate import concluded

    causes = concluded(found, (), allow_inconclusive=False).causes
    worst = next((it for it in causes if it.code == exits.REGRESSION), causes[0] if causes else None)
    return worst.message if worst else "everything passes"
