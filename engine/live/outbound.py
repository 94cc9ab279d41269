"""Webhooks and notifications for real, within the policy of whoever runs the engine.

Host and scheme are checked before anything is resolved, every address before anything is sent, redirects
are not followed, and time and sizes are bounded. Twin of what `simulator/outside.py` does with them.
"""

import json
import ssl
from collections.abc import Mapping

from engine.core.effects import CallWebhook, Notify, WebhookAnswer
from engine.core.errors import TargetMissing
from engine.core.outbound import ANY_HOST, OutboundPolicy
from engine.live.http import Answer, Bounds, exchange
from engine.live.secrets import SecretHeader
from engine.live.status import check_status


class LiveOutbound:
    """Performs the effects that call somebody else's server."""

    def __init__(
        self,
        policy: OutboundPolicy,
        secrets: Mapping[str, SecretHeader] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`secrets` are sent along to a host (``hooks.example.com``) or channel, by its name."""
        if ANY_HOST in policy.hosts:
            raise ValueError("OutboundPolicy.hosts: '*' is for models; list the hosts that may be called")
        for channel in sorted(policy.channels):
            policy.admit(
                policy.channels[channel]
            )  # a channel that cannot be reached is a wrong configuration
        self._policy = policy
        self._secrets = secrets or {}
        self._context = context
        self._bounds = Bounds(policy.timeout_s, policy.request_bytes_max, policy.answer_bytes_max)

    def answer(self, effect: CallWebhook | Notify) -> WebhookAnswer | None:
        """Carry out an effect; raises what its class says, or another `ActionError`."""
        if isinstance(effect, CallWebhook):
            return self._call(effect)
        self._notify(effect)
        return None

    def _call(self, effect: CallWebhook) -> WebhookAnswer:
        host = self._policy.admit(effect.url).host
        answer = self._send(effect.url, effect.method, effect.headers, effect.body.encode(), host)
        return WebhookAnswer(answer.status, answer.body.decode(errors="replace"))

    def _notify(self, effect: Notify) -> None:
        url = self._policy.channels.get(effect.channel)
        if url is None:
            raise TargetMissing(
                f"no notification channel {effect.channel!r}; configured: "
                f"{', '.join(sorted(self._policy.channels)) or 'none'}"
            )
        message = {"text": effect.message, "key": effect.key, "fields": dict(effect.fields)}
        headers = {"Content-Type": "application/json", "Idempotency-Key": effect.key}
        answer = self._send(url, "POST", headers, json.dumps(message).encode(), effect.channel)
        check_status(answer, f"channel {effect.channel}")

    def _send(self, url: str, method: str, headers: Mapping[str, str], body: bytes, name: str) -> Answer:
        sent = {"User-Agent": "headroom", **headers}
        if name in self._secrets:
            header, value = self._secrets[name].header()
            sent[header] = value
        return exchange(
            self._policy.admit(url),
            method,
            sent,
            body,
            self._bounds,
            self._policy.check_address,
            self._context,
        )
