"""Leader election: one controller manager and one scheduler works, another once the lease has lapsed.

(client-go tools/leaderelection.) A leader that is stopped leaves its lease as it renewed it last. A standby,
or the process itself once it is started again, which then is somebody else, asks for the lease again and
again, and has it when it has not been renewed for its duration. So a stop of a moment costs a lease.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.streams import Stream, entity

JITTER: Final = 1.2  # leaderelection.go JitterFactor


class Leaders:
    """Who may work after a leader has stopped, and when."""

    def __init__(self, agenda: Agenda, lease_ns: int, retry_ns: int, replicas: int, stream: Stream) -> None:
        """Each component has so many `replicas`; one leads."""
        self._agenda = agenda
        self._lease_ns = lease_ns
        self._retry_ns = retry_ns
        self._replicas = replicas
        self._stream = stream
        self._terms: dict[str, int] = {}  # leaders that have been stopped, by component

    def stop(self, name: str, halt: Callable[[], None], resume: Callable[[], None]) -> Callable[[], None]:
        """Stop a component's leader; return what is to be called when its process is there again.

        `resume` is called by whoever leads next.
        """
        halt()
        term = self._terms[name] = self._terms.get(name, 0) + 1
        key = entity(f"leader/{name}")
        now = self._agenda.now
        lapses_ns = now + self._lease_ns - round(self._retry_ns * self._stream.uniform(key, 3 * term))
        wait = self._retry_ns * self._stream.uniform(key, 3 * term + 1)
        tried_ns = lapses_ns + round(wait * (1 + JITTER * self._stream.uniform(key, 3 * term + 2)))
        if self._replicas > 1:
            self._agenda.after(tried_ns - now, partial(self._lead, resume))
            return _nothing
        return partial(self._started, lapses_ns, tried_ns, resume)

    def _started(self, lapses_ns: int, tried_ns: int, resume: Callable[[], None]) -> None:
        """Ask for the lease at once, and again until it has lapsed."""
        now = self._agenda.now
        if now >= lapses_ns:
            resume()
        else:
            self._agenda.after(max(0, tried_ns - now), partial(self._lead, resume))

    @staticmethod
    def _lead(resume: Callable[[], None], _entry: Any) -> None:
        resume()


def _nothing() -> None:
    """Another leads by then, or will."""
