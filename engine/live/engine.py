"""An engine at work on a real cluster: host, performer, loop and deadlines put together."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.core.action import ActionSpec
from engine.core.conditions import Conditions
from engine.core.definition import Workflow
from engine.core.driver import Driver
from engine.core.events import Event, ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.records import Row
from engine.live.api import KubernetesApi
from engine.live.loop import Loop
from engine.live.outside import LiveOutside
from engine.live.perform import WORKERS, LivePerformer


class LiveEngine:
    """One engine on one cluster. `run` is its thread; everything else may be called from any thread."""

    def __init__(
        self,
        api: KubernetesApi,
        limits: Limits,
        catalogue: tuple[Mapping[str, ActionSpec], Conditions],
        sink: Callable[[Row], None],
        outside: LiveOutside | None = None,
        *,
        workers: int = WORKERS,
        detail: bool = False,
    ) -> None:
        """Bind the parts; nothing is asked of the cluster yet.

        `catalogue`: the actions by name, and what compiles conditions. `sink` is called on the engine's
        thread.
        """
        self.loop = Loop()
        self.host = Host(WorkflowEngine(limits), *catalogue, lambda: self.loop.now, sink, detail=detail)
        self.performer = LivePerformer(self.loop, self.host, api, outside, workers)
        self.host.performer = self.performer
        Driver(self.host, self.loop)
        self.host.on_execution_end.append(self._ended)
        self.ended: dict[str, ExecutionFacts] = {}
        self._stopping = threading.Event()

    def register(self, workflows: Iterable[Workflow]) -> None:
        """Let the engine know workflows; those that others call come first."""
        for workflow in workflows:
            self._feed(WorkflowRegistered(workflow))

    def submit(self, execution_id: str, workflow: str, variables: Mapping[str, Any]) -> None:
        """Submit an execution."""
        self._feed(ExecutionSubmitted(execution_id, workflow, variables))

    def stop(self) -> None:
        """End `run` soon: what is under way is left as it is, and said to be unfinished."""
        self._stopping.set()
        self.loop.post(lambda: None)

    def run(self, until: Callable[["LiveEngine"], bool]) -> None:
        """Work until `until` holds or somebody stops it, then write what has not finished, and close."""
        try:
            self.loop.run(lambda: self._stopping.is_set() or until(self))
        finally:
            self.host.close()
            self.performer.close()

    def _feed(self, event: Event) -> None:
        self.loop.post(lambda: self.host.feed(event))

    def _ended(self, facts: ExecutionFacts) -> None:
        self.ended[facts.execution_id] = facts
