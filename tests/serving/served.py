"""A served cluster in a thread of its own, and a plain HTTP client for it."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from headroom.serving.access import Door, User
from headroom.serving.running import Listener
from headroom.serving.server import Server
from headroom.serving.world import World
from headroom.serving_verbs import spec_of

Body = dict[str, Any]


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Served:
    """Where a cluster is served."""

    port: int
    server: Server
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str | None = None,
        accept: str = "application/json",
        *,
        token: str | None = None,
        manager: str = "python-requests/2",
    ) -> Reply:
        """Send one request and read the whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Accept": accept, "User-Agent": manager}
        known = self.token if token is None else token
        if known:
            headers["Authorization"] = f"Bearer {known}"
        raw: bytes | None = None
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = content_type or "application/json"
        try:
            connection.request(method, path, raw, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        parsed: Any = text.decode()
        if "json" in answer.headers.get("Content-Type", "") and (
            answer.status >= 400 or "watch=" not in path
        ):
            parsed = json.loads(text)
        return Reply(answer.status, dict(answer.headers), parsed)

    def get(self, path: str) -> Any:
        """Return the body of an object or list that must be there."""
        reply = self.send("GET", path)
        assert reply.status == 200, reply.body
        return reply.body

    def until(self, path: str, holds: Any, seconds: float = 20) -> Any:
        """Ask again and again until what comes is as wanted."""
        end = time.monotonic() + seconds
        while True:
            reply = self.send("GET", path)
            if holds(reply):
                return reply.body
            assert time.monotonic() < end, f"{path} is not as wanted: {reply.status} {str(reply.body)[:800]}"
            time.sleep(0.02)


def production(speed: float) -> World:
    """Return the cluster of the requirements."""
    spec = spec_of("high-load-production", None, None, None)
    return World(spec.cluster, spec.engine, spec.seed, speed)


@contextmanager
def serving(
    world: World | None = None,
    *,
    speed: float = 20.0,
    tokens: dict[str, User] | None = None,
    kind: type[Server] = Server,
) -> Iterator[Served]:
    """Serve a cluster for as long as the block lasts."""
    world = world or production(speed)
    server = kind(world, Door(tokens or {}), "127.0.0.1")
    runner = Listener(server, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    while not runner.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.005)
    port: int = runner.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(port, server, next(iter(tokens or {}), ""))
    finally:
        runner.should_exit = True
        thread.join(10)
        assert world.failure is None, repr(world.failure)
