import json
import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.core.causes import Cause
from reports import figures
from reports.figures.palette import cause_variable
from reports.html import html_text
from reports.read import read_run
from reports.summary import Summary, summarise
from reports.verdicts import Verdict
from tests.reports.synthetic import MANIFEST, grid, scenario, standard_targets, target, write_run

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects what the tests ask about, and complains of tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.figures: list[dict[str, str | None]] = []
        self.open: list[str] = []
        self.sections: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        self.links += [
            str(given[name]) for name in ("href", "src", "xlink:href", "action") if given.get(name)
        ]
        if tag == "svg":
            self.figures.append(given)
        if tag == "section":
            self.sections.append(str(given.get("id")))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text(standard: Summary) -> str:
    return html_text(standard)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


SECTIONS = [
    "verdict", "targets", "regressions", "throughput", "latency", "map", "distribution", "causes", "queues",
    "gantt", "capacity", "method", "provenance",
]  # fmt: skip


def test_the_sections_come_in_their_order(page: Page) -> None:
    assert page.sections == SECTIONS


def section(text: str, name: str) -> str:
    return text.split(f'<section id="{name}"')[1].split("</section>", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("name", "verb"), [("regressions", "gate"), ("capacity", "capacity"), ("queues", "run")]
)
def test_a_section_with_nothing_to_show_says_what_would_fill_it(text: str, name: str, verb: str) -> None:
    said = section(text, name)
    assert 'class="absent"' in said
    assert f"headroom {verb} high-throughput-orchestration" in said


def test_the_first_section_answers_what_a_reader_asks(standard: Summary, text: str) -> None:
    said = section(text, "verdict")
    asked = ("Does it hold?", "How far does it go?", "What gives way first?", "What would buy more?")
    for question in (*asked, "Did it get worse?"):
        assert question in said
    tightest = min((it.worst for it in standard.targets[:2]), key=lambda item: item.margin or 0)
    assert f"The tightest is {tightest.target.id}: {tightest.value_text}" in said


def test_nothing_is_loaded_from_anywhere(text: str, page: Page) -> None:
    assert all(link.startswith(("#", "data:,")) for link in page.links)
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "default-src 'none'" in text
    assert "@import" not in text


def test_every_figure_says_what_it_shows(text: str, page: Page) -> None:
    assert len(page.figures) == 7
    for figure in page.figures:
        assert figure["role"] == "img"
        for name in str(figure["aria-labelledby"]).split():
            words = re.search(rf'id="{name}">([^<]+)<', text)
            assert words is not None
            assert len(words.group(1)) > 10


def test_ids_are_unique_and_inner_links_lead_somewhere(text: str, page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    used = {link[1:] for link in page.links if link.startswith("#")} | set(
        re.findall(r"url\(#([^)]+)\)", text)
    )
    assert used <= set(page.ids)


def test_figures_have_no_colour_of_their_own(text: str) -> None:
    """All are CSS variables, so that light and dark both work; each is defined for both."""
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
        assert re.findall(r"(?:fill|stroke): ?#[0-9a-f]{3,6}", svg) == []
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", text))
    light, dark = text.split("prefers-color-scheme: dark", 1)
    both = used - {"--sans", "--mono"}
    assert {name for name in both if f"{name}:" not in light} == set()
    assert {name for name in both if f"{name}:" not in dark.split("</style>")[0]} == set()


@pytest.mark.parametrize("cause", [*Cause, None])
def test_every_cause_has_a_colour_in_light_and_dark(text: str, cause: Cause | None) -> None:
    name = cause_variable(None if cause is None else cause.value)
    assert text.split("</style>", maxsplit=1)[0].count(f"{name}:") == 2


def luminance(color: str) -> float:
    parts = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_text_can_be_read(text: str, theme: int) -> None:
    block = text.split("@media print", maxsplit=1)[0].split("(prefers-color-scheme: dark)")[theme]
    colors = dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6})", block))
    pairs = [
        (name, "--paper") for name in ("--ink", "--muted", "--link", "--limit", "--pass", "--fail", "--open")
    ]
    pairs += [(name, f"{name}-soft") for name in ("--pass", "--fail", "--open")]
    pairs += [("--ink", "--raised"), ("--muted", "--raised")]
    pairs += [(f"--hi{index}", f"--h{index}") for index in range(6)]
    assert {
        pair: ratio for pair in pairs if (ratio := contrast(colors[pair[0]], colors[pair[1]])) < 4.5
    } == {}


def test_a_sweep_of_42_points_stays_below_a_megabyte(tmp_path: Path) -> None:
    points = grid((1, 2, 5, 10, 20, 50, 100), (1, 2, 5, 10, 20, 50))
    write_run(tmp_path, points, 2, detail_points=range(42))
    summary = summarise(read_run(tmp_path), scenario(points, standard_targets(), minimum=2, maximum=2))
    page = html_text(summary)
    Page(page)
    assert len(page.encode()) < 1_000_000


def single(directory: Path, **given: Any) -> Summary:
    points: list[dict[str, Any]] = [given.pop("coordinates", {})]
    write_run(directory, points, given.pop("replications", 10), **given)
    (directory / "manifest.json").write_text(json.dumps(MANIFEST))
    return summarise(read_run(directory), scenario(points, [target("t", "makespan", stat="mean", max=30)]))


def test_one_point_alone_makes_a_report(tmp_path: Path) -> None:
    text = html_text(single(tmp_path))
    assert Page(text).sections == SECTIONS
    assert "<svg" not in section(text, "throughput")
    assert "one point, so there is no curve" in section(text, "throughput")
    for name in ("distribution", "causes", "gantt"):
        assert "<svg" in section(text, name)


