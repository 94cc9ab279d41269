"""Numbered places of an owner's pods: who fills which, and for the how-manieth time."""

from collections.abc import Container

from engine.core.effects import Resource

SLOT_ANNOTATION = "headroom.dev/slot"
GENERATION_ANNOTATION = "headroom.dev/generation"


class Slots:
    """The slots of one owner. A slot's generation grows each time that it is filled."""

    def __init__(self) -> None:
        """Start without slots."""
        self._names: list[str] = []
        self._generations: list[int] = []

    def fill(self, pod: Resource) -> None:
        """Place a pod that exists: where its annotations say, else in the next slot."""
        annotations = pod["metadata"].get("annotations") or {}
        slot = int(annotations.get(SLOT_ANNOTATION, len(self._names)))
        self._grow(slot)
        self._names[slot] = pod["metadata"]["name"]
        self._generations[slot] = int(annotations.get(GENERATION_ANNOTATION, 0))

    def _grow(self, slot: int) -> None:
        while len(self._names) <= slot:
            self._names.append("")
            self._generations.append(-1)

    def take(self, held: Container[str]) -> tuple[int, int]:
        """Return (slot, generation) of the lowest slot whose pod is not among `held`, to be named next."""
        slot = 0
        while slot < len(self._names) and self._names[slot] in held:
            slot += 1
        self._grow(slot)
        self._generations[slot] += 1
        return slot, self._generations[slot]

    def name(self, slot: int, name: str) -> None:
        """Say which pod fills a slot taken."""
        self._names[slot] = name

    def release(self, name: str) -> None:
        """Give back a slot whose pod was refused, so that the next try is the same pod."""
        slot = self._names.index(name)
        self._names[slot] = ""
        self._generations[slot] -= 1
