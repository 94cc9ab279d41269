"""The short version of the study, and what its figures on the page must show."""

import re

import pytest

from tests.statistics.__main__ import BEGIN, END, PAGE, Figures, tables, written
from tests.statistics.lanes import System
from tests.statistics.study import (
    SYSTEMS,
    Coverage,
    Rate,
    at_the_margin,
    coverage,
    false_alarms,
    sequential,
    slower,
    unstable,
)

QUEUE = System(1, 0.7)


def test_the_truth_is_erlangs() -> None:
    for rho in (0.3, 0.7, 0.9):
        one = System(1, rho)
        assert one.mean == pytest.approx(1 / (1 - rho))
        assert one.quantile(0.95) == pytest.approx(2.995732 / (1 - rho), rel=1e-6)
    # Tables: M/M/5 at 0.8 waits with probability 0.5541.
    assert System(5, 0.8).waiting == pytest.approx(0.5541, abs=1e-4)
    assert System(5, 0.8).mean == pytest.approx(1 + 0.5541, abs=1e-4)
    assert System(5, 0.8).beyond(System(5, 0.8).quantile(0.95)) == pytest.approx(0.05)


@pytest.mark.parametrize("system", [System(1, 0.7), System(5, 0.7)], ids=lambda it: it.name)
def test_intervals_hold_the_truth_about_as_often_as_they_say(system: System) -> None:
    """With 60 tries a standard error is 3 %: what is grossly wrong is seen here, the rest by the study."""
    found = coverage(system, 60, shorter=2)
    assert found.mean.share >= 0.86
    assert found.p95 is not None
    assert found.p95.share >= 0.86
    assert abs(found.bias) < 0.015
    assert found.refused.hits == 0


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda it: f"{it.name}-{it.utilisation}")
def test_every_queue_is_covered(system: System) -> None:
    found = coverage(system, 120, shorter=3)
    assert 0.88 <= found.mean.share <= 0.99  # three standard errors of 2 %
    assert abs(found.bias) < 0.015
    assert found.refused.share < 0.02


def test_equal_settings_are_told_apart_no_more_often_than_said() -> None:
    assert false_alarms(QUEUE, 150).share <= 0.06


def test_a_change_of_the_margin_itself_is_rarely_called_more() -> None:
    found = at_the_margin(1000)
    assert found["gate"].share <= 0.06
    assert found["compare"].share <= 0.06


def test_a_server_three_per_cent_slower_is_found_with_common_dice_and_mostly_not_without() -> None:
    found = slower(QUEUE, 30)
    assert found["common"].share >= 0.95
    assert found["independent"].share < 0.7


def test_what_cannot_be_carried_is_refused() -> None:
    assert unstable(1.1, 10).share == 1


@pytest.mark.slow
def test_who_looks_again_and_again_spends_the_error() -> None:
    spent, naive = (sequential(System(1, 0.8), 60, spent=spent) for spent in (True, False))
    assert spent.mean.share >= 0.9
    assert naive.mean.share < spent.mean.share


@pytest.mark.exhaustive
def test_the_whole_study_keeps_what_the_page_promises() -> None:
    """What `make coverage` measures, without writing it."""
    for system in SYSTEMS:
        found = coverage(system, 1000)
        assert 0.92 <= found.mean.share <= 0.97, found
        assert found.p95 is not None
        assert 0.92 <= found.p95.share <= 0.97, found


def rows_of_the_page() -> list[list[str]]:
    text = PAGE.read_text(encoding="utf-8")
    figures = text[text.index(BEGIN) : text.index(END)]
    lines = (line for line in figures.splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def share(cell: str) -> float:
    found = re.match(r"([\d.]+)%", cell)
    assert found, cell
    return float(found[1])


def test_the_figures_on_the_page_are_those_that_were_asked_for() -> None:
    rows = rows_of_the_page()
    fixed = [row for row in rows if len(row) > 5 and row[3] == "10"]
    longest: dict[tuple[str, str], list[str]] = {}
    for row in sorted(fixed, key=lambda row: int(row[2].replace(",", ""))):
        longest[row[0], row[1]] = row
    assert set(longest) == {(queue, rho) for queue in ("M/M/1", "M/M/5") for rho in ("0.7", "0.8", "0.9")}
    for row in longest.values():
        assert 92 <= share(row[4]) <= 97, row
        assert 92 <= share(row[5]) <= 97, row
    by_words = {row[0]: row for row in rows if len(row) == 3}
    alarms = next(row for words, row in by_words.items() if "equal settings" in words)
    power = next(row for words, row in by_words.items() if "common dice" in words)
    assert share(alarms[1]) <= 6
    assert share(power[1]) >= 95


def test_the_page_is_rewritten_between_its_marks_only() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    rate = Rate(95, 100)
    row = Coverage(QUEUE, 100, "10", rate, None, 0.001, Rate(0, 100), Rate(1, 100), 0.002)
    figures = Figures(100, (row,), (), (), (row,), rate, {"gate": rate, "compare": rate},
                      {"common": rate, "independent": rate}, {1.1: rate})  # fmt: skip
    once = written(page, tables(figures))
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert "95.0% [88.7%, 98.4%]" in once
    assert written(once, tables(figures)) == once
