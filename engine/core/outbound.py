"""Where the engine may call out to: which hosts, over which scheme, at which addresses.

The policy comes from whoever runs the engine, never from a workflow. It is checked twice: the address of a
call before anything is sent, and, by the live world, every network address that its host resolves to.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from engine.core.errors import TargetRefused

URL_LENGTH_MAX: Final = 2_048
ANY_HOST: Final = "*"
_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_NAT64: Final = ip_network("64:ff9b::/96")


class Destination(NamedTuple):
    """A call's address, taken apart. `path` begins with a slash and holds the query."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """What webhooks and notifications may reach.

    `hosts` are names (``hooks.example.com``), any name below one (``*.example.com``), each with a port
    unless it is the scheme's own (``hooks.example.com:8443``). Addresses that are not public are refused
    except in `networks` (``10.1.2.0/24``). `channels` gives notifications their URL by name; those are
    checked like any other.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    channels: Mapping[str, str] = field(default_factory=dict)
    allow_http: bool = False
    timeout_s: float = 10.0
    request_bytes_max: int = 1_048_576
    answer_bytes_max: int = 65_536

    def __post_init__(self) -> None:
        """Refuse a policy that does not say what it means."""
        for network in self.networks:
            ip_network(network)  # raises ValueError with the text
        for name in ("timeout_s", "request_bytes_max", "answer_bytes_max"):
            if getattr(self, name) <= 0:
                raise ValueError(f"OutboundPolicy.{name} must be positive, found {getattr(self, name)}")
        for host in self.hosts:
            if host != host.lower() or "/" in host or "@" in host:
                raise ValueError(
                    f"OutboundPolicy.hosts: {host!r} is no host: write a lower-case name such as "
                    "hooks.example.com, *.example.com or hooks.example.com:8443"
                )

    def admit(self, url: str) -> Destination:
        """Take `url` apart if it may be called; raises `TargetRefused` otherwise."""
        destination = parse_url(url)
        if destination.scheme == "http" and not self.allow_http:
            raise TargetRefused(
                f"http://{destination.host} is not encrypted: use https, or have the policy allow http",
                reason="InsecureScheme",
            )
        if not any(_names(host, destination) for host in self.hosts):
            listed = ", ".join(self.hosts) or "none"
            raise TargetRefused(
                f"host {destination.host}:{destination.port} is not listed in the outbound policy; "
                f"listed: {listed}",
                reason="HostNotAllowed",
            )
        return destination

    def check_address(self, host: str, address: str) -> None:
        """Raise `TargetRefused` if `host` has resolved to an address that is neither public nor listed."""
        found = _plain(ip_address(address.partition("%")[0]))
        listed = any(found in ip_network(network) for network in self.networks)
        if not listed and (not found.is_global or found.is_multicast):
            raise TargetRefused(
                f"host {host} resolves to {address}, which is not a public address; list its network in the "
                "outbound policy if that is meant",
                reason="PrivateAddress",
            )


def parse_url(url: str) -> Destination:
    """Take an http(s) URL apart, strictly; raises `TargetRefused` (InvalidUrl) without repeating it."""
    problem = _problem(url)
    if problem:
        raise TargetRefused(f"the URL {problem}", reason="InvalidUrl")
    parts = urlsplit(url)
    path = parts.path or "/"
    return Destination(
        parts.scheme,
        (parts.hostname or "").rstrip("."),
        parts.port or _PORTS[parts.scheme],
        f"{path}?{parts.query}" if parts.query else path,
    )


def _problem(url: str) -> str:
    """Say what is wrong with a URL, or nothing. Only plain ASCII is taken: parsers agree on that."""
    if len(url) > URL_LENGTH_MAX:
        return f"is longer than {URL_LENGTH_MAX} characters"
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        return "holds what must be percent-encoded: a space, a line end, a backslash, or a letter not ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        return f"cannot be read: {error}"
    if parts.scheme not in _PORTS:
        problem = f"must begin with https://, found scheme {parts.scheme!r}"
    elif parts.username is not None or parts.password is not None:
        problem = "must not hold a user or password; send a header"
    elif not _HOST.fullmatch(host.rstrip(".")) or port == 0:
        problem = "has no valid host or port"
    else:
        problem = ""
    return problem


def _names(listed: str, destination: Destination) -> bool:
    """Tell whether an entry of `hosts` covers a destination."""
    if listed == ANY_HOST:
        return True
    address = f"{destination.host}:{destination.port}"
    expected = listed if re.search(r":\d+$", listed) else f"{listed}:{_PORTS[destination.scheme]}"
    if expected.startswith("*."):
        return address.endswith(expected[1:]) and len(address) > len(expected[1:])
    return address == expected


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
