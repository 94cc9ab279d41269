"""A server must prove who it is before anything is sent to it."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.core.effects import CallWebhook
from engine.core.errors import Unreachable
from engine.core.outbound import OutboundPolicy
from engine.live import LiveOutbound
from tests.outside.servers import Reply, Server

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
NAME = "hooks.example.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of the name, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run([*command, "-keyout", f"{path}.key", "-out", path], check=True, capture_output=True)
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    server = Server(lambda _request: Reply(200, b"ok"), context)
    yield server
    server.close()


def call(server: Server, host: str, trusting: Path | None, monkeypatch: pytest.MonkeyPatch) -> Any:
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, *about, **more: real("127.0.0.1", *about, **more)
    )
    policy = OutboundPolicy(hosts=(f"{host}:{server.port}",), networks=("127.0.0.0/8",))
    context = ssl.create_default_context(cafile=str(trusting)) if trusting else None
    return LiveOutbound(policy, context=context).answer(CallWebhook(f"https://{host}:{server.port}/"))


def test_a_server_that_is_trusted_is_called_by_its_name(
    server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(server, NAME, certificate, monkeypatch).body == "ok"


@pytest.mark.parametrize(("host", "is_trusted"), [(NAME, False), ("other.example.com", True)])
def test_a_server_that_nobody_vouches_for_or_of_another_name_gets_nothing(
    server: Server,
    certificate: Path,
    host: str,
    is_trusted: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Unreachable, match="its certificate is not valid"):
        call(server, host, certificate if is_trusted else None, monkeypatch)
    assert server.requests == []
