from itertools import combinations, permutations

import pytest

from reports.exits import NAMES, PRIORITY, ExitCause, exit_code, in_order

STATED = [2, 3, 130, 4, 5, 14, 13, 15, 10, 11, 12, 0]


def test_the_order_is_the_stated_one() -> None:
    assert list(PRIORITY) == STATED
    assert set(NAMES) == set(STATED)


@pytest.mark.parametrize(("first", "second"), list(combinations(STATED, 2)))
def test_of_two_causes_the_earlier_of_the_list_wins(first: int, second: int) -> None:
    for codes in permutations((first, second)):
        causes = [ExitCause(code, "") for code in codes]
        assert exit_code(causes) == first
        assert [cause.code for cause in in_order(causes)] == [first, second]


def test_no_cause_is_a_pass() -> None:
    assert exit_code([]) == 0
