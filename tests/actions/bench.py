"""Where the contract suite runs: a world that performs effects, and lets its controllers work meanwhile.

Another world runs the same suite by another `Bench`: see `tests/actions/contract.py`.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from engine.actions import CATALOGUE
from engine.core.action import ActionContext, ActionCoroutine, ActionFunction
from engine.core.effects import (
    Create,
    Delete,
    Effect,
    Evict,
    Get,
    List,
    Log,
    Patch,
    Ref,
    Remember,
    Resource,
    Selection,
    Sleep,
    WaitUntil,
)
from engine.core.errors import ActionError
from simulator.cluster.disruption import evict
from tests.actions.town import town
from tests.simulator.cluster.objects import Object
from tests.simulator.cluster.rig import Rig, S

CALLS = (Get, List, Create, Patch, Delete, Evict)
WAIT_MAX_NS = 1800 * S
TIMES = (
    "completionTime", "creationTimestamp", "finishedAt", "lastTransitionTime", "lastUpdateTime", "startTime",
    "startedAt", "uid",
)  # fmt: skip
VOLATILE = (*TIMES, "resourceVersion", "nodeName")


class StuckError(Exception):
    """What an action waits for does not come; the message is its purpose."""


class Bench(Protocol):
    """A cluster with the town in it."""

    calls: list[str]
    mutations: list[str]

    def perform(self, effect: Effect[Any]) -> Any:
        """Carry out an effect to its end; raises an `ActionError`."""

    def settle(self) -> None:
        """Let everything that is under way come to its end."""

    def get(self, kind: str, name: str) -> Resource:
        """Return an object of the town's namespace, or a node; raises `NotFound`."""

    def of_kind(self, kind: str, **labels: str) -> Sequence[Resource]:
        """Return the objects of a kind, in order of namespace and name."""

    def change(self, kind: str, name: str, changes: Mapping[str, Any]) -> None:
        """Change an object as somebody else would."""

    def put(self, resource: Object) -> None:
        """Create an object as somebody else would."""


class ModelBench:
    """The modelled cluster. API calls act at once; while an action waits, virtual time passes."""

    def __init__(self, version: str = "v1.34.0") -> None:
        self.rig = Rig(*town(version), parameters={"image.cached": True})
        self.rig.run(30 * S)
        self.calls: list[str] = []
        self.mutations: list[str] = []

    def perform(self, effect: Effect[Any]) -> Any:
        match effect:
            case WaitUntil():
                return self._wait(effect)
            case Sleep(duration_ns):
                self.rig.run(duration_ns)
            case Log():
                pass
            case _:
                self.calls.append(type(effect).__name__)
                version = self.rig.store.version
                answer = self._call(effect)
                if self.rig.store.version != version:
                    self.mutations.append(described(effect))
                return answer
        return None

    def _call(self, effect: Effect[Any]) -> Any:
        store, link = self.rig.store, self.rig.link
        match effect:
            case Get(ref):
                return store.get(ref)
            case List(selection):
                return store.select(selection)
            case Create(resource):
                return store.create(resource, link)
            case Patch():
                assert effect.manager, "every write names its writer"
                changes, version = effect.changes, effect.resource_version
                return self.rig.cluster.patch(effect.ref, changes, link, version, effect.subresource)
            case Delete(ref, uid, grace_s):
                store.delete(ref, link, uid, grace_s)
            case Evict(ref, uid):
                evict(store, ref, uid, link)
            case _:
                raise AssertionError(effect)
        return None

    def _wait(self, effect: WaitUntil[Any]) -> Any:
        answers: list[Any] = []

        def ready() -> bool:
            value = effect.ready(*(self._cached(selection) for selection in effect.selections))
            answers[:] = [value]
            return value is not None

        end = self.rig.now + WAIT_MAX_NS
        while not ready():
            if self.rig.agenda.peek() > end:
                raise StuckError(effect.purpose)
            self.rig.agenda.step()
        return answers[0]

    def _cached(self, selection: Selection) -> list[Resource]:
        found = self.rig.cluster.watch.cache.get(selection.kind, {})
        return [
            found[key]
            for key in sorted(found)
            if key[0] == selection.namespace
            and (not selection.name or key[1] == selection.name)
            and all((found[key]["metadata"].get("labels") or {}).get(k) == v for k, v in selection.labels)
        ]

    def settle(self) -> None:
        self.rig.run(120 * S)

    def get(self, kind: str, name: str) -> Resource:
        return self.rig.get(kind, name)

    def of_kind(self, kind: str, **labels: str) -> Sequence[Resource]:
        return self.rig.store.select(Selection(kind, "", tuple(labels.items())))

    def change(self, kind: str, name: str, changes: Mapping[str, Any]) -> None:
        self.rig.patch(kind, name, dict(changes))

    def put(self, resource: Object) -> None:
        self.rig.create(resource)

    def state(self) -> dict[str, Any]:
        """All objects; when, by which version, and on which node something happened is no part of the end."""
        return {
            f"{kind} {'/'.join(key)}": stripped(resource)
            for kind, objects in sorted(self.rig.store.objects.items())
            for key, resource in sorted(objects.items())
        }


