"""The pipeline and the web as they run in a city: a correction goes in, the open page shows it by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components import formats
from data_pipeline.home import Home
from data_pipeline.metrics import metric as metric_of
from data_pipeline.store.lake import Lake
from data_pipeline.store.lock import holder
from tests.browser.real import Child, Web, command, copy_of, corrected_hour, note_errors

pytestmark = pytest.mark.browser

CITY = "420700"
NUMBER = "#v-kpi-charging-energy_kwh .num"
ADDED_KWH = 12_345.0


@dataclass
class Running:
    """A home that a pipeline writes and a web shows."""

    home: Path
    web: Web


@pytest.fixture()
def running(real_home: Path, tmp_path: Path) -> Iterator[Running]:
    home = copy_of(real_home, tmp_path / "home")
    pipeline = Child("-m", "data_pipeline", "run", "--no-simulator", "--home", home)
    try:
        pipeline.wait_until(lambda: (who := holder(Home.of(home))) is not None and who.answers_inbox)
        web = Web(home)
        try:
            yield Running(home, web)
        finally:
            web.stop()
    finally:
        pipeline.stop()


def energy_of_the_newest_day(home: Path) -> float:
    with Lake.reader(Home.of(home)) as lake:
        return lake.value(
            "SELECT value FROM readings WHERE metric = 'charging.energy_kwh' AND area_id = ? AND grain = 'day' AND value IS NOT NULL"
            " ORDER BY period_start_utc DESC LIMIT 1", [CITY]
        )


def test_a_corrected_hour_changes_the_open_page_and_a_stopped_web_says_so_until_it_is_back(
    browser: Any, running: Running, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(90_000)
    page = context.new_page()
    problems: list[str] = []
    note_errors(page, problems)
    page.goto(f"{running.web.url}/?city={CITY}")
    page.wait_for_selector(NUMBER, timeout=60_000)
    page.wait_for_function("() => document.querySelector('#connection')?.className.includes('is-connected')", timeout=60_000)
    page.evaluate("() => { window.sameDocument = 'yes'; }")
    before, shown_before = energy_of_the_newest_day(running.home), page.inner_text(NUMBER)

    file = corrected_hour(running.home, tmp_path / "corrected.csv", ADDED_KWH)
    receipt = json.loads(command("import", file, "--dataset", "charging_hourly", "--city", CITY, "--simulated",
                                 "--home", running.home, "--format", "json"))  # fmt: skip
    assert receipt["accepted"] == 1 and receipt["quarantined"] == 0
    after = energy_of_the_newest_day(running.home)
    assert after == pytest.approx(before + ADDED_KWH, abs=0.01)
    metric = metric_of("charging.energy_kwh")
    expected = formats.figure(after, metric.unit, metric.decimals, "zh").number
    page.wait_for_function("([place, text]) => document.querySelector(place).innerText === text", arg=[NUMBER, expected],
                           timeout=60_000)  # fmt: skip
    assert shown_before != expected
    assert page.evaluate("window.sameDocument") == "yes"

    running.web.stop()
    page.wait_for_selector("#banner:not([hidden])", timeout=60_000)
    assert re.search(r"\d\d:\d\d:\d\d", page.inner_text("#banner")) and page.inner_text(NUMBER) == expected
    running.web.start()
    page.wait_for_function("() => document.querySelector('#banner').hidden"
                           " && document.querySelector('#connection')?.className.includes('is-connected')", timeout=60_000)  # fmt: skip
    assert page.evaluate("window.sameDocument") == "yes" and page.inner_text(NUMBER) == expected
    assert problems == []
    context.close()
