"""One probe of a capacity search: the scenario at one value of its knob, judged by a sequential test."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headroom.capacity_search import Met
from reports.verdicts import Verdict, worst

if TYPE_CHECKING:
    from reports.judge import Judgement
    from reports.summary import Summary


@dataclass(frozen=True)
class Seen:
    """What was seen at one value of the knob."""

    value: Any  # as the scenario takes it: 20, or 2/s
    replications: int
    judgements: tuple["Judgement", ...]
    summary: "Summary | None"  # None: proven without a run
    reason: str = ""  # why it fails without a run, or is unstable

    @property
    def worst(self) -> "Judgement | None":
        """The judgement that decides: of the worst verdict, the one with the smallest margin."""
        verdict = worst([item.verdict for item in self.judgements])
        chosen = [item for item in self.judgements if item.verdict is verdict]
        return min(
            chosen, key=lambda item: float("inf") if item.margin is None else item.margin, default=None
        )


def met_by(judgements: Iterable["Judgement"]) -> Met:
    """Return what verdicts say together: all pass, one fails, or neither is shown."""
    verdict = worst([item.verdict for item in judgements])
    return {Verdict.PASS: Met.HOLDS, Verdict.FAIL: Met.FAILS}.get(verdict, Met.UNDECIDED)
