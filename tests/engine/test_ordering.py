"""The optimiser's orders: nothing that matters to an execution changes, and what is promised is dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.definition import Step, StepKind, Workflow
from engine.core.limits import Limits
from engine.core.ordering import reduce
from engine.core.plan import build
from engine.core.snapshot import restore_snapshot, take_snapshot
from tests.engine.rig import HOPELESS, Rig, act, group
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.random_workflows import Workflows
from tests.oracles.world import drawn, run_case


def closure(order: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}

    def above(step_id: str) -> set[str]:
        if step_id not in out:
            out[step_id] = set(order[step_id]).union(*(above(need) for need in order[step_id]))
        return out[step_id]

    return {step_id: above(step_id) for step_id in order}


@st.composite
def orders(draw: st.DrawFn) -> dict[str, list[str]]:
    ids = [f"s{number}" for number in range(draw(st.integers(1, 9)))]
    order = {
        step_id: draw(st.lists(st.sampled_from(ids[:number]), unique=True)) if number else []
        for number, step_id in enumerate(ids)
    }
    return dict(sorted(order.items(), key=lambda _: draw(st.integers(0, 99))))


@given(orders())
def test_a_reduced_order_is_the_smallest_of_the_same_meaning(order: dict[str, list[str]]) -> None:
    reduced = reduce(order)
    assert list(reduced) == list(order)
    assert closure(reduced) == closure(order)
    for step_id, needs in reduced.items():
        assert set(needs) <= set(order[step_id])
        for need in needs:  # not one of them could be left out
            fewer = {**reduced, step_id: [other for other in needs if other != need]}
            assert closure(fewer) != closure(order)


@given(seed=st.integers(0, 10**6), tying=st.booleans())
@settings(max_examples=300, deadline=None)
def test_reduced_needs_change_no_outcome_of_any_execution(seed: int, *, tying: bool) -> None:
    """Random workflows of every kind, with random outcomes: all rows but for the order of equal instants."""
    case = drawn(seed, tying=tying)
    plain = run_case(HeapAgenda(), case)
    reduced = run_case(HeapAgenda(), replace(case, limits=replace(case.limits, reduce_needs=True)))
    assert reduced.history == plain.history
    assert reduced.rows == plain.rows


def test_random_workflows_have_needs_to_reduce() -> None:
    """The property above would hold of a reduction that did nothing."""
    dropped = 0
    for seed in range(60):
        workflow = Workflows(seed).workflow()
        whole, reduced = build(workflow), build(workflow, reduce_needs=True)
        for before, after in zip(whole.steps, reduced.steps, strict=True):
            assert before.needs == after.needs
            dropped += before.waits_for_count - after.waits_for_count
    assert dropped > 20


def started(*steps: Step, outputs: Mapping[str, Any] | None = None, **limits: Any) -> list[list[str]]:
    """Run to the end, and say what ran together."""
    rig = Rig(group("g", StepKind.SEQUENTIAL, *steps), parallelise=True, **limits)
    rig.submit(app="a", n=1)
    waves = []
    while rig.running:
        waves.append(rig.running_steps)
        for step_id in rig.running_steps:
            rig.succeed(step_id, **(outputs or {}))
    assert rig.execution().state == "completed"
    return waves


def on(step_id: str, name: str, *needs: str, **fields: Any) -> Step:
    fields.setdefault("parameters", {"namespace": "n", "deployment": name})
    return act(step_id, *needs, **fields)


def test_different_targets_run_together_and_the_same_one_after_the_other() -> None:
    assert started(on("a", "x"), on("b", "y"), on("c", "x"), on("d", "z")) == [["a", "b", "d"], ["c"]]


def test_what_is_not_provably_independent_keeps_its_place() -> None:
    barriers = {
        "no target": act("m", parameters={"message": "hello"}),
        "a target known at run time only": on("m", "${app}"),
        "a target of another kind": act("m", parameters={"node": "n1"}),
        "a condition of its own": on("m", "y", when="true"),
        "a need": on("m", "y", "a"),
        "a lock in common": on("m", "y", lock="l"),
        "a wait": Step("m", StepKind.WAIT, wait_ns=1),
        "a condition": Step("m", StepKind.CONDITION, condition="true"),
        "a group": group("m", StepKind.PARALLEL, on("inner", "y")),
    }
    for what, step in barriers.items():
        rig = Rig(
            group("g", StepKind.SEQUENTIAL, on("a", "x", lock="l"), step, on("z", "q", lock="l")),
            parallelise=True,
        )
        rig.submit(app="a")
        assert rig.running_steps == ["a"], what
        assert rig.step("m").state == "pending", what


def test_a_false_condition_skips_what_comes_after_it_in_a_parallelised_sequence_too() -> None:
    steps = (on("a", "x"), on("b", "y"), Step("q", StepKind.CONDITION, condition="false"), on("c", "z"))
    assert started(*steps) == [["a", "b"]]


def test_references_to_what_another_step_gives_keep_the_order() -> None:
    given_by = {"namespace": "n", "deployment": "y", "replicas": "${steps.a.outputs.replicas}"}
    plan = build(
        Workflow("w", (group("g", StepKind.SEQUENTIAL, on("a", "x"), act("b", parameters=given_by)),)),
        parallelise=True,
    )
    assert [step.waits_for_count for step in plan.steps] == [0, 0, 1]


def test_a_failure_still_fails_the_whole() -> None:
    rig = Rig(group("g", StepKind.SEQUENTIAL, on("a", "x"), on("b", "y")), parallelise=True)
    rig.submit()
    rig.fail("a", failure=HOPELESS)
    assert (rig.execution().state, rig.step("b").state) == ("failed", "cancelled")


@given(seed=st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_parallelised_sequences_end_as_the_plain_ones_where_nothing_fails(seed: int) -> None:
    """Random sequences of targets: the same states and outputs, and every pair on one target in order."""
    draw = Workflows(seed)._random  # noqa: SLF001 - one stream of numbers is as good as another
    steps = [on(f"s{number}", draw.choice("xyz")) for number in range(draw.randint(1, 7))]
    ends = []
    for parallelise in (False, True):
        rig = Rig(group("g", StepKind.SEQUENTIAL, *steps), parallelise=parallelise)
        rig.submit()
        while rig.running:
            step_id = draw.choice(rig.running_steps)
            rig.succeed(step_id, after_ns=1, by=step_id)
        facts = rig.execution().steps
        ends.append({step.id: (step.state, step.outputs) for step in facts.values()})
        by_target: dict[str, int] = {}
        for step in steps:
            target = step.parameters["deployment"]
            assert facts[step.id].attempts[0].runnable_ns >= by_target.get(target, 0)
            by_target[target] = facts[step.id].ended_ns
    assert ends[0] == ends[1]


def test_a_restart_under_other_switches_goes_on_as_it_was_planned() -> None:
    """What waits for what has been counted: another order now would lose steps."""
    rig = Rig(act("a"), act("b", "a"), act("c", "a", "b"), reduce_needs=True)
    rig.submit()
    rig.engine = restore_snapshot(take_snapshot(rig.engine), Limits())
    for step_id in "abc":
        rig.succeed(step_id)
    assert rig.execution().state == "completed"
