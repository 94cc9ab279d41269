"""Worlds with a regression built in, for `headroom gate selftest`: what a gate must see, done to real runs.

The name of a world says what is wrong with it, and how much: `headroom.injected:slower_action@0.4`. The
scenario, its seeds and the engine stay as they are; actions, retries or the client's bucket do not.
"""

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from engine.core.action import ActionContext, ActionFunction, ActionSpec
from engine.core.effects import Get, List, Selection, Sleep
from engine.core.errors import ActionError
from scenarios import RunSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.environment import RunResult

Wrap = Callable[[ActionSpec], ActionFunction]
SLOWER_ACTION: Final = "slower_action"  # every attempt takes so many seconds longer
EXTRA_CALLS: Final = "extra_calls"  # every attempt makes so many calls more
HICCUP: Final = "hiccup"  # the first attempt of every step fails; a retry helps
LOST_RETRY: Final = "lost_retry"  # the same, and nothing is tried again
SMALLER_BUCKET: Final = "smaller_bucket"  # the client's rate and burst are this share of what they were


def world(kind: str, size: float) -> str:
    """Return the name of a world, as tasks carry it."""
    return f"{__name__}:{kind}@{size!r}"


def __getattr__(name: str) -> Any:
    """Return the world of that name."""
    kind, separator, size = name.partition("@")
    if not separator or kind not in _WORLDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(_WORLDS[kind], float(size))


def _slower_action(seconds: float, spec: RunSpec) -> "RunResult":
    pause_ns = round(seconds * 1e9)

    def wrap(action: ActionSpec) -> ActionFunction:
        async def run(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            await Sleep(pause_ns)
            return await action.run(context, parameters)

        return run

    return _simulate(spec, wrap)


def _extra_calls(count: float, spec: RunSpec) -> "RunResult":
    def wrap(action: ActionSpec) -> ActionFunction:
        async def run(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            target = action.target(parameters) if action.target else None
            for _ in range(int(count)):
                try:
                    await (Get(target) if target else List(Selection("Pod", "default")))
                except ActionError:  # a call that finds nothing was made all the same
                    continue
            return await action.run(context, parameters)

        return run

    return _simulate(spec, wrap)


def _hiccup(_size: float, spec: RunSpec) -> "RunResult":
    def wrap(action: ActionSpec) -> ActionFunction:
        async def run(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
            if context.attempt == 1:
                raise ActionError("injected: the first attempt fails", reason="Injected")
            return await action.run(context, parameters)

        return run

    return _simulate(spec, wrap)


def _lost_retry(size: float, spec: RunSpec) -> "RunResult":
    workload = spec.workload
    changed = replace(
        workload,
        workflow=_without_retries(workload.workflow),
        subflows=tuple(_without_retries(subflow) for subflow in workload.subflows),
    )
    return _hiccup(size, replace(spec, workload=changed))


def _smaller_bucket(share: float, spec: RunSpec) -> "RunResult":
    from simulator import simulate

    engine = spec.engine
    if engine.client_qps is None:
        return simulate(spec)
    burst = max(1, int(engine.client_burst * share))
    return simulate(
        replace(spec, engine=replace(engine, client_qps=engine.client_qps * share, client_burst=burst))
    )


_WORLDS: Final[Mapping[str, Callable[[float, RunSpec], "RunResult"]]] = {
    SLOWER_ACTION: _slower_action,
    EXTRA_CALLS: _extra_calls,
    HICCUP: _hiccup,
    LOST_RETRY: _lost_retry,
    SMALLER_BUCKET: _smaller_bucket,
}


def retries(workflow: Any) -> bool:
    """Tell whether any step of a workflow, as JSON, is tried more than once."""
    if isinstance(workflow, Mapping):
        retry = workflow.get("retry")
        if isinstance(retry, Mapping) and int(retry.get("max_attempts", 1)) > 1:
            return True
        return any(retries(item) for item in workflow.values())
    return isinstance(workflow, list | tuple) and any(retries(item) for item in workflow)


def _without_retries(workflow: Any) -> Any:
    if isinstance(workflow, Mapping):
        return {
            key: {**item, "max_attempts": 1}
            if key == "retry" and isinstance(item, Mapping)
            else _without_retries(item)
            for key, item in workflow.items()
        }
    if isinstance(workflow, list | tuple):
        return [_without_retries(item) for item in workflow]
    return workflow


def _simulate(spec: RunSpec, wrap: Wrap) -> "RunResult":
    from simulator import simulate

    with _wrapped(wrap):
        return simulate(spec)


@contextmanager
def _wrapped(wrap: Wrap) -> "Iterator[None]":
    """Let the world run wrapped actions while entered; conditions stay as they are."""
    from engine.registry import actions
    from simulator import environment

    names = vars(environment)
    before = names["runnable"]
    known = before()
    changed = {name: replace(item, run=wrap(item)) for name, item in actions().items()}
    names["runnable"] = lambda: {**known, **changed}
    try:
        yield
    finally:
        names["runnable"] = before
