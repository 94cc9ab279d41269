"""Templates that call no others: containers, scripts and resources as Jobs, suspensions as waits."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from engine.actions.jobs import NAME_LENGTH_MAX
from scenarios.importers.argo.manifest import Template, named
from scenarios.importers.argo.outcomes import Outcome, declared_outcome, read_outcome, wrong_declaration
from scenarios.importers.argo.places import Place
from scenarios.importers.argo.references import Scope
from scenarios.importers.imported import Findings, identifier, job_name
from scenarios.units import UnitError, format_duration, parse_duration

NO_TIMEOUT: Final = "100d"  # Argo has none unless told so; ours has
ATTEMPTS_MAX: Final = 100
COUNT: Final = re.compile(r"[1-9][0-9]{0,8}")  # of a semaphore
_LIMIT: Final = re.compile(r"[0-9]{1,9}")
_REQUESTED: Final = ("cpu", "memory")
Declared = Mapping[str, Mapping[str, Any]]


class Leaves:
    """Makes steps of leaf templates, and the parameters that declare their outcomes."""

    def __init__(
        self,
        findings: Findings,
        declared: Declared,
        recorded: Mapping[str, Outcome],
        constants: Mapping[str, Any],
    ) -> None:
        """`declared` by template, `recorded` by step of the entry point, `constants` by parameter."""
        self.findings = findings
        self.parameters: dict[str, dict[str, Any]] = {}
        self.semaphores: dict[str, int] = {}
        self.shared_lock = ""  # a semaphore that every pod takes
        self.counts: Mapping[str, int] = {}  # of semaphores, where the file holds their ConfigMaps
        self._declared = declared
        self._recorded = recorded
        self._constants = constants

    def step(self, step_id: str, template: Template, scope: Scope, readers: str) -> dict[str, Any]:
        """Return the step; `readers` is the text in which its outputs may be referred to."""
        if template.kind == "suspend":
            return self._suspended(step_id, template)
        outcome = self._outcome(step_id, template, scope)
        self._check_outputs(step_id, template, outcome, readers)
        step: dict[str, Any] = {"id": step_id, "action": "run_job"}
        step["parameters"] = self._job(step_id, template, outcome)
        step["timeout"] = self._timeout(template)
        step |= self.retry(template)
        if locks := self.locks(template, scope):
            step["locks"] = locks
        return step

    def _suspended(self, step_id: str, template: Template) -> dict[str, Any]:
        duration = (template.data.get("suspend") or {}).get("duration")
        if duration is None:
            self.findings.note(
                f"step '{step_id}' waits until somebody resumes it: here for the signal '{step_id}', which "
                "the scenario's workload.signals send"
            )
            return {"id": step_id, "kind": "wait", "signal": step_id, "timeout": NO_TIMEOUT}
        return {"id": step_id, "kind": "wait", "wait": self.duration(duration, template.place / "suspend")}

    def duration(self, value: Any, place: Place) -> str:
        """Return one of Argo's durations, where a bare number is seconds, in our spelling."""
        text = str(value)
        try:
            return format_duration(parse_duration(f"{text}s" if text.isdecimal() else text))
        except UnitError as error:
            place.refuse(self.findings, error.message, "seconds, or a duration such as 2m or 6h")
            return "0s"

    def _outcome(self, step_id: str, template: Template, scope: Scope) -> Outcome:
        if step_id in self._recorded:
            return self._recorded[step_id]
        place = template.place / template.kind

        def resolve(reference: str) -> Any:
            return scope.value(reference, place)

        def constant(reference: str) -> Any:
            value = scope.value(reference, place)
            name = value.removeprefix("{{ ").removesuffix(" }}") if isinstance(value, str) else ""
            if name in self._constants:
                self.findings.note(f"template '{template.name}': its result was read for {name} = "
                                   f"{self._constants[name]}")  # fmt: skip
                return self._constants[name]
            return value

        outcome = read_outcome(template.data, resolve, constant)
        declared = self._declared.get(template.name, {})
        for key, value in declared.items():
            if expected := wrong_declaration(key, value):
                template.place.refuse(self.findings, f"--declare {template.name}.{key}: {value!r}", expected)
                return outcome
        return declared_outcome(outcome, declared)

    def _check_outputs(self, step_id: str, template: Template, outcome: Outcome, readers: str) -> None:
        wanted = ["result"] if f".{step_id}.outputs.result" in readers else []
        wanted += [
            name
            for name in named((template.data.get("outputs") or {}).get("parameters"))
            if f".{step_id}.outputs.parameters.{name}" in readers
        ]
        for name in wanted:
            if not outcome.outputs or any(name not in one for one in outcome.outputs):
                key = "result='[\"...\"]'" if name == "result" else f'outputs=\'[{{"{name}": "..."}}]\''
                template.place.refuse(
                    self.findings,
                    f"what template '{template.name}' gives as {name} cannot be read from its command",
                    f"--declare {template.name}.{key}",
                )

    def _job(self, step_id: str, template: Template, outcome: Outcome) -> dict[str, Any]:
        whose = step_id if step_id in self._recorded else template.name
        prefix = identifier(whose)
        what = f"step '{whose}'" if step_id in self._recorded else f"a container of template '{whose}'"
        parameters: dict[str, Any] = {
            "namespace": "{{ job_namespace }}",
            "name": job_name(step_id, NAME_LENGTH_MAX),
        }
        duration = outcome.duration_s
        if isinstance(duration, int | float):
            self.parameters[f"{prefix}_s"] = {
                "default": float(duration),
                "min": 0,
                "summary": f"how long {what} works, in seconds" + (": assumed" if outcome.is_assumed else ""),
            }
            duration = f"{{{{ {prefix}_s }}}}"
        parameters["duration_s"] = duration
        drawn = "its attempts end so, in turn" if outcome.in_turn else "one is drawn for each attempt"
        self.parameters[f"{prefix}_exit_codes"] = {
            "default": list(outcome.exit_codes),
            "summary": f"how {what} ends: {drawn}",
        }
        parameters["exit_codes"] = f"{{{{ {prefix}_exit_codes }}}}"
        if outcome.in_turn:
            parameters["in_turn"] = True
        if outcome.outputs:
            self.parameters[f"{prefix}_outputs"] = {
                "default": [dict(one) for one in outcome.outputs],
                "summary": f"what {what} gives: one of these is drawn",
            }
            parameters["outputs"] = f"{{{{ {prefix}_outputs }}}}"
        if selector := template.data.get("nodeSelector"):
            parameters["node_selector"] = {str(key): str(value) for key, value in selector.items()}
        parameters |= self._requests(template)
        self._note_job(template, outcome)
        return parameters

    def _requests(self, template: Template) -> dict[str, str]:
        """Return what its pod asks for; where only a limit is given, Kubernetes takes that."""
        body = template.data.get(template.kind) or {}
        resources = (body.get("resources") or {}) if template.kind != "resource" else {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        others = sorted(str(name) for name in asked if name not in _REQUESTED)
        if others:
            self.findings.note(
                f"template '{template.name}': {', '.join(others)}: may decide where or when pods run, and "
                "is left out"
            )
        return {name: str(asked[name]) for name in _REQUESTED if name in asked}

    def _note_job(self, template: Template, outcome: Outcome) -> None:
        body = template.data.get(template.kind) or {}
        what = f"image {body['image']}" if "image" in body else f"its {template.kind}"
        assumed = ", an assumption" if outcome.is_assumed else ""
        works = (
            f"{outcome.duration_s:g} s"
            if isinstance(outcome.duration_s, float | int)
            else "as long as it is told"
        )
        ends = json.dumps(list(outcome.exit_codes))
        self.findings.note(
            f"template '{template.name}': {what} is not run; a Job works {works}{assumed}, and ends with "
            f"exit code {ends[1:-1] if len(outcome.exit_codes) == 1 else 'one of ' + ends}"
        )
        artifacts = [key for key in ("inputs", "outputs") if (template.data.get(key) or {}).get("artifacts")]
        if artifacts:
            self.findings.note(
                f"template '{template.name}': artifacts of its {' and '.join(artifacts)} are not moved"
            )

    def outputs_of(self, step: Mapping[str, Any]) -> list[str]:
        """Return the names of what a step of ours gives, if that is declared."""
        declared = step["parameters"].get("outputs", "").strip("{} ")
        rows = self.parameters.get(declared, {}).get("default") or []
        return list(dict.fromkeys(name for row in rows for name in row))

    def _timeout(self, template: Template) -> str:
        seconds = template.data.get("activeDeadlineSeconds")
        found = [
            self.duration(value, template.place / key)
            for key, value in (("activeDeadlineSeconds", seconds), ("timeout", template.data.get("timeout")))
            if value is not None
        ]
        return min(found, key=parse_duration) if found else NO_TIMEOUT

    def retry(self, template: Template) -> dict[str, Any]:
        """Return the step's retry policy, if the template has a strategy that says to try again."""
        strategy = template.data.get("retryStrategy")
        if strategy is None:
            return {}
        place = template.place / "retryStrategy"
        if strategy.get("expression"):
            (place / "expression").refuse(self.findings, "retries by an expression cannot be expressed")
        if strategy.get("affinity"):
            self.findings.note(f"template '{template.name}': retryStrategy.affinity: nodes are not avoided")
        if strategy.get("retryPolicy") in ("OnError", "OnTransientError"):
            self.findings.note(
                f"template '{template.name}': it retries errors of the infrastructure only; a Job has none"
            )
            return {}
        limit = strategy.get("limit")
        is_number = limit is not None and _LIMIT.fullmatch(str(limit)) is not None
        attempts = int(limit) + 1 if is_number else ATTEMPTS_MAX
        if limit is None:
            self.findings.note(
                f"template '{template.name}': retries without a limit are {ATTEMPTS_MAX - 1} here"
            )
        elif not is_number or attempts > ATTEMPTS_MAX:
            (place / "limit").refuse(self.findings, f"limit {limit!r}", f"a number up to {ATTEMPTS_MAX - 1}")
        return {"retry": {"max_attempts": attempts, **self._backoff(strategy, place)}}

    def _backoff(self, strategy: Mapping[str, Any], place: Place) -> dict[str, Any]:
        backoff = strategy.get("backoff")
        if not backoff:
            return {"delay": "0s", "backoff": 1.0}
        delay = self.duration(backoff.get("duration", "0"), place / "backoff" / "duration")
        policy: dict[str, Any] = {"delay": delay, "backoff": float(backoff.get("factor") or 1)}
        cap = backoff.get("cap")
        policy["delay_max"] = self.duration(cap, place / "backoff" / "cap") if cap else "366d"
        return policy

    def locks(self, template: Template, scope: Scope) -> list[str]:
        """Return the locks of a template's synchronization, and the semaphore that all pods share."""
        names = self.synchronization(
            template.data.get("synchronization"), template.place / "synchronization", scope
        )
        return names + ([self.shared_lock] if self.shared_lock and template.kind != "suspend" else [])

    def synchronization(self, value: Any, place: Place, scope: Scope) -> list[str]:
        """Return the locks that a synchronization names."""
        if not value:
            return []
        names = []
        mutexes = [("mutex", value["mutex"])] if value.get("mutex") else []
        mutexes += [("mutexes", one) for one in value.get("mutexes") or ()]
        for key, row in mutexes:
            name = str(scope.value(str(row.get("name", "")), place / key))
            names.append(f"{row['namespace']}/{name}" if row.get("namespace") else name)
        semaphores = [("semaphore", value["semaphore"])] if value.get("semaphore") else []
        semaphores += [("semaphores", one) for one in value.get("semaphores") or ()]
        for key, row in semaphores:
            reference = row.get("configMapKeyRef")
            if not reference:
                (place / key).refuse(self.findings, "a semaphore without configMapKeyRef cannot be expressed")
                continue
            names.append(self._semaphore(reference, place / key))
        for key in value:
            if key not in ("mutex", "mutexes", "semaphore", "semaphores"):
                (place / key).refuse(
                    self.findings, f"unknown field '{key}'", "mutexes or semaphores", key=True
                )
        return names

    def _semaphore(self, reference: Mapping[str, Any], place: Place) -> str:
        name, key = str(reference.get("name")), str(reference.get("key"))
        lock = f"{name}/{key}"
        if lock not in self.semaphores:
            count = self._declared.get(lock, {}).get("semaphore", self.counts.get(lock))
            if count is None:
                self.findings.note(
                    f"semaphore {lock}: its count stands in a ConfigMap outside the file; 1 is assumed "
                    f"(--declare {lock}.semaphore=N, or `semaphores` in the file)"
                )
            elif not COUNT.fullmatch(str(count)):
                place.refuse(self.findings, f"semaphore {lock} has the count {count!r}", "a number above 0")
                count = None
            self.semaphores[lock] = int(count or 1)
        return lock
