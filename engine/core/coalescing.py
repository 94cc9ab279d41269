"""Duplicate actions: one attempt in flight for each action and parameters, and the twins that share its end.

A flight is one *attempt*, not a step: it begins when the attempt has its locks, and ends with it. If it ends
well, its twins end well with the same outputs; if not, for whatever reason, they take their own turn, and the
first of them may lead the next flight.

An attempt joins only a flight whose leader waits for no lock any more; so sharing adds no way in which steps
could wait for each other in a circle, whatever the twin holds.
"""

import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

E = TypeVar("E")
S = TypeVar("S")


class Flight(Generic[E, S]):
    """An attempt that others may join, and who has."""

    __slots__ = ("key", "leader", "parameters", "twins")

    def __init__(self, key: str, leader: tuple[E, S], parameters: Mapping[str, Any]) -> None:
        """Start without twins."""
        self.key = key
        self.leader = leader
        self.parameters = parameters  # what the leader starts with, whatever becomes of its variables
        self.twins: list[tuple[E, S]] = []


class Flights(Generic[E, S]):
    """The flights of an engine, by what they do and by who leads or has joined them."""

    __slots__ = ("_by_key", "_led", "_names")

    def __init__(self, actions: tuple[str, ...]) -> None:
        """Start with none; `actions` are those that may be carried out once for several steps."""
        self._names = dict.fromkeys(actions)
        self._by_key: dict[str, Flight[E, S]] = {}
        self._led: dict[tuple[str, str], Flight[E, S]] = {}  # by execution id and step id of the leader

    def covers(self, action: str) -> bool:
        """Tell whether an action may be shared."""
        return action in self._names

    def find(self, key: str) -> Flight[E, S] | None:
        """Return the flight that does the same, or None."""
        return self._by_key.get(key)

    def lead(
        self, ids: tuple[str, str], key: str, leader: tuple[E, S], parameters: Mapping[str, Any]
    ) -> None:
        """Begin a flight."""
        self._by_key[key] = self._led[ids] = Flight(key, leader, parameters)

    def led_by(self, ids: tuple[str, str]) -> Flight[E, S] | None:
        """Return the flight that a step leads, or None."""
        return self._led.get(ids)

    def leaders(self, execution: E) -> list[S]:
        """Return the steps of an execution that lead a flight."""
        return [flight.leader[1] for flight in self._led.values() if flight.leader[0] is execution]

    def abandon(self, step: S) -> None:
        """Forget a twin that has stopped waiting by itself."""
        for flight in self._led.values():
            flight.twins = [twin for twin in flight.twins if twin[1] is not step]

    def end(self, ids: tuple[str, str]) -> list[tuple[E, S]]:
        """End the flight that a step leads, if it does; return its twins in the order of joining."""
        flight = self._led.pop(ids, None)
        if flight is None:
            return []
        del self._by_key[flight.key]
        return flight.twins


def key_of(action: str, parameters: Mapping[str, Any]) -> str:
    """Return what two attempts have in common if and only if they ask for the same."""
    return f"{action} {json.dumps(parameters, sort_keys=True, separators=(',', ':'))}"
