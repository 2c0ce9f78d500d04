"""The overview in a real browser: whole, legible, current, and at home on its own server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fake_queries import FakeQueries

from data_pipeline.metrics import metrics
from tests.browser.real import delay_pages, note_errors

pytestmark = pytest.mark.browser

SCREENS = [(address, size) for size in ((1920, 1080), (1366, 768))
           for address in ("/", "/?city=511400&theme=light", "/?city=500114", "/?lang=en&theme=light")]  # fmt: skip
SCREENS.append(("/", (2560, 1080)))
if os.environ.get("CITY_BRAIN_SCREENS") != "all":  # `make test` takes a sample, `make screens` all
    SCREENS = [("/", (1366, 768)), ("/?lang=en&theme=light", (1920, 1080)), ("/", (2560, 1080)), ("/?city=500114", (1366, 768))]
SMALL_TEXT = """() => [...document.querySelectorAll('body *')].filter(e => {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  return own && e.offsetParent !== null && !e.closest('.maplibregl-map')
    && parseFloat(getComputedStyle(e).fontSize) < 12;
}).map(e => e.className + ': ' + e.textContent.slice(0, 30))"""
CUT_REGIONS = """() => [...document.querySelectorAll('.panel, .kpis, .figure-row, .kpi, .header, .map-foot, .row-note, .kpi-words')].filter(e =>
  e.offsetParent !== null && (e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2)
).map(e => e.className + ' ' + (e.id || '') + ' ' + [e.scrollWidth, e.clientWidth, e.scrollHeight, e.clientHeight])"""
OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll('.overview > *')].map(e => [e.className || e.id, e.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
    if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1) found.push(a + ' / ' + b);
  }));
  return found;
}"""


@pytest.fixture()
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.set_default_timeout(90_000)
    page = context.new_page()
    page.problems, page.requests = [], []
    note_errors(page, page.problems)
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: page.requests.append(r.url))
    yield page
    context.close()


def opened(page: Any, url: str) -> Any:
    page.goto(url)
    page.wait_for_selector(".sentence")
    page.wait_for_function("() => document.querySelector('#connection')?.className.includes('connected')")
    return page


def map_state(page: Any, script: str) -> Any:
    return page.evaluate(
        f"() => {{ const g = document.querySelector('.map-graph .js-plotly-plot') || document.querySelector('.map-graph');"
        f" const map = g._fullLayout.map._subplot.map; return ({script}); }}"
    )


def wait_for_map(page: Any) -> None:
    page.wait_for_function(
        "() => { const g = document.querySelector('.map-graph .js-plotly-plot');"
        " const s = g && g._fullLayout && g._fullLayout.map && g._fullLayout.map._subplot;"
        " return s && s.map && s.map.loaded(); }",
        timeout=90_000,
    )


@pytest.mark.screens
@pytest.mark.parametrize(("address", "size"), SCREENS, ids=lambda s: s if isinstance(s, str) else f"{s[0]}x{s[1]}")
def test_the_overview_fits_its_screen_without_scrollbar_overlap_or_small_text(
    page: Any, still_site: Any, address: str, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, still_site.url + address)
    page.wait_for_timeout(300)
    got = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert got == list(size)
    assert page.evaluate(SMALL_TEXT) == []
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(CUT_REGIONS) == []
    assert page.problems == []


def test_a_phone_may_scroll_down_but_never_sideways(page: Any, still_site: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, still_site.url)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(SMALL_TEXT) == []


def test_nothing_is_asked_of_another_host_and_nothing_fails(page: Any, still_site: Any) -> None:
    opened(page, still_site.url)
    wait_for_map(page)
    page.wait_for_timeout(500)
    foreign = [u for u in page.requests if not u.startswith((still_site.url, "blob:", "data:", f"ws://127.0.0.1:{still_site.port}"))]
    assert foreign == [] and page.problems == []
    assert any("/geo/420700/districts.geojson" in u for u in page.requests)


