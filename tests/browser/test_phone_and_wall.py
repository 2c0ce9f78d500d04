"""The smallest and the largest screen: a phone's own order, a wall that reads like the desk; and the map's bar of scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.test_screens import PHONE, settle

pytestmark = pytest.mark.browser
WALL = (3840, 2160)
EARTH_RADIUS_M = 6378137.0  # of the sphere Web Mercator is drawn on


@pytest.fixture()
def opened(browser: Any, still_site: Any) -> Iterator[Any]:
    pages: list[Any] = []

    def open_at(size: tuple[int, int], address: str = "/") -> Any:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        pages.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(still_site.url + address)
        page.wait_for_selector("#page .sentence, #page .wall")
        return page

    yield open_at
    for context in pages:
        context.close()


def tops(page: Any, selectors: list[str]) -> list[float]:
    return [page.locator(s).first.bounding_box()["y"] for s in selectors]


def test_a_phone_tells_the_state_then_four_figures_then_exceptions_then_the_rest(opened: Any) -> None:
    page = opened(PHONE)
    assert page.locator(".kpi.is-lead").count() == 4
    order = tops(page, [".sentence", ".kpi.is-lead", ".exceptions", ".kpi:not(.is-lead)", ".side-left", ".map-panel", ".plan-panel"])
    assert order == sorted(order)
    last_lead = max(box.bounding_box()["y"] + box.bounding_box()["height"] for box in page.locator(".kpi.is-lead").all())
    assert last_lead < PHONE[1]  # seen without a finger
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]") == [390, 390]


def test_open_alerts_stand_right_under_the_sentence_of_a_phone(opened: Any, still_site: Any) -> None:
    page = opened(PHONE)
    is_open = page.evaluate("!!document.querySelector('.ticker-panel :is(.is-open, .is-in_hand)')")
    assert is_open, "the stand-in has an open alert"
    sentence, ticker, figure = tops(page, [".sentence", ".ticker-panel", ".kpi.is-lead"])
    assert sentence < ticker < figure
    assert page.locator(".ticker-panel .is-closed >> visible=true").count() == 0


def test_a_map_waits_folded_on_a_phone_and_is_drawn_once_opened(opened: Any) -> None:
    page = opened(PHONE)
    page.wait_for_function("() => !document.querySelector('.map-fold').open")
    assert page.locator(".map-box").is_hidden()
    page.click(".map-fold > summary")
    page.wait_for_selector(".map-graph .js-plotly-plot")
    settle(page)
    box = page.locator(".map-graph").bounding_box()
    assert 300 < box["width"] <= 390 and box["height"] > 300
    drawn = page.evaluate("""() => document.querySelector('.map-graph .js-plotly-plot')._fullLayout.map._subplot.map
      .queryRenderedFeatures().filter(f => f.layer.id.includes('plotly') && f.layer.type === 'fill').length""")
    assert drawn >= 3


def test_a_desk_shows_the_map_at_once_and_no_list_of_exceptions(opened: Any) -> None:
    page = opened((1366, 768))
    assert page.locator(".map-box").is_visible()
    assert page.locator(".exceptions").is_hidden() and page.locator(".map-fold > summary").is_hidden()


def test_a_wall_of_twice_the_width_is_the_desk_twice_as_large(opened: Any) -> None:
    desk, wall = opened((1920, 1080)), opened(WALL)
    places = """() => [...document.querySelectorAll('.header, .sentence, .kpis, .kpi, .side, .map-panel, .plan-panel, .ticker-panel')]
      .map(e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })"""
    small, large = desk.evaluate(places), wall.evaluate(places)
    assert len(small) == len(large)
    assert all(b == pytest.approx(2 * a, abs=6) for one, two in zip(small, large, strict=True) for a, b in zip(one, two, strict=True))
    names = """() => { const g = document.querySelector('.map-graph .js-plotly-plot');
      return g && g.data ? g.data.filter(d => d.mode === 'text').map(d => d.textfont.size) : null; }"""
    for page in (desk, wall):
        page.wait_for_function(f"() => {{ const names = ({names})(); return names && names.length; }}")
    assert wall.evaluate(names) == [2 * size for size in desk.evaluate(names)]


def test_the_bar_of_scale_is_as_long_as_it_says(opened: Any) -> None:
    page = opened((1366, 768), "/?lang=en")
    page.wait_for_selector(".map-graph .js-plotly-plot")
    settle(page)
    page.wait_for_selector(".map-scale:not(:empty)")
    number, unit = page.inner_text(".map-scale").split(" ")
    told_m = float(number) * {"km": 1000, "m": 1}[unit]
    # two ends of the bar at the middle of the map, back to degrees by the map itself
    (west, south), (east, north) = page.evaluate("""() => {
      const map = document.querySelector('.map-graph .js-plotly-plot')._fullLayout.map._subplot.map;
      const bar = document.querySelector('.map-scale').getBoundingClientRect(), c = map.project(map.getCenter());
      return [[c.x - bar.width / 2, c.y], [c.x + bar.width / 2, c.y]].map(p => { const at = map.unproject(p); return [at.lng, at.lat]; });
    }""")
    assert south == pytest.approx(north, abs=1e-9)
    half = math.radians(east - west) / 2
    length_m = 2 * EARTH_RADIUS_M * math.asin(math.cos(math.radians(south)) * math.sin(half))  # great circle between equal latitudes
    assert length_m == pytest.approx(told_m, rel=0.01)
    assert told_m / 10 ** math.floor(math.log10(told_m)) in (1, 2, 5)
