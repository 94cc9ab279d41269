"""`FaultSpec`: a fault of a scenario with every default explicit, as a RunSpec carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FaultSpec:
    """One fault. Exactly one of `at_ns` and `every` is there.

    `candidates` are what it may hit: names of nodes, or of zones for a zone loss; empty for what hits the
    whole cluster. With `pick` that many of them are drawn each time, without it all are hit. With `workload`
    (``namespace/name``) a fault of nodes hits only those that run pods of it when it begins.
    """

    fault: str
    at_ns: int | None
    every: Mapping[str, Any] | None  # a distribution: from one beginning to the next
    lasts: Mapping[str, Any] | None  # a distribution; None: it never ends
    candidates: tuple[str, ...] = ()
    pick: int | None = None
    workload: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)  # of the kind of fault; durations in ns
