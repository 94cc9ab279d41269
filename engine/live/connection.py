"""The way to a cluster: a context of a kubeconfig file, or the service account of the pod that runs this.

Certificates, tokens, exec plugins, proxies and custom CAs are lightkube's business; requests and answers stay
plain JSON, so that every field of an object reaches the actions.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from engine.core.errors import ActionError, EngineError, Unreachable

ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024  # a list of very many objects
CONNECT_S: Final = 5.0
AGENT: Final = "headroom"


class ClusterConfigError(EngineError):
    """The kubeconfig cannot be used as it is; whoever wrote or named it can mend that."""


class AnswerTooLarge(ActionError):
    """The server answered with more than is taken."""

    reason = "AnswerTooLarge"
    retryable = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered, whatever its status."""

    status: int
    retry_after_s: float | None
    body: Any  # parsed JSON, or text


def configured(kubeconfig: Path | None = None, context: str | None = None) -> SingleConfig:
    """Return the configuration of a context.

    Without a file: `KUBECONFIG`, else `~/.kube/config`, else the pod's service account. Raises
    `ClusterConfigError` with what is missing.
    """
    try:
        found = _kubeconfig(kubeconfig).get(context)
    except (ConfigError, OSError, KeyError, ValueError, TypeError) as error:
        raise ClusterConfigError(_told(error, kubeconfig, context)) from error
    except Exception as error:
        raise ClusterConfigError(_told(error, kubeconfig, context)) from error
    if found is None:
        raise ClusterConfigError(_told(ConfigError("no context is chosen"), kubeconfig, context))
    return found


def _kubeconfig(file: Path | None) -> KubeConfig:
    if file is not None:
        return KubeConfig.from_file(file)
    named = os.environ.get("KUBECONFIG")
    if named:
        return KubeConfig.from_file(named)
    home = Path("~/.kube/config").expanduser()
    if home.is_file():
        return KubeConfig.from_file(home)
    return KubeConfig.from_service_account()


def _told(error: Exception, kubeconfig: Path | None, context: str | None) -> str:
    where = str(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config, or the pod's service account")
    asked = f", context {context!r}" if context else ""
    return f"no cluster to speak to ({where}{asked}): {error}"


class Connection:
    """Requests to one API server, from any number of threads."""

    def __init__(self, config: SingleConfig, *, timeout_s: float = 30.0, connections_max: int = 64) -> None:
        """Connect to nothing yet. A request may take `timeout_s`, a watch as long as it likes."""
        self.context = config.context_name
        self.server = config.cluster.server
        self._is_closed = False
        self._timeout = httpx2.Timeout(timeout_s, connect=CONNECT_S)
        user = config.user or User()
        try:
            self._http = httpx2.Client(
                base_url=config.cluster.server,
                auth=client_adapter.user_auth(config.user),
                verify=client_adapter.verify_cluster(config.cluster, user, config.abs_file),
                timeout=self._timeout,
                limits=httpx2.Limits(
                    max_connections=connections_max, max_keepalive_connections=connections_max
                ),
                headers={"User-Agent": AGENT, "Accept": "application/json"},
            )
        except (ConfigError, OSError, ValueError) as error:
            raise ClusterConfigError(f"context {self.context!r}: {error}") from error

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Send one request; raises `Unreachable` where there is no answer."""
        self._check_open()
        raw = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": content_type} if raw is not None else None
        try:
            with self._http.stream(
                method, path, params=dict(query or {}), content=raw, headers=headers
            ) as response:
                text = _read(response)
                return Answer(response.status_code, _retry_after(response), _parsed(response, text))
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise Unreachable(f"{self.server}: {_why(error)}") from error
        except ConfigError as error:  # an exec plugin that fails
            raise Unreachable(f"context {self.context!r}: {error}") from error

    @contextmanager
    def stream(self, path: str, query: Mapping[str, str], quiet_s: float) -> Iterator[Iterator[str]]:
        """Open a watch and give its lines; one that is silent for `quiet_s` is taken for broken."""
        self._check_open()
        timeout = httpx2.Timeout(quiet_s, connect=CONNECT_S)
        try:
            with self._http.stream("GET", path, params=dict(query), timeout=timeout) as response:
                if response.status_code >= 400:
                    body = _parsed(response, _read(response))
                    yield iter([json.dumps({"type": "ERROR", "object": body})])
                else:
                    yield response.iter_lines()
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise Unreachable(f"{self.server}: {_why(error)}") from error

    def close(self) -> None:
        """Close all connections; what is under way fails."""
        self._is_closed = True
        self._http.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unreachable("the connection is closed")


def _read(response: httpx2.Response) -> str:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise AnswerTooLarge(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts).decode("utf-8", errors="replace")


def _parsed(response: httpx2.Response, text: str) -> Any:
    if "json" not in response.headers.get("content-type", ""):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
