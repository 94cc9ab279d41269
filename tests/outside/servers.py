"""Small HTTP servers of this machine that speak Prometheus', Alertmanager's and a webhook receiver's API.

The shapes of answers are those that the real servers give (Prometheus 2.x and 3.x, Alertmanager 0.27): see
their HTTP API pages. State is kept the way Alertmanager keeps it, written apart from the model.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

PARSE_ERROR = (
    '{"status":"error","errorType":"bad_data",'
    '"error":"invalid parameter \\"query\\": 1:5: parse error: unclosed left parenthesis"}'
)
_FILTER = re.compile(r'(?P<name>\w+)(?P<sign>=~|!~|!=|=)"(?P<value>(?:[^"\\]|\\.)*)"')


@dataclass
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What it answers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    """One server on a free port of the loopback address; `reply` decides, `requests` is what came."""

    def __init__(self, reply: Callable[[Request], Reply], context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
                outer.requests.append(request)
                answer = reply(request)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names of the library

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
                """Stay quiet."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_about: Any) -> None:
                """A client that hangs up is what some tests are about."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(reply: Callable[[Request], Reply]) -> Iterator[Server]:
    server = Server(reply)
    try:
        yield server
    finally:
        server.close()


def as_json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


class Prometheus:
    """Answers the queries that it has been told, as Prometheus writes them."""

    def __init__(self) -> None:
        self.vectors: dict[str, list[tuple[dict[str, str], str]]] = {}

    def reply(self, request: Request) -> Reply:
        assert (request.method, request.path) == ("POST", "/api/v1/query")
        query = dict(parse_qsl(request.body.decode()))["query"]
        if query.count("(") != query.count(")") or query.count("{") != query.count("}"):
            return Reply(400, PARSE_ERROR.encode())
        result = [
            {"metric": labels, "value": [1767225600.781, value]}
            for labels, value in self.vectors.get(query, [])
        ]
        return as_json({"status": "success", "data": {"resultType": "vector", "result": result}})


class Alertmanager:
    """Keeps alerts and silences by a clock that the test turns."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.alerts: dict[str, dict[str, Any]] = {}
        self.silences: dict[str, dict[str, Any]] = {}

    def now(self) -> float:
        return time.time() + self.ahead_s

    def reply(self, request: Request) -> Reply:
        parts = urlsplit(request.path)
        row: Any = json.loads(request.body) if request.body else None
        match request.method, parts.path.split("/")[1:]:
            case "GET", ["api", "v2", "alerts"]:
                return as_json(self._firing(parse_qs(parts.query).get("filter", [])))
            case "POST", ["api", "v2", "alerts"]:
                return self._post(row)
            case "GET", ["api", "v2", "silences"]:
                return as_json([self._shown(one) for one in self.silences.values()])
            case "POST", ["api", "v2", "silences"]:
                return self._silence(row)
            case "DELETE", ["api", "v2", "silence", name]:
                return self._expire(name)
        return Reply(404, b'{"code":404,"message":"path was not found"}')

    def _post(self, rows: list[dict[str, Any]]) -> Reply:
        for row in rows:
            if not row["labels"] or not all(row["labels"].values()):
                return Reply(400, b'"at least one label pair required"')
            key = json.dumps(row["labels"], sort_keys=True)
            known = self.alerts.get(key)
            if known is not None and instant(known["endsAt"]) > self.now():
                row["startsAt"] = min(row["startsAt"], known["startsAt"])
            self.alerts[key] = row
        return Reply(200)

    def _firing(self, filters: list[str]) -> list[dict[str, Any]]:
        shown = []
        for key, row in self.alerts.items():
            labels = row["labels"]
            if instant(row["endsAt"]) <= self.now() or not all(holds(one, labels) for one in filters):
                continue
            by = [
                one["id"]
                for one in self.silences.values()
                if self._state(one) == "active" and all(matched(part, labels) for part in one["matchers"])
            ]
            status = {"state": "suppressed" if by else "active", "silencedBy": by, "inhibitedBy": []}
            more = {"fingerprint": f"{abs(hash(key)):016x}", "receivers": [{"name": "default"}]}
            shown.append({**row, **more, "updatedAt": row["startsAt"], "generatorURL": "", "status": status})
        return shown

    def _silence(self, row: dict[str, Any]) -> Reply:
        if all(matched(part, {}) for part in row["matchers"]):
            return Reply(400, b'"invalid silence: at least one matcher must not match the empty string"')
        if instant(row["endsAt"]) <= self.now():
            return Reply(400, b'"invalid silence: end time can\'t be in the past"')
        name = f"{len(self.silences):08x}-9af2-4c6a-b3f5-000000000000"
        self.silences[name] = {**row, "id": name, "updatedAt": row["startsAt"]}
        return as_json({"silenceID": name})

    def _expire(self, name: str) -> Reply:
        silence = self.silences.get(name)
        if silence is None:
            return Reply(404)
        if self._state(silence) == "expired":
            return Reply(500, f'"silence {name} already expired"'.encode())
        silence["endsAt"] = datetime.fromtimestamp(self.now() - 0.001).astimezone().isoformat()
        return Reply(200)

    def _state(self, silence: dict[str, Any]) -> str:
        return "active" if instant(silence["endsAt"]) > self.now() else "expired"

    def _shown(self, silence: dict[str, Any]) -> dict[str, Any]:
        return {**silence, "status": {"state": self._state(silence)}}


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def holds(text: str, labels: dict[str, str]) -> bool:
    part = _FILTER.fullmatch(text)
    assert part is not None, text
    value = json.loads(f'"{part["value"]}"')
    sign = part["sign"]
    row = {"name": part["name"], "value": value, "isRegex": "~" in sign, "isEqual": sign[0] == "="}
    return matched(row, labels)


def matched(part: dict[str, Any], labels: dict[str, str]) -> bool:
    found = labels.get(part["name"], "")
    same = re.fullmatch(part["value"], found) is not None if part["isRegex"] else part["value"] == found
    return bool(same is part["isEqual"])
