"""The wall in a browser: type by distance, rows left out, scenes in turn, pause, renewal, and what it says without a server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from components.wall.size import Viewing, root_px
from tests.soak.failing import store
from tests.soak.wall import dark_share

pytestmark = pytest.mark.browser
DRAWN = "html[data-drawn=yes]"
SIZE = (1280, 720)


@pytest.fixture(scope="module")
def wall_site(site_class: Any) -> Iterator[Any]:
    running = site_class(store())
    yield running
    running.stop()


@pytest.fixture()
def opened(browser: Any, wall_site: Any) -> Iterator[Any]:
    contexts: list[Any] = []

    def open_at(address: str, size: tuple[int, int] = SIZE) -> Any:
        contexts.append(browser.new_context(viewport={"width": size[0], "height": size[1]}))
        page = contexts[-1].new_page()
        page.set_default_timeout(90_000)
        page.goto(wall_site.url + address)
        return page

    yield open_at
    for context in contexts:
        context.close()


def drawn(page: Any) -> Any:
    page.wait_for_selector(DRAWN, state="attached")
    return page


def scene_on(page: Any, name: str) -> None:
    page.wait_for_selector(f'body[data-scene="{name}"]', state="attached")


def test_twice_the_distance_is_twice_the_type_and_fewer_rows_never_a_cut_one(opened: Any) -> None:
    near = drawn(opened("/scene/overview"))
    told = "() => [parseFloat(getComputedStyle(document.documentElement).fontSize), document.querySelectorAll('.wall-figure:not([data-out])').length]"
    size, rows = near.evaluate(told)
    assert size == pytest.approx(root_px(Viewing(10), SIZE[1]), abs=0.05)
    far = drawn(opened("/scene/overview?distance_m=16"))
    size_far, rows_far = far.evaluate(told)
    assert size_far == pytest.approx(1.6 * size, rel=0.01) and 0 < rows_far < rows
    for page in (near, far):
        assert page.evaluate("""() => [...document.querySelectorAll('.wall-fit')].flatMap(list => {
          const box = list.getBoundingClientRect();
          return [...list.children].filter(row => row.getBoundingClientRect().height && row.getBoundingClientRect().bottom > box.bottom + 1);
        }).filter(row => row.previousElementSibling).length""") == 0
        root = "document.documentElement"
        assert page.evaluate(f"() => [{root}.scrollWidth <= innerWidth, {root}.scrollHeight <= innerHeight]") == [True, True]
        assert page.evaluate("() => getComputedStyle(document.querySelector('.wall')).cursor") == "none"


def test_numbers_change_in_place(opened: Any, wall_site: Any) -> None:
    page = drawn(opened("/scene/energy"))
    before = page.inner_text(".wall-figure .num >> nth=0")
    page.evaluate("""() => {
      document.querySelectorAll('[id^="v-wall-"], .map-graph canvas').forEach(e => { e.stayed = true; });
      window.seen = [];
      const look = () => { window.seen.push(document.querySelectorAll('.wall-figure .num').length); requestAnimationFrame(look); };
      look();
    }""")
    figures = page.evaluate("() => window.seen[0]")
    wall_site.queries.number += 60
    wall_site.queries.commit()
    page.wait_for_selector(f'html[data-snapshot="{wall_site.queries.number}"]', state="attached")
    page.wait_for_timeout(500)
    assert page.inner_text(".wall-figure .num >> nth=0") != before
    replaced = """() => [...document.querySelectorAll('[id^="v-wall-"], .map-graph canvas')].filter(e => !e.stayed).map(e => e.id)"""
    assert page.evaluate(replaced) == []
    # no frame was painted in which a figure was missing
    assert figures > 4 and set(page.evaluate("() => window.seen")) == {figures}


def test_a_map_drawn_anew_again_and_again_keeps_one_listener_for_its_errors(opened: Any, wall_site: Any) -> None:
    """Plotly adds one at every update and takes none away: what a wall would keep of weeks."""
    page = drawn(opened("/scene/overview"))
    listeners = """() => [...document.querySelectorAll('.map-graph .js-plotly-plot')].map(plot => {
      const waiting = plot._fullLayout.map._subplot.map._oneTimeListeners;
      return ['error', 'style.error', 'source.error', 'tile.error', 'layer.error'].map(kind => (waiting[kind] || []).length);
    })"""
    page.wait_for_timeout(500)  # the look that comes round four times a second
    for _ in range(20):
        wall_site.queries.commit()
        page.wait_for_selector(f'html[data-snapshot="{wall_site.queries.number}"]', state="attached")
    page.wait_for_timeout(500)
    found = page.evaluate(listeners)
    # one of the first drawing, before the page could look after it, and the newest
    assert found and all(1 <= n <= 2 for counts in found for n in counts)


def test_scenes_come_in_turn_by_the_arrow_keys_and_space_stops_them(opened: Any) -> None:
    page = opened("/wall")
    scene_on(page, "overview")
    page.keyboard.press("ArrowRight")
    scene_on(page, "coverage")
    page.keyboard.press("ArrowLeft")
    scene_on(page, "overview")
    page.wait_for_function("() => document.querySelectorAll('iframe').length === 1")
    page.keyboard.press(" ")
    frame = page.frames[-1]
    assert frame.locator(".wall-paused").is_visible()
    page.keyboard.press(" ")
    assert frame.locator(".wall-paused").is_hidden()


def test_at_the_ceiling_the_scene_is_drawn_anew_behind_the_picture(opened: Any) -> None:
    page = opened("/wall/plan?heap_mb=1")
    scene_on(page, "plan")
    # the first picture comes out of the dark sheet; from then on there is always one
    page.wait_for_function("() => document.querySelector('iframe.is-shown').getAnimations().length === 0")
    shares, until = [], time.monotonic() + 150
    while page.get_attribute("body", "data-renewed") == "0":
        assert time.monotonic() < until, "not drawn anew within 150 s"
        shares.append(dark_share(page.context, page.screenshot()))
    shares.append(dark_share(page.context, page.screenshot()))
    # never a white frame, and never an empty one: a plain dark sheet would be darker than any picture
    assert min(shares) > 0.6 and max(shares) < 0.9999
    assert page.evaluate("() => document.querySelectorAll('iframe.is-shown').length") >= 1


def test_a_blocked_socket_is_found_out_and_polling_takes_over(browser: Any, wall_site: Any) -> None:
    context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
    context.add_init_script("window.WebSocket = class extends EventTarget { constructor() { super(); this.readyState = 0; setTimeout(() => { if (this.onclose) { this.onclose(); } }, 50); } close() {} };")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(wall_site.url + "/scene/traffic")
    page.wait_for_selector("#connection.is-polling", state="attached")
    wall_site.queries.commit()
    page.wait_for_selector(f'html[data-snapshot="{wall_site.queries.number}"]', state="attached")
    assert page.evaluate("() => document.documentElement.dataset.snapshot") == str(wall_site.queries.number)
    context.close()


def test_a_socket_that_stays_silent_counts_as_blocked(browser: Any, wall_site: Any) -> None:
    context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
    context.add_init_script("window.WebSocket = class extends EventTarget { constructor() { super(); this.readyState = 1; setTimeout(() => this.onopen && this.onopen(), 20); } close() {} };")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(wall_site.url + "/scene/traffic")
    page.wait_for_selector(".wall-number")
    page.wait_for_timeout(6000)
    wall_site.queries.commit()
    page.wait_for_selector(f'html[data-snapshot="{wall_site.queries.number}"]', state="attached")
    assert page.evaluate("() => document.documentElement.dataset.snapshot") == str(wall_site.queries.number)
    context.close()


def test_the_last_hours_play_one_after_the_other_and_never_pass_for_the_present(opened: Any) -> None:
    page = drawn(opened("/scene/last_day"))
    shown = "() => document.querySelector('.wall-moment-time').textContent"
    first = page.evaluate(shown)
    assert first != "--:--", "the scene is shown with its first hour, not with the present"
    assert page.inner_text(".wall-moment-mark") == "回放" and page.inner_text("#connection") == "回放中"
    legend = page.inner_text(".wall-legend")
    page.evaluate("""() => {
      window.styles = 0;
      const map = window.cityBrainExport.mapOf(document.querySelector('.map-graph .js-plotly-plot')), set = map.setStyle.bind(map);
      map.setStyle = (...given) => { window.styles += 1; return set(...given); };
    }""")
    page.wait_for_function("first => document.querySelector('.wall-moment-time').textContent !== first", arg=first)
    page.wait_for_function("() => document.querySelectorAll('.wall-moment-hours .is-past').length >= 2")
    assert page.inner_text(".wall-legend") == legend, "one legend for all hours"
    assert page.evaluate("() => window.styles") == 0, "no hour draws the whole map anew"
