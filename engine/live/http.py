"""One HTTP request with limits: a deadline for all of it, a size, no redirects, and a say over addresses.

The host is resolved once, every address is shown to `check_address`, and the connection goes to an address
that was checked: a name that resolves to something else a moment later changes nothing. Proxies and other
settings of the process's environment are not looked at.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Timer
from typing import Final

from engine.core.errors import ActionError, Invalid, Unreachable
from engine.core.outbound import Destination

_CHUNK: Final = 16_384
_LEAST_S: Final = 0.001  # a timeout of 0 would mean not to wait


class AnswerTooLarge(ActionError):
    """A server answered with more than is taken; the connection was closed."""

    reason = "AnswerTooLarge"
    retryable = False


class RequestTooLarge(ActionError):
    """More is to be sent than is sent."""

    reason = "RequestTooLarge"
    retryable = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a request may take altogether, and how much it may send and receive."""

    timeout_s: float = 10.0
    request_bytes_max: int = 1_048_576
    answer_bytes_max: int = 4_194_304


def _any_address(_host: str, _address: str) -> None:
    """Take every address: the URL comes from the configuration."""


def exchange(
    destination: Destination,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    bounds: Bounds,
    check_address: Callable[[str, str], None] = _any_address,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request and read its answer.

    Raises:
        Unreachable: the host does not resolve, no connection, a bad certificate, no answer in time.
        AnswerTooLarge: the answer exceeds `bounds`.
        RequestTooLarge: so does `body`.
        Invalid: a header or the method is none.
        ActionError: what `check_address` raises.
    """
    if len(body) > bounds.request_bytes_max:
        raise RequestTooLarge(f"a body of {len(body)} bytes; at most {bounds.request_bytes_max} are sent")
    ends_s = time.monotonic() + bounds.timeout_s
    where = f"{destination.host}:{destination.port}"
    try:
        held = [_dial(destination, ends_s, check_address)]
    except OSError as error:
        raise Unreachable(f"{where}: {_why(error)}") from error
    # A socket's timeout bounds one read; a server that trickles is cut off by this.
    watchdog = Timer(max(0.0, ends_s - time.monotonic()), _shut, [held])
    watchdog.daemon = True
    watchdog.start()
    try:
        if destination.scheme == "https":
            _encrypt(held, destination.host, context or ssl.create_default_context())
        connection = _connection(destination, held[0])
        connection.request(method, destination.path, body or None, dict(headers))
        with connection.getresponse() as response:
            return Answer(response.status, _read(response, bounds, where, ends_s))
    except (OSError, http.client.HTTPException) as error:
        late = time.monotonic() >= ends_s
        what = f"no answer within {bounds.timeout_s:g} s" if late else _why(error)
        raise Unreachable(f"{where}: {what}") from error
    except ValueError as error:  # a header that http.client does not send
        raise Invalid(f"the request to {where} cannot be sent: {error}") from error
    finally:
        watchdog.cancel()
        held[0].close()


def _dial(
    destination: Destination, ends_s: float, check_address: Callable[[str, str], None]
) -> socket.socket:
    """Connect to the first address that answers; all of them were checked."""
    host, port = destination.host, destination.port
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        check_address(host, address)  # all of them: a name with one bad address is not to be trusted
    for number, address in enumerate(addresses):
        left_s = max(ends_s - time.monotonic(), _LEAST_S)
        try:  # one that is silent leaves the others their share
            return socket.create_connection((address, port), left_s / (len(addresses) - number))
        except OSError:
            if number == len(addresses) - 1:
                raise
    raise OSError(f"{host} has no address")


def _encrypt(held: list[socket.socket], host: str, context: ssl.SSLContext) -> None:
    wrapped = context.wrap_socket(held[0], server_hostname=host, do_handshake_on_connect=False)
    held[0] = wrapped  # before the handshake, which the watchdog must be able to end
    wrapped.do_handshake()


def _connection(destination: Destination, sock: socket.socket) -> http.client.HTTPConnection:
    """Return a connection over `sock`; whether that is encrypted is the socket's business."""
    connection = http.client.HTTPConnection(destination.host, destination.port)
    connection.default_port = 443 if destination.scheme == "https" else 80  # what the Host header leaves out
    connection.sock = sock
    return connection


def _read(response: http.client.HTTPResponse, bounds: Bounds, where: str, ends_s: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > bounds.answer_bytes_max:
            raise AnswerTooLarge(f"{where} answered with more than {bounds.answer_bytes_max} bytes")
    if time.monotonic() >= ends_s:  # it was cut off; http.client takes a part of the headers for all of them
        raise TimeoutError
    if response.length:  # the connection ended before the body did
        raise http.client.IncompleteRead(bytes(body), response.length)
    return bytes(body)


def _shut(held: list[socket.socket]) -> None:
    """Cut a connection from another thread: whoever reads from it reads its end."""
    try:
        socket.socket.shutdown(held[0], socket.SHUT_RDWR)  # SSLSocket's own would disturb its reader
    except OSError:
        return  # it is over already


def _why(error: BaseException) -> str:
    """Say what went wrong, without what the server sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
