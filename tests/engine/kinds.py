"""Workflows of every kind of step, and toy actions that look before they act: what must survive a crash.

`WORKFLOWS` is in order of registration. Outcomes depend neither on timing nor on how often an attempt was
started, so that runs with and without crashes can be compared.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.definition import Branch, RetryPolicy, Rollback, Step, StepKind, Workflow
from engine.core.effects import Create, Delete, Get, Patch, Ref, Remember, Sleep
from engine.core.errors import ActionError, Cancelled, Conflict, NotFound
from engine.core.events import (
    CancelRequested,
    Event,
    PauseRequested,
    ResumeRequested,
    SignalReceived,
    StepOverridden,
)

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000

Outputs = Mapping[str, Any]


def ref(name: str) -> Ref:
    return Ref("Thing", name, "default")


async def _ensure(context: ActionContext, parameters: Outputs) -> Outputs:
    """Create a thing of the step's own, unless it is there."""
    name = f"{context.execution_id}.{context.step_id}.{parameters['name']}"
    try:
        await Get(ref(name))
    except NotFound:
        await Create({"kind": "Thing", "metadata": {"name": name, "namespace": "default"}})
    return {"name": name, "n": parameters["n"]}


async def _undo(context: ActionContext, _parameters: Outputs) -> Outputs:
    with suppress(NotFound):
        await Delete(ref(context.outputs["name"]))
    return {}


async def _mark(context: ActionContext, parameters: Outputs) -> Outputs:
    """Draw a token once, whatever happens, and write it to a thing that others write to as well."""
    if "token" not in context.memory:
        found = await Get(ref(parameters["on"]))
        await Remember("token", found["reads"])  # no two reads see the same number
    name = f"{context.execution_id}.{context.step_id}"
    await Patch(ref(parameters["on"]), {"marks": {name: context.memory["token"]}})
    return {"remembered": len(context.memory)}


async def _look(_context: ActionContext, parameters: Outputs) -> Outputs:
    try:
        await Get(ref(parameters["name"]))
    except NotFound:
        return {"there": False}
    return {"there": True}


async def _make(_context: ActionContext, parameters: Outputs) -> Outputs:
    """Create a thing that others look for."""
    with suppress(Conflict):
        await Create({"kind": "Thing", "metadata": {"name": parameters["name"], "namespace": "default"}})
    return {}


async def _flaky(context: ActionContext, _parameters: Outputs) -> Outputs:
    await Get(ref("base"))
    await Remember(f"try{context.attempt}", context.attempt)
    if context.attempt == 1:
        raise ActionError("never the first time")
    return {"tries": len(context.memory)}


async def _broken(_context: ActionContext, _parameters: Outputs) -> Outputs:
    await Get(ref("base"))
    raise ActionError("never", reason="Broken")


async def _slow(_context: ActionContext, parameters: Outputs) -> Outputs:
    for _ in range(parameters["naps"]):
        await Sleep(parameters["ms"] * MILLISECOND_NS)
    return {}


async def _tidy(_context: ActionContext, parameters: Outputs) -> Outputs:
    """Take time, and look at something once more when told to stop."""
    try:
        await Sleep(parameters["ms"] * MILLISECOND_NS)
    except Cancelled:
        await Remember("cleaned", await Get(ref("base")) is not None)
        await Sleep(MILLISECOND_NS)
        raise
    return {}


async def _nothing(_context: ActionContext, _parameters: Outputs) -> Outputs:
    return {}


ACTIONS: dict[str, ActionSpec] = {
    spec.name: spec
    for spec in (
        ActionSpec(
            "ensure",
            _ensure,
            {"name": Parameter("string", default="thing"), "n": Parameter("any", default=0)},
            1,
            "Create once.",
            rollback=_undo,
        ),
        ActionSpec("mark", _mark, {"on": Parameter("string", default="base")}, 2, "Remember, then write."),
        ActionSpec("look", _look, {"name": Parameter("string", required=True)}, 1, "Is it there?"),
        ActionSpec("make", _make, {"name": Parameter("string", required=True)}, 1, "Create for all."),
        ActionSpec("flaky", _flaky, {}, 1, "Fail the first time."),
        ActionSpec("broken", _broken, {}, 1, "Fail every time."),
        ActionSpec(
            "slow",
            _slow,
            {"ms": Parameter("integer", default=5), "naps": Parameter("integer", default=2)},
            0,
            "Take time.",
        ),
        ActionSpec("tidy", _tidy, {"ms": Parameter("integer", default=500)}, 0, "Clean up when stopped."),
        ActionSpec("nothing", _nothing, {}, 0, "End at once."),
    )
}
THINGS: dict[str, dict[str, Any]] = {"base": {"kind": "Thing", "reads": 0}}  # what the world starts with


def step(step_id: str, action: str = "ensure", *needs: str, **fields: Any) -> Step:
    return Step(step_id, needs=needs, action=action, **fields)


def _kind(step_id: str, kind: StepKind, *needs: str, **fields: Any) -> Step:
    return Step(step_id, kind, needs=needs, **fields)


_RETRY = RetryPolicy(3, 3 * MILLISECOND_NS)

