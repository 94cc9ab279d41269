import pytest

from reports.looks import next_look, passing_looks, planned_looks, replications_needed


@pytest.mark.parametrize(
    ("least", "most", "looks"),
    [(10, 80, (10, 20, 40, 80)), (10, 10, (10,)), (10, 50, (10, 20, 40, 50)), (1, 1, (1,)), (3, 2, (3,))],
)
def test_looks_double_up_to_the_most(least: int, most: int, looks: tuple[int, ...]) -> None:
    assert planned_looks(least, most) == looks


def test_the_next_look_ends_with_the_plan() -> None:
    assert next_look((10, 20), 10) == 20
    assert next_look((10, 20), 12) == 20
    assert next_look((10, 20), 20) is None


def test_error_is_spent_only_where_a_perfect_sample_could_pass() -> None:
    # 0.05 ** (1/80) = 0.963 shows 95 %; with half of it 0.025 ** (1/40) = 0.912 does not.
    assert passing_looks((10, 20, 40, 80), 0.95, 0.05) == (80,)
    assert passing_looks((10, 20, 40, 80), 0.5, 0.05) == (10, 20, 40, 80)
    assert passing_looks((10,), 0.95, 0.05) == ()
    # At 59 a perfect sample shows 95 % with the whole error, not with the half that two looks leave it.
    assert passing_looks((59, 118), 0.95, 0.05) == (118,)


def test_how_many_replications_an_attainment_needs() -> None:
    assert replications_needed(0.95, 0.05) == 59
    assert replications_needed(0.99, 0.05) == 299
    assert replications_needed(1.0, 0.05) is None
