"""Effects performed on a real Kubernetes API: the twin of `simulator/perform.py`.

Calls block in a pool of threads and come back through the loop's inbox; waits are asked again whenever a
watch tells of an object that they look at. What time was spent on is charged as far as a client can see it:
its own bucket, requests, declared waits; the rest is *unattributed*.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.effects import (
    CallWebhook,
    Create,
    Delete,
    Effect,
    Evict,
    Get,
    List,
    Notify,
    Patch,
    ReadLogs,
    Resource,
    Sleep,
    WaitUntil,
)
from engine.core.errors import ActionError, Unreachable
from engine.core.host import Host
from engine.live.api import KubernetesApi
from engine.live.cache import Key, WatchCache, belongs
from engine.live.loop import Loop
from engine.live.outside import LiveOutside

KUBERNETES: Final = (Get, List, Create, Patch, Delete, Evict, ReadLogs)
WORKERS: Final = 32  # calls under way at one time


@dataclass(slots=True)
class _Pending:
    """What an attempt waits for: answered once, or not at all if it was cancelled."""

    cause: Cause
    throttled_ns: int = 0


@dataclass(slots=True)
class _Mark:
    """Up to where an attempt's time is charged."""

    charged_ns: int


@dataclass(slots=True)
class _Wait(_Pending):
    """A condition on what the watches tell."""

    effect: WaitUntil[Any] | None = None
    attempt: Attempt | None = field(default=None, repr=False)


class LivePerformer:
    """Performs the effects of one engine's actions on one cluster."""

    def __init__(
        self, loop: Loop, host: Host, api: KubernetesApi, outside: LiveOutside | None, workers: int = WORKERS
    ) -> None:
        """Perform on `api`; what does not go there goes to `outside`."""
        self._loop, self._host, self._api, self._outside = loop, host, api, outside
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="effect")
        self.cache = WatchCache(api, loop, self._heard)
        self._waits: dict[int, _Wait] = {}  # by identity, in order of arrival
        self.requests_count = 0

    def close(self) -> None:
        """Begin nothing any more, and close what is open."""
        self.cache.stop()
        self._api.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.cache.join()

    def begin(self, attempt: Attempt) -> None:
        """Start the books of an attempt."""
        attempt.mark = _Mark(attempt.started_ns)

    def finish(self, attempt: Attempt) -> None:
        """Charge what is left to the engine."""
        self._charge(attempt, Cause.ENGINE_DECISION)

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        """Begin an effect; the host is told when it is over."""
        self._charge(attempt, Cause.ENGINE_DECISION)
        if isinstance(effect, WaitUntil):
            self._wait(attempt, effect)
        elif isinstance(effect, Sleep):
            pending = _Pending(Cause.EVICTION_RETRY if effect.retry else Cause.DECLARED_WORK)
            attempt.pending = pending
            self._loop.after(effect.duration_ns, lambda _entry: self._answered(attempt, pending, None, None))
        else:
            self._send(attempt, effect)

    def cancel(self, attempt: Attempt) -> None:
        """Stop what the attempt waits for, and charge the time until now."""
        pending, attempt.pending = attempt.pending, None
        if isinstance(pending, _Wait):
            self._waits.pop(id(pending), None)
        self._charge(attempt, pending.cause if pending is not None else Cause.ENGINE_DECISION)

    # Calls.

    def _send(self, attempt: Attempt, effect: Effect[Any]) -> None:
        pending = _Pending(_cause_of(effect))
        attempt.pending = pending
        self.requests_count += 1
        call: Callable[[], Any]
        if isinstance(effect, KUBERNETES):
            call = partial(self._api.answer, effect, partial(_throttled, pending))
        elif self._outside is not None:
            call = partial(self._outside.answer, effect)
        else:
            message = f"this engine has nobody to ask for {type(effect).__name__}"
            self._answered(attempt, pending, None, ActionError(message, reason="NotConfigured"))
            return
        self._pool.submit(self._carry_out, attempt, pending, call)

    def _carry_out(self, attempt: Attempt, pending: _Pending, call: Callable[[], Any]) -> None:
        value, error = None, None
        try:
            value = call()
        except ActionError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - of a library: it must not leave the attempt waiting for ever
            error = Unreachable(f"{type(raised).__name__}: {raised}")
        self._loop.post(lambda: self._answered(attempt, pending, value, error))

    def _answered(self, attempt: Attempt, pending: _Pending, value: Any, error: ActionError | None) -> None:
        if attempt.pending is not pending:
            return  # cancelled meanwhile: the server did what it did
        attempt.pending = None
        if pending.throttled_ns:
            until_ns = min(attempt.mark.charged_ns + pending.throttled_ns, self._loop.now)
            self._charge(attempt, Cause.CLIENT_THROTTLE, until_ns)
        self._charge(attempt, pending.cause)
        if error is None:
            self._host.resume(attempt, value)
        else:
            self._host.throw(attempt, error)

    # Waits.

    def _wait(self, attempt: Attempt, effect: WaitUntil[Any]) -> None:
        for selection in effect.selections:
            self.cache.follow(selection.kind)
        value = self._ask(effect)
        if value is not None:
            self._host.resume(attempt, value)
            return
        wait = _Wait(Cause.UNATTRIBUTED, effect=effect, attempt=attempt)
        attempt.pending = wait
        self._waits[id(wait)] = wait

    def _ask(self, effect: WaitUntil[Any]) -> Any:
        """Ask a condition, if everything that it looks at has been heard of."""
        if not all(self.cache.is_known(selection.kind) for selection in effect.selections):
            return None
        return effect.ready(*[self.cache.select(selection) for selection in effect.selections])

    def _heard(self, kind: str, key: Key, before: Resource | None, after: Resource | None) -> None:
        for number, wait in list(self._waits.items()):
            effect, attempt = wait.effect, wait.attempt
            if effect is None or attempt is None or number not in self._waits:
                continue
            if _concerns(effect, kind, key, before, after):
                value = self._ask(effect)
                if value is not None:
                    del self._waits[number]
                    self._answered(attempt, wait, value, None)

    # Time.

    def _charge(self, attempt: Attempt, cause: Cause, until_ns: int | None = None) -> None:
        """Charge the time since the last charge to one cause."""
        mark: _Mark = attempt.mark
        until = self._loop.now if until_ns is None else until_ns
        if until > mark.charged_ns:
            attempt.spans.append((cause, mark.charged_ns, until))
            mark.charged_ns = until


def _throttled(pending: _Pending, seconds: float) -> None:
    pending.throttled_ns += int(seconds * 1e9)


def _cause_of(effect: Effect[Any]) -> Cause:
    if isinstance(effect, KUBERNETES):
        return Cause.API_SERVICE
    return Cause.OUTBOUND if isinstance(effect, CallWebhook | Notify) else Cause.MONITORING


def _concerns(
    effect: WaitUntil[Any], kind: str, key: Key, before: Resource | None, after: Resource | None
) -> bool:
    """Say whether a condition looks at what has changed; a first list concerns all of its kind."""
    for selection in effect.selections:
        if selection.kind != kind:
            continue
        if before is None and after is None:
            return True
        if any(one is not None and belongs(selection, key, one) for one in (before, after)):
            return True
    return False
