"""Random nested workflows under random outcomes and random hands on them: one history from one seed."""

import dataclasses
import random
from typing import Any

from engine.core.definition import Branch, FailurePolicy, RetryPolicy, Rollback, Step, StepKind, Workflow
from engine.core.errors import ProtocolError
from engine.core.events import (
    AttemptCancelled,
    AttemptFailed,
    AttemptSucceeded,
    CancelRequested,
    DrainRequested,
    EmergencyStopRequested,
    EngineRecovered,
    Event,
    ExecutionSubmitted,
    Failure,
    PauseRequested,
    Remembered,
    ReopenRequested,
    ResumeRequested,
    SignalReceived,
    StepOverridden,
    WorkflowRegistered,
)
from engine.core.rates import Rate
from engine.core.states import ENDED_EXECUTIONS
from tests.engine.rig import Rig, act

KIND = StepKind
_KINDS = ("action",) * 8 + ("condition", "decision", "wait", "wait", "wait")
_CONTAINERS = ("parallel", "sequential", "loop", "loop", "subflow")
_POLICIES: tuple[FailurePolicy, ...] = ("fail-fast", "continue", "tolerate")
_UNDO: tuple[dict[str, Any], ...] = (
    {},
    {"action": "rated"},
    {"action": "fix", "parameters": {"x": "${absent}"}},
)
_WORDS = ("true", "true", "true", "false", "nonsense")