def test_the_map_draws_every_district_and_its_label(page: Any, still_site: Any) -> None:
    opened(page, still_site.url)
    wait_for_map(page)
    drawn = map_state(page, "map.queryRenderedFeatures().filter(f => /choropleth/i.test(f.layer.id) || f.layer.type === 'fill')"
                            ".map(f => String(f.id || f.properties.name || '')).length")  # fmt: skip
    assert drawn >= 3
    box = map_state(page, "(() => { const b = map.getBounds(); return [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()]; })()")
    west, south, east, north = still_site.queries.packs["420700"].bbox
    assert box[0] < west and box[1] < south and box[2] > east and box[3] > north
    assert box[3] - box[1] < (north - south) * 1.4  # and not lost in the surroundings


def test_a_new_snapshot_changes_values_in_place(page: Any, site: Any) -> None:
    opened(page, site.url)
    wait_for_map(page)
    number = "#v-kpi-charging-energy_kwh .num"
    before = page.inner_text(number)
    page.evaluate("""() => {
      document.querySelectorAll('.kpi, .panel .figure-row, .map-graph canvas, .header').forEach(e => { e.stayed = true; });
    }""")
    centre = map_state(page, "map.getCenter().lng")
    for _ in range(20):
        site.queries.number += 1
    site.queries.commit()
    page.wait_for_function(f"() => document.querySelector('{number}').textContent !== '{before}'", timeout=90_000)
    replaced = page.evaluate("""() => [...document.querySelectorAll('.kpi, .panel .figure-row, .map-graph canvas, .header')]
      .filter(e => !e.stayed).map(e => e.className)""")
    assert replaced == []
    assert map_state(page, "map.getCenter().lng") == pytest.approx(centre, abs=1e-6)
    assert page.problems == []


def test_a_view_the_user_chose_on_the_map_outlives_a_snapshot(page: Any, site: Any) -> None:
    opened(page, site.url)
    wait_for_map(page)
    page.wait_for_timeout(500)
    box = page.locator(".map-graph").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(1200)
    zoom = map_state(page, "map.getZoom()")
    site.queries.commit()
    page.wait_for_timeout(1200)
    assert map_state(page, "map.getZoom()") == pytest.approx(zoom, abs=0.01)


def test_just_after_midnight_the_periods_of_yesterday_fit_their_cards(page: Any, site_class: Any) -> None:
    late = site_class(FakeQueries(now=datetime(2026, 11, 22, 16, 12), built=("420700",)))  # 00:12 in the city
    try:
        page.set_viewport_size({"width": 1366, "height": 768})
        opened(page, late.url)
        said = page.eval_on_selector_all(".kpi-period", "spans => spans.map(span => [span.textContent, span.title])")
        assert any(word.startswith("11月22日 23:") and title.startswith(word + "–") for word, title in said)
        assert page.evaluate(CUT_REGIONS) == []
    finally:
        late.stop()


def test_a_click_on_a_figure_opens_its_provenance_and_escape_returns(page: Any, still_site: Any) -> None:
    opened(page, still_site.url)
    page.click("#v-kpi-traffic-tti")
    page.wait_for_selector(".provenance")
    text = page.inner_text(".drawer-body")
    assert "行程时间比" in text and "不说明什么" in text and "模拟" in text
    assert page.evaluate("document.activeElement.id") == "drawer-close"
    page.keyboard.press("Escape")
    assert page.locator("#drawer").is_hidden()
    assert page.evaluate("document.activeElement.id") == "v-kpi-traffic-tti"


def test_the_keyboard_opens_a_figure_too(page: Any, still_site: Any) -> None:
    opened(page, still_site.url)
    page.focus("#v-kpi-energy-load_mw")
    page.keyboard.press("Enter")
    page.wait_for_selector(".provenance")
    assert "用电负荷" in page.inner_text(".drawer-name")


