"""Every checker finds the fault that it is there for, and nothing else; clean runs have none."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from engine.core import machine
from engine.core.admission import Slots
from engine.core.commands import CancelAttempt
from engine.core.effects import Delete, Patch, Ref, Resource
from engine.core.facts import ExecutionFacts
from engine.core.steps import StepMachine
from scenarios.runspec import RunSpec
from simulator import environment, simulate
from simulator.attribution import Link
from simulator.checkers import CHECKS, EngineChecker
from simulator.cluster import eviction
from simulator.cluster.cluster import Cluster
from simulator.cluster.fleet import Fleet
from simulator.cluster.quota import Quotas
from simulator.cluster.store import Store
from simulator.perform import ModelPerformer
from tests.simulator import worlds
from tests.simulator.worlds import run_row, run_spec


def violated(spec: RunSpec) -> dict[str, int]:
    return {name: count for name, count in run_row(simulate(spec))["checks"].items() if count}


def evicting() -> RunSpec:
    objects = [*worlds.nodes(), worlds.deployment("web", 4), worlds.budget("web", 1)]
    return run_spec(worlds.restarts(1, method="evict"), 4, worlds.cluster(objects))


def crowded() -> RunSpec:
    """As many pods as fit: those of a roll-out wait for room."""
    objects = [*worlds.nodes(2, cpu="1"), worlds.deployment("web", 4, cpu="500m")]
    workflow = worlds.acting("scale_deployment", namespace="default", deployment="web", replicas=7)
    limits = worlds.engine(step_timeout_ns=20 * worlds.SECOND_NS)
    return run_spec(workflow, 1, worlds.cluster(objects), limits)


def full_quota() -> RunSpec:
    objects = [*worlds.nodes(), worlds.deployment("web", 4), worlds.quota(4)]
    limits = worlds.engine(step_timeout_ns=20 * worlds.SECOND_NS)
    return run_spec(worlds.restarts(1), 1, worlds.cluster(objects), limits)


def scaling() -> RunSpec:
    workflow = worlds.acting("scale_deployment", namespace="default", deployment="web", replicas=3)
    return run_spec(workflow, 1)


def counting() -> RunSpec:
    objects = [*worlds.nodes(), worlds.config_map("numbers", n="0")]
    workflow = worlds.acting("update_counter", 2, namespace="default", name="numbers", key="n")
    return run_spec(workflow, 3, worlds.cluster(objects))


CLEAN = {
    "restarts": run_spec(worlds.restarts(2)),
    "evictions": evicting(),
    "crowded": crowded(),
    "quota": full_quota(),
    "scaling": scaling(),
    "counting": counting(),
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_run_violates_nothing(name: str) -> None:
    checks = run_row(simulate(CLEAN[name]))["checks"]
    assert checks == dict.fromkeys(sorted(CHECKS), 0)


def test_a_lost_write_of_a_scale_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Store.patch

    def losing(
        self: Store, ref: Ref, changes: Mapping[str, Any], link: Link, version: Any = None
    ) -> Resource:
        after = written(self, ref, changes, link, version)
        if ref.kind == "Deployment" and changes.get("spec") == {"replicas": 3}:
            written(self, ref, {"spec": {"replicas": 5}}, link)
        return after

    monkeypatch.setattr(Store, "patch", losing)
    limits = worlds.engine(step_timeout_ns=20 * worlds.SECOND_NS)
    assert violated(replace(scaling(), engine=limits)) == {"lost_updates": 1}


def test_a_lost_increment_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes an old resource version for today's lets one writer overwrite another."""
    written = Store.patch

    def careless(
        self: Store, ref: Ref, changes: Mapping[str, Any], link: Link, _version: Any = None
    ) -> Resource:
        return written(self, ref, changes, link)

    monkeypatch.setattr(Store, "patch", careless)
    assert list(violated(counting())) == ["lost_updates"]


def test_an_overcommitted_node_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(fleet: Fleet, *_pod: Any) -> Any:
        return next(iter(fleet.ordered()))

    monkeypatch.setattr(Fleet, "choose", first)
    assert violated(crowded()) == {"node_overcommitted": 3}  # at each binding of a pod too many


