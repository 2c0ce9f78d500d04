"""The plan ledger in a real browser: filters and date live in the address, figures explain themselves, nothing overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.lint import lint
from tests.browser.real import note_errors, sampled

pytestmark = pytest.mark.browser

WAIT_MS = 60_000
ROWS = ".target-table tbody tr:not(.group-head)"
PAGES = ("/plan", "/plan/target/ez-terminals", "/plan/projects", "/plan/systems", "/plan/departments", "/plan/department/市经信局")
SIZES = ((1920, 1080, "?theme=light"), (1366, 768, "?lang=en"), (390, 844, ""))
# names of statistics and networks that a Chinese page quotes
LATIN = frozenset({"Wilson", "IPv", "SDN", "NFV", "VR", "AR", "LNG", "DQB", "IoT"})


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 1920, "height": 1080})
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


@pytest.fixture()
def page(context: Any) -> Iterator[Any]:
    opened = context.new_page()
    opened.faults = []
    note_errors(opened, opened.faults)
    yield opened
    assert opened.faults == []
    opened.close()


def open_(page: Any, url: str) -> Any:
    page.goto(url, wait_until="load")
    page.wait_for_selector(".ledger")
    return page


def listed(page: Any) -> list[str]:
    return page.eval_on_selector_all(ROWS, "rows => rows.map(r => r.className)")


def test_a_count_a_list_and_a_heading_narrow_and_sort_through_the_address(page: Any, still_site: Any) -> None:
    open_(page, still_site.url + "/plan")
    assert len(listed(page)) == 78
    page.click(".count.is-stalled")
    page.wait_for_function("() => document.querySelectorAll('.target-table tbody tr:not(.is-stalled, .group-head)').length === 0")
    assert "status=stalled" in page.url and 0 < len(listed(page)) < 78
    page.select_option("select[name=domain]", "health")
    page.wait_for_function("() => location.search.includes('domain=health')")
    page.click("text=清除筛选")
    page.wait_for_function(f"() => document.querySelectorAll('{ROWS}').length === 78")
    page.click("th.c-name a")
    page.wait_for_function("() => location.search.includes('sort=name')")
    page.wait_for_selector("th.c-name[aria-sort=ascending]")
    page.go_back()
    page.wait_for_selector("th.c-status[aria-sort=ascending]")


def test_the_calendar_opens_the_ledger_of_that_day_and_today_leads_back(page: Any, still_site: Any) -> None:
    open_(page, still_site.url + "/plan")
    page.fill("input[type=date]", "2021-06-30")
    page.wait_for_function("() => location.search.includes('on=2021-06-30')")
    page.wait_for_selector("text=按当日所知")
    page.wait_for_selector("tr.is-behind")
    page.click("text=今天")
    page.wait_for_function("() => !location.search.includes('on=') && !document.querySelector('tr.is-behind')")
    assert page.input_value("input[type=date]") != "2021-06-30"


def test_a_figure_opens_its_provenance_by_keyboard_and_gives_the_focus_back(page: Any, still_site: Any) -> None:
    open_(page, still_site.url + "/plan/target/ez-terminals")
    page.focus(".target-figure.is-progress")
    page.keyboard.press("Enter")
    page.wait_for_selector("#drawer.is-open .provenance")
    said = page.inner_text("#drawer-body")
    assert "已走进度 =（实际" in said and "张三" in said and "李四" in said
    page.keyboard.press("Escape")
    page.wait_for_selector("#drawer", state="hidden")
    assert page.evaluate("() => !!document.activeElement.dataset.figure")


def test_a_mark_of_the_overview_leads_to_its_target(page: Any, still_site: Any) -> None:
    page.goto(still_site.url + "/", wait_until="load")
    # the map loads on its own; leaving while Plotly still builds it makes Plotly stumble over the box that is gone
    page.wait_for_function("() => { const g = document.querySelector('.map-graph .js-plotly-plot'); return g && g._fullLayout && g._fullLayout.map; }")
    page.wait_for_timeout(2000)
    page.click(".plan-group.is-stalled .plan-mark >> nth=0")
    page.wait_for_selector(".verdict .status-mark.is-stalled")
    assert "/plan/target/" in page.url


def test_on_a_phone_the_worst_are_seen_and_the_rest_is_a_tap_away(page: Any, still_site: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_(page, still_site.url + "/plan")
    seen = f"() => [...document.querySelectorAll('{ROWS}')].filter(r => r.offsetHeight).map(r => r.className)"
    first = page.evaluate(seen)
    assert first and set(first) == {"is-stalled"}
    assert page.evaluate("document.documentElement.scrollHeight") < 8000
    page.click(".fold-head:has-text('已完成')")
    assert set(page.evaluate(seen)) == {"is-stalled", "is-done"}
    page.click(".fold-head:has-text('停滞')")
    assert set(page.evaluate(seen)) == {"is-done"}
    page.set_viewport_size({"width": 1366, "height": 768})
    assert len(page.evaluate(seen)) == 78


@pytest.mark.screens
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}")
def test_every_page_of_the_ledger_is_whole_and_legible(size: tuple[int, int, str], page: Any, still_site: Any) -> None:
    width, height, search = size
    page.set_viewport_size({"width": width, "height": height})
    lang = "en" if "lang=en" in search else "zh"
    found = {}
    for path in sampled(PAGES, SIZES.index(size), len(SIZES)):
        open_(page, still_site.url + path + search)
        page.wait_for_timeout(300)
        faults = lint(page, lang, LATIN)
        if faults:
            found[path] = faults[:8]
    assert found == {}
