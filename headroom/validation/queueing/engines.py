"""What theory says of queues before an engine, of chains, retries and back-offs: by the real engine."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.actions import CATALOGUE
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.definition import RetryPolicy, Step, Workflow
from engine.core.effects import Sleep
from engine.core.errors import ActionError
from engine.core.limits import Limits
from headroom.validation.laboratory import DAY_NS, Laboratory, Submission, node
from headroom.validation.queueing.stations import (
    SECOND_NS,
    WARM_UP,
    Parameters,
    Random,
    nanoseconds,
    poisson,
)
from simulator.stations import TokenBucket

_PERCENTILES = (50, 90, 95, 99)
_SHARE = 20  # an execution costs as much as so many visits to a station


def _laboratory() -> Laboratory:
    return Laboratory([node("node-0")], 0)


def _executions(records: list[Any]) -> list[Any]:
    """Return the records of executions in the order of their submission."""
    found = [one for one in records if one["type"] == "execution"]
    return sorted(found, key=lambda one: int(one["execution"][1:]))


async def _work(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    await Sleep(parameters["ns"])
    return {}


async def _fail(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    if _context.attempt <= parameters["failures"]:
        raise ActionError(f"attempt {_context.attempt} of {parameters['failures']} that fail")
    return {}


_WORK = ActionSpec("work", _work, {"ns": Parameter("any", required=True, summary="")}, 0, "Work so long.")
_FAILING = ActionSpec(
    "failing", _fail, {"failures": Parameter("any", required=True, summary="")}, 0, "Fail so often first."
)
_ACTIONS = {"work": _WORK, "failing": _FAILING, "wait": CATALOGUE["wait"]}
_JOB = Workflow("job", (Step("s", action="work", parameters={"ns": "${ns}"}),))


def priorities(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """One execution at a time, two classes: the admission of the engine is M/M/1 with priorities."""
    high, low, mu = float(given["lambda1"]), float(given["lambda2"]), float(given["mu"])
    count = max(400, jobs // _SHARE)
    arrivals = poisson(high + low, count, random).tolist()
    services = nanoseconds(random.exponential(1 / mu, count)).tolist()
    classes = (random.random(count) < high / (high + low)).tolist()
    submissions = [
        Submission(_JOB, at, {"ns": service}, int(is_high))
        for at, service, is_high in zip(arrivals, services, classes, strict=True)
    ]
    limits = Limits(max_concurrency=1, step_timeout_ns=DAY_NS, max_queue=count)
    records = _executions(_laboratory().execute(submissions, _ACTIONS, limits))
    waits = np.array([one["started_ns"] - one["submitted_ns"] for one in records]) / SECOND_NS
    cut = round(WARM_UP * count)
    first = np.array(classes)[cut:]
    return {"Wq_class1": float(waits[cut:][first].mean()), "Wq_class2": float(waits[cut:][~first].mean())}


def chains(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """A chain of steps, each exponential: the engine takes exactly their sum, which is checked on some."""
    length = int(given["k"])
    steps = tuple(
        Step(f"s{n}", action="work", needs=(f"s{n - 1}",) if n else (), parameters={"ns": f"${{d.{n}}}"})
        for n in range(length)
    )
    chain = Workflow("chain", steps)
    durations = nanoseconds(random.exponential(1 / float(given["mu"]), (max(400, jobs // _SHARE), length)))
    spans = durations.sum(axis=1) / SECOND_NS
    few = durations[: max(2, len(durations) // _SHARE // length)]
    submissions = [Submission(chain, variables={"d": row}) for row in few.tolist()]
    records = _executions(_laboratory().execute(submissions, _ACTIONS, Limits(step_timeout_ns=DAY_NS)))
    taken = [one["ended_ns"] - one["submitted_ns"] for one in records]
    if taken != few.sum(axis=1).tolist():
        raise ArithmeticError(f"the engine took {taken} ns for chains of steps that last {few.tolist()} ns")
    found = {f"makespan_p{percent}": float(np.percentile(spans, percent)) for percent in _PERCENTILES}
    return {"E_makespan": float(spans.mean()), **found}


def equal_tasks(given: Parameters) -> dict[str, float]:
    """Equal tasks at once on so many step slots: exact."""
    task = Workflow("task", (Step("s", action="wait", parameters={"duration_s": float(given["d"])}),))
    laboratory = _laboratory()
    limits = Limits(step_slots=int(given["c"]), step_timeout_ns=DAY_NS)
    laboratory.execute([Submission(task)] * int(given["n"]), _ACTIONS, limits)
    return {"makespan": laboratory.agenda.now / SECOND_NS}


def token_bucket(given: Parameters) -> dict[str, float]:
    """All at once at a full bucket: exact."""
    bucket = TokenBucket("client", float(given["qps"]), int(given["burst"]))
    got = [bucket.reserve(0) for _ in range(int(given["N"]))]
    return {"time_last_request": got[-1] / SECOND_NS}


def retries(given: Parameters, jobs: int, random: Random) -> dict[str, float]:
    """Attempts that fail with a probability, tried again so often."""
    policy = RetryPolicy(max_attempts=int(given["max_retries"]) + 1)
    step = Step("s", action="failing", retry=policy, parameters={"failures": "${failures}"})
    workflow = Workflow("retried", (step,))
    failures = (random.geometric(1 - float(given["p_fail"]), max(400, jobs // _SHARE)) - 1).tolist()
    submissions = [Submission(workflow, variables={"failures": one}) for one in failures]
    records = _laboratory().execute(submissions, _ACTIONS, Limits(step_timeout_ns=DAY_NS))
    executions = _executions(records)
    completed = sum(one["state"] == "completed" for one in executions)
    attempts = sum(one["type"] == "attempt" for one in records)
    return {"P_success": completed / len(executions), "E_attempts": attempts / len(executions)}


def backoff(given: Parameters) -> dict[str, float]:
    """The delays between attempts that all fail: exact."""
    policy = RetryPolicy(
        max_attempts=int(given["retries"]) + 1,
        delay_ns=int(given["base"]) * SECOND_NS,
        backoff=float(given["factor"]),
        delay_ns_max=int(given["cap"]) * SECOND_NS,
    )
    step = Step("s", action="failing", retry=policy, parameters={"failures": 1_000})
    laboratory = _laboratory()
    laboratory.execute([Submission(Workflow("retried", (step,)))], _ACTIONS, Limits(step_timeout_ns=DAY_NS))
    return {"total_delay": laboratory.agenda.now / SECOND_NS}
