"""The tables: closed, without dead ends, every transition taken; nothing else can happen."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from engine.core import moves
from engine.core import states as tables
from engine.core.errors import ProtocolError
from engine.core.facts import StepFacts
from engine.core.states import ATTEMPT, EXECUTION, STEP, StepInput, StepState
from tests.engine.transitions import coverage

TABLES: list[tuple[Mapping[Any, Mapping[Any, Any]], type[StrEnum], type[StrEnum]]] = [
    (EXECUTION, tables.ExecutionState, tables.ExecutionInput),
    (STEP, tables.StepState, tables.StepInput),
    (ATTEMPT, tables.AttemptState, tables.AttemptInput),
]


@pytest.mark.parametrize(("table", "states", "inputs"), TABLES)
def test_a_table_knows_all_its_states_and_all_can_be_reached(
    table: Mapping[Any, Mapping[Any, Any]], states: type[StrEnum], inputs: type[StrEnum]
) -> None:
    assert list(table) == list(states)
    assert {put for row in table.values() for put in row} == set(inputs)
    first = next(iter(states))
    reached, pending = {first}, [first]
    while pending:
        for following in table[pending.pop()].values():
            if following not in reached:
                reached.add(following)
                pending.append(following)
    assert reached == set(states)


def test_from_every_state_an_end_can_be_reached() -> None:
    for table, _, _ in TABLES:
        ends = {state for state, row in table.items() if not row}
        for state in table:
            seen, pending = {state}, [state]
            while pending:
                new = [following for following in table[pending.pop()].values() if following not in seen]
                seen.update(new)
                pending += new
            assert seen & ends


def test_every_transition_of_the_tables_is_taken() -> None:
    """Transition coverage is complete; `python -m tests.engine.transitions` prints it."""
    assert [transition for transition, families in coverage().items() if not families] == []


@pytest.mark.parametrize("state", list(StepState))
def test_a_step_cannot_move_where_its_table_has_nothing(state: StepState) -> None:
    step = StepFacts.__new__(StepFacts)
    step.id = "a"
    step.state = state
    for put in StepInput:
        if put in STEP[state]:
            assert moves.move(step, put) is STEP[state][put]
        else:
            with pytest.raises(ProtocolError, match=f"is {state}: it cannot {put}"):
                moves.move(step, put)
