"""The steps or tasks of one template as one level of ours: order, conditions, loops, how failures travel.

Both kinds go on after a failure with whatever does not need it, and fail at the end: that is what Argo's
controller does (3.x), `failFast` of a dag included, since whatever is ready is started before the phase of
the dag is looked at.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from scenarios.importers.argo.dags import Dag, verdict
from scenarios.importers.argo.expressions import Depends, NotExpressible, depends_of, when_in_cel
from scenarios.importers.argo.fields import check_fields
from scenarios.importers.argo.loops import loop_of
from scenarios.importers.argo.manifest import Manifest, Template, named
from scenarios.importers.argo.places import Place
from scenarios.importers.argo.references import Scope, cel_of
from scenarios.importers.imported import unique

if TYPE_CHECKING:
    from scenarios.importers.argo.build import Builder

RECURSIONS_MAX: Final = 100
_LOOPS: Final = ("withItems", "withParam", "withSequence")
_START: Final = "start"


class Level:
    """One template of steps or tasks being built."""

    def __init__(self, builder: "Builder", template: Template, scope: Scope) -> None:
        """Read the rows of the template."""
        self.builder = builder
        self.findings = builder.findings
        self.template = template
        self.is_dag = template.kind == "dag"
        self.groups = list(_groups(template))
        for group in self.groups:
            for place in group:
                check_fields(self.findings, "step", place, f"step '{(place.data or {}).get('name', '')}'")
        rows = [place.data for group in self.groups for place in group]
        self.ids = [str(row["name"]) for row in rows]
        if not self.ids:
            template.place.refuse(self.findings, f"template '{template.name}' has no {template.kind}")
        loops = tuple(str(row["name"]) for row in rows if any(row.get(key) for key in _LOOPS))
        self.scope = Scope(scope.findings, scope.inputs, scope.arguments, loops, scope.status, scope.name)
        self.made: dict[str, dict[str, Any]] = {}
        self.conditional: dict[str, bool] = {}
        self.needs_start = False
        self.recursion = ""  # CEL: where it is true, the template calls itself again

    @staticmethod
    def is_narrow(manifest: Manifest, template: Template) -> bool:
        """Tell whether at most one step of a template is under way at any time, loops of leaves included."""
        for group in _groups(template):
            if not group:
                return False
            row = group[0].data
            found = manifest.templates.get((template.owner, str(row.get("template", ""))))
            if len(group) > 1 or found is None or not found.is_leaf:
                return False
        return True

    def steps(self) -> list[dict[str, Any]]:
        """Return the level."""
        self._note_artifacts()
        self._check_parallelism()
        if self.template.data.get("failFast"):
            place = self.template.place / "failFast"
            place.refuse(
                self.findings, "failFast of a template cannot be expressed: the rest runs on", key=True
            )
        if self.is_dag:
            self._tasks()
        else:
            self._grouped()
        steps = list(self.made.values())
        if self.needs_start:
            start = {"id": unique(_START, self.ids), "kind": "condition", "condition": "true"}
            steps = [start, *steps]
        if self.recursion:
            steps = self._again(steps)
        return steps

    def _note_artifacts(self) -> None:
        rows = [place.data.get("arguments") or {} for group in self.groups for place in group]
        own = [self.template.data.get(key) or {} for key in ("inputs", "outputs")]
        if any(one.get("artifacts") for one in (*own, *rows)):
            self.findings.note(f"template '{self.template.name}': artifacts are not handed over")

    # -- steps in groups

    def _grouped(self) -> None:
        previous: list[str] = []
        solid: list[str] = []  # the last steps that are not skipped by a condition of their own
        for number, group in enumerate(self.groups):
            needs = list(previous)
            if previous and all(self.conditional[name] for name in previous):
                needs += self._anchor(solid)
            names = []
            for place in group:
                if self._is_recursive(place):
                    self._recur(place, is_last=number == len(self.groups) - 1)
                    continue
                step = self._step(place)
                if needs:
                    _need(step, needs)
                names.append(step["id"])
            if names:
                previous = names
                unconditional = [name for name in names if not self.conditional[name]]
                solid = unconditional or solid

    def _anchor(self, solid: list[str]) -> list[str]:
        """Return what keeps a step from being skipped because all before it were."""
        if solid:
            return solid
        self.needs_start = True
        return [unique(_START, self.ids)]

    # -- tasks of a dag

    def _tasks(self) -> None:
        dag = self.template.data["dag"] or {}
        place = self.template.place / "dag"
        if dag.get("target"):
            (place / "target").refuse(self.findings, "a dag's target cannot be expressed", key=True)
        if "failFast" in dag:
            self.findings.note(
                f"template '{self.template.name}': dag.failFast: whatever is ready is run, as Argo 3.x does "
                "in either case"
            )
        places = [one for group in self.groups for one in group]
        depends = {str(one.data["name"]): self._depends(one) for one in places}
        for one in places:
            if self._is_recursive(one):
                one.refuse(self.findings, "a dag that calls itself cannot be expressed", "steps that do")
                continue
            self._step(one)
        whens = {name: step["when"] for name, step in self.made.items() if step.get("when")}
        tolerated = [name for name, step in self.made.items() if step.get("continue_on_failure")]
        dag_of = Dag(depends, whens, tolerated)
        if circle := dag_of.circle():
            place.refuse(self.findings, f"tasks depend on each other in a circle: {', '.join(circle)}")
        elif dag_of.is_general:
            self._judged(dag_of, place)
        else:
            for name, found in depends.items():
                if found and name in self.made:
                    self._depend(self.made[name], found)

    def _depends(self, place: Place) -> Depends | None:
        row = place.data
        text, listed = row.get("depends"), row.get("dependencies")
        if text and listed:
            (place / "depends").refuse(self.findings, "depends beside dependencies", "one of them")
        if listed:
            text = " && ".join(self._needed(str(name)) for name in listed)
        if not text:
            return None
        try:
            found = depends_of(str(text))
        except NotExpressible as error:
            (place / "depends").refuse(
                self.findings, f"{text!r}: {error}", "task names with &&, ||, ! and states"
            )
            return None
        for name in found.names:
            if name not in self.ids:
                (place / "depends").refuse(self.findings, f"there is no task '{name}'")
        return found

    def _needed(self, name: str) -> str:
        """Return what a dependency on a task says in `depends` (expandDependency in Argo's ancestry.go)."""
        rows = (place.data for place in self.groups[0])
        goes_on = any(row["name"] == name and (row.get("continueOn") or {}).get("failed") for row in rows)
        return f"({name} || {name}.Failed)" if goes_on else name

    def _depend(self, step: dict[str, Any], found: Depends) -> None:
        names = [name for name in found.names if name not in found.failed]
        for name in found.failed:
            if name in self.made:
                self.made[name].setdefault("on_failure", []).append(step["id"])
        if names:
            _need(step, names)
        if names and not found.failed and all(self.conditional.get(name) for name in names):
            _need(step, self._anchor([]))

    def _judged(self, dag: Dag, place: Place) -> None:
        """Let failures pass, run each task as its `depends` says, and judge the dag by what came of them."""
        try:
            conditions = {name: dag.condition(name) for name in self.made}
            verdicts = dag.verdicts()
        except NotExpressible as error:
            place.refuse(self.findings, f"template '{self.template.name}': {error}", "fewer tasks")
            return
        for name, step in self.made.items():
            if conditions[name]:
                found = dag.depends[name]
                step["when"] = _all(conditions[name], step.get("when", ""))
                self.conditional[name] = True
                _need(step, list(found.names) if found else [])
            if dag.after(name):
                step["continue_on_failure"] = True
        for step in self.made.values():
            needs = step.get("needs", ())
            if needs and all(self.conditional[name] for name in needs):
                _need(step, self._anchor([]))
        tasks = list(self.made)
        for ensure in verdicts:
            name = unique("verdict", [*self.ids, *self.made])
            self.made[name] = verdict(name, tasks, ensure, self.template.name)

    # -- one step

    def _step(self, place: Place) -> dict[str, Any]:
        row = place.data
        step_id = str(row["name"])
        template = self._called(row, place)
        looping = [key for key in _LOOPS if row.get(key)]
        when = self._when(row, place)
        if template is None:
            step: dict[str, Any] = {"id": step_id, "action": "log"}
        elif looping:
            body_id = unique(f"{step_id}-item", [*self.ids, *self._inner_ids()])
            body = self.builder.invoke(
                body_id, template, self._inputs(row, template, place), str(self.template.data)
            )
            if when and "item" in when:
                body["when"], when = when, ""
            step = {"id": step_id, "kind": "loop", **loop_of(self.scope, place, looping[0])}
            if limit := self._parallelism():
                step["parallelism"] = min(limit, step["parallelism"])
            step["steps"] = [body]
        else:
            inputs = self._inputs(row, template, place)
            step = self.builder.invoke(step_id, template, inputs, str(self.template.data))
        if when:
            step["when"] = when
        self.conditional[step_id] = bool(row.get("when"))
        if self._continues(row, place):
            step["continue_on_failure"] = True
        self.made[step_id] = step
        return step

    def _continues(self, row: Mapping[str, Any], place: Place) -> bool:
        continues = row.get("continueOn") or {}
        where = place / "continueOn"
        for key in continues:
            if key not in ("failed", "error"):
                (where / key).refuse(self.findings, f"unknown field '{key}'", "failed or error", key=True)
        if continues and self.is_dag and any(one.data.get("depends") for one in self.groups[0]):
            where.refuse(
                self.findings, "continueOn in a dag that uses depends", "NAME.Failed in depends", key=True
            )
        if continues.get("error") and not continues.get("failed"):
            self.findings.note(
                f"step '{row['name']}': continueOn.error is about errors of the infrastructure, not about "
                "containers that fail: a Job has none"
            )
        return bool(continues.get("failed"))

    def _inner_ids(self) -> list[str]:
        return [child["id"] for step in self.made.values() for child in step.get("steps", ())]

    def _called(self, row: Mapping[str, Any], place: Place) -> Template | None:
        manifest = self.builder.manifest
        if row.get("templateRef"):
            return manifest.find_reference(row["templateRef"], place / "templateRef")
        return manifest.find(str(row.get("template", "")), self.template.owner, place / "template")

    def _inputs(self, row: Mapping[str, Any], template: Template, place: Place) -> dict[str, Any]:
        given = named((row.get("arguments") or {}).get("parameters"))
        inputs: dict[str, Any] = {}
        for name, declared in template.inputs().items():
            where = place / "arguments" / "parameters"
            value = given.get(name, declared)
            if "value" in value or "default" in value:
                scope = self.scope if name in given else self.builder.scope
                inputs[name] = scope.value(value.get("value", value.get("default")), where)
            elif "valueFrom" in value:
                where.refuse(self.findings, f"'{name}' from elsewhere (valueFrom) cannot be expressed")
            else:
                where.refuse(self.findings, f"input '{name}' of template '{template.name}' is given no value")
        return inputs

    def _when(self, row: Mapping[str, Any], place: Place) -> str:
        text = row.get("when")
        if not text:
            return ""

        def operand(word: str) -> str:
            return cel_of(self.scope.value(word, place / "when"))

        try:
            return when_in_cel(str(text), operand)
        except NotExpressible as error:
            (place / "when").refuse(
                self.findings, f"{' '.join(str(text).split())!r}: {error}", "comparisons of values"
            )
            return ""

    # -- parallelism

    def _parallelism(self) -> int | None:
        own = self.template.data.get("parallelism")
        spec = self.builder.manifest.settings.get("parallelism")
        is_entry = self.template.name == self.builder.manifest.settings.get("entrypoint")
        narrow = is_entry and not self.builder.leaves.shared_lock
        found = [int(value) for value in (own, spec if narrow else None) if value is not None]
        return min(found) if found else None

    def _check_parallelism(self) -> None:
        limit = self.template.data.get("parallelism")
        if limit is None:
            return
        widest = max((len(group) for group in self.groups), default=0)
        if self.is_dag or (widest > 1 and (widest > int(limit) or self.scope.loops)):
            (self.template.place / "parallelism").refuse(
                self.findings,
                f"parallelism {limit} of a template with several steps at once cannot be expressed",
                "steps one after the other, loops among them; or spec.parallelism",
                key=True,
            )

    # -- recursion

    def _is_recursive(self, place: Place) -> bool:
        row = place.data
        return row.get("template") == self.template.name and not row.get("templateRef")

    def _recur(self, place: Place, *, is_last: bool) -> None:
        row = place.data
        when = self._when(row, place)
        inputs = self._inputs(row, self.template, place)
        same = {name: self.scope.inputs.get(name) for name in inputs}
        if not is_last or not when or self.recursion or any(row.get(key) for key in _LOOPS):
            place.refuse(
                self.findings, f"template '{self.template.name}' calls itself in a way that is no loop",
                "one call, under a condition, in the last group",
            )  # fmt: skip
        elif inputs != same:
            place.refuse(
                self.findings, "a template that calls itself with other arguments cannot be expressed"
            )
        else:
            self.recursion = when
            self.findings.note(
                f"template '{self.template.name}' calls itself: a loop of at most {RECURSIONS_MAX} rounds"
            )

    def _again(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        loop = {
            "id": unique("again", self.ids),
            "kind": "loop",
            "range": [0, RECURSIONS_MAX, 1],
            "iterations_max": RECURSIONS_MAX,
            "break_when": f"!({self.recursion})",
            "steps": steps,
        }
        return [loop]


def _groups(template: Template) -> list[list[Place]]:
    """Return the places of a template's steps: a dag is one group."""
    if template.kind == "dag":
        place = template.place / "dag" / "tasks"
        return [[place / index for index in range(len(place.data or ()))]]
    groups = []
    for number, group in enumerate(template.data["steps"] or ()):
        place = template.place / "steps" / number
        if isinstance(group, dict):
            groups.append([place])
        else:
            groups.append([place / index for index in range(len(group))])
    return groups


def _need(step: dict[str, Any], names: list[str]) -> None:
    step["needs"] = list(dict.fromkeys([*step.get("needs", ()), *names]))


def _all(*conditions: str) -> str:
    parts = [condition for condition in conditions if condition]
    return parts[0] if len(parts) == 1 else " && ".join(f"({part})" for part in parts)
