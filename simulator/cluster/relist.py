"""What follows when the watches break: every component lists anew what it follows, then its cache is whole.

Reflectors wait a while before they list (client-go tools/cache/reflector.go: 800 ms, and up to twice that);
then each asks for its kinds at once, which its token bucket, the seats and the size of the lists delay.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cluster.apiserver import Call, Client
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.streams import Stream

_LISTERS: Final = ("engine", "controller-manager", "scheduler")
_KUBELET: Final = "kubelet."


class Relists:
    """Makes the shared cache whole again after a break."""

    def __init__(
        self, agenda: Agenda, store: Store, watch: Watch, clients: list[Client], backoff: tuple[int, Stream]
    ) -> None:
        """Of `clients`, those that follow every kind list them; the cache is whole with the last list."""
        self._agenda = agenda
        self._store = store
        self._watch = watch
        self._clients = clients
        self._backoff_ns, self._stream = backoff
        self._left = 0
        self.count = 0
        """Breaks so far."""
        watch.on_drop = self._begin

    def _begin(self) -> None:
        self.count += 1
        delay_ns = round(self._backoff_ns * (1 + self._stream.uniform(self.count)))
        self._agenda.after(delay_ns, self._list)

    def _list(self, _entry: Any) -> None:
        asked = [
            (client, kind)
            for client in self._clients
            if client.name in _LISTERS
            for kind in self._store.objects
        ]
        self._left = len(asked)
        for client, kind in asked:
            self._ask(client, kind)
        for client in self._clients:
            if client.name.startswith(_KUBELET):  # its pods, and its node
                for kind in ("Node", "Pod"):
                    client.unattended(client.repeated(f"relist/{kind}"), _whenever, writes=False)

    def _ask(self, client: Client, kind: str, _entry: Any = None) -> None:
        count = len(self._store.objects[kind])
        key = client.repeated(f"relist/{kind}")
        call = client.read(_nothing, key, root(self._agenda.now), count, ("list", kind))
        call.done = partial(self._listed, client, kind)

    def _listed(self, client: Client, kind: str, call: Call) -> None:
        if call.error is not None:
            self._agenda.after(self._backoff_ns, partial(self._ask, client, kind))
            return
        self._left -= 1
        if not self._left:
            self._watch.relist(_copy(self._store.objects), self._store.version, call.link)


def _nothing(_link: Any) -> None:
    """The objects are taken when the last list has come."""


def _whenever(_end_ns: int) -> None:
    """Nothing waits for it."""


def _copy(objects: Mapping[str, Mapping[Key, Resource]]) -> dict[str, dict[Key, Resource]]:
    return {kind: dict(of_kind) for kind, of_kind in objects.items()}
