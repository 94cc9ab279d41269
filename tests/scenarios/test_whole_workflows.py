"""Every kind of step and every field in a file; workflows that call others; the engine block."""

from collections.abc import Callable
from typing import Any

import pytest

import scenarios
from engine.core.definition import Rollback, StepKind, Workflow
from scenarios import RunSpec, ScenarioError, SignalSpec
from scenarios.document import Document, read_text
from scenarios.workflows import WorkflowSource

Write = Callable[[str, str], str]
WHOLE = """\
apiVersion: headroom/v1
kind: Workflow
name: whole
parameters: {names: {default: [a, b]}, count: {default: 3}}
on_step_failure: tolerate
failures_max: 2
compensate: true
outputs: {last: "${steps.call.outputs.said}"}
semaphores: {pool: 4}
workflows:
  child:
    timeout: 1m
    on_step_failure: continue
    outputs: {said: "${steps.say.outputs.x}"}
    steps: [{id: say, action: log, parameters: {message: "${who}"}}]
steps:
  - id: gate
    kind: wait
    signal: approve
    timeout: 1h
    ensure: 'steps["gate"].outputs.ok'
    exports: {by: name}
  - {id: at, kind: wait, until: 1m30s}
  - {id: when, kind: wait, until: "2026-01-31T08:00:00Z"}
  - id: ask
    kind: wait
    fetch: metric
    parameters: {query: up}
    condition: value.value > 1.0
    poll: 2s
    timeout: 5m
  - id: act
    action: scale_deployment
    parameters: {namespace: default, deployment: web, replicas: 2}
    on_success: [each]
    on_failure: [rescue]
    rollback: {retry: {max_attempts: 3}}
    locks: [pool, "${by}"]
    demand: {cpu: 250m, memory: 1Gi, pods: 2}
    continue_on_failure: true
  - id: rescue
    action: log
    parameters: {message: "${by}"}
    rollback: {action: log, parameters: {message: "${outputs.x}"}}
  - {id: each, kind: loop, items: "{{ names }}", parallelism: 2, iterations_max: 50, steps: [
      {id: one, action: log, parameters: {message: "${item}-${index}"}}]}
  - id: count
    kind: loop
    range: [1, "{{ count }}"]
    break_when: 'steps["two"].state == "completed"'
    steps: [{id: two, action: log, parameters: {message: "${index}"}}]
  - {id: call, kind: subflow, workflow: child, parameters: {who: "${by}"}}
"""


def whole() -> dict[str, Workflow]:
    source = WorkflowSource.read(read_text(WHOLE, "w.yaml"))
    return source.assemble(source.values({}, Document("s.yaml")), ()).built


def test_every_field_reaches_the_definition() -> None:
    child, workflow = whole().values()
    steps = {step.id: step for step in workflow.walk()}
    assert (workflow.on_step_failure, workflow.failures_max, workflow.compensate) == ("tolerate", 2, True)
    assert workflow.outputs == {"last": "${steps.call.outputs.said}"}
    assert (steps["gate"].signal, steps["gate"].timeout_ns, steps["gate"].exports) == (
        "approve", 3_600 * 10**9, {"by": "name"},
    )  # fmt: skip
    assert (steps["at"].until, steps["when"].until) == ("90", "2026-01-31T08:00:00Z")
    assert (steps["ask"].fetch, steps["ask"].condition, steps["ask"].poll_ns) == (
        "metric", "value.value > 1.0", 2 * 10**9,
    )  # fmt: skip
    act = steps["act"]
    assert (act.on_success, act.on_failure, act.continue_on_failure) == (("each",), ("rescue",), True)
    assert act.locks == ("pool", "${by}")
    assert act.demand == {"cpu_m": 250, "memory_b": 1 << 30, "pods": 2}
    assert isinstance(act.rollback, Rollback)
    assert (act.rollback.action, act.rollback.retry.max_attempts) == ("", 3)
    assert (steps["each"].items, steps["each"].parallelism, steps["each"].iterations_max) == (
        ("a", "b"),
        2,
        50,
    )
    assert (steps["count"].range, steps["count"].break_when) == (
        (1, 3, 1),
        'steps["two"].state == "completed"',
    )
    assert (steps["call"].kind, steps["call"].workflow) == (StepKind.SUBFLOW, "whole.child")
    assert (child.name, child.timeout_ns, child.on_step_failure) == ("whole.child", 60 * 10**9, "continue")
    assert child.outputs == {"said": "${steps.say.outputs.x}"}


def test_definitions_survive_the_run_spec() -> None:
    for workflow in whole().values():
        assert Workflow.from_json(workflow.to_json()) == workflow


SCENARIO = """\
apiVersion: headroom/v1
name: s
cluster: basic-development
workload:
  workflow: flows/main.yaml
  variables: {who: me}
  load: {burst: 1}
"""
HEAD = "apiVersion: headroom/v1\nkind: Workflow\nname: %s\n"
MAIN = HEAD % "main" + (
    'steps:\n  - {id: go, kind: subflow, workflow: part.yaml, parameters: {who: "${who}"}}\n'
    '  - {id: again, kind: subflow, workflow: part.yaml, parameters: {who: "${who}"}, needs: [go]}\n'
)
PART = HEAD % "part" + (
    "semaphores: {pool: 2}\nsteps:\n"
    '  - {id: say, action: log, parameters: {message: "${who}"}, locks: [pool]}\n'
)


def compiled(write: Write, part: str = PART, extra: str = "") -> RunSpec:
    import pathlib

    pathlib.Path("flows").mkdir(exist_ok=True)
    write("flows/main.yaml", MAIN)
    write("flows/part.yaml", part)
    scenario = scenarios.load(write("s.yaml", SCENARIO + extra))
    return scenarios.compile(scenario, scenario.points()[0], 0)


