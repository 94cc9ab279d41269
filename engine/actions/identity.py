"""Who writes: an identity that all attempts of one step share, and no other step does."""

import hashlib

from engine.core.action import ActionContext

DOMAIN = "headroom.dev"


def writer_of(context: ActionContext, salt: str = "") -> str:
    """Return 16 hex digits for the execution and step, fit for names, labels and annotation keys."""
    text = f"{context.execution_id}\n{context.step_id}\n{salt}"
    return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()
