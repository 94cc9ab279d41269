"""The report as a browser shows it. Each check is seen to fail on a page that has the fault it looks for."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reports.formats import visible
from tests.browser.contrast import UNREADABLE
from tests.browser.devtools import Browser
from tests.reports.hostile import HOSTILE

SECTIONS = 13
PRESS_HEAD = (
    "document.querySelectorAll('table.sortable')[{0}].tHead.rows[0].cells[{1}].querySelector('button')"
)
KEYS = """(() => {{
  const table = document.querySelectorAll('table.sortable')[{0}];
  const cells = [...table.tBodies[0].rows].map(row => row.cells[{1}]);
  const keys = cells.map(cell => cell.dataset.v ?? cell.innerText.trim());
  return [table.tHead.rows[0].cells[{1}].getAttribute('aria-sort'), keys];
}})()"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# A page with every fault that the checks below look for.
FAULTY = """<!doctype html><meta charset="utf-8"><title>faulty</title>
<style>:root { color-scheme: light dark } p { color: #ccc; background: #fff } div { width: 3000px }</style>
<p>pale</p><div>wide</div><svg role="img" width="9" height="9"></svg>
<img src="nowhere.png"><script>console.error("said"); undefined.thrown</script>"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("faulty") / "faulty.html"
    file.write_text(FAULTY, encoding="utf-8")
    return file


@pytest.mark.parametrize("dark", [False, True])
def test_no_request_leaves_the_file_and_the_console_is_quiet(
    browser: Browser, report: Path, *, dark: bool
) -> None:
    page = browser.open(report, dark=dark)
    page.evaluate("[...document.querySelectorAll('details')].forEach(it => it.open = true)")
    page.picture(report.with_name(f"dark-{dark}.png"))
    assert page.requests == [report.resolve().as_uri()]
    assert page.complaints == []
    page.close()


def test_a_request_and_a_complaint_are_seen_where_there_are_any(browser: Browser, faulty: Path) -> None:
    page = browser.open(faulty)
    assert page.requests == [faulty.as_uri(), faulty.with_name("nowhere.png").as_uri()]
    assert len(page.complaints) == 3
    page.close()


def test_every_figure_is_read_aloud_with_what_it_shows(browser: Browser, report: Path, faulty: Path) -> None:
    page = browser.open(report)
    images = [item for item in page.spoken() if item[0] in ("image", "img")]
    drawn = page.evaluate("document.querySelectorAll('svg').length")
    assert len(images) == drawn >= 6
    for _, name, description in images:
        assert len(name) > 20
        assert len(description) > 20
    page.close()
    page = browser.open(faulty)
    assert {item[1] for item in page.spoken() if item[0] in ("image", "img")} == {""}
    page.close()


def test_hostile_names_are_words_and_nothing_else(browser: Browser, hostile: Path) -> None:
    for width in (1280, 390):
        page = browser.open(hostile, width=width)
        assert page.requests == [hostile.resolve().as_uri()]
        assert page.complaints == []
        assert page.evaluate("document.querySelectorAll('script').length") == 1
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        assert page.evaluate("document.querySelector('h1').innerText") == HOSTILE[0]
        shown = page.evaluate("document.body.textContent")
        for name in HOSTILE:
            assert visible(name) in shown
        assert page.evaluate(WIDER) <= 0
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).direction") == "ltr"
        page.picture(hostile.with_name(f"hostile-{width}.png"))
        page.close()


@pytest.mark.parametrize("dark", [False, True])
def test_runs_side_by_side_make_a_page_as_good(browser: Browser, pair: Path, *, dark: bool) -> None:
    page = browser.open(pair, dark=dark)
    assert page.requests == [pair.resolve().as_uri()]
    assert page.complaints == []
    assert page.evaluate(UNREADABLE)["pale"] == []
    assert page.evaluate(WIDER) <= 0
    images = [item for item in page.spoken() if item[0] in ("image", "img")]
    assert len(images) == page.evaluate("document.querySelectorAll('svg').length") == 1
    assert len(images[0][1]) > 20
    page.close()


def test_headings_lead_through_the_page_in_order(browser: Browser, report: Path) -> None:
    page = browser.open(report)
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(it => +it.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert levels.count(2) == SECTIONS
    assert all(after - before <= 1 for before, after in pairwise(levels))
    names = page.evaluate("[...document.querySelectorAll('h2')].map(it => it.innerText.split(/\\s/)[0])")
    assert names == [str(number) for number in range(1, SECTIONS + 1)]
    page.close()


def test_every_sortable_table_sorts_by_every_column_both_ways(browser: Browser, report: Path) -> None:
    page = browser.open(report)
    page.evaluate("[...document.querySelectorAll('details')].forEach(it => it.open = true)")
    widths = page.evaluate(
        "[...document.querySelectorAll('table.sortable')].map(it => it.tHead.rows[0].cells.length)"
    )
    assert len(widths) >= 6
    for table, width in enumerate(widths):
        for column in range(width):
            before = sorted(page.evaluate(KEYS.format(table, column))[1])
            for way in ("ascending", "descending"):
                page.evaluate(f"{PRESS_HEAD.format(table, column)}.click()")
                said, keys = page.evaluate(KEYS.format(table, column))
                assert said == way
                assert sorted(keys) == before  # no row is lost
                assert in_order(keys, down=way == "descending"), (table, column, keys)
    page.close()


def in_order(keys: list[str], *, down: bool) -> bool:
    """Numbers as numbers, words as words, what is empty last."""
    kept = [key for key in keys if key]
    if keys[: len(kept)] != kept:
        return False
    if not all(_number(key) is not None for key in kept):
        return _words_in_order(kept, down=down)
    pairs = pairwise([_number(key) or 0.0 for key in kept])
    return all(first >= second if down else first <= second for first, second in pairs)


def _words_in_order(keys: list[str], *, down: bool) -> bool:
    words = [key for key in keys if _number(key) is None]
    letters = ["".join(it for it in word.casefold() if it.isalnum()) for word in words]
    pairs = [(first[:1], second[:1]) for first, second in pairwise(letters)]
    return all(first >= second if down else first <= second for first, second in pairs)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def test_a_table_sorts_by_keyboard_alone(browser: Browser, report: Path) -> None:
    page = browser.open(report)
    page.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(200):
        page.press("Tab")
        if page.evaluate("document.activeElement.closest('th') !== null"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Enter", "\r")
    assert page.evaluate("document.activeElement.closest('th').getAttribute('aria-sort')") == "ascending"
    page.close()


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable_as_it_is_painted(
    browser: Browser, report: Path, faulty: Path, *, dark: bool
) -> None:
    page = browser.open(report, dark=dark)
    page.evaluate("[...document.querySelectorAll('details')].forEach(it => it.open = true)")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
    found: dict[str, Any] = page.evaluate(UNREADABLE)
    assert found["looked"] > 300
    assert found["pale"] == []
    page.close()
    page = browser.open(faulty, dark=dark)
    assert "pale" in [words for words, _ in page.evaluate(UNREADABLE)["pale"]]
    page.close()


@pytest.mark.parametrize("width", [1600, 1280, 390])
def test_the_page_is_never_wider_than_the_window(
    browser: Browser, report: Path, faulty: Path, width: int
) -> None:
    page = browser.open(report, width=width)
    assert page.evaluate(WIDER) <= 0
    page.close()
    page = browser.open(faulty, width=width)
    assert page.evaluate(WIDER) > 0
    page.close()


def test_printed_from_a_dark_screen_it_is_light_and_whole(browser: Browser, report: Path) -> None:
    page = browser.open(report, dark=True, media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(UNREADABLE)["pale"] == []
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    pdf = page.printed()
    assert pdf.startswith(b"%PDF")
    assert page.evaluate("[...document.querySelectorAll('details')].every(it => it.open)")
    page.close()


def test_without_scripts_everything_is_there(browser: Browser, report: Path) -> None:
    words = []
    for scripts in (True, False):
        page = browser.open(report, scripts=scripts)
        words.append(page.call("DOM.getDocument", {"depth": -1, "pierce": True})["root"])
        assert page.complaints == []
        page.close()
    assert _texts(words[1]) == _texts(words[0])


def _texts(node: dict[str, Any]) -> list[str]:
    own = [node["nodeValue"].strip()] if node["nodeName"] == "#text" and node["nodeValue"].strip() else []
    return own + [text for child in node.get("children", []) for text in _texts(child)]