_PLAIN = Workflow(
    "plain",
    (
        step("first", parameters={"n": "${n}"}),
        step("token", "mark", "first", lock="base"),
        step("tries", "flaky", "first", retry=_RETRY),
        _kind("pause", StepKind.WAIT, "first", wait_ns=4 * MILLISECOND_NS),
        _kind("even", StepKind.CONDITION, "token", condition="variables.n % 2 == 0"),
        step("only-even", "ensure", "even"),
        _kind(
            "choice",
            StepKind.DECISION,
            "tries",
            branches=(Branch(("left",), "variables.n < 1"), Branch(("right",))),
        ),
        step("left", "mark", lock="base"),
        step("right", "slow"),
        step("maybe", "nothing", "pause", when="variables.n > 0"),
        _kind(
            "together",
            StepKind.PARALLEL,
            "pause",
            steps=(
                step("p1", "mark", lock="base"),
                step("p2", "slow"),
                _kind("row", StepKind.SEQUENTIAL, steps=(step("r1"), step("r2", "nothing"), step("r3"))),
            ),
        ),
        step("last", "ensure", "together", "only-even", parameters={"n": {"deep": ["${n}", 1.5, None]}}),
    ),
)
_FAILS = Workflow(
    "fails",
    (
        step("good"),
        step("long", "slow", parameters={"naps": 50}),
        step("longer", "tidy"),
        step("bad", "broken", "good", retry=RetryPolicy(2, MILLISECOND_NS)),
        step("never", "ensure", "bad"),
    ),
)
_LATE = Workflow(
    "late",
    (
        step(
            "stuck",
            "slow",
            timeout_ns=60 * MILLISECOND_NS,
            parameters={"naps": 500},
            retry=RetryPolicy(2, MILLISECOND_NS),
        ),
    ),
    timeout_ns=90 * SECOND_NS,
)

_INNER = Workflow(
    "inner",
    (step("i1", parameters={"n": "${n}"}), step("i2", "mark", "i1")),
    outputs={"name": "${steps.i1.outputs.name}", "n": "${n}"},
)
_MORE = Workflow(
    "more",
    (
        step("count", parameters={"n": 3}, exports={"many": "n"}),
        _kind(
            "each",
            StepKind.LOOP,
            "count",
            items=("a", "b", "c"),
            parallelism=2,
            steps=(
                step("one", "mark"),
                step("two", "ensure", "one", parameters={"name": "${item}", "n": "${index}"}),
            ),
        ),
        _kind(
            "upto",
            StepKind.LOOP,
            "count",
            range=(0, "${many}", 1),
            break_when="variables.index >= 1",
            steps=(step("turn", "slow", parameters={"naps": 1}),),
        ),
        _kind("call", StepKind.SUBFLOW, "each", workflow="inner", parameters={"n": "${many}"}),
        step("from-call", "ensure", "call", parameters={"n": "${steps.call.outputs.n}"}),
        step("sure", "flaky", "count", retry=_RETRY, ensure='steps["sure"].outputs.tries >= 2'),
        step("risky", "broken", "count", on_failure=("mend",), on_success=("cheer",)),
        step("mend"),
        step("cheer"),
        step("soft", "broken", "count", continue_on_failure=True),
        step("after-soft", "mark", "soft", locks=("base", "also")),
        _kind(
            "seen",
            StepKind.WAIT,
            fetch="look",
            parameters={"name": "made-late"},
            condition="value.there",
            poll_ns=2 * MILLISECOND_NS,
        ),
        step("late-one", "make", "upto", parameters={"name": "made-late"}),
        _kind(
            "is-there",
            StepKind.CONDITION,
            "seen",
            fetch="look",
            parameters={"name": "base"},
            condition="value.there",
        ),
        _kind("until", StepKind.WAIT, until="0.003"),
    ),
)
_UNDONE = Workflow(
    "undone",
    (
        step("first", rollback=Rollback()),
        step("second", "mark", "first", rollback=Rollback("slow", {"naps": 1})),
        step("third", "ensure", "first", rollback=Rollback()),
        step("bad", "broken", "second", "third", rollback=Rollback("nothing")),
    ),
    compensate=True,
)
_CONTROLLED = Workflow(
    "controlled",
    (
        step("before", rollback=Rollback()),
        _kind("gate", StepKind.WAIT, "before", signal="go"),
        step("after", "mark", "gate"),
    ),
)
_TOLERANT = Workflow(
    "tolerant",
    (step("bad", "broken"), step("good"), step("needs-bad", "ensure", "bad")),
    on_step_failure="tolerate",
    failures_max=1,
)
_GOES_ON = Workflow(
    "goes-on",
    (step("bad", "broken"), step("good", "mark"), step("better", "ensure", "good")),
    on_step_failure="continue",
)

WORKFLOWS: tuple[Workflow, ...] = (
    _PLAIN,
    _FAILS,
    _LATE,
    _INNER,
    _MORE,
    _UNDONE,
    _CONTROLLED,
    _TOLERANT,
    _GOES_ON,
)
# What is submitted: (execution id, workflow, variables)
SUBMISSIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("x0", "plain", {"n": 0}),
    ("x1", "plain", {"n": 1}),
    ("x2", "fails", {}),
    ("x3", "late", {}),
    ("x4", "more", {}),
    ("x5", "undone", {}),
    ("approved", "controlled", {}),
    ("cancelled", "controlled", {}),
    ("paused", "controlled", {}),
    ("skipped", "controlled", {}),
    ("x6", "tolerant", {}),
    ("x7", "goes-on", {}),
)


# What people ask for, one after the other, each once the execution waits at its gate
GATE = "gate"


def requests(execution_id: str) -> tuple[Event, ...]:
    """Return what people ask of an execution of that name."""
    go = SignalReceived(execution_id, "go", {"by": "somebody"})
    script: dict[str, tuple[Event, ...]] = {
        "approved": (go,),
        "cancelled": (CancelRequested(execution_id, "not today", compensate=True),),
        "paused": (PauseRequested(execution_id), go, ResumeRequested(execution_id)),
        "skipped": (StepOverridden(execution_id, GATE, "skip", "we know better"),),
    }
    return script.get(execution_id.partition("-")[0], ())
