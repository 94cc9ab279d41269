"""Invariants judged in every run, apart from the model: each count is a number of violations.

The checkers watch what is written to the store and what the engine did. They share no state with the
components that they judge; only the reading of requests and nodes is common to both.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.core.attempt_runner import MANAGER_PREFIX, Attempt
from engine.core.effects import Create, Delete, Effect, Evict, Patch, Ref, Resource
from engine.core.events import AttemptFailed, AttemptSucceeded, ExecutionSubmitted, Remembered
from engine.core.facts import ExecutionFacts
from engine.core.history import History
from engine.core.parameters import Resolver, UnknownVariable, compile_value
from scenarios.quantities import amount, cpu_millis
from scenarios.runspec import EngineSpec
from simulator.attribution import Link
from simulator.cluster.demands import Demands
from simulator.cluster.objects import condition_of, has_ended, key_of, matches
from simulator.cluster.placement import Demand, NodeFree
from simulator.cluster.podstatus import held
from simulator.cluster.store import Key, Store
from simulator.given import Reach

CHECKS = (
    "duplicate_ids", "leaked_writes", "limits_exceeded", "lost_updates", "node_overcommitted",
    "object_lost", "object_revived", "order_violated", "pod_moved", "quota_exceeded",
    "resource_version_regressed", "variables_changed", "budget_violated",
)  # fmt: skip


class ClusterChecker:
    """Judges every write to the store."""

    def __init__(self, store: Store) -> None:
        """Watch `store` from now on."""
        self.violations = dict.fromkeys(CHECKS, 0)
        self._store = store
        self._version = store.version
        self._gone: dict[str, None] = {}
        self._live_count = _count_of(store)
        self._on_node: dict[str, dict[Key, Demand]] = {}
        self._capacity: dict[str, tuple[Resource, NodeFree]] = {}  # as read from which object
        self._demands = Demands()  # its own
        self._used: dict[str, list[int]] = {}  # namespace -> millicores, bytes, pods
        for pod in store.objects.get("Pod", {}).values():
            self._note_node(pod)
            self._note_use(pod, 1)
        store.published.append(self._written)

    def _written(self, kind: str, before: Resource | None, after: Resource | None, _link: Link) -> None:
        if after is None:
            self._live_count -= 1
            self._gone[(before or {})["metadata"]["uid"]] = None
        else:
            self._live_count += before is None
            metadata = after["metadata"]
            version = int(metadata["resourceVersion"])
            if version <= self._version:
                self.violations["resource_version_regressed"] += 1
            self._version = version
            if metadata["uid"] in self._gone:
                self.violations["object_revived"] += 1
        if kind == "Pod":
            self._pod_written(before, after)
        elif kind == "PodDisruptionBudget" and before is not None and after is not None:
            self._budget_written(before, after)

    def finish(self) -> None:
        """Judge the whole: whatever was there and was not seen to go is there still."""
        self.violations["object_lost"] += abs(self._live_count - _count_of(self._store))

    def _pod_written(self, before: Resource | None, after: Resource | None) -> None:
        resized = before is not None and after is not None and _containers(before) is not _containers(after)
        is_over = after is not None and has_ended(after)
        if before is None or after is None or resized or has_ended(before) != is_over:
            self._note_use(before, -1)
            self._note_use(after, 1)
        was = before["spec"].get("nodeName", "") if before is not None else ""
        now = after["spec"].get("nodeName", "") if after is not None else ""
        if was:
            self.violations["pod_moved"] += bool(now and was != now)
            if before is not None and after is not None and not is_over and _was_resized(before, after):
                self._note_node(after)
                self.violations["node_overcommitted"] += self._overcommitted(was)
            if after is None or is_over:
                self._on_node.get(was, {}).pop(key_of(before or {}), None)
        elif now and after is not None:
            self._note_node(after)
            self.violations["node_overcommitted"] += self._overcommitted(now)
        if after is not None and (before is None or resized):
            self.violations["quota_exceeded"] += self._over_quota(after["metadata"].get("namespace", ""))

    def _note_node(self, pod: Resource) -> None:
        node = pod["spec"].get("nodeName")
        if node and not has_ended(pod):
            self._on_node.setdefault(node, {})[key_of(pod)] = self._demands.of({**pod, "spec": held(pod)})

    def _note_use(self, pod: Resource | None, sign: int) -> None:
        """Keep the namespace's totals; a pod that has ended uses nothing."""
        if pod is None or has_ended(pod):
            return
        demand = self._demands.of(pod)
        used = self._used.setdefault(pod["metadata"].get("namespace", ""), [0, 0, 0])
        used[0] += sign * demand.cpu_m
        used[1] += sign * demand.memory_b
        used[2] += sign

    def _overcommitted(self, name: str) -> bool:
        node = self._store.objects.get("Node", {}).get(("", name))
        if node is None:
            return True
        known = self._capacity.get(name)
        if known is None or known[0] is not node:
            known = self._capacity[name] = (node, NodeFree.of(node))
        free = known[1]
        cpu_m = memory_b = 0
        demands = self._on_node[name].values()
        for demand in demands:
            cpu_m += demand.cpu_m
            memory_b += demand.memory_b
        return cpu_m > free.cpu_m or memory_b > free.memory_b or len(demands) > free.pods

    def _over_quota(self, namespace: str) -> bool:
        for key, quota in self._store.objects.get("ResourceQuota", {}).items():
            if key[0] != namespace:
                continue
            hard: Mapping[str, Any] = quota["spec"].get("hard") or {}
            used = self._used[namespace]
            cpu = hard.get("requests.cpu", hard.get("cpu"))
            memory = hard.get("requests.memory", hard.get("memory"))
            if (
                (cpu is not None and used[0] > cpu_millis(cpu))
                or (memory is not None and used[1] > amount(memory))
                or ("pods" in hard and used[2] > amount(hard["pods"]))
            ):
                return True
        return False

    def _budget_written(self, before: Resource, after: Resource) -> None:
        """An eviction spends one disruption that the status allowed.

        The pods themselves may be fewer by then: a plain delete asks no budget, and its controller learns
        of it later.
        """
        was, now = before.get("status") or {}, after.get("status") or {}
        evicted = len(now.get("disruptedPods") or {}) > len(was.get("disruptedPods") or {})
        spent = now.get("disruptionsAllowed", 0) < was.get("disruptionsAllowed", 0)
        self.violations["budget_violated"] += evicted and spent and was.get("disruptionsAllowed", 0) < 1


