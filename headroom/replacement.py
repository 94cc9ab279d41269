"""What replacing pods takes at least, read from a RunSpec: exits, start-ups, probes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from engine.core.definition import SECOND_NS
from scenarios import RunSpec
from scenarios.distributions import quantile

GRACE_S: Final = 30  # terminationGracePeriodSeconds that a pod template does not state
PERIOD_S: Final = 10  # periodSeconds that a probe does not state


@dataclass(frozen=True)
class Bound:
    """A floor under a time, in seconds, and the arithmetic in words."""

    seconds: float
    because: str


NOTHING: Final = Bound(0.0, "nothing")


def greatest(*bounds: Bound) -> Bound:
    """Return the highest of several floors; the first of those that are equal."""
    return max(bounds, key=_seconds)


def _seconds(bound: Bound) -> float:
    return bound.seconds


class Replacement:
    """The Deployments of a run: what a pod of each takes to leave and to be ready."""

    def __init__(self, spec: RunSpec) -> None:
        """Read nothing yet."""
        self._spec = spec

    @cached_property
    def _templates(self) -> Mapping[str, Mapping[str, Any]]:
        return {name: item["spec"]["template"]["spec"] for name, item in self._deployments.items()}

    @cached_property
    def _deployments(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            f"{item['metadata'].get('namespace', 'default')}/{item['metadata']['name']}": item
            for item in self._spec.cluster.objects
            if item["kind"] == "Deployment"
        }

    @property
    def names(self) -> list[str]:
        """The Deployments, as the behaviours name them."""
        return list(self._deployments)

    def replicas(self, deployment: str) -> int | None:
        """Return how many pods a Deployment has at the start; None if there is no such Deployment."""
        item = self._deployments.get(deployment)
        return None if item is None else int(item["spec"].get("replicas", 1))

    def bound(self, deployment: str) -> Bound:
        """Return the floor under replacing a pod: the old one's exit, or the new one's readiness."""
        return greatest(self.leaving(deployment), self.readiness(deployment))

    def leaving(self, deployment: str) -> Bound:
        """Return the floor under the time from SIGTERM to the end of a pod."""
        behaviour = self._behaviour(deployment)
        template = self._templates.get(deployment)
        grace = 0.0 if template is None else float(template.get("terminationGracePeriodSeconds", GRACE_S))
        if behaviour.get("ignores_sigterm"):
            return Bound(grace, f"{deployment} ignores SIGTERM: {grace:g} s of termination grace")
        leaving = least(behaviour.get("exit"), self._spec.cluster.parameters["assumptions.exit_scale"])
        return Bound(min(leaving, grace), f"{deployment} takes at least {leaving:.3g} s from SIGTERM to exit")

    def readiness(self, deployment: str) -> Bound:
        """Return the floor under the time from a pod's start to its readiness."""
        scale = self._spec.cluster.parameters["assumptions.startup_scale"]
        startup = least(self._behaviour(deployment).get("startup"), scale)
        plain = Bound(startup, f"{deployment} takes at least {startup:.3g} s from start to ready")
        containers = (self._templates.get(deployment) or {}).get("containers", [])
        alone = len(containers) == 1 and "startupProbe" not in containers[0]
        probed = [_probed(deployment, item, startup if alone else 0.0) for item in containers]
        return greatest(plain, *probed)

    def _behaviour(self, deployment: str) -> Mapping[str, Any]:
        behaviours = self._spec.cluster.behaviours
        return behaviours.get(deployment) or behaviours.get("*") or {}


def _probed(deployment: str, container: Mapping[str, Any], startup: float) -> Bound:
    """Return when a readiness probe can have passed: they run at the delay and every period after it."""
    probe = container.get("readinessProbe")
    if probe is None:
        return NOTHING
    delay, period = probe.get("initialDelaySeconds", 0), probe.get("periodSeconds", PERIOD_S)
    before = max(0, math.ceil((startup - delay) / period - 1e-9))
    more = probe.get("successThreshold", 1) - 1
    seconds = float(delay + (before + more) * period)
    up = f" that is up after {startup:.3g} s at the earliest" if startup else ""
    times = f", {more + 1} times over" if more else ""
    return Bound(
        seconds,
        f"{deployment}{up} is probed {delay:g} s after its start and every {period:g} s{times}:"
        f" it is not ready before {seconds:g} s",
    )


def least(distribution: Mapping[str, Any] | None, scale: float) -> float:
    """Return the least value that a distribution times `scale` can take, in seconds."""
    return quantile(distribution, scale)(0.0) / SECOND_NS if distribution else 0.0
