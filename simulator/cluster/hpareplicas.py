"""How many replicas an autoscaler's metrics ask for, by pkg/controller/podautoscaler/replica_calculator.go.

Pods that go, have failed or are not ready yet are left out; when they would be what makes the rest look
busy, unready ones count as idle. A pod without metrics counts as idle when scaling up and as fully used when
scaling down, so that what is not known damps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from engine.core.effects import Resource
from scenarios.quantities import resource_amount
from simulator.cluster.instants import seconds_of
from simulator.cluster.objects import condition_named, is_terminating
from simulator.cluster.podmetrics import requested


class NoMetrics(Exception):
    """Nothing can be said for want of metrics, or of requests to compare them with."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the controller manager is started with."""

    tolerance: float
    cpu_initialization_s: int
    initial_readiness_s: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Moment:
    """The present, when the metrics were read, and time 0, in seconds."""

    now_s: int
    read_s: int
    settled_s: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one metric asks for, and what it says now."""

    replicas: int
    metric: Mapping[str, Any]  # for status.currentMetrics
    name: str


RESOURCE: Final = "Resource"


def resource_of(metric: Mapping[str, Any]) -> str:
    """Return what a metric is about; raises `NoMetrics` for one that only a monitoring system knows."""
    if metric["type"] != RESOURCE:
        message = f"unable to get metrics of type {metric['type']}: no metrics API serves them"
        raise NoMetrics(message)
    name: str = metric["resource"]["name"]
    return name


def propose(
    spec: Mapping[str, Any],
    replicas: int,
    pods: Sequence[Resource],
    uses: Mapping[str, int],
    settings: Settings,
    moment: Moment,
) -> Proposal:
    """Return what a metric of type Resource asks for; raises `NoMetrics`."""
    name, target = spec["resource"]["name"], spec["resource"]["target"]
    if not pods:
        message = "no pods returned by selector while calculating replica count"
        raise NoMetrics(message)
    ready_count, metrics, unready, missing = _grouped(pods, uses, name, settings, moment)
    if not metrics:
        message = "did not receive metrics for targeted pods (pods might be unready)"
        raise NoMetrics(message)
    measure = _Measure.of(target, name, pods)
    ratio = measure.ratio(metrics)
    current = measure.current(metrics)
    described = {"type": RESOURCE, "resource": {"name": name, "current": current}}
    proposed = _replicas(measure, ratio, replicas, ready_count, metrics, unready, missing, settings.tolerance)
    return Proposal(proposed, described, f"{name} resource {measure.word}")


def _grouped(
    pods: Sequence[Resource], uses: Mapping[str, int], resource: str, settings: Settings, moment: Moment
) -> tuple[int, dict[str, int], list[str], list[str]]:
    """Return the pods that count, their metrics, and the names of the unready and the unknown (groupPods)."""
    ready_count, metrics, unready, missing = 0, {}, list[str](), list[str]()
    for pod in pods:
        name, phase = pod["metadata"]["name"], (pod.get("status") or {}).get("phase", "Pending")
        if is_terminating(pod) or phase == "Failed":
            continue
        if phase == "Pending":
            unready.append(name)
        elif name not in uses:
            missing.append(name)
        elif resource == "cpu" and _is_unready(pod, settings, moment):
            unready.append(name)
        else:
            ready_count += 1
            metrics[name] = uses[name]
    return ready_count, metrics, unready, missing


def _is_unready(pod: Resource, settings: Settings, moment: Moment) -> bool:
    """Say whether a pod's CPU is that of its start-up."""
    status = pod.get("status") or {}
    ready = condition_named(status.get("conditions") or (), "Ready")
    if ready is None or not status.get("startTime"):
        return True
    began_s = seconds_of(status["startTime"])
    changed_s = seconds_of(ready.get("lastTransitionTime", ""))
    if began_s + settings.cpu_initialization_s > moment.now_s:
        if ready["status"] == "False":
            return True
        return changed_s > moment.settled_s and moment.read_s < changed_s + settings.window_s
    return ready["status"] == "False" and began_s + settings.initial_readiness_s > changed_s


def _replicas(
    measure: "_Measure",
    ratio: float,
    replicas: int,
    ready_count: int,
    metrics: dict[str, int],
    unready: Sequence[str],
    missing: Sequence[str],
    tolerance: float,
) -> int:
    rebalance = bool(unready) and ratio > 1
    if not rebalance and not missing:
        return replicas if abs(1 - ratio) <= tolerance else ceil(ratio * ready_count)
    counted = dict(metrics)
    if ratio != 1:
        counted |= {name: 0 if ratio > 1 else measure.full(name) for name in missing}
    if rebalance:
        counted |= dict.fromkeys(unready, 0)
    again = measure.ratio(counted)
    if abs(1 - again) <= tolerance or (ratio < 1 < again) or (again < 1 < ratio):
        return replicas
    proposed = ceil(again * len(counted))
    turned = (again < 1 and proposed > replicas) or (again > 1 and proposed < replicas)
    return replicas if turned else proposed


class _Measure:
    """A target, as a utilisation of requests in percent or as an average value."""

    def __init__(self, target: int, requests: Mapping[str, int] | None, resource: str) -> None:
        self._target = target
        self._requests = requests
        self._resource = resource
        self.word = "utilization (percentage of request)" if requests is not None else "average value"

    @classmethod
    def of(cls, target: Mapping[str, Any], resource: str, pods: Sequence[Resource]) -> "_Measure":
        if "averageUtilization" in target:
            requests = {pod["metadata"]["name"]: requested(pod, resource) for pod in pods}
            unknown = next((name for name, amount in requests.items() if not amount), None)
            if unknown is not None:
                message = f"missing request for {resource} in pod {unknown}"
                raise NoMetrics(message)
            return cls(int(target["averageUtilization"]), requests, resource)
        return cls(resource_amount(resource, target["averageValue"]), None, resource)

    def ratio(self, metrics: Mapping[str, int]) -> float:
        """Return use over target (GetResourceUtilizationRatio: whole percents; GetMetricUsageRatio)."""
        return self._value(metrics) / self._target

    def _value(self, metrics: Mapping[str, int]) -> int:
        total = sum(metrics.values())
        if self._requests is None:
            return total // len(metrics)
        return total * 100 // sum(self._requests[name] for name in metrics)

    def full(self, name: str) -> int:
        """Return what a pod is taken to use when nothing is known and it must not be missed."""
        return (
            self._target if self._requests is None else self._requests[name] * max(100, self._target) // 100
        )

    def current(self, metrics: Mapping[str, int]) -> Mapping[str, Any]:
        """Return the form of status.currentMetrics."""
        average = sum(metrics.values()) // len(metrics)
        text = f"{average}m" if self._resource == "cpu" else str(average)
        if self._requests is None:
            return {"averageValue": text}
        return {"averageUtilization": self._value(metrics), "averageValue": text}
