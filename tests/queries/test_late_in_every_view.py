"""How old is this number: a late source is told in pages, files and API within a minute, and the telling ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from query_town import Town
from starlette.testclient import TestClient

from components.formats import status_words
from data_pipeline.api import make_router
from data_pipeline.metrics import metric
from pages import discover
from pages.serving.download import course_source, make_download_router
from pages.serving.live import FRESH_S, Views

METRIC, AREA = "charging.energy_kwh", "toy"
# the hour from 10:00 has come; the next is due at 12:00, and half an hour of grace is given
COME = datetime(2026, 4, 3, 10)
DUE = datetime(2026, 4, 3, 12, 30)
LATE_WORDS = "数据截至 10:00，已迟 2 小时"


def utc(local: datetime) -> datetime:
    return local - timedelta(hours=8)


@dataclass
class Shown:
    """Every way a figure leaves the product, asked at the town's clock."""

    town: Town
    views: Views
    web: TestClient

    def page(self, path: str) -> str:
        return self.views.page(path, "?city=toy", "").decode()

    def drawer(self) -> str:
        return self.views.figure(f"{METRIC}|{AREA}|hour|{utc(COME).isoformat()}", "").decode()

    def file(self) -> str:
        asked = {"metric": METRIC, "area": AREA, "grain": "hour", "from": "2026-04-03T10:00", "to": "2026-04-03T11:00"}
        return self.web.get("/act/figure.csv", params=asked).text

    def api(self) -> dict:
        asked = {"metric": METRIC, "area": AREA, "grain": "hour", "from": "2026-04-03T10:00", "to": "2026-04-03T11:00"}
        return self.web.get("/api/v1/readings", params=asked).json()[0]


@pytest.fixture
def shown(town: Town) -> Shown:
    town.clock = utc(datetime(2026, 4, 3, 11, 5))
    town.commit(lambda toy: toy.sites("charging_stations", {"a": "east", "b": "east", "c": "west"}),
                *(town.charge(COME - timedelta(hours=back), {"a": 10.0, "b": 20.0, "c": 70.0}) for back in (2, 1, 0)))  # fmt: skip
    packs = {"toy": town.pack}
    views = Views(town.queries, packs, discover(), "toy", now=lambda: town.clock)
    app = FastAPI()
    app.include_router(make_download_router(town.queries, packs, lambda: town.clock))
    app.include_router(make_router(town.queries, town.home))
    return Shown(town, views, TestClient(app))



def told(shown: Shown) -> dict[str, bool]:
    """Where the figure is said to be late: `已迟` beside it, or the status of the API."""
    watch = shown.views.page("/watch", f"?city=toy&figures={METRIC}|{AREA}|hour", "").decode()
    return {
        "watch list": "已迟" in watch,
        "drawer": "已迟" in shown.drawer(),
        "file": "已迟" in shown.file(),
        "api": shown.api()["status"] == "stale",
        "api says how late": shown.api()["late_s"] is not None,
    }


def test_a_late_figure_says_so_in_every_view_file_and_answer_and_stops_when_the_data_come(shown: Shown) -> None:
    snapshot = shown.town.queries.snapshot()
    assert not any(told(shown).values())
    shown.town.clock = utc(DUE) + timedelta(hours=2)
    assert told(shown) == dict.fromkeys(told(shown), True)
    # without any commit: only the clock has moved
    assert shown.town.queries.snapshot() == snapshot
    assert LATE_WORDS in shown.views.page("/watch", f"?city=toy&figures={METRIC}|{AREA}|hour", "").decode()
    assert shown.api()["late_s"] == 7200
    shown.town.commit(*(shown.town.charge(COME + timedelta(hours=h), {"a": 1.0, "b": 1.0, "c": 1.0}) for h in (1, 2, 3)))
    assert not any(told(shown).values())


def test_the_first_second_past_due_is_told_within_a_minute(shown: Shown) -> None:
    """A view is kept for at most half a minute, and the browser asks every 25 s: 30 + 25 s is less than a minute."""
    shown.town.clock = utc(DUE)
    before = shown.views.key("page", "/")
    shown.town.clock = utc(DUE) + timedelta(seconds=FRESH_S)
    assert shown.views.key("page", "/") != before
    script = (Path(__file__).resolve().parents[2] / "assets/app.js").read_text(encoding="utf-8")
    step_s = int(script.split("REFRESH_MS = ")[1].split(",")[0]) / 1000
    assert FRESH_S + step_s <= 60
    shown.town.clock = utc(DUE) + timedelta(seconds=61)
    assert shown.town.queries.latest(METRIC, AREA, "hour").status == "stale"


def test_a_chart_of_the_past_does_not_speak_of_todays_lateness(shown: Shown) -> None:
    shown.town.clock = utc(DUE) + timedelta(hours=2)
    request, _ = shown.views.request("/", "?city=toy")
    measure, area = metric(METRIC), shown.town.pack.area(AREA)
    past = course_source(request, measure, area, "hour", utc(COME - timedelta(hours=2)), utc(COME))
    present = course_source(request, measure, area, "hour", utc(COME - timedelta(hours=2)), shown.town.clock)
    assert not past.late and "已迟" not in past.line and "数据截至 4月3日 09:00" in past.line
    assert present.late and "已迟 2 小时" in present.line


def test_a_total_that_lacks_an_area_names_how_many_have_reported(town: Town) -> None:
    town.clock = utc(datetime(2026, 4, 3, 12, 5))
    both: Callable = town.charge(datetime(2026, 4, 3, 10), {"a": 10.0, "c": 70.0})
    town.commit(both, town.charge(datetime(2026, 4, 3, 11), {"a": 10.0}))
    reading = town.queries.latest(METRIC, AREA, "hour")
    level = town.pack.children("toy")[0].level
    assert (reading.children_reported, reading.children_expected, reading.children_level) == (1, 2, level)
    said = {"district": ("1/2 区县已报", "1/2 districts reported"), "township": ("1/2 乡镇街道已报", "1/2 townships reported")}[level]
    assert said[0] in status_words(reading, town.pack.tz, "zh") and said[1] in status_words(reading, town.pack.tz, "en")
