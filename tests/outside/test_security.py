"""What a webhook may not do: reach what nobody listed, follow, wait for ever, or swallow everything."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.effects import CallWebhook, ListAlerts, Matcher, Notify, QueryMetrics
from engine.core.errors import ActionError, Forbidden, Invalid, ServerError, TargetRefused, Unreachable
from engine.core.outbound import OutboundPolicy, parse_url
from engine.live import Bounds, LiveMonitoring, LiveOutbound, MonitoringSettings, SecretHeader
from tests.outside.servers import Reply, Server, as_json, serving

SECRET = "s3cr3t-t0ken"


def local(server: Server, **changes: Any) -> OutboundPolicy:
    settings: dict[str, Any] = {
        "hosts": (f"127.0.0.1:{server.port}",),
        "networks": ("127.0.0.0/8",),
        "allow_http": True,
        "timeout_s": 5.0,
    }
    return OutboundPolicy(**{**settings, **changes})


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def refused(policy: OutboundPolicy, url: str) -> str:
    with pytest.raises(TargetRefused) as caught:
        LiveOutbound(policy).answer(CallWebhook(url))
    assert not caught.value.retryable
    return caught.value.reason


# -- which addresses


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/",
        "https://example.com/",
        "https://xexample.com/",
        "https://hooks.example.com.evil.org/",
        "https://hooks.example.com:8443/",
        "https://evil.org/https://hooks.example.com/",
        "https://evil.org?hooks.example.com",
        "https://evil.org#hooks.example.com",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://0x7f.1/",
        "https://2130706433/",
    ],
)
def test_what_is_not_listed_is_not_resolved(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert refused(OutboundPolicy(hosts=("hooks.example.com", "*.team.example.com")), url) == "HostNotAllowed"


def fail(*_args: Any, **_more: Any) -> Any:
    raise AssertionError("nothing may be resolved or connected to")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com@evil.org/",
        "https://user:pw@hooks.example.com/",
        "https://hooks.example.com\\@evil.org/",
        "https://hooks.example.com/\r\nX: y",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/a\\b",
        "https://höoks.example.com/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:0/",
        "https://[::1/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "//hooks.example.com/",
        "https:///x",
        "https://hooks.example.com/" + "a" * 3000,
        "",
    ],
)
def test_what_parsers_could_read_in_two_ways_is_refused(url: str) -> None:
    assert refused(OutboundPolicy(hosts=("*.example.com", "evil.org", "::1")), url) == "InvalidUrl"


def test_http_is_refused_unless_it_is_allowed() -> None:
    url = "http://hooks.example.com/"
    assert (
        refused(OutboundPolicy(hosts=("hooks.example.com:80", "hooks.example.com")), url) == "InsecureScheme"
    )
    assert OutboundPolicy(hosts=("hooks.example.com",), allow_http=True).admit(url).port == 80


@pytest.mark.parametrize(
    ("listed", "url", "is_admitted"),
    [
        ("hooks.example.com", "https://HOOKS.example.com./x?y=1#z", True),
        ("*.example.com", "https://a.b.example.com/", True),
        ("*.example.com", "https://example.com/", False),
        ("*.example.com:8443", "https://a.example.com:8443/", True),
        ("*.example.com", "https://a.example.com:8443/", False),
        ("hooks.example.com:8443", "https://hooks.example.com:8443/", True),
    ],
)
def test_an_entry_covers_what_it_says(listed: str, url: str, is_admitted: bool) -> None:  # noqa: FBT001
    policy = OutboundPolicy(hosts=(listed,))
    if is_admitted:
        assert policy.admit(url).path.startswith("/")
    else:
        assert refused(policy, url) == "HostNotAllowed"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "255.255.255.255", "224.0.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(TargetRefused, match="not a public address") as caught:
        OutboundPolicy().check_address("h", address)
    assert caught.value.reason == "PrivateAddress"


def test_public_addresses_and_listed_networks_are_taken() -> None:
    for address in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        OutboundPolicy().check_address("h", address)
    listed = OutboundPolicy(networks=("10.1.0.0/16", "fd00::/8"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::5"):
        listed.check_address("h", address)
    with pytest.raises(TargetRefused):
        listed.check_address("h", "10.2.0.1")


@given(st.ip_addresses(v=4))
def test_an_address_in_whatever_clothes_is_judged_alike(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    clothed = [
        str(address),
        str(ipaddress.IPv6Address((0xFFFF << 32) | number)),
        str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number)),
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),
    ]
    assert len({is_refused(one) for one in clothed}) == 1
    assert is_refused(clothed[0]) is (not address.is_global or address.is_multicast)


def is_refused(address: str) -> bool:
    try:
        OutboundPolicy().check_address("h", address)
    except TargetRefused:
        return True
    return False


def test_a_listed_name_that_leads_to_a_private_address_is_not_connected_to(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stack.enter_context(serving(lambda _request: Reply()))
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, port, **more: real("127.0.0.1", port, **more))
    policy = OutboundPolicy(hosts=(f"public.example.com:{server.port}",), allow_http=True)
    assert refused(policy, f"http://public.example.com:{server.port}/") == "PrivateAddress"
    assert server.requests == []


def test_an_address_that_does_not_answer_leaves_it_to_the_next(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stack.enter_context(serving(lambda _request: Reply()))
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **more: Any) -> Any:
        hosts = ("127.0.0.2", "127.0.0.1") if host == "h.example.com" else (host,)
        return [entry for one in hosts for entry in real(one, port, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    policy = local(server, hosts=(f"h.example.com:{server.port}",))
    answer = LiveOutbound(policy).answer(CallWebhook(f"http://h.example.com:{server.port}/"))
    assert answer is not None
    assert answer.status == 200
    assert len(server.requests) == 1


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", ("8.8.8.8", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: both)
    monkeypatch.setattr(socket, "create_connection", fail)
    assert refused(OutboundPolicy(hosts=("h.example.com",)), "https://h.example.com/") == "PrivateAddress"


def test_the_connection_goes_to_the_address_that_was_checked(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to something else the second time changes nothing: there is no second time."""
    server = stack.enter_context(serving(lambda _request: Reply(200, b"ok")))
    real, asked = socket.getaddrinfo, []

    def resolve(host: str, port: int, *args: Any, **more: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1", port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    policy = local(server, hosts=(f"h.example.com:{server.port}",))
    answer = LiveOutbound(policy).answer(CallWebhook(f"http://h.example.com:{server.port}/"))
    assert answer is not None
    assert answer.body == "ok"
    assert asked.count("h.example.com") == 1
    assert server.requests[0].headers["Host"] == f"h.example.com:{server.port}"


# -- what a server may do


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_given_back_and_not_followed(stack: ExitStack, status: int) -> None:
    other = stack.enter_context(serving(lambda _request: Reply()))
    server = stack.enter_context(serving(lambda _request: Reply(status, b"", {"Location": f"{other.url}/"})))
    answer = LiveOutbound(local(server)).answer(CallWebhook(f"{server.url}/"))
    assert answer is not None
    assert answer.status == status
    assert (len(server.requests), other.requests) == (1, [])


def test_an_answer_that_is_too_large_is_cut_off(stack: ExitStack) -> None:
    server = stack.enter_context(serving(lambda _request: Reply(200, b"x" * 200_000)))
    with pytest.raises(ActionError, match="more than 65536 bytes") as caught:
        LiveOutbound(local(server)).answer(CallWebhook(f"{server.url}/"))
    assert (caught.value.reason, caught.value.retryable) == ("AnswerTooLarge", False)
    exact = LiveOutbound(local(server, answer_bytes_max=200_000)).answer(CallWebhook(f"{server.url}/"))
    assert exact is not None
    assert len(exact.body) == 200_000


def test_a_body_that_is_too_large_is_not_sent(stack: ExitStack) -> None:
    server = stack.enter_context(serving(lambda _request: Reply()))
    live = LiveOutbound(local(server, request_bytes_max=10))
    with pytest.raises(ActionError) as caught:
        live.answer(CallWebhook(f"{server.url}/", body="x" * 11))
    assert (caught.value.reason, caught.value.retryable) == ("RequestTooLarge", False)
    assert server.requests == []


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\r\nY": "a"}, {"X": "a\nb"}])
def test_headers_that_would_be_two_are_not_sent(stack: ExitStack, headers: dict[str, str]) -> None:
    server = stack.enter_context(serving(lambda _request: Reply()))
    with pytest.raises(Invalid) as caught:
        LiveOutbound(local(server)).answer(CallWebhook(f"{server.url}/", headers=headers))
    assert not caught.value.retryable
    assert server.requests == []


@contextmanager
def raw(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Run a server that says what it likes to its one client, until told that the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                try:
                    talk(client, over)
                except OSError:
                    return  # the client has gone, as it should

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


def silent(_client: socket.socket, over: threading.Event) -> None:
    over.wait()


def trickling(client: socket.socket, over: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not over.wait(0.02):
        client.sendall(b"x")


def trickling_body(client: socket.socket, over: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not over.wait(0.02):
        client.sendall(b"x")


@pytest.mark.parametrize("talk", [silent, trickling, trickling_body])
def test_a_server_that_does_not_come_to_an_end_is_left(
    talk: Callable[[socket.socket, threading.Event], None],
) -> None:
    with raw(talk) as port:
        policy = OutboundPolicy(
            hosts=(f"127.0.0.1:{port}",), networks=("127.0.0.0/8",), allow_http=True, timeout_s=0.3
        )
        with pytest.raises(Unreachable, match=r"no answer within 0\.3 s") as caught:
            LiveOutbound(policy).answer(CallWebhook(f"http://127.0.0.1:{port}/"))
    assert caught.value.retryable


def cut(client: socket.socket, _over: threading.Event) -> None:
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


def no_http(client: socket.socket, _over: threading.Event) -> None:
    client.recv(4096)
    client.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


@pytest.mark.parametrize("talk", [cut, no_http])
def test_an_answer_that_is_none_can_be_retried(
    talk: Callable[[socket.socket, threading.Event], None],
) -> None:
    with raw(talk) as port:
        policy = OutboundPolicy(hosts=(f"127.0.0.1:{port}",), networks=("127.0.0.0/8",), allow_http=True)
        with pytest.raises(Unreachable):
            LiveOutbound(policy).answer(CallWebhook(f"http://127.0.0.1:{port}/"))


def test_no_connection_and_no_tls_are_told_apart_from_an_answer(stack: ExitStack) -> None:
    server = stack.enter_context(serving(lambda _request: Reply()))
    with pytest.raises(Unreachable):
        LiveOutbound(local(server)).answer(CallWebhook(f"https://127.0.0.1:{server.port}/"))
    server_port = server.port
    server.close()
    with pytest.raises(Unreachable, match="refused"):
        LiveOutbound(local(server)).answer(CallWebhook(f"http://127.0.0.1:{server_port}/"))


# -- credentials


def test_secrets_are_sent_to_whom_they_belong_and_read_anew(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = stack.enter_context(serving(lambda _request: Reply()))
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("CHANNEL_TOKEN", "other")
    policy = local(server, channels={"ops": f"{server.url}/ops"})
    live = LiveOutbound(
        policy,
        {"127.0.0.1": SecretHeader(file=str(file)), "ops": SecretHeader(env="CHANNEL_TOKEN", prefix="")},
    )
    live.answer(CallWebhook(f"{server.url}/"))
    live.answer(Notify("ops", "m", "k"))
    file.write_text("renewed")
    live.answer(CallWebhook(f"{server.url}/"))
    found = [request.headers["Authorization"] for request in server.requests]
    assert found == [f"Bearer {SECRET}", "other", "Bearer renewed"]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"a\nb", b"a\r\nX: y"])
def test_a_secret_that_cannot_be_used_is_said_without_saying_it(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ActionError, match="token") as caught:
        SecretHeader(file=str(file)).header()
    assert caught.value.reason == "SecretMissing"
    assert caught.value.__cause__ is None


def test_no_error_and_no_text_holds_a_secret(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    server = stack.enter_context(serving(lambda _request: Reply(401, b'{"error":"who are you?"}')))
    settings = MonitoringSettings(
        server.url, server.url, SecretHeader(env="TOKEN"), SecretHeader(env="TOKEN")
    )
    live = LiveMonitoring(settings)
    for effect in (QueryMetrics("up"), ListAlerts()):
        with pytest.raises(Forbidden, match="who are you") as caught:
            live.answer(effect)
        assert SECRET not in str(caught.value)
        assert server.requests[-1].headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(settings)


# -- configuration


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: OutboundPolicy(networks=("10.0.0.1/8",)),
        lambda: OutboundPolicy(hosts=("https://h.example.com",)),
        lambda: OutboundPolicy(hosts=("H.example.com",)),
        lambda: OutboundPolicy(timeout_s=0),
        lambda: LiveOutbound(OutboundPolicy(hosts=("*",))),
        SecretHeader,
        lambda: SecretHeader(env="A", file="b"),
        lambda: MonitoringSettings(prometheus_url="prometheus:9090"),
    ],
)
def test_a_configuration_that_says_too_much_or_nothing_is_refused_at_once(wrong: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        wrong()


def test_a_channel_outside_the_policy_is_refused_at_once() -> None:
    with pytest.raises(TargetRefused):
        LiveOutbound(OutboundPolicy(hosts=("a.example.com",), channels={"ops": "https://b.example.com/"}))


# -- what Prometheus and Alertmanager may answer


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (Reply(200, b"<html>"), ServerError, "MalformedAnswer"),
        (Reply(200, b"[" * 100_000), ServerError, "MalformedAnswer"),
        (Reply(200, b"{}"), ServerError, "MalformedAnswer"),
        (as_json({"data": {"resultType": "matrix", "result": []}}), ServerError, "MalformedAnswer"),
        (as_json({"data": {"resultType": "vector", "result": [{}]}}), ServerError, "MalformedAnswer"),
        (as_json({"error": "found duplicate series"}, 422), Invalid, "BadRequest"),
        (as_json({"error": "query timed out"}, 503), ServerError, "InternalError"),
        (Reply(302, b"", {"Location": "http://x/"}), ActionError, "Redirected"),
        (Reply(200, b"x" * 5_000_000), ActionError, "AnswerTooLarge"),
    ],
)  # fmt: skip
def test_answers_that_are_not_what_the_api_promises(
    stack: ExitStack, reply: Reply, kind: type[ActionError], reason: str
) -> None:
    server = stack.enter_context(serving(lambda _request: reply))
    with pytest.raises(kind) as caught:
        LiveMonitoring(MonitoringSettings(server.url)).answer(QueryMetrics("up"))
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 500


def test_numbers_that_json_lacks_are_read(stack: ExitStack) -> None:
    values = ["NaN", "+Inf", "-Inf", "1e3"]
    rows = [{"metric": {"i": str(i)}, "value": [0, value]} for i, value in enumerate(values)]
    answer = {"status": "success", "data": {"resultType": "vector", "result": rows}}
    server = stack.enter_context(serving(lambda _request: as_json(answer)))
    live = LiveMonitoring(MonitoringSettings(f"{server.url}/prefix/"))
    found = [sample.value for sample in live.query("up")]
    assert found[1:] == [float("inf"), float("-inf"), 1000.0]
    assert found[0] != found[0]
    assert server.requests[0].path == "/prefix/api/v1/query"


def test_a_scalar_is_one_sample(stack: ExitStack) -> None:
    answer = {"status": "success", "data": {"resultType": "scalar", "result": [0, "2"]}}
    server = stack.enter_context(serving(lambda _request: as_json(answer)))
    assert [sample.value for sample in LiveMonitoring(MonitoringSettings(server.url)).query("2")] == [2.0]


def test_what_is_not_configured_is_said() -> None:
    with pytest.raises(ActionError, match="no Alertmanager is configured") as caught:
        LiveMonitoring(MonitoringSettings()).answer(ListAlerts())
    assert (caught.value.reason, caught.value.retryable) == ("NotConfigured", False)


def test_filters_reach_the_server_as_they_were_meant(stack: ExitStack) -> None:
    server = stack.enter_context(serving(lambda _request: as_json([])))
    matchers = (Matcher("a", 'x"y&z=1'), Matcher("b", "p.*", is_regex=True, is_equal=False))
    LiveMonitoring(MonitoringSettings("", server.url, bounds=Bounds(timeout_s=5))).alerts(matchers)
    query = server.requests[0].path.partition("?")[2]
    assert parse_qs(query)["filter"] == ['a="x\\"y&z=1"', 'b!~"p.*"']


@given(st.text(max_size=60))
def test_no_text_makes_the_parser_crash(text: str) -> None:
    try:
        destination = parse_url(f"https://{text}")
    except TargetRefused:
        return
    assert destination.host
    assert destination.path.startswith("/")
    assert all(" " < letter < "\x7f" for letter in destination.host + destination.path)
