from collections import Counter
from collections.abc import Callable
from random import Random

import scenarios
from scenarios import RunSpec

Write = Callable[[str, str], str]


def spec_of(name: str, *overrides: str, replication: int = 0) -> RunSpec:
    scenario = scenarios.load(name, overrides)
    return scenarios.compile(scenario, scenario.points()[-1], replication)


def keyed(key: str) -> float:
    return Random(key).random()


def test_the_variables_are_those_of_the_requirement() -> None:
    spec = spec_of("state-consistency")
    for index in range(7):
        variables = scenarios.instantiate(spec, index, keyed)
        assert variables["workflow_id"] == index
        assert variables["shared_state"] == f"state-{index % 5}"


def test_templates_see_the_replication(write: Write, sound_text: str) -> None:
    variables = "variables: {a: '{{ execution + 10 * replication }}', b: [{c: 'x{{ execution }}'}]}"
    file = write("s.yaml", sound_text.replace("load: {", f"{variables}\n  load: {{"))
    found = scenarios.instantiate(spec_of(file, replication=3), 2, keyed)
    assert (found["a"], found["b"]) == (32, [{"c": "x2"}])


def test_random_targets_are_drawn_over_pods() -> None:
    spec = spec_of("high-throughput-orchestration", "workflow.steps=20")
    drawn = Counter(
        (target["deployment"], target["ordinal"])
        for index in range(500)
        for target in scenarios.instantiate(spec, index, keyed)["targets"]
    )
    assert len(drawn) == 25  # every pod
    assert (
        min(drawn.values()) > 300 < max(drawn.values()) < 500
    )  # 400 each in the mean, 20 the standard deviation


def test_draws_depend_on_their_key_only() -> None:
    few, many = (spec_of("high-throughput-orchestration", f"workflow.steps={steps}") for steps in (2, 20))
    first = scenarios.instantiate(few, 4, keyed)["targets"]
    assert scenarios.instantiate(many, 4, keyed)["targets"][:2] == first


def test_round_robin_goes_through_deployments_then_pods() -> None:
    spec = spec_of("state-consistency")
    names = [scenarios.instantiate(spec, index, keyed)["targets"][0]["deployment"] for index in range(4)]
    assert names == ["worker-a", "worker-b", "worker-c", "worker-a"]


def test_there_is_a_target_for_every_step_groups_included(write: Write, sound_text: str) -> None:
    workflow = """\
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: inline
    parameters: {steps: {default: 1}}
    steps:
      - id: group
        kind: parallel
        steps:
          - {id: a, action: log, parameters: {message: "${targets.1.deployment}"}}
          - {id: b, action: log, parameters: {message: "${targets.2.deployment}"}}
"""
    file = write("s.yaml", sound_text.replace("  workflow: restart-pods\n", workflow))
    assert len(scenarios.instantiate(spec_of(file), 0, keyed)["targets"]) == 3


def test_the_largest_uniform_number_is_the_last_pod() -> None:
    spec = spec_of("high-throughput-orchestration")
    assert scenarios.instantiate(spec, 0, lambda _key: 1 - 2**-53)["targets"][0] == {
        "namespace": "default",
        "deployment": "message-queue",
        "ordinal": 2,
    }
