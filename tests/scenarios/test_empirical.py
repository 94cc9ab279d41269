"""Distributions from a trace: a list in the file, or a column of a CSV file beside it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import empirical
from scenarios.distributions import format_distribution, mean_s, parse_distribution, quantile
from scenarios.empirical import beside
from scenarios.units import UnitError
from simulator.streams import sampler

LIST = {"dist": "empirical", "values": ["3s", "1s", "2500ms", "1s"]}


def column(**more: Any) -> dict[str, Any]:
    return {"dist": "empirical", "file": "runs.csv", "column": "run", "unit": "ms", **more}


def test_a_list_is_carried_sorted_and_written_back() -> None:
    parsed = parse_distribution(LIST)
    assert parsed == {"dist": "empirical", "values_s": [1.0, 1.0, 2.5, 3.0]}
    assert parse_distribution(format_distribution(parsed)) == parsed
    assert mean_s(parsed) == 1.875
    assert quantile(parsed)(0.0) == 1_000_000_000


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.floats(0, 1, exclude_max=True))
def test_both_inverses_draw_recorded_values_each_as_often_as_recorded(values: list[int], at: float) -> None:
    parsed = parse_distribution({"dist": "empirical", "values": [f"{one}ns" for one in values]})
    drawn = sampler(parsed)(at)
    assert drawn == quantile(parsed)(at) == sorted(values)[int(at * len(values))]


def test_a_column_is_read_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("name,run\na,1500\nb,500\n", encoding="utf-8")
    with beside(str(tmp_path / "scenario.yaml")):
        assert parse_distribution(column()) == {"dist": "empirical", "values_s": [0.5, 1.5]}
        assert parse_distribution(column(unit="s"))["values_s"] == [500.0, 1500.0]


@pytest.mark.parametrize(
    ("given_as", "content", "says"),
    [
        (column(), None, "there is no file 'runs.csv'"),
        (column(unit="year"), "run\n1\n", "the unit 'year'"),
        (column(column="rum"), "run\n1\n", "'runs.csv' has no column 'rum'"),
        (column(), "run\n1\nfast\n", "'runs.csv' line 3, column 'run': 'fast'"),
        (column(), "run\n-1\n", "'runs.csv' line 2, column 'run': '-1'"),
        (column(), "run\nnan\n", "'runs.csv' line 2, column 'run': 'nan'"),
        (column(), "run\n", "'runs.csv' has no row"),
        (column(), "run\n" + "1\n" * 10_001, "10,001 values"),
        (column(file=7), "run\n1\n", "a file or a column that is not text"),
        ({"dist": "empirical", "values": []}, None, "no list of durations"),
        ({"dist": "empirical", "values": ["1s"] * 10_001}, None, "10,001 values"),
        ({"dist": "empirical", "values": [1]}, None, "bare number 1 for a duration"),
        ({"dist": "empirical"}, None, "an empirical distribution with the keys dist"),
    ],
)
def test_what_is_wrong_is_said(given_as: Any, content: str | None, says: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "runs.csv").write_text(content, encoding="utf-8")
    with beside(str(tmp_path / "scenario.yaml")), pytest.raises(UnitError) as refused:
        parse_distribution(given_as)
    assert str(refused.value.message).startswith(says)


def test_a_file_that_is_too_large_or_no_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs.csv").write_bytes(b"run\n\xff\xfe\n")
    with beside(str(tmp_path / "x.yaml")), pytest.raises(UnitError, match="is no CSV file"):
        parse_distribution(column())
    monkeypatch.setattr(empirical, "BYTES_MAX", 5)
    with beside(str(tmp_path / "x.yaml")), pytest.raises(UnitError, match="has 7 bytes"):
        parse_distribution(column())
