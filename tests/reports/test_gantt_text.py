"""A chart of letters: each cell shows what most of it was, and nothing that took time is invisible."""

from typing import Any

import pytest

from engine.core.causes import Cause
from reports.gantt_text import LETTERS, STEPS_MAX, gantt_lines, legend
from reports.spans import Span

SECOND = 10**9


def step(name: str, *waits: tuple[str, float, float], critical: bool = True, **more: Any) -> Span:
    children = [Span("wait", cause, round(a * SECOND), round(b * SECOND)) for cause, a, b in waits]
    start, end = children[0].start_ns, children[-1].end_ns
    return Span("step", name, start, end, "completed", "", {"critical": critical}, children, **more)


def execution(*steps: Span) -> Span:
    return Span("execution", "x", 0, max(it.end_ns for it in steps), "completed", "", {}, list(steps))


def test_every_cause_has_a_letter_of_its_own() -> None:
    assert list(LETTERS) == sorted(LETTERS, key=list(LETTERS).index)
    assert {cause.value for cause in Cause} == set(LETTERS)
    assert len(set(LETTERS.values())) == len(LETTERS)


def test_a_cell_shows_what_most_of_it_was() -> None:
    chain = execution(
        step("one", ("client throttle", 0, 5), ("readiness", 5, 10)),
        step("two", ("readiness", 10, 19.9), ("API service", 19.9, 20), critical=False),
    )
    ruler, one, two = gantt_lines(chain, 39)
    assert ruler.endswith("20 s")
    assert one == "* one |TTTTTrrrrr          | 10 s"
    assert two == "  two |          rrrrrrrrrr| 10 s"


def test_what_took_a_moment_has_a_cell() -> None:
    chain = execution(step("brief", ("lock", 5, 5.000001)), step("long", ("readiness", 6, 1000)))
    _, brief, _ = gantt_lines(chain, 60)
    assert brief.count("L") == 1


def test_of_many_steps_the_longest_on_the_critical_path_are_shown_in_order() -> None:
    steps = [step(f"s{number}", ("readiness", number, number + 1)) for number in range(STEPS_MAX)]
    aside = [step(f"aside{number}", ("lock", number, number + 9), critical=False) for number in range(7)]
    lines = gantt_lines(execution(*aside, *steps), 100)
    assert [line.split()[1] for line in lines[1:-1]] == [f"s{number}" for number in range(STEPS_MAX)]
    assert lines[-1] == "and 7 more steps, on which less time passed"


def test_hostile_names_and_failures_are_short_text() -> None:
    bad = step("\x1b[31m" + "n" * 10_000, ("readiness", 0, 1))
    bad.state, bad.failure = "failed", "\x1b]0;owned\x07" + "f" * 10_000
    text = "\n".join(gantt_lines(execution(bad), 80))
    assert "\x1b" not in text
    assert len(text) < 300


def test_a_legend_names_what_matters_longest_first_and_loses_nothing() -> None:
    causes = {"API service": 100, "readiness": 10 * SECOND, "client throttle": 30 * SECOND}
    lines = legend(causes, 40 * SECOND + 100)
    assert lines == ["T client throttle 30 s (75 %)", "r readiness 10 s (25 %)", "1.000e-07 s for all others"]


@pytest.mark.parametrize("width", [1, 40, 200])
def test_a_window_of_any_width_will_do(width: int) -> None:
    lines = gantt_lines(execution(step("one", ("readiness", 0, 3))), width)
    assert "r" * 20 in lines[1]