def test_an_exceeded_quota_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quotas, "admit", lambda _self, _pod: None)
    monkeypatch.setattr(environment, "Cluster", _unguarded(Cluster))
    assert list(violated(full_quota())) == ["quota_exceeded"]


def _unguarded(cluster: Any) -> Any:
    """A cluster without admission."""

    class Unguarded(cluster):  # type: ignore[misc] # the base is known at run time only
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.store.admit.clear()

    return Unguarded


def test_an_overspent_budget_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def lenient(store: Store, ref: Ref, _pod: Resource, budget: Resource, link: Link) -> None:
        status = budget["status"]
        spent = {
            "disruptionsAllowed": status["disruptionsAllowed"] - 1,
            "disruptedPods": {**(status.get("disruptedPods") or {}), ref.name: "evicted"},
        }
        name = budget["metadata"]["name"]
        store.patch(Ref("PodDisruptionBudget", name, ref.namespace), {"status": spent}, link)

    monkeypatch.setattr(eviction, "spend", lenient)
    assert list(violated(evicting())) == ["budget_violated"]


def test_a_pod_that_moves_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Store.set_status
    moved: list[str] = []

    def moving(
        self: Store, ref: Ref, changes: Mapping[str, Any], link: Link, uid: str | None = None
    ) -> Resource:
        pod = self.objects[ref.kind][ref.namespace, ref.name]
        if ref.kind == "Pod" and not moved and pod["spec"].get("nodeName") == "node-0":
            moved.append(ref.name)
            self.patch(ref, {"spec": {"nodeName": "node-1"}}, link)
        return written(self, ref, changes, link, uid)

    monkeypatch.setattr(Store, "set_status", moving)
    assert violated(run_spec(worlds.restarts(1), 5)).get("pod_moved") == 1
    assert moved


def test_a_resource_version_that_goes_back_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    committed = Store._commit  # noqa: SLF001 - the fault is injected where versions are given
    went_back: list[bool] = []

    def forgetful(self: Store, *arguments: Any) -> Resource:
        if not went_back and self.version > 40:
            went_back.append(True)
            self.version -= 3
        return committed(self, *arguments)

    monkeypatch.setattr(Store, "_commit", forgetful)
    assert violated(run_spec(worlds.restarts(2))) == {"resource_version_regressed": 1}


def test_an_object_that_comes_back_from_the_dead_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    removed = Store.remove

    def reviving(self: Store, ref: Ref, link: Link, uid: str | None = None) -> None:
        pod = self.get(ref)
        removed(self, ref, link, uid)
        self._commit(ref.kind, (ref.namespace, ref.name), None, dict(pod), link)
        removed(self, ref, link, uid)

    monkeypatch.setattr(Store, "remove", reviving)
    assert violated(run_spec(worlds.restarts(1), 1)) == {"object_revived": 1}


def test_an_object_that_is_lost_unseen_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first write of a pod's status takes a ConfigMap along, which nobody is told of."""
    written = Store.set_status

    def losing(self: Store, ref: Ref, changes: Any, link: Link, uid: str | None = None) -> Resource:
        self.objects.get("ConfigMap", {}).clear()
        return written(self, ref, changes, link, uid)

    monkeypatch.setattr(Store, "set_status", losing)
    on = worlds.cluster([*worlds.small_objects(), worlds.config_map("numbers", n="3")])
    assert violated(run_spec(worlds.restarts(1), 1, on)) == {"object_lost": 1}


def test_duplicate_ids_are_counted() -> None:
    """The engine refuses the second of two equal ids with an error, so the checker is asked alone."""
    checker = EngineChecker(Store(str), worlds.engine(), {})
    checker.submitted("x-0", {})
    checker.submitted("x-1", {})
    assert checker.violations["duplicate_ids"] == 0
    checker.submitted("x-0", {})
    assert checker.violations["duplicate_ids"] == 1


