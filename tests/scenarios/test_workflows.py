from pathlib import Path
from typing import Any

import pytest

from engine.core.definition import StepKind, Workflow
from scenarios import ScenarioError
from scenarios.document import Document, read_file, read_text
from scenarios.shipped import LIBRARY
from scenarios.workflow_expand import STEPS_MAX
from scenarios.workflows import WorkflowSource

HEAD = "apiVersion: headroom/v1\nkind: Workflow\nname: w\n"


def built(text: str, variables: tuple[str, ...] = ("targets",), **values: Any) -> Workflow:
    source = WorkflowSource.read(read_text(HEAD + text, "w.yaml"))
    return source.build(source.values(values, Document("s.yaml")), variables)


def shipped(name: str, **values: Any) -> Workflow:
    source = WorkflowSource.read(read_file(LIBRARY / "workflows" / f"{name}.yaml"))
    return source.build(source.values(values, Document("s.yaml")), ("targets",))


def test_a_repeat_block_is_a_chain() -> None:
    workflow = shipped("restart-pods", steps=3)
    assert [(step.id, step.needs) for step in workflow.steps] == [
        ("restart-0", ()),
        ("restart-1", ("restart-0",)),
        ("restart-2", ("restart-1",)),
    ]
    assert workflow.steps[2].parameters == {
        "namespace": "${targets.2.namespace}",
        "deployment": "${targets.2.deployment}",
        "ordinal": "${targets.2.ordinal}",
        "method": "delete",
    }
    assert workflow.steps[0].retry.max_attempts == 2


def test_the_production_chain_is_the_requirement_s() -> None:
    """Step i needs step i-1; every fifth is a condition that also needs step 0; the rest restart a pod."""
    steps = shipped("production-steps", steps=11).steps
    assert [step.id for step in steps] == [f"step-{number}" for number in range(11)]
    for number, step in enumerate(steps):
        condition = number in (5, 10)
        assert step.kind is (StepKind.CONDITION if condition else StepKind.ACTION)
        assert step.action == ("" if condition else "restart_pod")
        needs = [f"step-{number - 1}"] * (number > 0) + ["step-0"] * condition
        assert list(step.needs) == needs


@pytest.mark.parametrize(("steps", "width"), [(1, 1), (7, 3), (20, 5), (20, 20), (12, 1)])
def test_every_step_of_a_layer_needs_the_whole_layer_before(steps: int, width: int) -> None:
    for number, step in enumerate(shipped("layered-steps", steps=steps, width=width).steps):
        layer = number // width
        before = range((layer - 1) * width, layer * width) if layer else ()
        assert list(step.needs) == [f"step-{index}" for index in before]


def test_parameters_keep_their_types_and_locks_may_be_left_out() -> None:
    source = WorkflowSource.read(read_file(LIBRARY / "workflows" / "update-counters.yaml"))
    locked, free = (
        source.build(source.values({"steps": 1, "locked": it}, Document("s")), ["counter"])
        for it in (True, False)
    )
    assert (locked.steps[0].lock, free.steps[0].lock) == ("counter/${counter}", "")
    assert locked.steps[0].parameters["guarded"] is False
    assert locked.steps[0].parameters["increment"] == 1


def test_groups_decisions_and_waits_are_read() -> None:
    workflow = built("""\
timeout: 5m
steps:
  - {id: choose, kind: decision, branches: [{when: variables.big, steps: [pause]}, {steps: [both]}]}
  - {id: pause, kind: wait, wait: 1m30s}
  - id: both
    kind: parallel
    timeout: null
    steps:
      - {id: a, action: log, parameters: {message: a}}
      - {id: b, kind: condition, condition: "steps['a'].state == 'completed'"}
""")
    assert workflow.timeout_ns == 300_000_000_000
    assert workflow.step("pause").wait_ns == 90_000_000_000
    assert [branch.steps for branch in workflow.step("choose").branches] == [("pause",), ("both",)]
    assert [step.id for step in workflow.step("both").steps] == ["a", "b"]


LOG = "action: log, parameters: {message: x}"


@pytest.mark.parametrize("row", read_file(Path(__file__).parent / "workflow_messages.yaml").data)
def test_mistakes_are_found_at_their_place(row: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError) as caught:
        built(row["text"])
    messages = sorted(str(problem) for problem in caught.value.problems)
    assert len(messages) == len(row["messages"])
    for message, wanted in zip(messages, sorted(row["messages"]), strict=True):
        assert wanted in message


def test_a_mistake_in_a_repeated_step_points_at_its_template() -> None:
    with pytest.raises(ScenarioError) as caught:
        built(
            'steps:\n  - repeat: 3\n    of:\n      - {id: "a-{{ i }}", action: log, needs: ["b-{{ i }}"]}\n'
        )
    assert {(problem.mark.line, problem.path) for problem in caught.value.problems} >= {
        (7, "steps.0.needs.0"),
        (7, "steps.1.needs.0"),
        (7, "steps.2.needs.0"),
    }


def test_expansion_is_limited_over_all_blocks() -> None:
    blocks = "".join(f'  - {{repeat: 6000, of: [{{id: "{name}-{{{{ i }}}}", {LOG}}}]}}\n' for name in "ab")
    with pytest.raises(ScenarioError, match=f"more than {STEPS_MAX:,} steps"):
        built("steps:\n" + blocks)


def test_an_expression_that_runs_away_is_stopped() -> None:
    text = (
        "steps: [{repeat: 900, of: [{id: '{{ string(indices.map(x, indices.map(y, x * y)).size()) }}'}]}]\n"
    )
    with pytest.raises(ScenarioError, match="budget"):
        built(text)


@pytest.mark.parametrize("file", sorted((LIBRARY / "workflows").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_workflow_bears_the_name_of_its_file(file: Path) -> None:
    assert WorkflowSource.read(read_file(file)).file.name == file.stem
