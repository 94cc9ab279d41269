"""Random workflows of every step kind, and toy actions for them."""

import random
from collections.abc import Mapping
from typing import Any

from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.definition import Branch, RetryPolicy, Step, StepKind, Workflow
from engine.core.effects import Get, Log, Patch, Ref, Remember, Selection, Sleep, WaitUntil
from engine.core.errors import ActionError
from engine.core.limits import Limits

MILLISECOND_NS = 1_000_000
REF = Ref("Deployment", "toy", "default")


async def _call(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(parameters["calls"]):
        await Get(REF)
    await Log("called", {"step": context.step_id})
    return {"calls": parameters["calls"]}


async def _change(context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    if "done" not in context.memory:
        await Patch(REF, {"spec": {}}, manager=context.manager)
        await Remember("done", context.attempt)
    await WaitUntil((Selection("Pod", "default"),), lambda _: True, "the toy to settle")
    return {"first": context.memory["done"]}


async def _flaky(context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    await Get(REF)
    if context.attempt == 1:
        raise ActionError("never the first time")
    return {}


async def _nap(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    await Sleep(parameters["ms"] * MILLISECOND_NS)
    return {}


async def _nothing(_context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


ACTIONS: dict[str, ActionSpec] = {
    "call": ActionSpec("call", _call, {"calls": Parameter("integer", default=2)}, 2, "Read a few times."),
    "change": ActionSpec("change", _change, {}, 1, "Change, remember, wait."),
    "flaky": ActionSpec("flaky", _flaky, {}, 1, "Fail the first time."),
    "nap": ActionSpec("nap", _nap, {"ms": Parameter("integer", default=1)}, 0, "Let time pass."),
    "nothing": ActionSpec("nothing", _nothing, {}, 0, "End at once."),
}

_CONDITIONS = (
    "variables.n % 2 == 0",
    "variables.n < 3",
    "true",
    "steps.all(id, steps[id].state != 'failed')",
    "steps.exists(id, steps[id].state == 'skipped')",
)
_KINDS = ("action",) * 9 + ("wait", "condition", "decision", "parallel", "sequential")


class Workflows:
    """Draws workflows from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def workflow(self, name: str = "random") -> Workflow:
        timeout_ns = self._random.choice([None, None, None, 60 * MILLISECOND_NS])
        return Workflow(name, self._level(self._random.randint(1, 9), depth=0), timeout_ns)

    def limits(self) -> Limits:
        draw = self._random
        return Limits(
            max_concurrency=draw.choice([None, 1, 2, 4]),
            step_slots=draw.choice([None, 1, 2, 5]),
            step_timeout_ns=draw.choice([15, 40, 10_000]) * MILLISECOND_NS,
            dispatch=draw.choice(["fifo", "critical-path"]),
            max_queue=draw.choice([2, 100]),
        )

    def submissions(self, *, tying: bool) -> list[tuple[int, Mapping[str, Any], int]]:
        """Return (instant, variables, priority), in order of time."""
        draw = self._random
        at_ns = 0
        out: list[tuple[int, Mapping[str, Any], int]] = []
        for n in range(draw.randint(1, 8)):
            at_ns += draw.randint(0, 3) * MILLISECOND_NS if tying else draw.randint(0, 9_999_999)
            variables = {"n": n, "target": {"name": f"t{n % 2}"}, "calls": draw.randint(0, 3)}
            out.append((at_ns, variables, draw.choice([0, 0, 0, 5])))
        return out

    def _level(self, size: int, depth: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        for _ in range(size):
            earlier = [step.id for step in steps]
            needs = self._random.sample(earlier, self._random.randint(0, min(2, len(earlier))))
            steps.append(self._step(tuple(needs), depth))
        for position, step in enumerate(steps):
            later = [other.id for other in steps[position + 1 :]]
            if step.kind is StepKind.DECISION:
                steps[position] = self._decision(step, later)
        return tuple(steps)

    def _step(self, needs: tuple[str, ...], depth: int) -> Step:
        draw = self._random
        self._count += 1
        kind = StepKind(draw.choice(_KINDS if depth < 2 else _KINDS[:-2]))
        common: dict[str, Any] = {"id": f"s{self._count}", "kind": kind, "needs": needs}
        if draw.random() < 0.12:
            common["when"] = draw.choice(_CONDITIONS)
        if kind is StepKind.ACTION:
            common |= self._action()
        elif kind is StepKind.WAIT:
            common["wait_ns"] = draw.randint(0, 3) * MILLISECOND_NS
        elif kind is StepKind.CONDITION:
            common["condition"] = draw.choice([*_CONDITIONS * 3, "variables.absent"])
        elif kind is StepKind.DECISION:
            common["branches"] = (Branch(()),)
        else:
            common["steps"] = self._level(draw.randint(1, 4), depth + 1)
        return Step(**common)

    def _action(self) -> dict[str, Any]:
        draw = self._random
        action = draw.choice(list(ACTIONS))
        retry = RetryPolicy(draw.randint(1, 4), draw.choice([0, 1, 3]) * MILLISECOND_NS, 2.0)
        fields: dict[str, Any] = {"action": action, "retry": retry}
        fields["expected_ns"] = draw.randint(0, 5) * MILLISECOND_NS
        if action == "call":
            fields["parameters"] = {"calls": draw.choice([1, "${calls}", "${calls}", "${absent}"])}
        if action == "nap":
            fields["parameters"] = {
                "ms": draw.choice([0, 1, 2, "many"] if draw.random() < 0.2 else [0, 1, 2])
            }
        if draw.random() < 0.3:
            fields["lock"] = draw.choice(["one", "one", "lock-${target.name}", "${absent}"])
        if draw.random() < 0.1:
            fields["timeout_ns"] = 5 * MILLISECOND_NS
        return fields

    def _decision(self, step: Step, later: list[str]) -> Step:
        draw = self._random
        branches = []
        for _ in range(draw.randint(0, 2)):
            if later:
                targets = tuple(draw.sample(later, draw.randint(1, min(2, len(later)))))
                branches.append(Branch(targets, draw.choice(_CONDITIONS)))
        if draw.random() < 0.6 or not branches:
            branches.append(Branch(tuple(later[:1])))
        return Step(step.id, step.kind, step.needs, step.when, branches=tuple(branches))
