"""The history of actions survives with its engine, though the events that made it have been dropped."""

from typing import Any

import pytest

from engine.actions import CATALOGUE
from engine.core.action_history import ActionHistory
from engine.core.commands import ReportExecution
from engine.core.definition import Step, Workflow
from engine.core.effects import Ref
from engine.core.events import AttemptSucceeded, ExecutionSubmitted, Remembered, WorkflowRegistered
from engine.core.recovery import Recovered, recover
from engine.core.store import ExecutionStore
from tests.stores.conftest import Open
from tests.stores.test_contract import HOUR_NS

WEB = Ref("Deployment", "web", "ns")
PARAMETERS = {"namespace": "ns", "deployment": "web", "replicas": "${n}"}


class Life:
    """One life of an engine's process: what it recovered, and what it is told."""

    def __init__(self, store: ExecutionStore, snapshot_every: int) -> None:
        self.actions = ActionHistory(CATALOGUE)
        lease = store.acquire("e", "me", HOUR_NS)
        companions = {"actions": self.actions}
        self.recovered: Recovered = recover(
            store, lease, snapshot_every=snapshot_every, companions=companions
        )

    def tell(self, event: Any, now: int) -> None:
        engine, journal = self.recovered.engine, self.recovered.journal
        commands = engine.handle(event, now)
        self.actions.note(now, event, commands)
        journal.append(now, event)
        journal.commit(engine.executions())
        for command in commands:
            if isinstance(command, ReportExecution):
                engine.forget(command.execution_id)
        journal.settle(engine)


@pytest.mark.parametrize("snapshot_every", [1, 4, 7, 10_000])
def test_a_history_of_actions_is_recovered_whatever_events_are_left(
    opened: Open, snapshot_every: int
) -> None:
    store = opened()
    whole = Life(store, snapshot_every)
    step = Step("s", action="scale_deployment", parameters=PARAMETERS)
    whole.tell(WorkflowRegistered(Workflow("w", (step,))), 0)
    life = whole
    for number in range(6):
        at = 10 * number
        execution = f"x{number}"
        for event in (
            ExecutionSubmitted(execution, "w", {"n": number + 1}),
            Remembered(execution, "s", 1, "replicas_before", number),
            AttemptSucceeded(execution, "s", 1, {"replicas": number + 1, "replicas_before": number}),
        ):
            life.tell(event, at)
            before = life.actions.to_json()
            life = Life(opened(), snapshot_every)  # the process dies and another one goes on
            assert life.actions.to_json() == before
    entries = life.actions.of(WEB)
    assert [entry.replicas for entry in entries] == [(number, number + 1) for number in range(6)]
    assert {entry.outcome for entry in entries} == {"succeeded"}
