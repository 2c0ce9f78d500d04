"""From the city down to a site and back, in a real browser: addresses, history, sizes, and who may act."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_store import FakeStore

from data_pipeline.home import Home
from tests.browser.real import note_errors

pytestmark = pytest.mark.browser
WAIT_MS = 60_000
# a phone is where pages grow too wide; `make screens` takes the others too
EVERY = os.environ.get("CITY_BRAIN_SCREENS") == "all"  # else every other page, on the narrowest screen
SIZES = ((1920, 1080), (1366, 768), (390, 844)) if EVERY else ((390, 844),)
PAGES = ("/district/420704", "/district/420704001", "/site/420704001-0?city=420700", "/data", "/data?show=quarantine",
         "/data?show=layers", "/events")  # fmt: skip


@pytest.fixture(scope="module")
def drill(site_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    store = FakeStore(now=datetime.now(UTC).replace(tzinfo=None))
    store.home = Home(tmp_path_factory.mktemp("home"))
    running = site_class(store)
    yield running
    running.stop()


@pytest.fixture()
def opened(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.problems = []
    note_errors(page, page.problems)
    # a map that is left while it is being drawn: Dash's graph looks for its box once more, without harm
    yield page
    context.close()
    assert page.problems == []


def at(page: Any, path: str) -> None:
    page.wait_for_function("path => location.pathname === path && !!document.querySelector('.header')", arg=path)


def test_a_person_drills_from_the_city_to_a_site_and_back(drill: Any, opened: Any) -> None:
    opened.goto(f"{drill.url}/?city=420700&theme=light")
    opened.click(".ranking-line[href*='/district/420704']")
    at(opened, "/district/420704")
    opened.wait_for_selector("h1:has-text('鄂城区')")
    opened.click("#v-area-ranking .ranking-line[href*='420704001']")
    at(opened, "/district/420704001")
    opened.wait_for_selector("h1:has-text('凤凰街道')")
    opened.click("#v-area-sites a[href*='/site/']")
    opened.wait_for_selector("#v-site-now")
    assert opened.locator(".crumbs li").all_inner_texts()[:3] == ["鄂州市", "鄂城区", "凤凰街道"]
    assert "theme=light" in opened.url
    opened.go_back()
    at(opened, "/district/420704001")
    opened.wait_for_selector("h1:has-text('凤凰街道')")
    opened.go_back()
    opened.wait_for_selector("h1:has-text('鄂城区')")
    opened.click(".crumbs a:has-text('鄂州市')")
    at(opened, "/")


def test_an_address_alone_restores_the_view(drill: Any, opened: Any) -> None:
    opened.goto(f"{drill.url}/district/420704?metric=charging.energy_kwh&grain=day&lang=en&theme=light")
    opened.wait_for_selector("h1:has-text('Echeng District')")
    assert opened.evaluate("document.documentElement.dataset.theme") == "light"
    assert opened.locator("#v-area-grains .is-active").inner_text().lower() == "day"
    assert opened.locator("#v-area-metrics .is-active").inner_text().lower().startswith("energy charged")


def test_switching_the_metric_changes_the_address_and_keeps_the_page(drill: Any, opened: Any) -> None:
    opened.goto(f"{drill.url}/district/420704")
    opened.wait_for_selector("#v-area-switch")
    opened.evaluate("document.querySelector('h1').dataset.same = 'yes'")
    opened.click("#v-area-switch a:has-text('充电设施')")
    opened.wait_for_function("() => location.search.includes('metric=charging')")
    opened.wait_for_selector("#v-area-switch a.is-active:has-text('充电设施')")
    assert opened.evaluate("document.querySelector('h1').dataset.same") == "yes"


def test_the_citys_own_code_becomes_the_overview(drill: Any, opened: Any) -> None:
    opened.goto(f"{drill.url}/district/420700")
    at(opened, "/")
    assert "city=420700" in opened.url


def test_a_figure_of_an_area_opens_its_provenance(drill: Any, opened: Any) -> None:
    opened.goto(f"{drill.url}/district/420704")
    opened.click(".area-kpis [data-figure]")
    opened.wait_for_selector("#drawer-body .provenance")
    assert "鄂城区" in opened.locator("#drawer-body").inner_text()


@pytest.mark.screens
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_page_is_wider_than_the_screen(drill: Any, opened: Any, width: int, height: int) -> None:
    opened.set_viewport_size({"width": width, "height": height})
    wide = {}
    for path in PAGES if EVERY else PAGES[::2]:
        opened.goto(f"{drill.url}{path}")
        opened.wait_for_selector("#main h1")
        found = opened.evaluate("document.documentElement.scrollWidth")
        if found > width:
            wide[path] = found
    assert wide == {}


def test_a_viewer_sees_no_form_and_one_who_reports_does_and_hears_that_no_pipeline_runs(
    drill_with_access: Any, opened: Any
) -> None:
    opened.goto(f"{drill_with_access.url}/events")
    opened.wait_for_selector("html[data-may-act='no']", state="attached")
    opened.wait_for_selector("form.act", state="attached")
    assert opened.locator("form.act").count() == 1
    assert not opened.locator("details.if-may").first.is_visible()
    opened.goto(f"{drill_with_access.url}/login")
    opened.check("input[value=report]")
    opened.click("button[type=submit]")
    opened.wait_for_url(lambda url: "/login" not in url)
    opened.goto(f"{drill_with_access.url}/events")
    opened.click("details.if-may summary")
    opened.fill("form.act textarea", "已派人")
    opened.click("form.act button[value=closed]")
    opened.wait_for_function("() => document.querySelector('.act-result').textContent.includes('数据管线没有运行')")


@pytest.fixture()
def drill_with_access(site_class: Any, tmp_path: Path) -> Iterator[Any]:
    store = FakeStore(now=datetime.now(UTC).replace(tzinfo=None))
    store.home = Home(tmp_path)
    running = site_class(store, home=store.home)
    yield running
    running.stop()
