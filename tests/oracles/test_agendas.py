"""The one tie rule, on both agendas: entries of one instant run in the order in which they were made."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.agenda import Agenda
from tests.oracles.heap_agenda import HeapAgenda

Either = Agenda | HeapAgenda


def order_of(agenda: Either, delays: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Make entries after the first delays, each making one after its second; return (instant, number)."""
    seen: list[tuple[int, int]] = []

    def later(number: int, delay_ns: int) -> Callable[[object], None]:
        def run(_entry: object) -> None:
            seen.append((agenda.now, number))
            if delay_ns >= 0:
                agenda.after(delay_ns, later(number + 1_000, -1))

        return run

    for number, (first_ns, second_ns) in enumerate(delays):
        agenda.after(first_ns, later(number, second_ns))
    agenda.run()
    return seen


@pytest.mark.parametrize("make", [Agenda, HeapAgenda])
def test_ties_run_in_order_of_making(make: Callable[[], Either]) -> None:
    assert order_of(make(), [(1, 0), (0, 1), (1, -1)]) == [(0, 1), (1, 0), (1, 2), (1, 1001), (1, 1000)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_both_agendas_agree(delays: list[tuple[int, int]]) -> None:
    assert order_of(Agenda(), delays) == order_of(HeapAgenda(), delays)