class Nested:
    """Draws workflows of every kind of step, each of which may hold the others."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._count = 0
        self._known: list[str] = []

    def workflows(self) -> list[Workflow]:
        found = []
        for name in ("inner", "middle", "outer"):
            policy: FailurePolicy = self._draw.choice(_POLICIES)
            found.append(
                Workflow(
                    name,
                    self._level(0),
                    self._draw.choice([None, None, 40]),
                    on_step_failure=policy,
                    failures_max=2 if policy == "tolerate" else 0,
                    compensate=self._draw.random() < 0.4,
                    outputs=self._draw.choice([{}, {"k": "v"}]),
                )
            )
            self._known.append(name)
        return found

    def _level(self, depth: int) -> tuple[Step, ...]:
        draw = self._draw
        steps: list[Step] = []
        for _ in range(draw.randint(1, 4)):
            before = [step.id for step in steps]
            needs = tuple(draw.sample(before, draw.randint(0, min(2, len(before)))))
            steps.append(self._step(needs, depth))
        return tuple(self._with_ways_out(step, steps[number + 1 :]) for number, step in enumerate(steps))

    def _with_ways_out(self, step: Step, later: list[Step]) -> Step:
        draw = self._draw
        targets = tuple(other.id for other in later[:1])
        fields: dict[str, Any] = {}
        if step.kind is KIND.DECISION:
            fields["branches"] = (
                (Branch(targets, draw.choice(_WORDS)), Branch(())) if targets else (Branch(()),)
            )
        elif targets and draw.random() < 0.25:
            fields[draw.choice(["on_success", "on_failure"])] = targets
        fields["continue_on_failure"] = draw.random() < 0.1
        return _replace(step, **fields)

    def _step(self, needs: tuple[str, ...], depth: int) -> Step:
        draw = self._draw
        self._count += 1
        kind = draw.choice(_KINDS + _CONTAINERS if depth < 2 else _KINDS)
        if kind == "subflow" and not self._known:
            kind = "action"
        common: dict[str, Any] = {"id": f"s{self._count}", "kind": StepKind(kind), "needs": needs}
        if draw.random() < 0.1:
            common["when"] = draw.choice(_WORDS)
        common |= getattr(self, f"_{kind}")(depth)
        return Step(**common)

    def _action(self, _depth: int) -> dict[str, Any]:
        draw = self._draw
        fields: dict[str, Any] = {"action": draw.choice(["act", "rated", "twin"]), "retry": self._retry()}
        if draw.random() < 0.3:
            fields["lock"] = draw.choice(["m", "n", "${absent}"])
        if draw.random() < 0.3:
            undo = draw.choice(_UNDO)
            fields["rollback"] = Rollback(**undo, retry=self._retry(), timeout_ns=draw.choice([None, 9]))
        if draw.random() < 0.15:
            fields["ensure"] = draw.choice(_WORDS)
        if draw.random() < 0.1:
            fields["exports"] = {"v": draw.choice(["", "absent"])}
        if draw.random() < 0.2:
            fields["timeout_ns"] = draw.randint(1, 9)
        if draw.random() < 0.05:
            fields["parameters"] = {"x": "${absent}"}
        return fields

    def _retry(self) -> RetryPolicy:
        return RetryPolicy(self._draw.randint(1, 3), self._draw.choice([0, 3]))

    def _condition(self, _depth: int) -> dict[str, Any]:
        fetch = self._draw.choice(["", "", "metric", "twin"])
        return {"condition": self._draw.choice(_WORDS), "fetch": fetch}

    def _decision(self, _depth: int) -> dict[str, Any]:
        return {"branches": (Branch(()),)}

    def _wait(self, _depth: int) -> dict[str, Any]:
        draw = self._draw
        kind = draw.choice(["wait_ns", "signal", "until", "fetch"])
        fields: dict[str, Any] = {"ensure": draw.choice(["", "", "true", "false"])}
        if kind == "wait_ns":
            return fields | {"wait_ns": draw.randint(0, 9)}
        if kind == "until":
            return fields | {"until": draw.choice(["0.000000010", "${absent}"])}
        fields["timeout_ns"] = draw.choice([None, 12])
        if kind == "signal":
            return fields | {"signal": draw.choice(["go", "stop"])}
        retry = self._retry()
        fetch = draw.choice(["metric", "rated", "twin"])
        return fields | {"fetch": fetch, "condition": draw.choice(_WORDS), "poll_ns": 4, "retry": retry}

    def _parallel(self, depth: int) -> dict[str, Any]:
        return {"steps": self._level(depth + 1)} | (
            {"lock": f"l{depth}"} if self._draw.random() < 0.2 else {}
        )

    _sequential = _parallel

    def _loop(self, depth: int) -> dict[str, Any]:
        draw = self._draw
        fields: dict[str, Any] = {"steps": self._level(depth + 1), "parallelism": draw.randint(1, 2)}
        fields |= draw.choice([{"range": (0, 2, 1)}, {"items": ("a", "b", "c")}, {"items": "${none}"}])
        if fields["parallelism"] == 1 and draw.random() < 0.4:
            fields["break_when"] = draw.choice(["true", "false", "nonsense"])
        if draw.random() < 0.2:
            fields["lock"] = f"l{depth}"
        return fields | ({"ensure": "true"} if draw.random() < 0.1 else {})

    def _subflow(self, _depth: int) -> dict[str, Any]:
        return {"workflow": self._draw.choice(self._known), "parameters": {"none": []}}


class Story:
    """A rig that is driven at random until everything has ended."""

    def __init__(self, seed: int, *, events_max: int = 400) -> None:
        self.draw = random.Random(seed)
        self.rig = Rig(act("unused"), **self._limits())
        self.workflows = Nested(self.draw).workflows()
        self.rig.all_clean_up = self.draw.random() < 0.5
        for workflow in self.workflows:
            self.rig.tell(WorkflowRegistered(workflow))
        for number in range(self.draw.randint(1, 3)):
            self._submit(f"x{number}")
        for _ in range(events_max):
            if not self._act():
                break
        self._let_end()

    def check(self) -> None:
        """Look at the engine between two events; tests hook in here."""

    def _limits(self) -> dict[str, Any]:
        draw = self.draw
        limits: dict[str, Any] = {
            "step_slots": draw.choice([None, None, 1, 3]),
            "max_concurrency": draw.choice([None, 2]),
            "step_timeout_ns": 30,
            "cancel_grace_ns": draw.choice([0, 5]),
            "max_queue": draw.choice([0, 9]),
        }
        if draw.random() < 0.4:
            limits["rates"] = {"rated": Rate(per_s=1e6, burst=1)}
        if draw.random() < 0.4:
            limits["coalesce"] = ("twin",)
        return limits

    def _submit(self, execution_id: str) -> None:
        self.rig.tell(ExecutionSubmitted(execution_id, "outer", {"none": []}, self.draw.randint(0, 2)))

    def _tell(self, event: Event) -> None:
        try:
            self.rig.tell(event)
        except ProtocolError:
            return  # somebody asked for what cannot be

    def _act(self) -> bool:
        """Let one thing happen; False when nothing more can."""
        rig, draw = self.rig, self.draw
        live = [it for it in rig.engine.executions() if it.state not in ENDED_EXECUTIONS]
        if not live:
            return False
        self.check()
        rig.now += draw.choice([0, 0, 1, 2])
        due = rig.engine.next_deadline()
        if due is not None and due <= rig.now:
            rig.now = max(due, rig.now)
            rig.tell_deadline()
        elif draw.random() < 0.15:
            self._control(draw.choice(live))
        elif rig.stopping and draw.random() < 0.6:
            self._stop(draw.choice(rig.stopping))
        elif rig.running and draw.random() < 0.8:
            self._end_attempt(draw.choice(rig.running))
        elif due is not None:
            rig.now = due
            rig.tell_deadline()
        elif not rig.running and not rig.stopping:
            self._control(draw.choice(live))
        return True

    def _end_attempt(self, key: tuple[str, str, int]) -> None:
        draw = self.draw
        if draw.random() < 0.1:
            self.rig.tell(Remembered(*key, "k", draw.randint(0, 9)))
            return
        self.rig.running.remove(key)
        if draw.random() < 0.75:
            self.rig.tell(AttemptSucceeded(*key, {"n": draw.randint(0, 3)}))
        else:
            failure = Failure("Drawn", "it was drawn", retryable=draw.random() < 0.7)
            self.rig.tell(AttemptFailed(*key, failure))

    def _stop(self, key: tuple[str, str, int]) -> None:
        self.rig.stopping.remove(key)
        self.rig.tell(AttemptCancelled(*key))

    def _control(self, execution: Any) -> None:
        draw, execution_id = self.draw, execution.execution_id
        roll = draw.random()
        if roll < 0.35:
            self._tell(SignalReceived(execution_id, draw.choice(["go", "stop"]), {"n": 1}))
        elif roll < 0.5:
            self._tell(PauseRequested(execution_id))
        elif roll < 0.68:
            self._tell(ResumeRequested(execution_id))
        elif roll < 0.72:
            self._tell(CancelRequested(execution_id, "drawn", draw.random() < 0.5))
        elif roll < 0.9 and execution.steps:
            step_id = draw.choice(list(execution.steps))
            self._tell(StepOverridden(execution_id, step_id, draw.choice(["skip", "retry"]), "drawn"))
        elif roll < 0.92:
            self._tell(EmergencyStopRequested("drawn"))
        elif roll < 0.94:
            self._tell(DrainRequested())
        elif roll < 0.97:
            self._recover()
        else:
            self._tell(ReopenRequested())

    def _recover(self) -> None:
        self.rig.running.clear()
        self.rig.stopping.clear()
        self.rig.tell(EngineRecovered())

    def _let_end(self) -> None:
        """Everybody lets go: what is left ends by itself."""
        rig = self.rig
        self._tell(ReopenRequested())
        for _ in range(20_000):
            live = [it for it in rig.engine.executions() if it.state not in ENDED_EXECUTIONS]
            if not live:
                return
            due = rig.engine.next_deadline()
            if rig.stopping:
                self._stop(rig.stopping[0])
            elif rig.running:
                key = rig.running.pop(0)
                rig.tell(AttemptSucceeded(*key, {"n": 1}))
            elif due is not None and not any(it.state == "paused" for it in live):
                rig.now = max(due, rig.now)
                rig.tell_deadline()
            else:
                for execution in live:
                    self._tell(ResumeRequested(execution.execution_id))
                    self._tell(SignalReceived(execution.execution_id, "go", {}))
                    self._tell(SignalReceived(execution.execution_id, "stop", {}))
                if due is None and not rig.running and rig.engine.next_deadline() is None:
                    for execution in live:
                        self._tell(CancelRequested(execution.execution_id, "polled long enough"))
            if rig.now > 100_000:
                for execution in live:
                    self._tell(CancelRequested(execution.execution_id, "polled long enough"))
        raise AssertionError("an execution does not end")


def _replace(step: Step, **fields: Any) -> Step:
    return dataclasses.replace(step, **fields)