class EngineChecker:
    """Judges what the engine did with each execution."""

    def __init__(
        self,
        store: Store,
        engine: EngineSpec,
        workflow: Mapping[str, Any],
        subflows: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Judge against the limits of `engine`, and against what `workflow` and its subflows name."""
        self.violations = dict.fromkeys(CHECKS, 0)
        self._store = store
        self._engine = engine
        self._workflow = workflow
        self._named = [(text, compile_value(text)) for text in dict.fromkeys(_texts([workflow, *subflows]))]
        self._submitted: dict[str, str] = {}
        self._given: dict[str, dict[str, None]] = {}
        self._reach = Reach(store)
        self._scaled: dict[Ref, int] = {}
        self._counted: dict[tuple[str, str, bool], _Increment] = {}
        self._counters = {
            key: dict(resource.get("data") or {})
            for key, resource in store.objects.get("ConfigMap", {}).items()
        }
        self._admitted: list[tuple[int, int]] = []
        self._attempted: list[tuple[int, int]] = []

    def submitted(self, execution_id: str, variables: Mapping[str, Any]) -> None:
        """Note what was asked for, before the engine sees it."""
        self.violations["duplicate_ids"] += execution_id in self._submitted
        self._submitted[execution_id] = json.dumps(variables)
        named = [_resolved(text, resolve, variables) for text, resolve in self._named]
        self._given[execution_id] = dict.fromkeys((*_texts(variables), *_texts(named)))

    def acknowledged(self, attempt: Attempt, effect: Effect[Any]) -> None:
        """Judge an acknowledged write: in the name of its execution, on what that was given."""
        command = attempt.command
        given = self._given.get(command.execution_id, {})
        if isinstance(effect, Evict):
            self.violations["budget_violated"] += self._unspent(effect.ref)
        if isinstance(effect, Create):
            metadata = effect.resource["metadata"]
            created = Ref(effect.resource["kind"], metadata["name"], metadata.get("namespace", ""))
            self._reach.created(created, command.execution_id)
        if isinstance(effect, Delete | Evict):
            held = self._reach.holds(effect.ref, command.execution_id, given)
            self.violations["leaked_writes"] += not held
        if not isinstance(effect, Patch):
            return
        ref = effect.ref
        own = effect.manager == f"{MANAGER_PREFIX}/{command.execution_id}/{command.step_id}"
        held = self._reach.holds(ref, command.execution_id, given)
        self.violations["leaked_writes"] += not own or not held
        if effect.subresource == "scale":
            self._scaled[ref] = effect.changes["spec"]["replicas"]
        elif ref.kind == "ConfigMap" and command.action == "update_counter":
            key, increment = command.parameters["key"], command.parameters.get("increment", 1)
            step = (command.execution_id, command.step_id, command.is_rollback)
            counted = -increment if command.is_rollback else increment
            self._counted[step] = _Increment((ref.namespace, ref.name), key, counted)

    def _unspent(self, ref: Ref) -> bool:
        """Say whether the eviction that was written last took a ready pod and left a budget as it was."""
        pod = self._store.objects.get("Pod", {}).get((ref.namespace, ref.name))
        if pod is None or pod["metadata"]["resourceVersion"] != str(self._store.version):
            return False  # it was going already
        if condition_of(pod, "Ready") != "True":
            return False
        if condition_of(pod, "DisruptionTarget") != "True":
            return False  # somebody else has deleted it, and the eviction found it going
        return any(
            ref.name not in ((budget.get("status") or {}).get("disruptedPods") or {})
            for key, budget in self._store.objects.get("PodDisruptionBudget", {}).items()
            if key[0] == ref.namespace
            and matches(budget["spec"].get("selector"), pod["metadata"].get("labels"))
        )

    def ended(self, facts: ExecutionFacts, now: int = -1) -> None:
        """Judge an execution that has ended, or that the horizon cuts off at `now`."""
        variables = json.dumps(facts.variables)
        self.violations["variables_changed"] += variables != self._submitted.get(facts.execution_id)
        self._check_order(facts)
        self._note_intervals(facts, now)

    def _check_order(self, facts: ExecutionFacts) -> None:
        """Nothing begins before its needs have ended, by the engine's own instants."""
        for step in facts.steps.values():
            for number in step.plan.needs:
                need = step.scope.steps[number].id
                ended = facts.steps[need].ended_ns
                begun = step.attempts[0].started_ns if step.attempts else step.started_ns
                self.violations["order_violated"] += begun >= 0 and (ended < 0 or begun < ended)

    def _check_history(self, history: History) -> None:
        """No id is submitted twice; no attempt is heard of before what its step needs has succeeded."""
        needs = {step["id"]: step.get("needs") or () for step in self._workflow.get("steps") or ()}
        actions = {step["id"] for step in self._workflow.get("steps") or () if step.get("kind") == "action"}
        succeeded: dict[tuple[str, str], None] = {}
        submitted: dict[str, int] = {}
        for _, event in history:
            if isinstance(event, ExecutionSubmitted):
                submitted[event.execution_id] = submitted.get(event.execution_id, 0) + 1
            if isinstance(event, AttemptSucceeded | AttemptFailed | Remembered):
                for need in needs.get(event.step_id, ()):
                    before = (event.execution_id, need)
                    self.violations["order_violated"] += need in actions and before not in succeeded
                if isinstance(event, AttemptSucceeded):
                    succeeded[event.execution_id, event.step_id] = None
        taken_count = sum(count - 1 for count in submitted.values())  # those that the engine itself took
        self.violations["duplicate_ids"] = max(self.violations["duplicate_ids"], taken_count)

    def _note_intervals(self, facts: ExecutionFacts, now: int) -> None:
        """Note when executions and attempts were under way; what has not ended is so until `now`."""
        if facts.admitted_ns >= 0:
            self._admitted.append((facts.admitted_ns, max(facts.ended_ns, now)))
        for step in facts.steps.values():
            for attempt in step.attempts:
                if attempt.started_ns >= 0:
                    end = attempt.ended_ns if attempt.ended_ns >= 0 else now
                    self._attempted.append((attempt.started_ns, end))

    def finish(self, history: History) -> None:
        """Judge the whole: order, limits over all intervals, what was acknowledged against what is stored."""
        self._check_history(history)
        self.violations["limits_exceeded"] += _most_at_once(self._admitted) > (
            self._engine.max_concurrency or 1 << 62
        )
        self.violations["limits_exceeded"] += _most_at_once(self._attempted) > (
            self._engine.step_slots or 1 << 62
        )
        for ref, replicas in self._scaled.items():
            scaled = self._store.objects.get(ref.kind, {}).get((ref.namespace, ref.name))
            self.violations["lost_updates"] += scaled is None or scaled["spec"]["replicas"] != replicas
        totals: dict[tuple[Key, str], int] = {}
        for counted in self._counted.values():
            counter = (counted.config_map, counted.key)
            totals[counter] = totals.get(counter, 0) + counted.increment
        for (config_map, name), total in totals.items():
            before = int(self._counters.get(config_map, {}).get(name, 0))
            found = self._store.objects.get("ConfigMap", {}).get(config_map) or {}
            self.violations["lost_updates"] += abs(
                before + total - int((found.get("data") or {}).get(name, 0))
            )


def _resolved(text: str, resolve: Resolver | None, variables: Mapping[str, Any]) -> Any:
    """Return a text of a workflow as an execution's variables have it; those of loops and steps stay out."""
    try:
        return resolve(variables) if resolve is not None else text
    except UnknownVariable:
        return text


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _containers(pod: Resource) -> Any:
    return pod["spec"]["containers"]


def _was_resized(before: Resource, after: Resource) -> bool:
    """Say whether the node gives the containers of a pod that has not ended something else than before."""
    was = _granted(before)
    return bool(was) and was != _granted(after)


def _granted(pod: Resource) -> list[Any]:
    """Return the resources of a pod's containers as its node gives them."""
    return [one.get("resources") for one in (pod.get("status") or {}).get("containerStatuses") or ()]


def _count_of(store: Store) -> int:
    """Return how many objects there are."""
    return sum(map(len, store.objects.values()))


class _Increment(NamedTuple):
    """One acknowledged addition to a counter."""

    config_map: Key
    key: str
    increment: int


def _most_at_once(intervals: Sequence[tuple[int, int]]) -> int:
    """Return the most half-open intervals that overlap."""
    real = [(start, end) for start, end in intervals if end > start]
    edges = sorted([(start, 1) for start, _ in real] + [(end, -1) for _, end in real])
    most = present = 0
    for _, change in edges:
        present += change
        most = max(most, present)
    return most
