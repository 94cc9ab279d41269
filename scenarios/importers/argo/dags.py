"""The tasks of a dag: which run after which, and whether the dag has failed, by Argo's rules.

Argo (workflow/controller/dag.go): a task whose `depends` does not hold is Omitted, one whose `when` does not
hold is Skipped. The dag fails if a task that nothing depends on (a target) has failed, or has not run and is
reached from a failed task over tasks that have not run either (assessDAGPhase).

Where tasks only need others to end well, that is what `needs` and going on after failures give. A task that
is alone to follow a failure is its `on_failure`. In any other dag, failures of tasks that others depend on
are let pass, `depends` becomes part of each task's condition, and a step of its own gives the verdict.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.core.conditions import EXPRESSION_LENGTH_MAX
from scenarios.importers.argo.expressions import Depends, NotExpressible, depends_in_cel

_NOT_RUN: Final = '(steps["{0}"].state == "skipped" || steps["{0}"].state == "omitted")'


@dataclass
class Dag:
    """What the tasks of a dag depend on."""

    depends: Mapping[str, Depends | None]
    whens: Mapping[str, str]  # tasks that have a condition of their own, in CEL
    tolerated: Collection[str] = ()  # tasks whose failure counts nowhere, nor what they inherit as targets
    _held: dict[str, str] = field(default_factory=dict)
    _leads: dict[str, str] = field(default_factory=dict)

    def after(self, name: str) -> list[str]:
        """Return the tasks that depend on one."""
        return [one for one, found in self.depends.items() if found and name in found.names]

    @property
    def is_general(self) -> bool:
        """Whether needs and paths after a failure are not enough to say it."""
        return any(
            name in self.tolerated and not self.after(name)  # it tolerates what it inherits, too
            if found.plain
            else not self._is_rescue(name, found)
            for name, found in self.depends.items()
            if found is not None
        )

    def _is_rescue(self, name: str, found: Depends) -> bool:
        """Tell whether a task surely ends the dag after one failure, which nothing else depends on."""
        if len(found.failed) != 1 or self.after(name) or name in self.whens:
            return False
        others = (self.depends[one] for one in self.after(found.failed[0]))
        return all(one is not None and one.failed == found.failed for one in others)

    def circle(self) -> list[str]:
        """Return tasks that depend on each other in a circle, or nothing."""
        left = dict(self.depends)
        while ready := [
            n for n, found in left.items() if not (found and any(o in left for o in found.names))
        ]:
            for name in ready:
                del left[name]
        return list(left)

    def condition(self, name: str) -> str:
        """Return in CEL whether a task's `depends` holds; empty if it depends on nothing."""
        if name not in self._held:
            found = self.depends.get(name)
            self._held[name] = _short(depends_in_cel(found.text, self._ended)) if found else ""
        return self._held[name]

    def _ended(self, name: str, status: str) -> str:
        """Return in CEL whether a task ended in one of Argo's states; "" is what `depends: NAME` asks for."""
        state = f'steps["{name}"].state'
        if status in ("Succeeded", "Failed"):
            return f'{state} == "{"completed" if status == "Succeeded" else "failed"}"'
        if status in ("Errored", "Daemoned"):
            return "false"
        if name not in self.whens:  # nothing but its `depends` can have kept it from running
            return f'{state} == "skipped"' if status == "Omitted" else _either(state, "", status)
        held = self.condition(name) or "true"
        if status == "Omitted":
            return f'({state} == "skipped" && !({held}))'
        return _either(state, f'({state} == "skipped" && ({held}))', status)

    def verdicts(self) -> list[str]:
        """Return in CEL, in pieces short enough, that no failure has failed the dag which was let pass."""
        pieces: list[str] = []
        for name in self.depends:
            if self.after(name):
                term = f'(steps["{name}"].state != "failed" || !{_short(self._spoils(name))})'
                if pieces and len(pieces[-1]) + len(term) + len(" && ") <= EXPRESSION_LENGTH_MAX:
                    pieces[-1] += f" && {term}"
                else:
                    pieces.append(_short(term))
        return pieces

    def _spoils(self, name: str) -> str:
        """Return in CEL whether a target is reached from a task over tasks that have not run."""
        if name not in self._leads:
            self._leads[name] = _short(f"({' || '.join(self._ways(name)) or 'false'})")
        return self._leads[name]

    def _ways(self, name: str) -> Iterator[str]:
        for one in self.after(name):
            missed = _NOT_RUN.format(one)
            if self.after(one):
                yield f"({missed} && {self._spoils(one)})"
            elif one not in self.tolerated:
                yield missed


def _either(state: str, skipped: str, status: str) -> str:
    if status == "Skipped":
        return skipped or "false"
    completed = f'{state} == "completed"'
    return f"({completed} || {skipped})" if skipped else completed


def _short(text: str) -> str:
    if len(text) > EXPRESSION_LENGTH_MAX:
        raise NotExpressible(f"what it depends on takes more than {EXPRESSION_LENGTH_MAX} characters of CEL")
    return text


def verdict(name: str, needs: list[str], ensure: str, template: str) -> dict[str, Any]:
    """Return the step that fails the dag for a failure that was let pass."""
    return {
        "id": name,
        "action": "log",
        "needs": needs,
        "parameters": {"message": f"{template}: no failure is left that nothing took care of"},
        "ensure": ensure,
    }
