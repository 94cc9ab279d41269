"""Names and uids as hashes of what they name, never from a counter or a draw.

So a pod is the same pod, and is given the same fate, however a run goes.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# apimachinery/pkg/util/rand: no vowels and nothing that looks like another letter, so no word can come out.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIXES = len(ALPHABET) ** 5
_STRIDE = 9_349_771  # no multiple of 3, so that multiplying by it permutes the suffixes
_GENERATION_STRIDE = 100_003


def template_hash(template: Mapping[str, Any]) -> str:
    """Return a stable name for a pod template, of up to ten letters as kube-controller-manager's own."""
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    number = int.from_bytes(hashlib.blake2s(text.encode(), digest_size=4).digest(), "big")
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in f"{number:08d}")


def pod_suffix(owner: str, slot: int, generation: int) -> str:
    """Return the five letters that end a pod's name.

    Within one owner ("namespace/name") no two pods alive at once share them, as long as it has at most
    100,000 slots and its busiest slot is at most 140 generations ahead of its quietest.
    """
    number = ((slot + generation * _GENERATION_STRIDE) * _STRIDE + _offset(owner)) % _SUFFIXES
    letters = []
    for _ in range(5):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def settled_uid(kind: str, namespace: str, name: str) -> str:
    """Return the uid of an object that exists before time 0; none that is created later shares it."""
    text = hashlib.blake2b(f"{kind}/{namespace}/{name}/settled".encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(maxsize=4096)
def _offset(owner: str) -> int:
    return int.from_bytes(hashlib.blake2s(owner.encode(), digest_size=8).digest(), "big") % _SUFFIXES
