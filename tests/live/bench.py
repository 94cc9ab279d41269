"""The town behind the Kubernetes API: the contract's bench over the live performer's own calls and caches.

Effects go through `KubernetesApi` and `WatchCache`, over HTTP, to a served model; what somebody else does
goes through a plain client.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from lightkube.config.kubeconfig import KubeConfig

from engine.core.effects import Effect, Log, Ref, Resource, Selection, Sleep, WaitUntil
from engine.core.errors import NotFound
from engine.live.api import KubernetesApi, path_of
from engine.live.bucket import TokenBucket
from engine.live.cache import WatchCache
from engine.live.connection import Connection
from engine.live.loop import Loop
from tests.actions.bench import StuckError, described
from tests.serving.served import Served
from tests.simulator.cluster.objects import Object

WAIT_S = 20.0
WRITES = ("Create", "Patch", "Delete", "Evict")


def connected(served: Served) -> Connection:
    config = KubeConfig.from_server(served.url).get()
    assert config is not None
    return Connection(config)


class LiveBench:
    """A cluster that is spoken to over HTTP."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.api = KubernetesApi(connected(served), TokenBucket(None, 1))
        self.loop = Loop()
        self.cache = WatchCache(self.api, self.loop, lambda *_: None)
        self.calls: list[str] = []
        self.mutations: list[str] = []

    def close(self) -> None:
        self.cache.stop()
        self.api.close()
        self.cache.join()

    def perform(self, effect: Effect[Any]) -> Any:
        match effect:
            case WaitUntil():
                return self._wait(effect)
            case Sleep(duration_ns):
                time.sleep(duration_ns / 1e9 / self.served.server.world.speed)
            case Log():
                pass
            case _:
                self.calls.append(type(effect).__name__)
                version = self.served.server.world.store.version
                answer = self.api.answer(effect)
                if type(effect).__name__ in WRITES and self.served.server.world.store.version != version:
                    self.mutations.append(described(effect))
                return answer
        return None

    def _wait(self, effect: WaitUntil[Any]) -> Any:
        for selection in effect.selections:
            self.cache.follow(selection.kind)
        found: list[Any] = []
        end = time.monotonic() + WAIT_S

        def is_over() -> bool:
            if all(self.cache.is_known(one.kind) for one in effect.selections):
                found[:] = [effect.ready(*(self.cache.select(one) for one in effect.selections))]
            return (bool(found) and found[0] is not None) or time.monotonic() > end

        self.loop.run(is_over)
        if not found or found[0] is None:
            raise StuckError(effect.purpose)
        return found[0]

    def settle(self) -> None:
        time.sleep(120 / self.served.server.world.speed)

    def get(self, kind: str, name: str) -> Resource:
        namespace = "" if kind == "Node" else "default"
        reply = self.served.send("GET", path_of(Ref(kind, name, namespace)))
        if reply.status == 404:
            raise NotFound(reply.body["message"])
        found: Resource = reply.body
        return found

    def of_kind(self, kind: str, **labels: str) -> Sequence[Resource]:
        return self.api.list(Selection(kind, "", tuple(labels.items())))[0]

    def change(self, kind: str, name: str, changes: Mapping[str, Any]) -> None:
        namespace = "" if kind == "Node" else "default"
        reply = self.served.send(
            "PATCH", path_of(Ref(kind, name, namespace)), dict(changes), "application/merge-patch+json"
        )
        assert reply.status == 200, reply.body

    def put(self, resource: Object) -> None:
        path = path_of(Ref(resource["kind"], "", resource["metadata"].get("namespace", ""))).rstrip("/")
        reply = self.served.send("POST", path, resource)
        assert reply.status == 201, reply.body