def test_a_called_file_stands_beside_its_caller_and_comes_before_it(write: Write) -> None:
    spec = compiled(write)
    assert [one["name"] for one in spec.workload.subflows] == ["part"]
    assert spec.workload.workflow["steps"][0]["workflow"] == "part"
    assert spec.engine.semaphores == {"pool": 2}


def test_the_scenario_has_the_last_word_on_semaphores(write: Write) -> None:
    assert compiled(write, extra="engine: {semaphores: {pool: 9}}\n").engine.semaphores == {"pool": 9}


def test_files_that_call_each_other_are_named_with_their_path(write: Write) -> None:
    part = HEAD % "part" + "steps: [{id: back, kind: subflow, workflow: main.yaml}]\n"
    with pytest.raises(ScenarioError) as caught:
        compiled(write, part)
    assert str(caught.value).startswith(
        "flows/part.yaml:4:45: steps.0.workflow: a cycle of subflows: main -> part"
    )


def test_the_resolved_form_carries_the_called_files(write: Write) -> None:
    compiled(write)
    scenario = scenarios.load("s.yaml")
    again = scenarios.load(write("resolved.yaml", scenario.resolved_yaml()))
    assert again.resolved_yaml() == scenario.resolved_yaml()
    specs = [scenarios.compile(one, one.points()[0], 0) for one in (scenario, again)]
    assert specs[0].digest == specs[1].digest


def test_signals_reach_the_spec_and_unknown_ones_are_refused(write: Write) -> None:
    write("gated.yaml", HEAD % "gated" + "steps: [{id: gate, kind: wait, signal: approve}]\n")
    text = (
        SCENARIO.replace("flows/main.yaml", "gated.yaml")
        + "  signals: [{name: %s, after: 5s, payload: {ok: true}}]\n"
    )
    scenario = scenarios.load(write("s.yaml", text % "approve"))
    (signal,) = scenarios.compile(scenario, scenario.points()[0], 0).workload.signals
    assert signal == SignalSpec(
        "approve", {"dist": "constant", "value_s": 5.0}, {"ok": True}, from_waiting=True
    )
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(write("s.yaml", text % "aprove"))
    said = (
        "workload.signals.0.name: no step waits for a signal 'aprove'; expected one of approve; did you mean"
    )
    assert said in str(caught.value)


ENGINE: list[tuple[str, str, Any]] = [
    ("ageing: 30s", "ageing_ns", 30 * 10**9),
    ("semaphores: {pool: 3}", "semaphores", {"pool": 3}),
    ("rates: {restart_pod: {rate: 30/min, burst: 4}}", "rates", {"restart_pod": (0.5, 4)}),
    ("rates: {restart_pod: 5/s}", "rates", {"restart_pod": (5.0, 1)}),
    ("coalesce: [scale_deployment]", "coalesce", ("scale_deployment",)),
    ("capacity_aware: true", "capacity_aware", True),
    ("reduce_needs: true", "reduce_needs", True),
    ("parallelise: true", "parallelise", True),
    ("reads: cache", "reads", "cache"),
    ("throttle_backoff: 500ms", "throttle_backoff_ns", 500_000_000),
    ("cancel_grace: 1m", "cancel_grace_ns", 60 * 10**9),
    ("subflow_depth_max: 3", "subflow_depth_max", 3),
    ("cost: {decision: 5ms}", "decision_ns", 5_000_000),
    ("cost: {workers: 4}", "workers", 4),
    ("cost: {store_commit: 0s}", "store_commit", None),
    ("cost: {store_group: 7}", "store_group", 7),
]


@pytest.mark.parametrize(("text", "field", "value"), ENGINE, ids=[text for text, _, _ in ENGINE])
def test_every_setting_of_the_engine_reaches_its_spec(
    text: str, field: str, value: Any, write: Write, sound_text: str
) -> None:
    engine = "engine: {max_concurrency: 10, step_timeout: 30s}"
    scenario = scenarios.load(write("s.yaml", sound_text.replace(engine, f"engine: {{{text}}}")))
    spec = scenarios.compile(scenario, scenario.points()[0], 0)
    assert getattr(spec.engine, field) == value
    plain = scenarios.load(write("s.yaml", sound_text.replace(engine, "engine: {}")))
    assert getattr(scenarios.compile(plain, plain.points()[0], 0).engine, field) != value


def test_oscillation_is_held_back_once_it_is_asked_for(write: Write, sound_text: str) -> None:
    changed = sound_text.replace("step_timeout: 30s", "oscillation: {restarts_max: 2}")
    scenario = scenarios.load(write("s.yaml", changed))
    found = scenarios.compile(scenario, scenario.points()[0], 0).engine.oscillation
    assert found is not None
    assert (found["restarts_max"], found["hold_back"]) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rates: {restart_pdo: 5/s}", "engine.rates.restart_pdo: unknown action 'restart_pdo'"),
        ("rates: {restart_pod: 0/s}", "engine.rates.restart_pod.rate: a rate of 0; expected a rate above 0"),
        ("coalesce: [log]", "engine.coalesce.0: log cannot be shared; expected one of "),
        ("semaphores: {pool: 0}", "engine.semaphores.pool: found 0; expected at least 1"),
        ("reads: cash", "engine.reads: found 'cash' (text); expected api or cache; did you mean 'cache'?"),
        ("cost: {decision: 5}", "engine.cost.decision: bare number 5 for a duration"),
    ],
)
def test_what_the_engine_cannot_be_told(
    text: str, said: str, broken: Callable[[str, str], list[str]]
) -> None:
    (message,) = broken("step_timeout: 30s", text)
    assert said in message
