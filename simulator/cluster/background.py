"""Requests of others than the engine and the cluster's own components: tenants, dashboards, other operators.

Each user is a service account, so all share the priority level `workload-low` with the engine, each with a
flow of its own. A user comes at random (Poisson) and asks for a number of things at once; nobody reads the
answers. Refused requests are made again, as client-go does.
"""

import math
from functools import partial
from typing import Any

from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cluster.apiserver import Client
from simulator.streams import Stream, entity

_MEAN_NS = 1e9


class Background:
    """The load of some users."""

    def __init__(
        self, agenda: Agenda, users: list[Client], rate_per_s: float, asks: tuple[int, int], stream: Stream
    ) -> None:
        """Let the users together come so often; `asks`: requests each time, objects in each."""
        self._agenda = agenda
        self._users = users
        self._rate_per_s = rate_per_s / len(users)
        self._requests, self._objects = asks
        self._stream = stream
        self._times = [0] * len(users)

    def start(self) -> None:
        """Begin."""
        for user in range(len(self._users)):
            self._wait(user)

    def _wait(self, user: int) -> None:
        time = self._times[user] = self._times[user] + 1
        gap = -math.log(self._stream.uniform(entity(self._users[user].name), time)) / self._rate_per_s
        self._agenda.after(round(gap * _MEAN_NS), partial(self._come, user))

    def _come(self, user: int, _entry: Any) -> None:
        client = self._users[user]
        link = root(self._agenda.now)
        for _ in range(self._requests):
            client.read(_nothing, client.repeated("background"), link, self._objects)
        self._wait(user)


def _nothing(_link: Any) -> None:
    """Nobody reads the answer."""
