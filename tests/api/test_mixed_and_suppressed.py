"""From the delivered file to API and card: a figure that is partly simulated says so and how much; a figure of too few cases is withheld."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from dash.development.base_component import Component
from fastapi import FastAPI
from fastapi.testclient import TestClient
from plotly.utils import PlotlyJSONEncoder

from components import figures
from data_pipeline.api import make_router
from data_pipeline.metrics import metric
from data_pipeline.queries import Queries
from tests.ingest.stage import CITY, Stage, stage

DISTRICT = "420704"
ENERGY, SOLVED = "charging.energy_kwh", "services.solved_share"
HOUR = datetime(2026, 3, 10, 2)  # 10:00 local time; the stage's clock stands a little after 12:00


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Queries, TestClient]]:
    with stage(tmp_path_factory.mktemp("mixed"), readings=True) as s:
        s.deliver("charging_stations", [s.station(n) for n in (1, 2, 3, 4)])

        def hours(numbers: list[int]) -> list[dict[str, Any]]:
            return [{"site_id": f"S{n}", "start_at": "2026-03-10 10:00", "energy_kwh": 10 * n} for n in numbers]

        s.deliver("charging_hourly", hours([1, 2, 3]))
        s.deliver("charging_hourly", hours([4]), is_simulated=True)
        tickets = [("a", DISTRICT, True), ("b", "420703", True), ("c", "420703", False), ("d", "420703", True), ("e", "420703", True)]
        tickets += [(i, "420702", True) for i in ("f", "g", "h")]
        s.deliver("service_requests", [
            {"request_id": i, "created_at": "2026-03-09 08:00", "closed_at": "2026-03-09 10:00", "status": "closed", "solved": solved, "area_id": area}
            for i, area, solved in tickets
        ])  # fmt: skip
        queries = Queries.open(s.home, {CITY: s.pack}, now=lambda: s.clock)
        app = FastAPI()
        app.include_router(make_router(queries, s.home))
        yield s, queries, TestClient(app)
        queries.close()


def card_words(town: tuple[Stage, Queries, TestClient], metric_id: str, area: str, grain: Any) -> str:
    s, queries, _ = town
    card = figures.kpi_card(queries.card(metric_id, area, grain), metric(metric_id), s.pack.tz, "zh", s.clock, region="kpi")
    assert isinstance(card, Component)
    return json.dumps(json.loads(json.dumps(card, cls=PlotlyJSONEncoder)), ensure_ascii=False)


def api_row(client: TestClient, metric_id: str, area: str, grain: str, start: datetime) -> dict[str, Any]:
    span = {"from": f"{start.isoformat()}Z", "to": f"{(start + timedelta(minutes=30)).isoformat()}Z"}
    answer = client.get("/api/v1/readings", params={"metric": metric_id, "area": area, "grain": grain, **span})
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()
    return row


def test_three_real_records_and_one_simulated_make_a_figure_that_is_a_quarter_simulated(town: tuple) -> None:
    reading = town[1].reading(ENERGY, DISTRICT, "hour", HOUR)
    assert (reading.value, reading.n, reading.simulated_share) == (100.0, 4, 0.25)
    assert town[1].reading(ENERGY, CITY, "day", HOUR).simulated_share == 0.25


def test_the_api_says_simulated_and_its_provenance_the_share(town: tuple) -> None:
    row = api_row(town[2], ENERGY, DISTRICT, "hour", HOUR)
    assert (row["value"], row["is_simulated"], row["status"]) == (100.0, True, "ok")
    behind = town[2].get("/api/v1/provenance", params={"metric": ENERGY, "area": DISTRICT, "grain": "hour", "period": f"{HOUR.isoformat()}Z"})
    assert behind.status_code == 200, behind.text
    assert behind.json()["simulated_share"] == 0.25
    assert sorted(d["is_simulated"] for d in behind.json()["deliveries"]) == [False, True]


def test_the_card_says_how_much_of_it_is_simulated(town: tuple) -> None:
    said = card_words(town, ENERGY, DISTRICT, "hour")
    assert "含模拟" in said and "25%" in said


def test_a_share_of_fewer_cases_than_the_metric_declares_is_withheld_by_the_api(town: tuple) -> None:
    assert metric(SOLVED).suppress_below_n == 3
    start = datetime(2026, 3, 8, 16)  # midnight of 9 March in 鄂州
    few, enough = (api_row(town[2], SOLVED, area, "day", start) for area in (DISTRICT, "420703"))
    assert (few["status"], few["value"], few["numerator"], few["denominator"]) == ("suppressed", None, None, None)
    assert (few["n"], few["obs_status"]) == (None, "Q")
    assert (enough["status"], enough["value"]) == ("ok", pytest.approx(3 / 4))
    # the city less the third district would give the withheld one: the smallest other one is withheld with it
    assert api_row(town[2], SOLVED, "420702", "day", start)["status"] == "suppressed"
    assert api_row(town[2], SOLVED, CITY, "day", start)["value"] == pytest.approx(7 / 8)
    # 3 of 4 by Wilson's formula: 0.3006..0.9544
    assert (enough["interval_low"], enough["interval_high"]) == (pytest.approx(0.3006, abs=1e-4), pytest.approx(0.9544, abs=1e-4))


def test_the_card_of_a_withheld_figure_says_why_and_shows_no_number(town: tuple) -> None:
    said = card_words(town, SOLVED, DISTRICT, "day")
    assert "样本不足，不予显示" in said and "100" not in said.replace("viewBox", "").replace('"0 0 100 24"', "")
