"""What GitHub is told: commands that names cannot break, and a summary that it does not drop."""

import re

from reports.gate_markdown import gate_markdown
from reports.github import SUMMARY_BYTES_MAX, Annotation, bounded, commands, gate_annotations
from tests.reports.gates import row, view

HOSTILE = "a%b:c,d\n::error::mine\r\x1b[31m<script>"


def test_a_command_stays_one_line_whatever_the_names() -> None:
    text = Annotation("error", HOSTILE, HOSTILE, HOSTILE, 3).command
    assert text.splitlines() == [text]
    assert re.fullmatch(r"::error file=[^:,]*,line=3,title=[^:,]*::.*", text)
    assert "file=a%25b%3Ac%2Cd%0A%3A%3Aerror%3A%3Amine%0D" in text
    assert "\x1b" not in text


def test_each_open_row_stands_on_its_line() -> None:
    found = view([row("good", factor=1.0), row("bad", factor=1.3), row("open", factor=1.025)])
    annotations = gate_annotations(found, "guarded.yaml")
    assert [(item.level, item.line, item.file) for item in annotations] == [
        ("error", 12, "guarded.yaml"),
        ("warning", 12, "guarded.yaml"),
    ]


def test_no_more_than_github_shows_and_the_rest_is_counted() -> None:
    lines = commands([Annotation("warning", "w", "m")] * 3 + [Annotation("error", "e", "m")] * 25)
    assert [line.startswith("::error") for line in lines] == [True] * 10 + [False] * 3
    assert lines[9].endswith("::16 more are in the step summary and in the run directory")


def test_five_hundred_rows_with_long_names_fit() -> None:
    names = [f"{'ä<script>|`*' * 900}-{number}" for number in range(600)]
    text = gate_markdown(view([row(name, {"variables.x": name}, 1.3) for name in names]))
    assert len(text.encode()) < 1024 * 1024
    rows = [line for line in text.splitlines() if line.startswith("| ❌")]
    assert len(rows) == 500
    assert "... and 100 more" in text
    assert "<script>" not in text
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {11}  # no name adds a cell


def test_a_summary_beyond_the_limit_is_cut_at_a_line() -> None:
    text = "\n".join(f"line {number} ä" for number in range(200_000))
    cut = bounded(text)
    assert len(cut.encode()) <= SUMMARY_BYTES_MAX
    assert cut.endswith("cut here: the rest is in the run directory\n")
    body = cut.partition("\n\n</details>")[0]
    assert text.startswith(body + "\n")
    assert bounded("short") == "short"
    assert bounded("short", SUMMARY_BYTES_MAX - 5) == "short"
    assert bounded("short", SUMMARY_BYTES_MAX - 4) == ""
