"""Why a pod fits nowhere, in kube-scheduler's words (framework/types.go FitError)."""

from collections import Counter
from collections.abc import Iterable, Sequence

from simulator.cluster.placement import Refusal

NO_NODES = "no nodes available to schedule pods"


def message_of(nodes: int, reasons: Iterable[str]) -> str:
    """Return how many nodes there are, and how many of them are unfit for which reason."""
    counts = Counter(reasons)
    words = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"0/{nodes} nodes are available: {words}." if words else f"0/{nodes} nodes are available:"


def unschedulable_message(refused: Sequence[Refusal | None], preemption: str = "") -> str:
    """Return the message of the PodScheduled condition; `preemption` is what came of looking for victims."""
    if not refused:
        return NO_NODES
    message = message_of(
        len(refused), (reason for one in refused if one is not None for reason in one.reasons)
    )
    return f"{message} preemption: {preemption}" if preemption else message


def plugins_of(refused: Sequence[Refusal | None]) -> tuple[str, ...]:
    """Return the filters that refused, in order of their names."""
    return tuple(sorted({one.plugin for one in refused if one is not None}))
