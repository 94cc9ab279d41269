"""The variables of one execution: templates evaluated, and targets drawn."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from scenarios.runspec import RunSpec, TargetsSpec
from scenarios.templates import evaluate_value

Pick = Callable[[str], float]  # a key -> a uniform number in [0, 1), always the same for the same key


def instantiate(spec: RunSpec, index: int, pick: Pick) -> dict[str, Any]:
    """Return the variables of execution `index` (from 0).

    Templates see ``execution`` (the index) and ``replication``. With targets, ``targets`` is a list with
    one ``{"namespace", "deployment", "ordinal"}`` for every step of the workflow, groups and their children
    included, in order of definition. `pick` is asked once per step under random assignment, with the key
    ``execution/step``.
    """
    variables = evaluate_value(spec.workload.variables, {"execution": index, "replication": spec.replication})
    if spec.workload.targets:
        count = sum(1 for _ in _walk(spec.workload.workflow["steps"]))
        variables["targets"] = list(_targets(spec.workload.targets, index, count, pick))
    return dict(variables)


def _walk(steps: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for step in steps:
        yield step
        yield from _walk(step.get("steps", ()))


def _targets(targets: TargetsSpec, index: int, count: int, pick: Pick) -> Iterator[dict[str, Any]]:
    total = sum(targets.replicas)
    for step in range(count):
        if targets.assign == "round-robin":
            turn = index * count + step
            number = turn % len(targets.deployments)
            ordinal = turn // len(targets.deployments) % targets.replicas[number]
        else:
            number, ordinal = _drawn(targets, int(pick(f"{index}/{step}") * total))
        namespace, name = targets.deployments[number].split("/", 1)
        yield {"namespace": namespace, "deployment": name, "ordinal": ordinal}


def _drawn(targets: TargetsSpec, pod: int) -> tuple[int, int]:
    """Return the Deployment and the ordinal of the pod with that number, all pods counted in order."""
    for number, replicas in enumerate(targets.replicas):
        if pod < replicas:
            return number, pod
        pod -= replicas
    raise AssertionError("a uniform number of 1 or more")
