"""The desk in a real browser: search, watch list, downloads, the table behind a chart, theme, print, maps that move together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fake_store import FakeStore

from tests.browser.real import note_errors

pytestmark = pytest.mark.browser
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def desk(site_class: Any) -> Iterator[Any]:
    running = site_class(FakeStore(now=datetime.now(UTC).replace(tzinfo=None)))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """One page for all tests of this file; what it keeps is cleared before each (`fresh`)."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme="dark", accept_downloads=True)
    made = context.new_page()
    made.set_default_timeout(WAIT_MS)
    made.problems = []
    note_errors(made, made.problems)
    yield made
    context.close()


@pytest.fixture(autouse=True)
def fresh(page: Any, desk: Any) -> Iterator[None]:
    page.problems.clear()
    page.emulate_media(color_scheme="dark")
    page.goto(f"{desk.url}/data")
    page.evaluate("localStorage.clear(); sessionStorage.clear()")
    yield
    assert page.problems == []


def test_a_slash_opens_the_search_and_enter_goes_to_the_first_hit(page: Any) -> None:
    page.wait_for_selector("#search-open")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search-input"
    page.keyboard.type("ecq")
    page.wait_for_selector(".search-hit[aria-selected=true]:has-text('鄂城区')")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('鄂城区')")
    assert page.locator("#search").is_hidden() and page.evaluate("location.pathname") == "/district/420704"


def test_arrows_choose_a_hit_escape_closes_and_the_focus_returns(page: Any) -> None:
    page.click("#search-open")
    page.fill("#search-input", "充电")
    page.wait_for_selector("#search-hit-1")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#search-input", "aria-activedescendant") == "search-hit-1"
    page.keyboard.press("Escape")
    assert page.locator("#search").is_hidden() and page.evaluate("document.activeElement.id") == "search-open"


def test_a_figure_is_watched_from_its_drawer_and_by_key_and_the_list_survives_a_new_visit(page: Any, desk: Any) -> None:
    page.goto(f"{desk.url}/district/420704")
    page.click(".area-kpis [data-figure] >> nth=0")
    page.click(".drawer-tools [data-do=star]")
    assert page.get_attribute(".drawer-tools [data-do=star]", "aria-pressed") == "true"
    page.keyboard.press("Escape")
    page.focus(".area-kpis [data-figure] >> nth=1")
    page.keyboard.press("w")
    page.goto(f"{desk.url}/watch")
    page.wait_for_selector(".watch-cell >> nth=1")
    assert "figures=" in page.url and page.locator(".watch-cell .kpi").count() == 2
    page.click(".watch-cell [data-do=star] >> nth=0")
    page.wait_for_function("() => document.querySelectorAll('.watch-cell').length === 1")
    assert len(page.evaluate("JSON.parse(localStorage.watch)")) == 1


TOOLS = ".chart-tools:has(#v-area-course-tools)"


def renewed(page: Any, desk: Any) -> None:
    """A snapshot with other figures comes, and the chart says so."""
    line = page.inner_text("#v-area-course-tools")
    desk.queries.commit()
    page.wait_for_function("line => document.getElementById('v-area-course-tools').textContent !== line", arg=line)


def test_a_chart_leaves_as_picture_with_its_source_line_and_font_and_as_rows(page: Any, desk: Any, tmp_path: Path) -> None:
    page.goto(f"{desk.url}/district/420704?metric=traffic.tti")
    page.wait_for_selector("#v-area-course .main-svg")
    kept = {}
    for kind in ("svg", "png", "csv", "xlsx"):
        if not page.locator(f"{TOOLS} .chart-menu[open]").count():  # a picture closes its menu, a file leaves it open
            page.click(f"{TOOLS} .chart-menu > summary")
        with page.expect_download() as coming:
            page.click(f"#v-area-course-tools-{kind}")
        coming.value.save_as(tmp_path / f"chart.{kind}")
        kept[kind] = (tmp_path / f"chart.{kind}").read_bytes()
    svg = ElementTree.fromstring(kept["svg"])
    words = "".join(svg.itertext())
    assert "行程时间比 · 鄂城区" in words and "来源 市公安局 · 模拟 · 快照" in words and b"@font-face" in kept["svg"] and b";base64," in kept["svg"]
    assert b"http://127" not in kept["svg"] and kept["png"][:4] == b"\x89PNG" and len(kept["png"]) > 10_000
    assert kept["csv"].decode("utf-8-sig").startswith("区域,") and kept["xlsx"][:2] == b"PK"


def test_a_menu_stays_open_under_the_hand_while_figures_renew_themselves(page: Any, desk: Any) -> None:
    page.goto(f"{desk.url}/district/420704?metric=traffic.tti")
    page.wait_for_selector("#v-area-course .main-svg")
    page.click(f"{TOOLS} .chart-menu > summary")
    page.evaluate("() => { document.getElementById('v-area-course-tools-csv').held = true; }")
    renewed(page, desk)
    assert page.locator(f"{TOOLS} .chart-menu[open]").count() == 1
    assert page.evaluate("() => document.getElementById('v-area-course-tools-csv').held"), "the very button the hand is on"
    with page.expect_download() as coming:
        page.click("#v-area-course-tools-csv")
    assert coming.value.suggested_filename.endswith(".csv")


