"""Mutexes and semaphores by name, acquired one after the other in the order of their names.

Why nothing can wait for itself in a circle: whoever waits for a lock holds, together with everything that
encloses it, only locks whose names come before it. So of all locks that are waited for, take the last by
name: whoever holds it, and whatever runs inside whoever holds it, waits for no lock; it ends, and gives it
up. (E. W. Dijkstra's ordering of resources; the order across enclosing steps is what makes it hold here.)

Waiting is first come, first served for each name, and so nobody starves.
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from engine.core.admission import Queue, Rank

E = TypeVar("E")
S = TypeVar("S")


class Lock(Generic[E, S]):
    """One name: who holds it, and who waits."""

    __slots__ = ("capacity", "holders", "queue")

    def __init__(self, capacity: int, is_waiting: Callable[[tuple[E, S]], bool]) -> None:
        """Start with nobody."""
        self.capacity = capacity
        self.holders: list[tuple[E, S]] = []
        self.queue: Queue[tuple[E, S]] = Queue(is_waiting)


class Locks(Generic[E, S]):
    """Locks by name. One that nobody holds does not exist. Owners are told apart by their second part."""

    __slots__ = ("_capacities", "_is_waiting", "_locks")

    def __init__(self, is_waiting: Callable[[tuple[E, S]], bool], capacities: Mapping[str, int]) -> None:
        """Start with no lock held. A name without a capacity is a mutex: held by one at a time."""
        self._locks: dict[str, Lock[E, S]] = {}
        self._is_waiting = is_waiting
        self._capacities = capacities

    def acquire(self, name: str, rank: Rank, owner: tuple[E, S]) -> bool:
        """Take the lock and return True, or let `owner` wait for it and return False."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = Lock(self._capacities.get(name, 1), self._is_waiting)
        elif len(lock.holders) >= lock.capacity:
            lock.queue.push(rank, owner)
            return False
        lock.holders.append(owner)
        return True

    def release(self, name: str, holder: S) -> tuple[E, S] | None:
        """Take the lock from `holder`, give it to the next who waits, and return them, or None."""
        lock = self._locks[name]
        for position, held in enumerate(lock.holders):
            if held[1] is holder:
                del lock.holders[position]
                break
        else:
            message = f"lock {name!r} is not held by who gives it back"
            raise AssertionError(message)
        following = lock.queue.pop() if lock.queue.length else None
        if following is not None:
            lock.holders.append(following)
        elif not lock.holders:
            del self._locks[name]
        return following

    def leave(self, name: str) -> None:
        """Note that an owner has stopped waiting for the lock by itself."""
        self._locks[name].queue.leave()

    def holders(self, name: str) -> tuple[tuple[E, S], ...]:
        """Return who holds the lock, the first to take it first."""
        lock = self._locks.get(name)
        return tuple(lock.holders) if lock is not None else ()

    def names(self) -> tuple[str, ...]:
        """Return the names of the locks that are held, in order of the first acquisition."""
        return tuple(self._locks)
