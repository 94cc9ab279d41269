"""The client-side token bucket of a live client: the same numbers as in the model, on the monotonic clock.

As client-go's: who comes reserves a token, which may be one that does not exist yet, and waits for it
(client-go util/flowcontrol, golang.org/x/time/rate).
"""

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """`burst` tokens, refilled `qps` times a second; without `qps` there is no limit."""

    def __init__(self, qps: float | None, burst: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Start full."""
        self._qps, self._burst, self._clock_s = qps, burst, clock_s
        self._full_at_s = clock_s()  # when all tokens are there again
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take a token; return how many seconds to wait for it."""
        if self._qps is None:
            return 0.0
        with self._lock:
            now_s = self._clock_s()
            self._full_at_s = max(self._full_at_s, now_s) + 1 / self._qps
            return max(0.0, self._full_at_s - now_s - self._burst / self._qps)