def test_the_table_behind_a_chart_holds_its_points_and_follows_them(page: Any, desk: Any) -> None:
    page.goto(f"{desk.url}/district/420704?metric=traffic.tti")
    page.wait_for_selector("#v-area-course .main-svg")
    page.click(f"{TOOLS} .chart-table > summary")
    page.wait_for_selector(f"{TOOLS} tbody tr")  # the browser tells of the opening after the click
    points = page.evaluate("document.querySelector('#v-area-course-graph .js-plotly-plot').data.filter(t => t.hoverinfo !== 'skip').pop().x.length")
    assert page.locator(f"{TOOLS} tbody tr").count() == points > 60
    assert page.locator(f"{TOOLS} thead th").all_inner_texts() == ["时间", "鄂州市", "鄂城区"]
    rows = page.inner_text(f"{TOOLS} tbody")
    renewed(page, desk)
    page.wait_for_function("([tools, rows]) => document.querySelector(tools + ' .chart-table[open] tbody').innerText !== rows", arg=[TOOLS, rows])


def test_the_theme_follows_the_system_until_one_is_chosen_and_the_choice_stays(page: Any, desk: Any) -> None:
    def shown() -> str:
        page.wait_for_selector("#main h1, #main .kpi")
        return page.evaluate("document.documentElement.dataset.theme")

    def told() -> list[str]:
        """What the server's own drawing of the next page is told."""
        return [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "theme"]

    page.emulate_media(color_scheme="light")
    page.goto(f"{desk.url}/watch")
    assert shown() == "light" and told() == ["light"]
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    assert told() == ["dark"]
    page.emulate_media(color_scheme="light")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'light'")
    page.click("a.switch.icon")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    assert told() == ["dark"]
    page.goto(f"{desk.url}/watch")
    assert shown() == "dark"
    page.goto(f"{desk.url}/watch?theme=light")
    assert shown() == "light"


def test_paper_is_light_without_controls_and_says_its_source(page: Any, desk: Any) -> None:
    page.goto(f"{desk.url}/district/420704")
    page.wait_for_selector(".area-kpis .kpi")
    page.emulate_media(media="print")
    assert page.locator(".tools").is_hidden() and page.locator(".pages").is_hidden()
    assert "快照" in page.locator(".print-line").inner_text() and page.locator(".print-line").is_visible()
    ground = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    page.emulate_media(media="screen")
    assert ground != page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")


VIEWS = "() => window.maps.map(m => [m.getCenter().lng, m.getCenter().lat, m.getZoom()])"


def test_two_maps_of_a_comparison_move_together_under_the_hand(page: Any, desk: Any) -> None:
    page.goto(f"{desk.url}/compare?show=dates")
    page.wait_for_function("""() => {
      const maps = [...document.querySelectorAll('.compare-maps .js-plotly-plot')].map(p => window.cityBrainExport.mapOf(p)).filter(Boolean);
      window.maps = maps;
      return maps.length === 2 && maps.every(m => m.movesWith);
    }""")
    # a map that is still being drawn takes its first view, not the hand's
    page.wait_for_function("() => window.maps.every(m => m.loaded() && !m.isMoving())")
    page.wait_for_timeout(2000)
    page.locator(".compare-map .map-graph").first.scroll_into_view_if_needed()

    def settled() -> list[list[float]]:
        page.wait_for_timeout(600)
        page.wait_for_function("() => window.maps.every(m => !m.isMoving())")
        page.wait_for_timeout(600)  # and what the graphs make of the new view
        return page.evaluate(VIEWS)

    for moved, follows in ((0, 1), (1, 0)):
        box = page.locator(".compare-map .map-graph").nth(moved).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        before = settled()
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 70, y + 40, steps=10)
        page.mouse.up()
        dragged = settled()
        assert dragged[moved][0] < before[moved][0] - 0.005 and dragged[moved][1] > before[moved][1] + 0.002, "the map went with the hand"
        assert dragged[follows] == pytest.approx(dragged[moved], abs=1e-6)
        page.mouse.wheel(0, -300)
        zoomed = settled()
        assert zoomed[moved][2] > dragged[moved][2] + 0.1
        assert zoomed[follows] == pytest.approx(zoomed[moved], abs=1e-6)


def test_arrow_keys_walk_through_a_list(page: Any, desk: Any) -> None:
    page.goto(f"{desk.url}/district/420704")
    page.focus("#v-area-ranking a >> nth=0")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement === document.querySelectorAll('#v-area-ranking a')[1]")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement === document.querySelectorAll('#v-area-ranking a')[0]")