def test_an_empty_run_makes_a_report(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    summary = summarise(read_run(tmp_path), scenario([{}], [target("t", "makespan", max=30)]))
    text = html_text(summary)
    Page(text)
    assert "NO DATA" in text


def test_a_run_in_which_all_fails_makes_a_report(tmp_path: Path) -> None:
    text = html_text(single(tmp_path, failures={0: 1.0}))
    Page(text)
    assert "∞" in text


def test_comparisons_and_words_as_coordinates_are_shown(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"engine.dispatch": way} for way in ("fifo", "critical-path")]
    write_run(tmp_path, points)
    way = SimpleNamespace(
        id="faster",
        metric="makespan",
        stat="mean",
        where={},
        between={"engine.dispatch": ("fifo", "critical-path")},
    )
    text = html_text(summarise(read_run(tmp_path), scenario(points, [], [way])))
    Page(text)
    assert "engine.dispatch: fifo → critical-path" in text
    assert "lower by more than 3 %" in text


@pytest.mark.parametrize(
    ("points", "along", "series"),
    [
        (grid((1, 5), (1, 2)), "load.burst", "workflow.steps"),
        ([{"workflow.steps": steps} for steps in (1, 2)], "workflow.steps", None),
        ([{"engine.client.qps": qps, "load.burst": 5} for qps in (5, 20)], "engine.client.qps", None),
        ([{"x": x, "load.open.rate": rate} for x in (1, 2) for rate in (1.0, 2.0)], "load.open.rate", "x"),
        ([{}], None, None),
    ],
)
def test_the_axes_are_chosen_from_what_is_swept(
    tmp_path: Path, points: list[dict[str, Any]], along: str | None, series: str | None
) -> None:
    summary = summarise(read_run(write_run(tmp_path, points, 2)), scenario(points))
    layout = figures.layout_of(summary)
    assert (layout.along.path, layout.series.path) == (along, series)
    assert len(layout.points) == len(points)


def test_a_line_breaks_where_a_percentile_is_missing_and_marks_what_is_unbounded(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"load.burst": burst} for burst in (10, 20, 40, 80)]
    write_run(tmp_path, points, 10, failures={1: 0.2, 2: 0.02})
    summary = summarise(read_run(tmp_path), scenario(points))
    values = [point.estimates["execution_duration_p95"].value for point in summary.points]
    assert [value == math.inf for value in values] == [False, True, False, False]
    drawn = figures.latency(summary, figures.layout_of(summary))
    assert "∞ at the top edge" in drawn.description
    assert len(re.findall(r">∞<", drawn.svg)) == 1
    [dashed] = [
        path
        for path in re.findall(r'<path d="([^"]*)"[^>]*stroke-dasharray', drawn.svg)
        if path.count("M") == 2
    ]
    assert dashed.count("L") == 1  # the first value stands alone, the last two are joined


def test_a_mean_of_survivors_is_marked_in_table_tile_and_map(tmp_path: Path) -> None:
    points = grid((1, 5), (1, 2))
    write_run(tmp_path, points, 10, failures={2: 0.15})
    asked = target("t", "makespan", stat="mean", max=30)
    summary = summarise(read_run(tmp_path), scenario(points, [asked]))
    whole, part = (summary.points[index].estimates["makespan"] for index in (0, 2))
    assert (whole.partial, part.partial) == (False, True)
    assert part.text.endswith("†")
    assert 0 < part.n < 10
    text = html_text(summary)
    assert (
        len(re.findall(rf"<td[^>]*>[\d.]+† <small>[^<]+</small> <small>n={part.n}</small></td>", text)) == 1
    )
    [map_] = re.findall(r"<svg[^>]*map1-title.*?</svg>", text, flags=re.DOTALL)
    assert len(re.findall(r">[\d.]+ s†<", map_)) == 1
    assert f">n={part.n}, " in map_
    [result] = summary.targets
    assert result.worst.point == 2
    assert result.worst.verdict is Verdict.INCONCLUSIVE
    assert "† [" in result.worst.value_text
    assert "left out" in result.worst.reason


def test_the_chart_of_an_execution_fills_its_time(tmp_path: Path) -> None:
    from reports.figures.gantt import shown_of, tracks_of

    for detail in ([], [0]):
        run = read_run(
            write_run(tmp_path, [{"load.burst": 15, "workflow.steps": 3}], 3, detail_points=detail)
        )
        for chosen in shown_of(run.points[0]):
            spans = sorted(
                span for track in tracks_of(chosen.rows) for span in [(a, b) for _, a, b in track.spans]
            )
            assert spans[0][0] == 0
            assert spans[-1][1] == pytest.approx(chosen.duration_s)
            gaps = [later[0] - earlier[1] for earlier, later in pairwise(spans)]
            assert max(gaps, default=0) == pytest.approx(0, abs=1e-9)


def test_median_p95_and_worst_are_chosen_by_rank(tmp_path: Path) -> None:
    from reports.focus import choose

    run = read_run(write_run(tmp_path, [{"load.burst": 20}], 5))
    everyone = sorted(
        float(duration) for item in run.points[0].replications for duration in item.execution_duration_s
    )
    assert [item.duration_s for item in choose(run.points[0])] == pytest.approx(
        [everyone[49], everyone[94], everyone[99]]
    )


def test_the_name_of_a_limit_keeps_clear_of_the_lines() -> None:
    from matplotlib.figure import Figure

    from reports.figures.labels import place_limit

    for ys, below in (((5, 12), True), ((12, 5), True), ((0, 9), False)):
        axes = Figure().subplots()
        axes.plot([0, 1], [12, 12] if below else [8, 8])
        axes.plot([0, 1], ys)
        axes.set_ylim(0, 20)
        place_limit(axes, 10, "short", [], 400)
        [words] = axes.texts
        assert (words.get_verticalalignment() == "top") is below
