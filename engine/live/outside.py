"""What lies outside the cluster: the twin of `simulator/outside.py` for a live world."""

import time
from collections.abc import Callable
from typing import Any

from engine.core.effects import CallWebhook, Effect, Notify, Now
from engine.live.monitoring import LiveMonitoring
from engine.live.outbound import LiveOutbound


class LiveOutside:
    """Performs the effects that do not go to the Kubernetes API. Calls block."""

    def __init__(
        self,
        monitoring: LiveMonitoring,
        outbound: LiveOutbound,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Bind the two, and the wall clock."""
        self._monitoring = monitoring
        self._outbound = outbound
        self._clock_ns = clock_ns

    def answer(self, effect: Effect[Any]) -> Any:
        """Carry out an effect and return its result; raises an `ActionError`."""
        if isinstance(effect, Now):
            return self._clock_ns()
        if isinstance(effect, CallWebhook | Notify):
            return self._outbound.answer(effect)
        return self._monitoring.answer(effect)
