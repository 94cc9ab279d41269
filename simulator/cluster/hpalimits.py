"""How fast an autoscaler may go where its metrics point, by pkg/controller/podautoscaler/horizontal.go.

Without `behavior`: the highest recommendation of the stabilisation window counts, and one step at most
doubles (or reaches 4). With it: windows and policies for both directions, with the defaults of
pkg/apis/autoscaling/v2/defaults.go.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final

from simulator.cluster.instants import SECOND_NS

_UP: Final[Mapping[str, Any]] = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": (
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ),
}
_DOWN: Final[Mapping[str, Any]] = {
    "selectPolicy": "Max",
    "policies": ({"type": "Percent", "value": 100, "periodSeconds": 15},),
}
_FACTOR, _LEAST = 2, 4  # scaleUpLimitFactor, scaleUpLimitMinimum
_KEPT_NS: Final = 3600 * SECOND_NS  # the longest window and period that the API admits


class Pace:
    """What one autoscaler has recommended and done, and what it may do next."""

    def __init__(self, stabilization_ns: int) -> None:
        """Keep the highest recommendation for `stabilization_ns` where its spec says nothing else."""
        self._stabilization_ns = stabilization_ns
        self._recommended: list[tuple[int, int]] = []  # instant, replicas
        self._changes: list[tuple[int, int]] = []  # instant, replicas added (or taken away: negative)

    def recommend(self, now: int, replicas: int) -> None:
        """Note a recommendation."""
        self._recommended.append((now, replicas))
        if now - self._recommended[0][0] > 2 * _KEPT_NS:
            self._recommended = [one for one in self._recommended if now - one[0] <= _KEPT_NS]

    @property
    def is_new(self) -> bool:
        """Say whether nothing has been recommended yet."""
        return not self._recommended

    def scaled(self, now: int, change: int) -> None:
        """Note a change that has been made."""
        self._changes = [one for one in self._changes if now - one[0] <= _KEPT_NS]
        self._changes.append((now, change))

    def limited(
        self, spec: Mapping[str, Any], current: int, wanted: int, now: int
    ) -> tuple[int, tuple[str, str, str]]:
        """Return the replicas to go to, and the condition ScalingLimited (status, reason, message)."""
        behavior = spec.get("behavior")
        if behavior is None:
            stable = self._highest(now, self._stabilization_ns, wanted)
            self.recommend(now, wanted)
            up = max(_FACTOR * current, _LEAST)
            return _within(spec, stable, up, 0)
        rules = {
            "up": {**_UP, **(behavior.get("scaleUp") or {})},
            "down": {**_DOWN, **(behavior.get("scaleDown") or {})},
        }
        stable = self._stabilised(rules, current, wanted, now)
        self.recommend(now, wanted)
        up = max(current, self._up_limit(rules["up"], current, now))
        down = min(current, self._down_limit(rules["down"], current, now))
        return _within(spec, stable, up, down)

    def _highest(self, now: int, window_ns: int, wanted: int) -> int:
        return max([wanted, *(n for at, n in self._recommended if at >= now - window_ns)])

    def _stabilised(self, rules: Mapping[str, Mapping[str, Any]], current: int, wanted: int, now: int) -> int:
        up_ns = rules["up"]["stabilizationWindowSeconds"] * SECOND_NS
        down_s = rules["down"].get("stabilizationWindowSeconds")
        down_ns = self._stabilization_ns if down_s is None else down_s * SECOND_NS
        lowest = min([wanted, *(n for at, n in self._recommended if at > now - up_ns)])
        highest = max([wanted, *(n for at, n in self._recommended if at > now - down_ns)])
        return min(max(current, lowest), highest)

    def _start(self, current: int, period_s: int, now: int) -> int:
        """Return the replicas at the beginning of a policy's period."""
        return current - sum(change for at, change in self._changes if at > now - period_s * SECOND_NS)

    def _up_limit(self, rules: Mapping[str, Any], current: int, now: int) -> int:
        if rules["selectPolicy"] == "Disabled":
            return current
        limits = []
        for policy in rules["policies"]:
            start = self._start(current, policy["periodSeconds"], now)
            value = policy["value"]
            added = value if policy["type"] == "Pods" else ceil(start * value / 100)
            limits.append(start + added)
        return _select(rules, limits, most=max)

    def _down_limit(self, rules: Mapping[str, Any], current: int, now: int) -> int:
        if rules["selectPolicy"] == "Disabled":
            return current
        limits = []
        for policy in rules["policies"]:
            start = self._start(current, policy["periodSeconds"], now)
            value = policy["value"]
            limits.append(start - value if policy["type"] == "Pods" else int(start * (100 - value) / 100))
        return _select(rules, limits, most=min)


def _select(rules: Mapping[str, Any], limits: Sequence[int], *, most: Any) -> int:
    """Return the limit of the policy that changes most, or least where it says Min."""
    least = min if most is max else max
    chosen: int = (most if rules["selectPolicy"] == "Max" else least)(limits)
    return chosen


def _within(spec: Mapping[str, Any], wanted: int, up: int, down: int) -> tuple[int, tuple[str, str, str]]:
    most, fewest = spec["maxReplicas"], spec.get("minReplicas", 1)
    if wanted > min(most, up):
        if up < most:
            said = (
                "ScaleUpLimit",
                "the desired replica count is increasing faster than the maximum scale rate",
            )
        else:
            said = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
        return min(most, up), ("True", *said)
    if wanted < max(fewest, down):
        if down > fewest:
            said = (
                "ScaleDownLimit",
                "the desired replica count is decreasing faster than the maximum scale rate",
            )
        else:
            said = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
        return max(fewest, down), ("True", *said)
    return wanted, ("False", "DesiredWithinRange", "the desired count is within the acceptable range")