def described(effect: Any) -> str:
    """Say what a write did to which object."""
    resource = getattr(effect, "resource", None)
    ref = effect.ref if resource is None else Ref(resource["kind"], resource["metadata"]["name"])
    return f"{type(effect).__name__.lower()} {ref.kind} {ref.name}"


def stripped(value: Any) -> Any:
    """Return JSON without what differs from one play to the next."""
    if isinstance(value, Mapping):
        return {key: stripped(inner) for key, inner in sorted(value.items()) if key not in VOLATILE}
    if isinstance(value, list | tuple):
        return [stripped(inner) for inner in value]
    return value


Steps = Iterator[Effect[Any]]


def attempt(
    bench: Bench,
    function: ActionFunction,
    parameters: Mapping[str, Any],
    memory: dict[str, Any],
    outputs: list[Mapping[str, Any]],
    number: int = 1,
) -> Steps:
    """Run one attempt; each effect is yielded before and after it is performed. Close to crash.

    The outputs are appended to `outputs`, which at a rollback holds those of the step.
    """
    given = outputs[0] if outputs else {}
    context = ActionContext("run-1", "step-1", number, memory, "headroom/run-1/step-1", given)
    coroutine: ActionCoroutine = function(context, parameters)
    answer: Any = None
    error: ActionError | None = None
    try:
        while True:
            try:
                effect = coroutine.throw(error) if error is not None else coroutine.send(answer)
            except StopIteration as stop:
                outputs.append(stop.value)
                return
            yield effect
            answer, error = None, None
            try:
                if isinstance(effect, Remember):
                    memory[effect.key] = copy.deepcopy(effect.value)
                else:
                    answer = bench.perform(effect)
            except ActionError as raised:
                error = raised
            yield effect
    finally:
        coroutine.close()


def bound(action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters as an attempt gets them; the namespace is the town's."""
    spec = CATALOGUE[action]
    namespace = {"namespace": "default"} if "namespace" in spec.parameters else {}
    return spec.bind({**namespace, **parameters})


def run(
    bench: Bench, action: str, memory: dict[str, Any] | None = None, /, **parameters: Any
) -> Mapping[str, Any]:
    """Run an attempt to its end and return its outputs."""
    outputs: list[Mapping[str, Any]] = []
    spec = CATALOGUE[action]
    for _ in attempt(bench, spec.run, bound(action, parameters), {} if memory is None else memory, outputs):
        pass
    return outputs[-1]


def roll_back(
    bench: Bench, action: str, memory: dict[str, Any], outputs: Mapping[str, Any], /, **parameters: Any
) -> Mapping[str, Any]:
    """Run the rollback of a step to its end and return its outputs."""
    spec = CATALOGUE[action]
    assert spec.rollback is not None
    found = [outputs]
    for _ in attempt(bench, spec.rollback, bound(action, parameters), memory, found):
        pass
    return found[-1]


Check = Callable[[Bench], bool]
