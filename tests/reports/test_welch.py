"""The warm-up in the report: what is drawn is the average, and the cut that was made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.columns import SECOND_NS, Settling
from reports.documents import summary_json
from reports.figures.welch import moving_average, welch
from reports.html import html_text
from reports.read import read_run
from reports.summary import summarise
from tests.reports.synthetic import scenario, standard_targets, write_run

FOUND = Settling(
    status="steady",
    method="MSER-5",
    cut_ns=90 * SECOND_NS,
    ended_ns=1000 * SECOND_NS,
    cut_count=270,
    duration_s=np.concatenate([np.linspace(1, 5, 90), np.full(910, 5.0)]),
    submitted_s=np.arange(1000, dtype=np.float64),
)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.integers(1, 30))
def test_a_moving_average_is_that_of_its_neighbours(values: list[float], window: int) -> None:
    found = moving_average(np.array(values), window)
    for at, average in enumerate(found):
        reach = min(window, at, len(values) - 1 - at)
        assert average == pytest.approx(np.mean(values[at - reach : at + reach + 1]), abs=1e-9)


def test_the_figure_tells_of_the_cut() -> None:
    drawn = welch(FOUND, "load.open.rate=1", 10)
    assert drawn is not None
    assert "cut at 90 s (MSER-5), 9.0 % of the run; 270 executions are left out" in drawn.description
    assert len(drawn.svg) < 40_000
    assert welch(replace(FOUND, duration_s=np.array([])), "", 10) is None


def test_page_and_json_say_how_each_point_settled(tmp_path: Path) -> None:
    points = [{"load.burst": 5}]
    summary = summarise(read_run(write_run(tmp_path, points)), scenario(points, standard_targets()))
    assert "Warm-up" not in html_text(summary)
    assert "settling" not in summary_json(summary)["points"][0]
    steady = replace(summary, points=(replace(summary.points[0], settling=FOUND),))
    section = html_text(steady).split('<section id="method"')[1]
    for words in ("Warm-up", "STEADY", "90 s", "9.0 %", "MSER-5", ">270<"):
        assert words in section
    told = summary_json(steady)["points"][0]["settling"]
    assert (told["status"], told["cut_s"], told["cut_percent"]) == ("steady", 90, 9)
