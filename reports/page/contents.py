"""The sections of a page, in the order in which they are read.

All are always there: one that has nothing to show says in a line what would fill it, so that a reader knows
what was not asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reports.page.capacity import capacity_values
from reports.page.causes import cause_values
from reports.page.comparisons import regression_values
from reports.page.method import method_values, provenance_values
from reports.page.sweep import latency_values, map_values, throughput_values
from reports.page.targets import target_values
from reports.page.timeline import distribution_values, gantt_values, queue_values
from reports.page.verdict import verdict_values
from reports.page.view import View


@dataclass(frozen=True)
class Section:
    """One section. Its template is the file of its id in `templates/sections`."""

    id: str
    title: str
    short: str  # in the list at the side
    values: Callable[[View], Mapping[str, Any]]


SECTIONS: Final = (
    Section("verdict", "Verdict", "Verdict", verdict_values),
    Section("targets", "Targets", "Targets", target_values),
    Section("regressions", "Regressions and comparisons", "Regressions", regression_values),
    Section("throughput", "Throughput against concurrency", "Throughput", throughput_values),
    Section("latency", "Latency against concurrency", "Latency", latency_values),
    Section("map", "Where the targets hold", "Map", map_values),
    Section("distribution", "Distribution", "Distribution", distribution_values),
    Section("causes", "Where the time goes", "Time by cause", cause_values),
    Section("queues", "Queues over time", "Queues over time", queue_values),
    Section("gantt", "One execution, step by step", "One execution", gantt_values),
    Section("capacity", "Capacity and cost", "Capacity and cost", capacity_values),
    Section("method", "Method and self-checks", "Method", method_values),
    Section("provenance", "Provenance", "Provenance", provenance_values),
)
