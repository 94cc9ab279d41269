"""The modelled monitoring: what it knows of the cluster, when it knows it, which alerts it raises."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.definition import RetryPolicy, Step, Workflow
from engine.core.effects import Matcher, QueryMetrics, ReadLogs, Ref
from engine.core.errors import Invalid, NotFound
from simulator import simulate
from simulator.attribution import root
from simulator.metrics import FAMILIES
from simulator.monitoring import RULES
from simulator.outside import asks_monitoring
from simulator.promql import Selector, UnsupportedQuery, matches, parse
from tests.outside.worlds import ModelWorld
from tests.simulator import worlds
from tests.simulator.worlds import acting, constant, deployment, node, of_type, run_row, run_spec

WEB = 'deployment="web"'
STILL = {"monitoring.service": constant(0.01), "monitoring.alert_for": 60}


@pytest.fixture
def world() -> ModelWorld:
    return ModelWorld(STILL)


def value(world: ModelWorld, query: str) -> float:
    (sample,) = world.ask(QueryMetrics(query))
    found: float = sample.value
    return found


def change(world: ModelWorld, ref: Ref, changes: dict[str, Any]) -> None:
    world.cluster.store.patch(ref, changes, root(world.agenda.now))


def test_every_metric_is_answered_and_says_what_the_store_holds(world: ModelWorld) -> None:
    for name in FAMILIES:
        if name != "kube_node_status_condition":  # these nodes say nothing of their condition
            assert world.ask(QueryMetrics(name)), name
    for metric, expected in (
        (f"kube_deployment_spec_replicas{{{WEB}}}", 5),
        (f"kube_deployment_status_replicas_ready{{{WEB}}}", 5),
        (f"kube_deployment_status_replicas_unavailable{{{WEB}}}", 0),
        ('kube_node_spec_unschedulable{node="node-0"}', 0),
        ('kube_node_status_allocatable{node="node-0",resource="cpu"}', 4),
    ):
        assert value(world, metric) == expected, metric
    pods = world.ask(QueryMetrics('kube_pod_status_ready{condition="true",pod=~"web-.*"}'))
    assert [sample.value for sample in pods] == [1.0] * 5
    ratios = [sample.value for sample in world.ask(QueryMetrics("node:cpu_requested:ratio"))]
    assert sum(ratios) * 4 == pytest.approx(8 * 0.2)


def test_conditions_of_nodes_have_one_sample_a_word() -> None:
    one = node("n")
    one["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    world = ModelWorld(STILL, one)
    found = world.ask(QueryMetrics('kube_node_status_condition{condition="Ready"}'))
    assert {sample.labels["status"]: sample.value for sample in found} == {
        "true": 0.0,
        "false": 0.0,
        "unknown": 1.0,
    }


def test_a_query_sees_the_latest_scrape_and_not_the_present(world: ModelWorld) -> None:
    query = f"kube_deployment_spec_replicas{{{WEB}}}"
    assert value(world, query) == 5  # scraped at the first request, and every 30 s from then on
    change(world, Ref("Deployment", "web", "default"), {"spec": {"replicas": 2}})
    world.advance(20)
    assert value(world, query) == 5
    world.advance(10)
    assert value(world, query) == 2


def test_time_at_the_monitoring_system_is_charged_to_it(world: ModelWorld) -> None:
    world.ask(QueryMetrics("kube_pod_info"))
    assert world.spent() == {"monitoring": 10_000_000}


def test_queries_wait_for_a_seat() -> None:
    changes = {**STILL, "monitoring.seats": 1}
    spec = run_spec(acting("silence_alert", name="X"), load=3, on=on(changes), detail=True)
    result = simulate(spec)
    spans = [row["causes"]["monitoring"] for row in of_type(result, "step")]
    assert spans == [10_000_000, 20_000_000, 30_000_000]
    (station,) = [row for row in of_type(result, "sample") if row["station"] == "monitoring"][-1:]
    assert (station["arrivals_count"], station["seats"]) == (3, 1)
    assert (station["busy_ns"], station["wait_ns"]) == (30_000_000, 30_000_000)


def on(changes: dict[str, Any]) -> Any:
    return worlds.cluster(worlds.small_objects(), changes)


def test_a_run_charges_every_nanosecond_and_repeats_itself() -> None:
    for action, parameters in (
        ("silence_alert", {"name": "X"}),
        ("create_alert", {"name": "X"}),
        ("webhook", {"url": "https://h.example.com/"}),
        ("notification", {"channel": "ops", "message": "m"}),
        ("collect_diagnostics", {"namespace": "default", "deployment": "web"}),
    ):
        spec = run_spec(acting(action, steps=3, **parameters), load=4, detail=True)
        result = simulate(spec)
        assert run_row(result)["completed_count"] == 4, action
        assert run_row(result) == run_row(simulate(spec)), action
        for row in of_type(result, "step"):
            assert sum(row["causes"].values()) == row["ended_ns"] - row["ready_ns"], action
        assert set(run_row(result)["checks"].values()) == {0}, action


def test_rows_tell_what_each_effect_was_about() -> None:
    for action, parameters, expected in (
        ("silence_alert", {"name": "X", "labels": {"a": "b"}}, ["a=b, alertname=X"]),
        ("create_alert", {"name": "X"}, ["", "X"]),
        ("webhook", {"url": "https://h.example.com/secret?token=t"}, ["https://h.example.com"]),
        ("notification", {"channel": "ops", "message": "m"}, ["ops"]),
    ):
        result = simulate(run_spec(acting(action, **parameters), load=1, detail=True))
        assert [row["target"] for row in of_type(result, "effect")] == expected


def test_a_server_that_fails_by_chance_is_tried_again_with_other_dice() -> None:
    step = Step(
        "s", action="notification", parameters={"channel": "ops", "message": "m"}, retry=RetryPolicy(20)
    )
    changes = {"outbound.failure_probability": 0.5, "outbound.service": constant(0.1)}
    result = simulate(run_spec(Workflow("w", (step,)), load=40, on=on(changes)))
    counts = [row["attempts_count"] for row in of_type(result, "step")]
    assert run_row(result)["completed_count"] == 40
    assert 1.5 < sum(counts) / len(counts) < 2.7
    never = {**changes, "outbound.failure_probability": 0}
    assert run_row(simulate(run_spec(Workflow("w", (step,)), load=40, on=on(never))))["failed_count"] == 0


# -- alerts by rules


def names(world: ModelWorld) -> list[str]:
    return [alert["labels"]["alertname"] for alert in world.outside.monitoring.alerts()]


def test_a_rule_fires_once_it_has_held_long_enough_and_ends_with_its_reason(world: ModelWorld) -> None:
    world.ask(QueryMetrics("kube_pod_info"))
    change(world, Ref("Node", "node-1"), {"spec": {"unschedulable": True}})
    world.advance(61)
    assert names(world) == []
    world.advance(60)
    assert names(world) == ["KubeNodeUnschedulable"]
    (alert,) = world.outside.monitoring.alerts((Matcher("node", "node-1"),))
    assert alert["labels"]["severity"] == "warning"
    assert alert["annotations"]["summary"]
    change(world, Ref("Node", "node-1"), {"spec": {"unschedulable": False}})
    world.advance(31)
    assert names(world) == []


def test_what_does_not_fit_raises_alerts_about_pods_and_their_deployment() -> None:
    world = ModelWorld(STILL, node("n", cpu="1"), deployment("big", 2, cpu="800m"))
    world.ask(QueryMetrics("kube_pod_info"))
    world.advance(121)
    found = sorted(names(world))
    assert found == ["KubeDeploymentReplicasMismatch", "KubePodNotReady"]
    for alert in world.outside.monitoring.alerts():
        assert alert["labels"]["namespace"] == "default"
        assert "phase" not in alert["labels"]


def test_a_rule_that_holds_now_and_then_does_not_fire(world: ModelWorld) -> None:
    world.ask(QueryMetrics("kube_pod_info"))
    for _ in range(4):
        change(world, Ref("Node", "node-1"), {"spec": {"unschedulable": True}})
        world.advance(45)
        change(world, Ref("Node", "node-1"), {"spec": {"unschedulable": False}})
        world.advance(30)
        assert names(world) == []


def test_rules_ask_only_for_what_the_model_has() -> None:
    for rule in RULES:
        assert parse(rule.query).name in FAMILIES
        assert isinstance(rule.than, float) or parse(rule.than).name in FAMILIES


def test_scraping_begins_with_the_run_where_a_workflow_asks_for_it() -> None:
    assert asks_monitoring({"steps": [{"steps": [{"action": "create_alert"}]}]})
    assert asks_monitoring([{"steps": []}, {"steps": [{"fetch": "metric"}]}])
    assert asks_monitoring({"steps": [{"action": "wait", "rollback": {"action": "create_alert"}}]})
    assert not asks_monitoring({"steps": [{"action": "restart_pod", "parameters": {"a": ["metric"]}}]})


# -- selectors


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up", Selector("up")),
        (" up { } ", Selector("up")),
        ('up{a="b"}', Selector("up", (Matcher("a", "b"),))),
        ('up{a="b",}', Selector("up", (Matcher("a", "b"),))),
        (
            "up{a!='b', c=~`d.e`, f !~ \"g\"}",
            Selector(
                "up",
                (
                    Matcher("a", "b", is_equal=False),
                    Matcher("c", "d.e", is_regex=True),
                    Matcher("f", "g", is_regex=True, is_equal=False),
                ),
            ),
        ),
        (r'up{a="x\"y\\z\n,}"}', Selector("up", (Matcher("a", 'x"y\\z\n,}'),))),
        ("a:b:c", Selector("a:b:c")),
    ],
)
def test_selectors_are_read(query: str, expected: Selector) -> None:
    assert parse(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "", "1", "sum(up)", "up + up", "up[5m]", "up offset 5m", "up > 1", "rate(up[1m])", "{a='b'}", "up{a}",
        "up{a=b}", 'up{a="b"', 'up{a="b"}}', "up{,}", 'up{a="b" c="d"}', 'up{a="\\x"}', "up{1a='b'}",
        "up by (a)", "up @ 1", 'up{a=~"(a"}', f'up{{a=~"{"x" * 300}"}}',
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(query: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(query)
    assert not caught.value.retryable


def test_a_metric_that_the_model_lacks_is_not_empty_but_refused(world: ModelWorld) -> None:
    with pytest.raises(UnsupportedQuery, match=r"'container_cpu_usage_seconds_total'.*kube_pod_info"):
        world.ask(QueryMetrics("container_cpu_usage_seconds_total"))
    with pytest.raises(UnsupportedQuery, match="the model answers name"):
        world.ask(QueryMetrics("sum(kube_pod_info)"))


labels = st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=2), max_size=3)


@given(labels, st.sampled_from("abc"), st.text("xyz.*|", max_size=4), st.booleans(), st.booleans())
def test_matching_is_whole_and_its_negation_is_the_rest(
    carried: dict[str, str],
    name: str,
    text: str,
    is_regex: bool,  # noqa: FBT001
    is_equal: bool,  # noqa: FBT001
) -> None:
    try:
        pattern = re.compile(text if is_regex else re.escape(text))
    except re.error:
        with pytest.raises(Invalid):
            matches((Matcher(name, text, is_regex, is_equal),), carried)
        return
    found = matches((Matcher(name, text, is_regex, is_equal),), carried)
    assert found is (bool(pattern.fullmatch(carried.get(name, ""))) is is_equal)


@given(st.text(max_size=30))
def test_a_query_is_read_or_refused_and_nothing_else(query: str) -> None:
    try:
        name = parse(query).name
    except Invalid:
        return
    assert name in query


# -- logs


def test_a_container_that_has_run_has_logs_and_another_has_none(world: ModelWorld) -> None:
    name = next(key[1] for key in world.cluster.store.objects["Pod"] if key[1].startswith("web-"))
    ref = Ref("Pod", name, "default")
    text = world.ask(ReadLogs(ref, "c", 10))
    assert text.splitlines()[-1] == "ready"
    assert world.ask(ReadLogs(ref, "", 1)) == "ready\n"
    assert world.ask(ReadLogs(ref, "c", 10, 3)) == "dy\n"
    for missing in (ReadLogs(Ref("Pod", "absent", "default")), ReadLogs(ref, "other")):
        with pytest.raises((NotFound, Invalid)):
            world.ask(missing)
    assert set(world.spent()) <= {"API service", "API queue", "client throttle"}


def test_a_pod_that_waits_for_a_node_has_no_logs() -> None:
    world = ModelWorld(STILL, node("n", cpu="1"), deployment("big", 2, cpu="800m"))
    pods = world.cluster.store.objects["Pod"]
    (pending,) = [key[1] for key, pod in pods.items() if not pod["spec"].get("nodeName")]
    with pytest.raises(Invalid, match="waiting to start"):
        world.ask(ReadLogs(Ref("Pod", pending, "default")))
