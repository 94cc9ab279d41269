"""From a manifest to a workflow of ours: each template of steps or tasks becomes a workflow to be called."""

import json
from collections.abc import Mapping
from typing import Any, Final

from scenarios.importers.argo.leaves import NO_TIMEOUT, Leaves
from scenarios.importers.argo.levels import Level
from scenarios.importers.argo.manifest import Manifest, Template, named
from scenarios.importers.argo.places import Place
from scenarios.importers.argo.references import Scope
from scenarios.importers.imported import identifier, name_of, unique

MAIN: Final = "main"
ON_EXIT: Final = "on-exit"
_PHASES: Final = {"on_success": "Succeeded", "on_failure": "Failed"}


class Builder:
    """Builds the workflow of a manifest, and the workflows that it calls."""

    def __init__(self, manifest: Manifest, leaves: Leaves, globals_: Mapping[str, Any], name: str) -> None:
        """Start with nothing built; `globals_` are the workflow's parameters with their values."""
        self.manifest = manifest
        self.findings = manifest.findings
        self.leaves = leaves
        self.inline: dict[str, dict[str, Any]] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._open: list[tuple[str, str]] = []
        arguments = {one: identifier(one) for one in globals_}
        self.scope = Scope(self.findings, arguments=arguments, name=name)

    # -- the workflow itself

    def root(self) -> dict[str, Any]:
        """Return what stands beside the header: steps, policy, timeout."""
        settings, spec = self.manifest.settings, self.manifest.spec
        entry = self._entry(settings, spec)
        if entry is None:
            return {"steps": []}
        inputs = {name: self._entry_input(name, row, entry) for name, row in entry.inputs().items()}
        self._limit_pods(settings, entry)
        locks = self.leaves.synchronization(
            settings.get("synchronization"), spec / "synchronization", self.scope
        )
        on_exit = settings.get("onExit")
        timeout = settings.get("activeDeadlineSeconds")
        body: dict[str, Any] = {}
        if timeout is not None and not on_exit:
            body["timeout"] = self.leaves.duration(timeout, spec / "activeDeadlineSeconds")
        if on_exit or locks or entry.is_leaf or entry.data.get("retryStrategy"):
            main = MAIN if on_exit or locks else entry.name
            step = self.invoke(main, entry, inputs, str(entry.data))
            if locks:
                step["locks"] = [*locks, *step.get("locks", ())]
            body["steps"] = [step]
            if on_exit:
                body["steps"] += self._exit_steps(step, str(on_exit), spec / "onExit")
                self._main_timeout(step, timeout, spec)
            return {"on_step_failure": "continue", **body}
        return {**self._body(entry, self.scope.given(inputs)), **body}

    def _entry(self, settings: Mapping[str, Any], spec: Place) -> Template | None:
        name = settings.get("entrypoint")
        if not name:
            spec.refuse(self.findings, "there is no entrypoint", "the name of a template")
            return None
        return self.manifest.find(str(name), self.manifest.owner, spec / "entrypoint")

    def _entry_input(self, name: str, row: Mapping[str, Any], entry: Template) -> Any:
        if name in self.scope.arguments:
            return f"{{{{ {self.scope.arguments[name]} }}}}"
        return self._default(name, row, entry)

    def _default(self, name: str, row: Mapping[str, Any], template: Template) -> Any:
        place = template.place / "inputs" / "parameters"
        for key in ("value", "default"):
            if key in row:
                return self.scope.value(row[key], place)
        if "valueFrom" in row:
            place.refuse(self.findings, f"input '{name}' from elsewhere (valueFrom) cannot be expressed")
        else:
            place.refuse(self.findings, f"input '{name}' of template '{template.name}' is given no value")
        return ""

    def _limit_pods(self, settings: Mapping[str, Any], entry: Template) -> None:
        count = settings.get("parallelism")
        if count is None or (entry.kind == "steps" and Level.is_narrow(self.manifest, entry)):
            return
        lock = f"{self.scope.name}/parallelism"
        self.leaves.shared_lock = lock
        self.leaves.semaphores[lock] = int(count)
        self.findings.note(
            f"spec.parallelism {count} is the semaphore '{lock}': executions that run at once share it"
        )

    def _main_timeout(self, step: dict[str, Any], timeout: Any, spec: Place) -> None:
        """Bound the main part, and not the handler that runs after it."""
        if timeout is None:
            return
        text = self.leaves.duration(timeout, spec / "activeDeadlineSeconds")
        if step.get("workflow"):
            self.inline[step["workflow"]]["timeout"] = text
        elif step.get("action") and not step.get("retry"):
            step["timeout"] = text if step["timeout"] == NO_TIMEOUT else step["timeout"]
        else:
            (spec / "activeDeadlineSeconds").refuse(
                self.findings, "a deadline of a retried container beside an exit handler cannot be expressed"
            )

    def _exit_steps(self, main: dict[str, Any], name: str, place: Place) -> list[dict[str, Any]]:
        """Return the handler twice, for either end of the main part; then fail if that has failed."""
        handler = self.manifest.find(name, self.manifest.owner, place)
        if handler is None:
            return []
        steps = []
        for key, phase in _PHASES.items():
            step_id = unique(f"{ON_EXIT}-{phase.lower()}", [main["id"]])
            inputs = {one: self._default(one, row, handler) for one, row in handler.inputs().items()}
            step = self.invoke(step_id, handler, inputs, "", status=phase)
            main[key] = [step_id]
            steps.append(step)
        verdict = {
            "id": "verdict",
            "action": "log",
            "needs": [steps[-1]["id"]],
            "parameters": {
                "message": "the main part of the workflow has failed, and its exit handler has run"
            },
            "ensure": f'steps["{main["id"]}"].state == "completed"',
        }
        return [*steps, verdict]

    # -- templates

    def invoke(
        self, step_id: str, template: Template, inputs: Mapping[str, Any], readers: str, status: Any = None
    ) -> dict[str, Any]:
        """Return the step that runs a template with these inputs."""
        if template.is_leaf and not _tries_for(template):
            scope = Scope(self.findings, inputs, self.scope.arguments, status=status, name=self.scope.name)
            return self.leaves.step(step_id, template, scope, readers)
        if template.is_leaf:
            return self._call(step_id, self._bounded(step_id, template, status, readers), inputs, status)
        for key in ("retryStrategy", "activeDeadlineSeconds", "timeout"):
            if template.data.get(key) is not None:
                (template.place / key).refuse(
                    self.findings, f"{key} of a template of {template.kind} cannot be expressed", key=True
                )
        step = self._call(step_id, self._ensure(template, status), inputs, status)
        locks = self.leaves.synchronization(
            template.data.get("synchronization"), template.place / "synchronization", self.scope
        )
        if locks:
            step["locks"] = locks
        return step

    def _call(self, step_id: str, workflow: str, inputs: Mapping[str, Any], status: Any) -> dict[str, Any]:
        step: dict[str, Any] = {"id": step_id, "kind": "subflow", "workflow": workflow}
        given = {identifier(name): value for name, value in inputs.items()}
        if status is not None:
            given["workflow_status"] = status
        return {**step, "parameters": given} if given else step

    def _bounded(self, step_id: str, template: Template, status: Any, readers: str) -> str:
        """Return the name of a workflow of one step, whose retries may take so long and no longer."""
        name = unique(name_of(f"{template.name}-bounded"), self.inline)
        place = template.place / "retryStrategy" / "backoff" / "maxDuration"
        inner = f"{step_id}-tries"
        step = self.leaves.step(
            inner, template, self._inside(template, status), readers.replace(step_id, inner)
        )
        body: dict[str, Any] = {"timeout": self.leaves.duration(_tries_for(template), place)}
        outputs = self.leaves.outputs_of(step)
        if outputs:
            body["outputs"] = {one: f"${{steps.{inner}.outputs.{one}}}" for one in outputs}
        self.inline[name] = {**body, "steps": [step]}
        return name

    def _inside(self, template: Template, status: Any) -> Scope:
        """Return the scope of a template that has become a workflow: its inputs are variables."""
        inputs = {one: f"${{{identifier(one)}}}" for one in template.inputs()}
        known = "${workflow_status}" if status is not None else None
        return Scope(self.findings, inputs, self.scope.arguments, status=known, name=self.scope.name)

    def _ensure(self, template: Template, status: Any) -> str:
        """Return the name of the workflow that a template became; build it the first time."""
        if template.key in self._open:
            path = [name for _, name in self._open[self._open.index(template.key) :]] + [template.name]
            template.place.refuse(
                self.findings, f"templates that call each other in a circle: {' -> '.join(path)}",
                "a template that calls itself, last and under a condition",
            )  # fmt: skip
            return ""
        if template.key not in self._names:
            name = unique(name_of(template.name), self.inline)
            self._names[template.key] = name
            self.inline[name] = {}
            self.inline[name] = self._body(template, self._inside(template, status))
        return self._names[template.key]

    def _body(self, template: Template, scope: Scope) -> dict[str, Any]:
        self._open.append(template.key)
        level = Level(self, template, scope)
        body: dict[str, Any] = {"on_step_failure": "continue"}
        steps = level.steps()
        outputs = self._outputs(template, level.scope)
        if outputs:
            body["outputs"] = outputs
        body["steps"] = steps
        self._open.pop()
        return body

    def _outputs(self, template: Template, scope: Scope) -> dict[str, str]:
        outputs = {}
        for name, row in named((template.data.get("outputs") or {}).get("parameters")).items():
            place = template.place / "outputs" / "parameters"
            source = (row.get("valueFrom") or {}).get("parameter")
            if source is None or row.get("globalName"):
                place.refuse(self.findings, f"output '{name}': only valueFrom.parameter can be expressed")
                continue
            value = scope.value(source, place)
            outputs[name] = value if isinstance(value, str) else json.dumps(value)
        return outputs


def _tries_for(template: Template) -> Any:
    """Return how long a template's retries may take in all; None without a limit."""
    strategy = template.data.get("retryStrategy") or {}
    return (strategy.get("backoff") or {}).get("maxDuration")
