"""Random workflows over the real actions of the catalogue, of every kind of step."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from engine.core.definition import Branch, RetryPolicy, Rollback, Step, StepKind, Workflow

SECOND_NS = 1_000_000_000
TENTH_NS = SECOND_NS // 10
DEPTH_MAX = 2
SIGNALS = ("go", "stop")
DEPLOYMENTS = ("web", "db")
LOCKS = ("a", "a", "b", "of-${target}", "three", "three")
SEMAPHORES = {"three": 3}

CONDITIONS = (
    "variables.n % 2 == 0",
    "variables.n < 3",
    "true",
    "false",
    "steps.all(id, steps[id].state != 'failed')",
    "steps.exists(id, steps[id].state == 'skipped')",
    "variables.n >= 0",
)
_BROKEN = "variables.absent"
_LEAVES = (StepKind.ACTION,) * 10 + (StepKind.WAIT, StepKind.WAIT, StepKind.CONDITION, StepKind.DECISION)
_NESTS = (StepKind.PARALLEL, StepKind.SEQUENTIAL)
_ACTIONS = (
    "restart_pod", "restart_pod", "scale_deployment", "scale_deployment", "rollout_restart",
    "rollout_restart", "run_job", "run_job", "update_counter", "update_counter", "update_counter",
    "wait", "wait", "log", "log", "notification",
    "cordon_node", "uncordon_node", "uncordon_node", "drain_node",
)  # fmt: skip


def rarely(draw: Random, *, one_in: int) -> bool:
    """Say yes once in so many times."""
    return draw.randrange(one_in) == 0


class Workflows:
    """Draws workflows; those that come later may call those before them."""

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self._count = 0
        self._made: list[str] = []
        self._held: list[str] = []  # locks of the groups around

    def workflow(self) -> Workflow:
        draw = self._draw
        steps = self._level(draw.randint(1, 7), 0)
        fields: dict[str, Any] = {}
        if rarely(draw, one_in=6):
            fields["timeout_ns"] = draw.randint(5, 60) * SECOND_NS
        fields["on_step_failure"] = draw.choice(["fail-fast", "fail-fast", "continue", "tolerate"])
        if fields["on_step_failure"] == "tolerate":
            fields["failures_max"] = draw.randint(1, 2)
        fields["compensate"] = rarely(draw, one_in=3)
        if rarely(draw, one_in=2):
            fields["outputs"] = {"n": "${n}"}
        name = f"w{len(self._made)}"
        self._made.append(name)
        return Workflow(name, steps, **fields)

    # -- levels

    def _level(self, size: int, depth: int) -> tuple[Step, ...]:
        draw = self._draw
        steps: list[dict[str, Any]] = []
        for _ in range(size):
            earlier = [step["id"] for step in steps]
            needs = draw.sample(earlier, draw.randint(0, min(2, len(earlier))))
            steps.append(self._step(tuple(needs), depth))
        for position, step in enumerate(steps):
            later = [other["id"] for other in steps[position + 1 :]]
            if step["kind"] is StepKind.DECISION:
                step["branches"] = self._branches(later)
            elif later and rarely(draw, one_in=8):
                step[draw.choice(["on_success", "on_failure"])] = (draw.choice(later),)
        return tuple(Step(**step) for step in steps)

    def _branches(self, later: list[str]) -> tuple[Branch, ...]:
        draw = self._draw
        branches: list[Branch] = []
        for _ in range(draw.randint(0, 2) if later else 0):
            targets = tuple(draw.sample(later, draw.randint(1, min(2, len(later)))))
            branches.append(Branch(targets, draw.choice(CONDITIONS)))
        if not branches or draw.random() < 0.6:
            branches.append(Branch(tuple(later[:1])))
        return tuple(branches)

    def _step(self, needs: tuple[str, ...], depth: int) -> dict[str, Any]:
        draw = self._draw
        self._count += 1
        kinds = [*_LEAVES, *(_NESTS if depth < DEPTH_MAX else ())]
        if depth < DEPTH_MAX:
            kinds.append(StepKind.LOOP)
        if self._made:
            kinds.append(StepKind.SUBFLOW)
        kind = draw.choice(kinds)
        step: dict[str, Any] = {"id": f"s{self._count}", "kind": kind, "needs": needs}
        if rarely(draw, one_in=8):
            step["when"] = _BROKEN if rarely(draw, one_in=12) else draw.choice(CONDITIONS)
        if rarely(draw, one_in=10):
            step["continue_on_failure"] = True
        return step | self._of_kind(kind, depth)

    def _of_kind(self, kind: StepKind, depth: int) -> dict[str, Any]:
        makers: Mapping[StepKind, Callable[[int], dict[str, Any]]] = {
            StepKind.ACTION: self._action,
            StepKind.CONDITION: self._condition,
            StepKind.DECISION: lambda _depth: {"branches": (Branch(()),)},
            StepKind.WAIT: self._wait,
            StepKind.PARALLEL: self._group,
            StepKind.SEQUENTIAL: self._group,
            StepKind.LOOP: self._loop,
            StepKind.SUBFLOW: self._subflow,
        }
        return makers[kind](depth)

    # -- kinds

    def _condition(self, _depth: int) -> dict[str, Any]:
        fields: dict[str, Any] = {"condition": self._draw.choice(CONDITIONS)}
        if rarely(self._draw, one_in=3):
            fields |= self._fetch()
            fields["retry"] = self._retry()
        return fields

    def _fetch(self) -> dict[str, Any]:
        """Ask for what holds at once, or for what may never hold, but not for ever."""
        draw = self._draw
        parameters = {"kind": "Deployment", "namespace": "default", "name": draw.choice(DEPLOYMENTS)}
        fields: dict[str, Any] = {"fetch": "resource", "parameters": parameters, "condition": "value.exists"}
        if draw.random() < 0.5:
            fields["condition"] = draw.choice(["!value.exists", "value.object.spec.replicas > 1"])
            fields["timeout_ns"] = draw.randint(2, 10) * SECOND_NS
        return fields

    def _wait(self, _depth: int) -> dict[str, Any]:
        draw = self._draw
        way = draw.choice(["wait_ns", "wait_ns", "signal", "signal", "until", "fetch"])
        if way == "signal":
            fields: dict[str, Any] = {"signal": draw.choice(SIGNALS)}
            return (
                fields if rarely(draw, one_in=3) else fields | {"timeout_ns": draw.randint(1, 30) * SECOND_NS}
            )
        if way == "until":
            return {"until": str(draw.randint(0, 40))}
        if way == "fetch":
            return {**self._fetch(), "poll_ns": draw.randint(5, 30) * TENTH_NS}
        return {"wait_ns": draw.choice([0, 1, 5, 20, 50]) * TENTH_NS}

    def _group(self, depth: int) -> dict[str, Any]:
        return self._holding(lambda: {"steps": self._level(self._draw.randint(1, 3), depth + 1)})

    def _loop(self, depth: int) -> dict[str, Any]:
        draw = self._draw
        fields = self._holding(lambda: {"steps": self._level(draw.randint(1, 2), depth + 1)})
        if draw.random() < 0.5:
            fields["items"] = draw.choice([("web", "db"), (1, 2, 3), "${list}"])
        else:
            fields["range"] = draw.choice([(0, 3, 1), (0, "${n}", 1), (4, 0, -2), (0, 0, 1)])
        fields["parallelism"] = draw.choice([1, 1, 2, 3])
        if rarely(draw, one_in=5):
            fields["iterations_max"] = 2
        if fields["parallelism"] == 1 and rarely(draw, one_in=4):
            fields["break_when"] = draw.choice(["variables.index == 1", "true", "false"])
        return fields

    def _subflow(self, _depth: int) -> dict[str, Any]:
        parameters = {
            "n": self._draw.choice(["${n}", 1]), "target": "${target}", "mine": "${mine}", "list": [1, 2]
        }  # fmt: skip
        return {"workflow": self._draw.choice(self._made), "parameters": parameters}

    def _holding(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Make what is inside a group, which now and then holds a lock meanwhile."""
        names = self._free_locks() if rarely(self._draw, one_in=8) else []
        if not names:
            return make()
        name = self._draw.choice(names)
        self._held.append(name)
        fields = make()
        self._held.pop()
        return {**fields, "locks": (name,)}

    def _free_locks(self) -> list[str]:
        """Return the locks that may be taken here: after those around, in order of their names."""
        return [name for name in LOCKS if all(name > held or "$" in name == held for held in self._held)]

    # -- actions

    def _action(self, _depth: int) -> dict[str, Any]:
        draw = self._draw
        action = "rollback_deployment" if rarely(draw, one_in=30) else draw.choice(_ACTIONS)
        fields: dict[str, Any] = {"action": action, "parameters": self._parameters(action)}
        fields["retry"] = self._retry()
        fields["expected_ns"] = draw.randint(0, 50) * TENTH_NS
        fields |= self._timeout()
        locks = self._free_locks()
        if locks and draw.random() < 0.3:
            fields["lock"] = draw.choice(locks)
        if locks and rarely(draw, one_in=6):
            fields["locks"] = tuple(dict.fromkeys(draw.choices(locks, k=2)))
        if rarely(draw, one_in=3):
            fields["rollback"] = self._rollback(action)
        if rarely(draw, one_in=10):
            fields["ensure"] = draw.choice(CONDITIONS)
        if action == "update_counter" and rarely(draw, one_in=3):
            fields["exports"] = {"n": "value"}
        if rarely(draw, one_in=6):
            fields["demand"] = {"cpu_m": draw.choice([100, 900]), "pods": 1}
        return fields

    def _retry(self) -> RetryPolicy:
        draw = self._draw
        return RetryPolicy(draw.randint(1, 4), draw.choice([0, 5, 20]) * TENTH_NS, draw.choice([1.0, 2.0]))

    def _timeout(self) -> dict[str, Any]:
        return {"timeout_ns": self._draw.randint(2, 30) * SECOND_NS} if rarely(self._draw, one_in=3) else {}

    def _rollback(self, action: str) -> Rollback:
        draw = self._draw
        if action == "log" or draw.random() < 0.5:
            return Rollback(retry=self._retry())
        return Rollback("log", {"message": "undone for ${mine}"}, self._retry(), 10 * SECOND_NS)

    def _parameters(self, action: str) -> dict[str, Any]:
        draw = self._draw
        deployment = {"namespace": "default", "deployment": draw.choice(["${target}", *DEPLOYMENTS])}
        node = {"node": f"node-{draw.randrange(3)}"}
        message = {"message": "${absent}" if rarely(draw, one_in=9) else "by ${mine}"}
        seconds = draw.choice([0, 0.5, 2, 8, "long" if rarely(draw, one_in=6) else 1])
        parameters: Mapping[str, dict[str, Any]] = {
            "restart_pod": {
                **deployment, "ordinal": draw.randint(0, 3), "method": draw.choice(["delete", "evict"])
            },
            "scale_deployment": {**deployment, "replicas": draw.randint(0, 3)},
            "rollout_restart": deployment,
            "rollback_deployment": deployment,
            "run_job": {
                "namespace": "default", "name": "job", "duration_s": draw.randint(0, 3),
                "exit_code": int(rarely(draw, one_in=5)),
            },
            "update_counter": {
                "namespace": "default", "name": "numbers", "key": "n", "increment": draw.choice([1, 1, 5])
            },
            "wait": {"duration_s": seconds},
            "log": message,
            "notification": {"channel": "people", **message},
            "cordon_node": node,
            "uncordon_node": node,
            "drain_node": node,
        }  # fmt: skip
        return parameters[action]
