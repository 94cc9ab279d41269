"""What many executions cannot do in less time than this, as they share it: slots, locks, rates, buckets.

Each floor holds whatever the dice say, and counts only what is certain: a step that may be tried again frees
its slot in between, and one that may be shared with others is done once for all.
"""

from collections.abc import Callable, Sequence

from engine.core.definition import Step, StepKind
from headroom.replacement import NOTHING, Bound, Replacement, greatest
from scenarios import RunSpec

# Actions that end only when the pods they removed are gone and their replacements are ready.
REPLACES_PODS = ("restart_pod", "rollback_deployment", "rollout_restart")
REPLACES_ALL = ("rollout_restart",)
Own = Callable[[Step], float]


def slots(spec: RunSpec, steps: Sequence[Step], own: Own, executions: int) -> Bound:
    """Bound by the slots for attempts: work / slots."""
    count = spec.engine.step_slots
    once = [step for step in _actions(spec, steps) if step.retry.max_attempts == 1]
    work = executions * sum(own(step) for step in once)
    if count is None or work <= 0:
        return NOTHING
    return Bound(
        work / count,
        f"{executions * len(once)} attempts hold a step slot for {work:g} s in all, {count} at a time:"
        f" {work:g} / {count} = {work / count:g} s",
    )


def locks(spec: RunSpec, steps: Sequence[Step], own: Own, executions: int) -> Bound:
    """Bound by the locks that every execution takes."""
    held: dict[str, float] = {}
    for step in steps:
        for name in dict.fromkeys(name for name in (step.lock, *step.locks) if name and "${" not in name):
            held[name] = held.get(name, 0.0) + own(step)
    return greatest(NOTHING, *(_lock(spec, name, seconds, executions) for name, seconds in held.items()))


def _lock(spec: RunSpec, name: str, seconds: float, executions: int) -> Bound:
    holders = spec.engine.semaphores.get(name, 1)
    total = executions * seconds / holders
    return Bound(
        total,
        f"{executions} executions hold the lock '{name}' for {seconds:g} s or more each, {holders} at a time:"
        f" {total:g} s",
    )


def rates(spec: RunSpec, steps: Sequence[Step], executions: int) -> Bound:
    """Bound by the rates at which actions may start."""
    counts: dict[str, int] = {}
    for step in _actions(spec, steps):
        counts[step.action] = counts.get(step.action, 0) + executions
    return greatest(NOTHING, *(_rate(spec, name, count) for name, count in counts.items()))


def _rate(spec: RunSpec, action: str, count: int) -> Bound:
    if action not in spec.engine.rates:
        return NOTHING
    per_s, burst = spec.engine.rates[action]
    seconds = max(0, count - burst) / per_s
    return Bound(
        seconds,
        f"{count} starts of {action} at {per_s:g}/s, {burst} at once: ({count} - {burst}) / {per_s:g} ="
        f" {seconds:g} s",
    )


def controllers(
    spec: RunSpec, steps: Sequence[Step], replacement: Replacement, targets: Callable[[Step], Sequence[str]]
) -> Bound:
    """Bound by the ReplicaSet controller's bucket: a call for every pod that must be made."""
    made: dict[str, int] = {}
    for step in steps:
        names = targets(step) if step.kind is StepKind.ACTION else ()
        if len(names) == 1:
            made[names[0]] = max(made.get(names[0], 0), _made(step, replacement.replicas(names[0])))
    pods = sum(made.values())
    if not pods:
        return NOTHING
    qps = float(spec.cluster.parameters["controller_manager.qps"])
    burst = int(spec.cluster.parameters["controller_manager.burst"])
    wait = max(0, pods - burst) / qps
    last = min(
        (replacement.readiness(name) for name, count in made.items() if count), key=lambda it: it.seconds
    )
    return Bound(
        wait + last.seconds,
        f"{pods} new pods, a call of the ReplicaSet controller each, through its bucket of burst {burst} and"
        f" {qps:g}/s: {wait:g} s; the last: {last.because}",
    )


def _made(step: Step, replicas: int | None) -> int:
    """Return how many pods the cluster must make before a step can have ended."""
    if replicas is None:
        return 0
    if step.action == "scale_deployment":
        wanted = step.parameters.get("replicas")
        return max(0, wanted - replicas) if isinstance(wanted, int) else 0
    if step.action in REPLACES_ALL:
        return replicas
    return 1 if step.action in REPLACES_PODS and replicas else 0


def _actions(spec: RunSpec, steps: Sequence[Step]) -> list[Step]:
    """Return the action steps that every execution makes an attempt of its own at."""
    shared = spec.engine.coalesce
    return [step for step in steps if step.kind is StepKind.ACTION and step.action not in shared]