def test_the_address_follows_the_metric_and_back_goes_back(page: Any, still_site: Any) -> None:
    opened(page, still_site.url)
    before = page.inner_text(".legend-head")
    entry = page.locator(".map-switch a:has-text('生态环境')")
    metric = parse_qs(urlsplit(entry.get_attribute("href")).query)["metric"][0]
    assert metric.startswith("environment.")
    named = metrics()[metric].name_zh
    says = "name => document.querySelector('.legend-head').textContent.includes(name)"
    assert named not in before
    entry.click()
    page.wait_for_function(says, arg=named)
    assert f"metric={metric}" in page.url
    page.go_back()
    page.wait_for_function(says, arg=before.splitlines()[0])
    assert "metric" not in page.url
    page.go_forward()
    page.wait_for_function(says, arg=named)


def test_an_address_restores_its_view(page: Any, still_site: Any) -> None:
    opened(page, still_site.url + "/?city=511400&lang=en&theme=light&metric=sensing.online_share")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Meishan" in page.inner_text(".cities .is-active")
    assert re.search("online", page.inner_text(".legend-head"), re.IGNORECASE)


def test_a_line_of_the_ranking_leads_to_its_district(page: Any, still_site: Any) -> None:
    opened(page, still_site.url + "/?city=511400")
    page.click("#v-ranking .ranking-line >> nth=0")
    page.wait_for_url(re.compile(r"/district/5114\d\d"))
    assert re.search(r"/district/5114\d\d", page.url)


def test_a_lost_connection_is_said_and_the_last_values_stay(page: Any, site: Any) -> None:
    opened(page, site.url)
    before = page.inner_text("#v-kpi-traffic-tti .num")
    site.stop()
    page.wait_for_selector("#banner:not([hidden])", timeout=90_000)
    assert re.search(r"连接中断，自 \d\d:\d\d:\d\d 起未更新", page.inner_text("#banner"))
    assert page.inner_text("#v-kpi-traffic-tti .num") == before
    site.start()
    page.wait_for_selector("#banner", state="hidden", timeout=90_000)


def test_a_blocked_socket_falls_back_to_the_poll(browser: Any, site: Any) -> None:
    page = browser.new_page()
    page.add_init_script("window.WebSocket = function () { throw new Error('blocked'); };")
    page.goto(site.url)
    page.wait_for_selector(".connection.is-polling")
    before = page.inner_text("#v-kpi-charging-energy_kwh .num")
    site.queries.number += 20
    site.queries.commit()
    page.wait_for_function(f"() => document.querySelector('#v-kpi-charging-energy_kwh .num').textContent !== '{before}'", timeout=90_000)
    assert page.inner_text("#v-kpi-charging-energy_kwh .num") != before
    page.close()


def test_the_clock_ticks_on_the_citys_time(page: Any, still_site: Any) -> None:
    opened(page, still_site.url)
    first = page.inner_text("#clock")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", first)
    page.wait_for_function(f"() => document.querySelector('#clock').textContent !== '{first}'", timeout=90_000)


def test_the_first_picture_stays_within_its_weight(page: Any, still_site: Any) -> None:
    sizes: list[int] = []
    page.on("requestfinished", lambda r: sizes.append(r.sizes()["responseBodySize"]))
    opened(page, still_site.url)
    wait_for_map(page)
    assert sum(sizes) < 2_500_000, f"{sum(sizes)} bytes over the wire"


def test_the_page_can_be_read_before_and_without_its_scripts(browser: Any, still_site: Any) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{still_site.url}/?city=420700")
    assert page.locator("#first .sentence").inner_text().endswith("。")
    assert page.locator("#first .kpi .num").count() >= 8 and page.locator("#first .kpi").first.bounding_box()["width"] > 80
    # a link leads on by itself; which district leads the ranking changes with the hour of the stand-in's clock
    page.click('#first .ranking a[href^="/district/420704"]')
    assert "/district/420704" in page.url and "鄂城区" in page.inner_text("#first main")
    context.close()


def test_a_figure_asked_for_before_the_page_stands_opens_when_it_does(page: Any, still_site: Any) -> None:
    delay_pages(page)
    page.goto(still_site.url, wait_until="commit")
    page.click("#first .kpi >> nth=0")
    page.wait_for_selector(".drawer .provenance")
    assert page.locator("#first").count() == 0 and page.problems == []