def test_a_write_in_the_name_of_another_execution_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    performed = ModelPerformer._patch  # noqa: SLF001

    def swapping(self: ModelPerformer, attempt: Any, effect: Patch) -> None:
        performed(self, attempt, replace(effect, manager="headroom/somebody-else/s0"))

    table = {**_effects(), Patch: swapping}
    monkeypatch.setattr("simulator.perform._EFFECTS", table)
    assert violated(scaling()) == {"leaked_writes": 1}


def _effects() -> dict[type, Any]:
    from simulator import perform

    return dict(perform._EFFECTS)  # noqa: SLF001


def test_a_write_to_what_the_execution_was_not_given_is_counted() -> None:
    """Judged by what was submitted: the name of the object must occur in it, or in the workflow."""
    checker = EngineChecker(Store(str), worlds.engine(), worlds.acting("log").to_json())
    checker.submitted("x-0", {"targets": [{"deployment": "web"}]})
    for name, expected in (("web", 0), ("db", 1)):
        effect = Patch(Ref("Deployment", name, "default"), {}, manager="headroom/x-0/s0")
        command = CancelAttempt("x-0", "s0", 1)
        checker.acknowledged(_Attempt(command), effect)  # type: ignore[arg-type] # all that is read of it
        assert checker.violations["leaked_writes"] == expected


class _Attempt:
    def __init__(self, command: Any) -> None:
        self.command = command


@pytest.mark.parametrize("limits", [{"max_concurrency": 2}, {"max_concurrency": None, "step_slots": 2}])
def test_an_exceeded_limit_is_counted(monkeypatch: pytest.MonkeyPatch, limits: dict[str, Any]) -> None:
    monkeypatch.setattr(Slots, "is_free", property(lambda _self: True))
    assert violated(run_spec(limits=worlds.engine(**limits))) == {"limits_exceeded": 1}


def test_variables_that_change_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = machine.WorkflowEngine._end_execution  # noqa: SLF001

    def tampering(self: Any, execution: ExecutionFacts, *arguments: Any) -> None:
        execution.variables = {**execution.variables, "shared": "leaked"}
        ended(self, execution, *arguments)

    monkeypatch.setattr(machine.WorkflowEngine, "_end_execution", tampering)
    assert violated(run_spec()) == {"variables_changed": 5}


def test_a_step_that_begins_before_its_need_has_ended_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = StepMachine._start_attempt  # noqa: SLF001

    def hasty(self: Any, execution: ExecutionFacts, step: Any, now: int) -> None:
        begun(self, execution, step, now)
        if step.plan.index:
            step.attempts[0].started_ns = now - 1

    monkeypatch.setattr(StepMachine, "_start_attempt", hasty)
    # The attribution stays whole, as the chain begins with the step: only the checker sees it.
    assert violated(run_spec(worlds.restarts(2), 1)) == {"order_violated": 1}


def test_an_eviction_that_asks_no_budget_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eviction, "spend", lambda *_arguments: None)
    assert list(violated(evicting())) == ["budget_violated"]


def test_a_delete_of_what_was_not_given_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every restart takes a pod of another Deployment than its own."""
    performed = ModelPerformer.perform

    def redirected(self: Any, attempt: Any, effect: Any) -> None:
        if isinstance(effect, Delete):
            names = sorted(name for _, name in self._store.objects["Pod"] if name.startswith("other-"))
            effect = Delete(Ref("Pod", names[0], "default"))
        performed(self, attempt, effect)

    monkeypatch.setattr(ModelPerformer, "perform", redirected)
    objects = [*worlds.nodes(), worlds.deployment("web", 2), worlds.deployment("other", 2)]
    workflow = worlds.acting("restart_pod", namespace="default", deployment="web")
    limits = worlds.engine(step_timeout_ns=20 * worlds.SECOND_NS)
    spec = run_spec(workflow, 1, worlds.cluster(objects), limits)
    spec = replace(spec, workload=replace(spec.workload, targets=None))
    assert violated(spec) == {"leaked_writes": 1}


def test_limits_count_what_the_horizon_cuts_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slots, "is_free", property(lambda _self: True))
    limits = worlds.engine(max_concurrency=2)
    assert violated(run_spec(limits=limits, horizon_ns=worlds.SECOND_NS)) == {"limits_exceeded": 1}
