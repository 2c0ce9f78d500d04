"""深圳, made by the recipe in docs/recipes/shenzhen.md, opens as a city like the others: what is real is there, the rest says so."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.browser.lint import lint
from tests.browser.real import ROOT, Web, note_errors
from tests.browser.test_screens import settle
from tests.real.test_shenzhen import commands
from tests.real.town import run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shenzhen(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("shenzhen")
    for line in commands(folder, shared_data / "ev_sites_shenzhen"):
        words = shlex.split(line)
        if words[:3] == ["python", "-m", "data_pipeline"]:
            run(*words[3:])
        else:
            subprocess.run(words, check=True, cwd=ROOT, env=os.environ)
    web = Web(folder / "home", folder / "packs")
    yield web
    web.stop()


@pytest.fixture()
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.problems = []
    note_errors(page, page.problems)
    yield page
    context.close()


def test_the_sixth_city_opens_with_its_map_and_the_stations_that_were_accepted(
    page: Any, shenzhen: Web, shared_data: Path
) -> None:
    page.goto(f"{shenzhen.url}/?city=440300&metric=charging.stations_n")
    page.wait_for_selector(".sentence")
    settle(page)
    accepted = pl.read_csv(shared_data / "ev_sites_shenzhen/stations_stevcdp.csv").height
    shown = page.evaluate("""() => [...document.querySelectorAll('[id^="v-"]')].filter(e => /-charging-stations_n$/.test(e.id))
      .map(e => e.querySelector('.num').innerText)""")
    assert accepted == 809 and shown and set(shown) == {"809"}
    drawn = page.evaluate("""() => { const g = document.querySelector('.map-graph .js-plotly-plot') || document.querySelector('.map-graph');
      return g.data.flatMap(trace => [...(trace.locations || [])]); }""")
    assert {"440300:福田", "440300:南山", "440300:罗湖", "440300:盐田"} <= set(drawn)
    assert "暂无数据" in page.inner_text("#main") and "模拟" not in page.inner_text("#main")
    assert [*lint(page, "zh"), *page.problems] == []


def test_a_district_and_a_station_of_the_sixth_city_open_too(page: Any, shenzhen: Web) -> None:
    for path, words in (("/district/440300:福田", "福田区"), ("/site/szx-3", "深圳市"), ("/data?city=440300", "充电站")):
        page.goto(shenzhen.url + path + ("" if "?" in path else "?city=440300"))
        page.wait_for_selector("#main > *")
        settle(page)
        assert words in page.inner_text("#page"), path
        assert [*lint(page, "zh"), *page.problems] == []
