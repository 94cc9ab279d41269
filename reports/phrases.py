"""The sentences that several documents share, so that they say the same."""

from reports.compare import Compared
from reports.exits import NAMES
from reports.formats import SURVIVORS, UNBOUNDED, coordinates, number, percent
from reports.judge import Judgement
from reports.paired import Finding
from reports.summary import Summary
from reports.verdicts import Verdict

POOLED_NOTE = (
    "p: quantile pooled over the replications, as one of them holds too few values; "
    "its interval is a bootstrap over replications."
)
UNBOUNDED_NOTE = f"{UNBOUNDED}: more executions failed or did not finish than the percentile leaves room for."
SURVIVORS_NOTE = (
    f"{SURVIVORS}: a mean of only those that completed; what failed or did not finish is left out."
)
ABSENT_NOTE = "A dash: too few observations for this percentile (59 for p95, 299 for p99)."


def headline(summary: Summary) -> str:
    """Return the verdict of the run in a few words; without a target that could fail there is none."""
    code = summary.exit_code
    if code == 0 and all(result.target.severity != "error" for result in summary.targets):
        return "NOT JUDGED"
    return "PASS" if code == 0 else NAMES[code].upper()


def counted(summary: Summary) -> str:
    """Return how the targets stand: `3 of 4 targets pass, 1 fails`."""
    verdicts = [result.verdict for result in summary.targets if result.target.severity == "error"]
    if not verdicts:
        return "no target that could fail is set"
    words = {
        Verdict.PASS: "pass",
        Verdict.FAIL: "fail",
        Verdict.INCONCLUSIVE: "inconclusive",
        Verdict.NO_DATA: "without data",
    }
    parts = [f"{verdicts.count(verdict)} {word}" for verdict, word in words.items() if verdict in verdicts]
    return f"{len(verdicts)} target{'s' if len(verdicts) > 1 else ''}: " + ", ".join(parts)


def held_checks(summary: Summary) -> list[str]:
    """Return in how many runs the self-checks hold, and which could be made only in fewer."""
    runs = sum(point.n for point in summary.points)
    everywhere = [check for check in summary.checks if check.runs == runs]
    fewer = [f"{check.name} ({check.runs})" for check in summary.checks if check.runs < runs]
    lines = [f"{len(everywhere)} checks hold in all {runs} runs"]
    if fewer:
        lines.append(f"these could be made in fewer runs: {', '.join(fewer)}")
    return lines


def scope(summary: Summary) -> str:
    """Return what was run: points, replications, world."""
    counts = sorted({point.n for point in summary.points})
    each = "no replications" if not counts else f"{counts[0]} replications each"
    if len(counts) > 1:
        each = f"{counts[0]} to {counts[-1]} replications each"
    points = len(summary.points)
    world = summary.run.manifest.get("world") or "simulated"
    return f"{points} point{'s' if points != 1 else ''}, {each}, {world}"


def margin_text(item: Judgement) -> str:
    """Return how far the value lies from its limit: `72 % below`, `12 % beyond`."""
    if item.margin is None:
        return ""
    if item.margin == 0:
        return "" if item.stat in ("min", "max") else "at the limit"
    if item.margin < 0 and abs(item.margin) == float("inf"):
        return "unbounded"
    return f"{percent(abs(item.margin))} {'spare' if item.margin > 0 else 'beyond'}"


def behind_text(item: Judgement) -> str:
    """Return the metric's value behind an attainment: `95 % within 8.41 s`; empty for other stats."""
    if item.stat != "attainment" or item.target.attainment is None or item.reached is None:
        return ""
    side = "within" if item.target.maximum is not None else "at least"
    return f"{percent(item.target.attainment)} {side} {item.reached_text}"


def finding_text(item: Compared) -> str:
    """Return what a comparison shows."""
    if item.finding is Finding.EQUIVALENT:
        return "equivalent (within 3 %)"
    if item.finding in (Finding.LOWER, Finding.HIGHER):
        return f"{item.finding.value} by more than 3 %"
    return item.finding.value


def sensitivity_text(entry: dict[str, object]) -> str:
    """Return a row of sensitivity as a sentence."""
    what = str(entry.get("what") or entry.get("parameter"))
    flips = entry.get("flips_at")
    if entry.get("already_missed"):
        return f"{what}: is missed at the assumed value"
    if flips is None:
        return f"{what}: holds up to {_factor(entry.get('held_up_to'))} the assumed value"
    values = entry.get("flips_at_values")
    listed = ""
    if isinstance(values, dict) and values:
        longest = sorted(values.items(), key=lambda entry: -float(entry[1]))
        shown = ", ".join(
            f"{name.rpartition('/')[2]} {number(float(value))} s" for name, value in longest[:2]
        )
        listed = f" ({shown}{', ...' if len(longest) > 2 else ''})"
    return f"{what}: its estimate crosses the limit at {_factor(flips)} the assumed value{listed}"


def _factor(value: object) -> str:
    return f"{value:.4g} x" if isinstance(value, int | float) else "?"


def place(item: Judgement) -> str:
    """Return where a judgement was made."""
    return coordinates(item.coordinates)


def shown_paths(summary: Summary) -> list[str]:
    """Return the paths that differ between the points; of a single point, all that are named."""
    points = summary.points
    paths = dict.fromkeys(path for point in points for path in point.coordinates)
    swept = [path for path in paths if len({repr(point.coordinates.get(path)) for point in points}) > 1]
    return swept if len(points) > 1 else list(paths)


def short_paths(paths: list[str]) -> list[str]:
    """Return the last words of the paths where these tell them apart."""
    short = [path.rpartition(".")[2] for path in paths]
    return short if len(set(short)) == len(short) else paths
