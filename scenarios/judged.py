"""What targets, comparisons and rules select: paths as the coordinates spell them, and what selects nothing.

A metric or a point that does not exist is no error of the file: the target gets no data, and the report
fails it (exit code 13). The loader only warns. A path that leads nowhere is an error.
"""

from typing import Any

from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, one_of
from scenarios.metrics import FAMILIES, METRICS, find_metric
from scenarios.paths import look_up, same_value, short_form
from scenarios.regression_schema import Regressions, Rule
from scenarios.resolved import paths_of
from scenarios.schema import Comparison, ScenarioFile, Target
from scenarios.sweep import Sweep

_SECTIONS = ("engine", "workload", "cluster", "experiment")


class Judged:
    """Targets and comparisons of a scenario, made ready for reports."""

    def __init__(self, document: Document, sweep: Sweep, resolved: dict[str, Any]) -> None:
        """Collect the values that every path takes."""
        self.document = document
        self.resolved = resolved
        self.values: dict[str, list[Any]] = {path: [] for path in sweep.paths}
        if sweep.rows:
            for row in sweep.rows:
                for path, value in row.items():
                    self.values[path].append(value)
        self.values |= {path: list(values) for path, values in sweep.axes.items()}
        self.fixed: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.problems: list[Problem] = []
        self.targets: tuple[Target, ...] = ()
        self.comparisons: tuple[Comparison, ...] = ()
        self.regressions: Regressions | None = None

    def check(self, file: ScenarioFile) -> None:
        """Fill what is judged, `fixed` and `warnings`; `ScenarioError` for paths that lead nowhere."""
        self.targets = tuple(
            self._target(target, ("targets", index)) for index, target in enumerate(file.targets)
        )
        rows = enumerate(file.comparisons)
        self.comparisons = tuple(self._comparison(row, ("comparisons", index)) for index, row in rows)
        if file.regressions is not None:
            rules = tuple(self._rule(rule, index) for index, rule in enumerate(file.regressions.rules))
            self.regressions = file.regressions.model_copy(update={"rules": rules})
        if self.problems:
            raise ScenarioError(self.problems)

    def _target(self, target: Target, place: Path) -> Target:
        self._check_metric(target.metric, (*place, "metric"))
        return target.model_copy(update={"where": self._where(target.where, (*place, "where"))})

    def _comparison(self, row: Comparison, place: Path) -> Comparison:
        self._check_metric(row.metric, (*place, "metric"))
        path, values = next(iter(row.between.items()))
        where = self._where(row.where, (*place, "where"))
        found = tuple(self._value(path, value, (*place, "between", path)) for value in values)
        return row.model_copy(update={"where": where, "between": {short_form(path): found}})

    def _rule(self, rule: Rule, index: int) -> Rule:
        place = ("regressions", "rules", index)
        self._check_metric(rule.metric, (*place, "metric"))
        return rule.model_copy(update={"where": self._where(rule.where, (*place, "where"))})

    def _check_metric(self, name: str, place: Path) -> None:
        if find_metric(name) is None:
            known = [*METRICS, *FAMILIES]
            hint = did_you_mean(name, known)
            self._warn(place, f"unknown metric '{name}': no data will be found", one_of(known), hint)

    def _where(self, where: dict[str, Any], place: Path) -> dict[str, Any]:
        return {short_form(path): self._value(path, value, (*place, path)) for path, value in where.items()}

    def _value(self, written: str, value: Any, place: Path) -> Any:
        """Return `value` as the coordinates spell it, if any point has it."""
        path = short_form(written)
        if path not in self.values:
            self._fix(path, place)
        known = self.values.get(path, [])
        for other in known:
            if same_value(value, other):
                return other
        if known:
            self._warn(
                place, f"no point has {written} = {value}: no data will be found", one_of(map(str, known))
            )
        return value

    def _fix(self, path: str, place: Path) -> None:
        """Take up a path that nobody sweeps: it has one value at every point."""
        found, value = self._fixed_value(path)
        if not found:
            known = [*self.values, *(short_form(known) for known in self._known_paths())]
            swept = (
                "a swept path"
                + (f" ({', '.join(self.values)})" if self.values else "")
                + " or another parameter"
            )
            hint = did_you_mean(path, known)
            self.problems.append(
                self.document.problem(place, f"unknown path '{path}'", swept, hint, key=True)
            )
            return
        self.values[path] = [value]
        self.fixed[path] = value

    def _fixed_value(self, path: str) -> tuple[bool, Any]:
        cluster, workflow = self.resolved["cluster"], self.resolved["workload"]["workflow"]
        if path in {"cluster", "cluster.profile"}:
            name = cluster.get("inline", {}).get("name", cluster.get("profile", "snapshot"))
            return True, name
        if path == "workload.workflow":
            return True, workflow["name"] if isinstance(workflow, dict) else workflow
        found, value = look_up(self.resolved, path)
        return found and not isinstance(value, dict | list), value

    def _known_paths(self) -> list[str]:
        return [path for section in _SECTIONS for path in paths_of(self.resolved[section], section)]

    def _warn(self, place: Path, message: str, expected: str, hint: str = "") -> None:
        warning = str(self.document.problem(place, message, expected, hint))
        if warning not in self.warnings:
            self.warnings.append(warning)
