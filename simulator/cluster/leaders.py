"""Leader election: one controller manager and one scheduler works, another once the lease has lapsed.

(client-go tools/leaderelection.) A leader that is stopped leaves its lease as it renewed it last. A standby,
or the process itself once it is started again, which then is somebody else, asks for the lease again and
again, and has it when it has not been renewed for its duration. So a stop of a moment costs a lease.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
        self._counts: dict[str, int] = {}  # leaders that have been stopped, by component
        self._terms: dict[str, _Term] = {}

    def stop(self, name: str, halt: Callable[[], None], resume: Callable[[], None]) -> Callable[[], None]:
        """Stop a component's leader; return what is to be called when its process is there again.

        `resume` is called by whoever leads next. Where nobody leads there is no leader to stop: a fault that
        comes meanwhile only keeps the process away for longer, if there is no other.
        """
        halt()
        term = self._terms.get(name)
        if term is None or term.is_led:
            term = self._terms[name] = self._lapse(name)
            if self._replicas > 1:
                self._agenda.after(term.tried_ns - self._agenda.now, partial(self._lead, term, 0, resume))
        if self._replicas > 1:
            return _nothing
        term.stopped += 1
        term.tries += 1
        return partial(self._started, term, resume)

    def _lapse(self, name: str) -> "_Term":
        """Draw when the lease of a leader that stops now lapses, and when it is asked for after that."""
        count = self._counts[name] = self._counts.get(name, 0) + 1
        key = entity(f"leader/{name}")
        now = self._agenda.now
        lapses_ns = now + self._lease_ns - round(self._retry_ns * self._stream.uniform(key, 3 * count))
        wait = self._retry_ns * self._stream.uniform(key, 3 * count + 1)
        tried_ns = lapses_ns + round(wait * (1 + JITTER * self._stream.uniform(key, 3 * count + 2)))
        return _Term(lapses_ns, tried_ns)

    def _started(self, term: "_Term", resume: Callable[[], None]) -> None:
        """Ask for the lease at once, and again until it has lapsed; not while another fault stops it too."""
        term.stopped -= 1
        if term.stopped:
            return
        now = self._agenda.now
        if now >= term.lapses_ns:
            self._lead(term, term.tries, resume)
        else:
            self._agenda.after(max(0, term.tried_ns - now), partial(self._lead, term, term.tries, resume))

    @staticmethod
    def _lead(term: "_Term", tries: int, resume: Callable[[], None], _entry: Any = None) -> None:
        if term.tries == tries and not term.is_led:  # else it has been stopped anew meanwhile
            term.is_led = True
            resume()


@dataclass(slots=True)
class _Term:
    """The time in which nobody leads: from a leader's stop to the next one."""

    lapses_ns: int
    tried_ns: int  # when the lease is asked for the first time after that
    stopped: int = 0  # faults that keep the only process from running
    tries: int = 0  # how often it has been stopped: what it had been about to do is void then
    is_led: bool = False


def _nothing() -> None:
    """Another leads by then, or will."""
