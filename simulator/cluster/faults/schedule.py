"""Lets a scenario's faults happen, and keeps the record of each."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from engine.core.effects import Resource
from engine.core.records import FaultRow
from scenarios.fault_spec import FaultSpec
from simulator.agenda import Agenda
from simulator.attribution import Link
from simulator.cluster.behaviour import workload_of
from simulator.cluster.cluster import Cluster
from simulator.cluster.faults.kinds import BEGIN, Hit, Undo
from simulator.cluster.faults.wholeness import Wholeness
from simulator.streams import Streams, entity, sampler

NOT_YET: Final = -1
_TELLING: Final = ("Pod", "Node", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
_GAP_NS_MIN: Final = 1_000_000_000  # from one beginning at random to the next
_OF_NODES: Final = ("node-crash", "node-pause", "node-partition", "kubelet-stop")


class Faults:
    """All faults of a run."""

    def __init__(
        self, agenda: Agenda, cluster: Cluster, specs: Sequence[FaultSpec], streams: Streams
    ) -> None:
        """Draw when and what by the place of a fault in the scenario, and how often it has happened."""
        self.rows: list[FaultRow] = []
        self.on_over: Callable[[], None] = _nobody
        self._agenda = agenda
        self._cluster = cluster
        self._specs = specs
        self._times = streams.stream("faults.times")
        self._lasts = streams.stream("faults.lasts")
        self._picks = streams.stream("faults.picks")
        self._wholeness = Wholeness(cluster.store, cluster.nodes.health.is_up)
        self._scheduled = sum(spec.at_ns is not None for spec in specs)  # that have not begun yet
        self._open: list[FaultRow] = []
        self._closing = False

    def start(self) -> None:
        """Begin; the cluster's state at this instant is what it is to come back to."""
        self._wholeness.begin()
        self._cluster.store.published.append(self._written)
        self._cluster.watch.relisted.append(lambda _link: self._settle())
        for index, spec in enumerate(self._specs):
            if spec.at_ns is not None:
                self._agenda.after(spec.at_ns, partial(self._happen, index, 0))
            else:
                self._again(index, 0)

    @property
    def is_over(self) -> bool:
        """Whether all that was scheduled has happened, and the cluster has recovered as far as it will.

        After a fault that never ends it is enough that every workload has its pods again.
        """
        return not self._scheduled and all(map(self._is_settled, self._open))

    def finish(self) -> None:
        """Let no more faults happen at random: the work is done."""
        self._closing = True

    def _is_settled(self, row: FaultRow) -> bool:
        lasting = self._specs[row["index"]].lasts is None and row["ended_ns"] == NOT_YET
        return row["restored_ns"] != NOT_YET if lasting else row["whole_ns"] != NOT_YET

    def _again(self, index: int, ordinal: int) -> None:
        every = self._specs[index].every
        assert every is not None
        wait = sampler(every)(self._times.uniform(entity(f"{index}"), ordinal))
        self._agenda.after(max(_GAP_NS_MIN, wait), partial(self._happen, index, ordinal))

    def _happen(self, index: int, ordinal: int, _entry: Any = None) -> None:
        spec = self._specs[index]
        if spec.at_ns is None:
            if self._closing:
                return
            self._again(index, ordinal + 1)
        else:
            self._scheduled -= 1
        targets = self._targets(spec, entity(f"{index}"), ordinal)
        if targets is None:  # nothing is left that could be hit
            self._settle()
            return
        begun = BEGIN[spec.fault](Hit(self._agenda, self._cluster, self._wholeness, spec, targets))
        row = FaultRow(
            type="fault",
            fault=spec.fault,
            index=index,
            targets=begun.targets,
            began_ns=self._agenda.now,
            ended_ns=NOT_YET,
            restored_ns=NOT_YET,
            whole_ns=NOT_YET,
        )
        self.rows.append(row)
        self._open.append(row)
        if spec.fault == "watch-drop":
            self._end(row, begun.undo)
        elif spec.lasts is not None:
            lasts = sampler(spec.lasts)(self._lasts.uniform(entity(f"{index}"), ordinal))
            self._agenda.after(lasts, partial(self._end, row, begun.undo))

    def _end(self, row: FaultRow, undo: Undo, _entry: Any = None) -> None:
        undo()
        row["ended_ns"] = self._agenda.now
        self._settle()

    def _targets(self, spec: FaultSpec, key: int, ordinal: int) -> list[str] | None:
        """Return what is hit this time, drawn if the scenario says so; None if nothing can be."""
        found = list(spec.candidates)
        if spec.fault in _OF_NODES:
            found = [name for name in found if self._cluster.nodes.health.is_there(name)]
            if spec.workload:
                used = self._nodes_of(spec.workload)
                found = [name for name in found if name in used]
        if spec.candidates and not found:
            return None
        if spec.pick is not None:
            # The lots are a candidate's own: the same ones are drawn whoever else there is.
            found.sort(key=lambda name: self._picks.uniform(key ^ entity(name), ordinal))
            found = sorted(found[: spec.pick])
        return found

    def _nodes_of(self, workload: str) -> dict[str, None]:
        pods = self._cluster.store.objects.get("Pod", {}).values()
        return {pod["spec"].get("nodeName", ""): None for pod in pods if workload_of(pod) == workload}

    def _written(self, kind: str, before: Resource | None, after: Resource | None, _link: Link) -> None:
        if kind == "Pod":
            self._wholeness.pod_written(before, after)
        if self._open and kind in _TELLING:
            self._settle()

    def _settle(self) -> None:
        """Note what has come to be so, and tell when nothing more is awaited."""
        now = self._agenda.now
        if self._open and self._wholeness.is_restored():
            whole = self._cluster.watch.is_connected and self._wholeness.are_nodes_ready()
            for row in self._open:
                if row["restored_ns"] == NOT_YET and self._is_hit(row):
                    row["restored_ns"] = now
                if whole and row["ended_ns"] != NOT_YET:
                    row["whole_ns"] = now
            self._open = [row for row in self._open if row["whole_ns"] == NOT_YET]
        if self.is_over:
            self.on_over()

    def _is_hit(self, row: FaultRow) -> bool:
        """Whether the workloads being as wanted says that they are so again: the fault has had its effect."""
        return row["ended_ns"] != NOT_YET or self._agenda.now > row["began_ns"]


def _nobody() -> None:
    """Nobody waits for it."""
