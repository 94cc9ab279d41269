"""`headroom serve`: the server as a process, from its start to Ctrl-C."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn

from headroom.errors import HarnessError
from headroom.serving import kubeconfig
from headroom.serving.access import Door, User
from headroom.serving.server import Server
from headroom.serving.world import ModelStopped, World
from reports import exits
from scenarios import RunSpec

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
CONNECTIONS_MAX: Final = 4_000


class Listener(uvicorn.Server):
    """Ends watches before it waits for connections to end."""

    def __init__(self, server: Server, **settings: Any) -> None:
        """Serve a server's application."""
        super().__init__(uvicorn.Config(server.application(), access_log=False, lifespan="on", **settings))
        self._server = server

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._server.close()
        await super().shutdown(sockets)


@dataclass(frozen=True)
class Place:
    """Where the server listens, and who may come in."""

    host: str = "127.0.0.1"
    port: int = 0  # 0: any that is free
    token: str = ""
    view_token: str = ""  # for reading only
    certificate: Path | None = None
    key: Path | None = None

    def check(self) -> None:
        """Refuse what would leave the cluster open to others, or half a TLS set-up."""
        if (self.certificate is None) != (self.key is None):
            raise HarnessError("--tls-cert and --tls-key belong together", exits.USAGE, "give both, or none")
        if self.host not in LOOPBACK and not self.token:
            raise HarnessError(
                f"--host {self.host} is open to others, and there is no --token",
                exits.USAGE,
                "give --token TEXT, or listen on 127.0.0.1",
            )
        if self.view_token and not self.token:
            raise HarnessError(
                "--view-token without --token: everybody may write", exits.USAGE, "give --token TEXT too"
            )

    @property
    def door(self) -> Door:
        """Who may come in."""
        users = {self.token: User("admin"), self.view_token: User("viewer", writes=False)}
        return Door({token: user for token, user in users.items() if token})


def serve(
    spec: RunSpec, place: Place, speed: float, config: Path | None, tell: Callable[[str], None]
) -> None:
    """Serve the cluster of a RunSpec until interrupted; `HarnessError` if the model or the port fails."""
    place.check()
    with _listening(place) as listener:
        host, port = listener.getsockname()[:2]
        scheme = "https" if place.certificate else "http"
        shown = f"[{host}]" if ":" in host else host
        url = f"{scheme}://{shown}:{port}"
        world = World(spec.cluster, spec.engine, spec.seed, speed)
        server = Server(world, place.door, f"{shown}:{port}")
        if config is not None:
            kubeconfig.write(config, url, place.token, place.certificate)
        tell(_greeting(world, url, config))
        listening = Listener(
            server,
            log_level="warning",
            limit_concurrency=CONNECTIONS_MAX,
            timeout_graceful_shutdown=2,
            ssl_certfile=None if place.certificate is None else str(place.certificate),
            ssl_keyfile=None if place.key is None else str(place.key),
        )
        listening.run(sockets=[listener])
    if world.failure is not None:
        raise HarnessError(str(ModelStopped(world.failure)), exits.MODEL_ERROR)


def _listening(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.host, place.port))
    except OSError as error:
        listener.close()
        message = f"cannot listen on {place.host}:{place.port}: {error.strerror}"
        raise HarnessError(message, exits.USAGE, "give --port another number, or 0 for any") from error
    return listener


def _greeting(world: World, url: str, config: Path | None) -> str:
    cluster = world.spec
    objects = world.store.objects
    nodes, pods = (len(objects.get(kind, {})) for kind in ("Node", "Pod"))
    speed = "in real time" if world.speed == 1 else f"at {world.speed:g} x real time"
    version = cluster.kubernetes_version
    lines = [
        f"{cluster.name}, Kubernetes {version}, modelled {speed}: {nodes} nodes, {pods} pods",
        f"listening on {url}",
    ]
    if config is not None:
        lines.append(f"kubectl --kubeconfig {config} get pods -A")
    lines.append("Ctrl-C ends it; nothing is kept.")
    return "\n".join(lines)
