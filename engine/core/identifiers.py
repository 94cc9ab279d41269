"""Which ids of executions have been used: the last so many that ended, the oldest of them forgotten first.

Ids are given from outside and follow no order that the engine could rely on, so they cannot be compared with
a mark; and remembering all of them for ever would let a long-lived engine grow without bound. What a repeated
submission needs is a window: a client that tries again does so within minutes. Within the window a reuse is
always refused, never by mistake; beyond it, it is the durable store that knows.
"""


class EndedIds:
    """The last `count_max` ids that were added, in order."""

    __slots__ = ("_count_max", "_ids", "_next", "_ring")

    def __init__(self, count_max: int) -> None:
        """Start with none."""
        self._count_max = count_max
        self._ids: dict[str, None] = {}
        self._ring: list[str] = []  # in order of addition, from `_next` on once it is full
        self._next = 0

    def add(self, execution_id: str) -> None:
        """Remember that an execution of this id has ended."""
        if not self._count_max or execution_id in self._ids:
            return
        self._ids[execution_id] = None
        if len(self._ring) < self._count_max:
            self._ring.append(execution_id)
            return
        del self._ids[self._ring[self._next]]
        self._ring[self._next] = execution_id
        self._next = (self._next + 1) % self._count_max

    def __contains__(self, execution_id: str) -> bool:
        """Tell whether an execution of this id has ended not too long ago."""
        return execution_id in self._ids

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._ring)
