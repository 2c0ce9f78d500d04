"""The API's own work: shapes, times, limits, refusals, ETag."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from data_pipeline.api import models as m
from data_pipeline.api.parameters import periods_between
from data_pipeline.cities import load_packs
from data_pipeline.metrics import metrics
from data_pipeline.queries.types import Snapshot
from data_pipeline.times import period_end
from tests.api.stand_in import StandIn

V1 = "/api/v1"
SPAN = "metric=traffic.tti&area=420704&grain=hour&from=2026-11-20&to=2026-11-20T06:00"


def get(client: TestClient, path: str, **more: Any):
    return client.get(f"{V1}{path}", **more)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/health", m.Health),
        ("/cities", list[m.City]),
        ("/areas?city=420700", list[m.AreaOut]),
        ("/areas?city=500114", list[m.AreaOut]),
        ("/metrics", list[m.MetricOut]),
        ("/metrics?city=420700", list[m.MetricOut]),
        (f"/readings?{SPAN}", list[m.ReadingOut]),
        ("/sites?city=420700", m.SiteCollection),
        ("/targets?city=420700", list[m.TargetOut]),
        ("/events?city=420700&area=420704", list[m.EventOut]),
        ("/deliveries?city=420700&limit=3", list[m.DeliveryOut]),
        ("/provenance?metric=traffic.tti&area=420704&grain=hour&period=2026-11-20T08:17", m.ProvenanceOut),
        ("/unusual?city=420700", m.UnusualOut),
    ],
)
def test_every_answer_has_exactly_the_described_shape(client: TestClient, path: str, shape: Any) -> None:
    answer = get(client, path)
    assert answer.status_code == 200, answer.text
    TypeAdapter(shape).validate_json(answer.content, strict=False)
    body = answer.json()
    assert body


def test_a_reading_carries_the_fields_other_programs_rely_on(client: TestClient) -> None:
    rows = get(client, f"/readings?{SPAN}").json()
    assert list(rows[0]) == [
        "city", "metric", "area", "grain", "period_start", "period_end", "numerator", "denominator", "value", "unit",
        "n", "completeness", "status", "kind", "is_simulated", "data_as_of", "snapshot", "obs_status", "interval_low", "interval_high",
        "late_s", "children_reported", "children_expected",
    ]  # fmt: skip
    # local midnight in 鄂州 is 16:00 UTC of the day before; six hours, the end is exclusive
    assert [row["period_start"] for row in rows] == [f"2026-11-20T{hour:02}:00:00+08:00" for hour in range(6)]
    assert rows[0]["value"] == pytest.approx(2.6) and rows[0]["completeness"] == pytest.approx(840 / 900)
    assert rows[0]["data_as_of"] == "2026-11-20T09:30:00+08:00" and rows[0]["snapshot"] == 41


def test_no_data_is_null_and_never_zero(client: TestClient) -> None:
    missing = [row for row in get(client, f"/readings?{SPAN}").json() if row["status"] == "missing"]
    assert [row["period_start"] for row in missing] == ["2026-11-20T03:00:00+08:00"]
    assert missing[0]["value"] is None and missing[0]["numerator"] is None and missing[0]["denominator"] is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20", datetime(2026, 11, 19, 16)),
        ("2026-11-20T00:00", datetime(2026, 11, 19, 16)),
        ("2026-11-20T00:00:00Z", datetime(2026, 11, 20)),
        ("2026-11-20T00:00:00%2B08:00", datetime(2026, 11, 19, 16)),
        ("2026-11-20T00:00:00+08:00", datetime(2026, 11, 19, 16)),  # an unescaped + arrives as a blank
        ("2026-11-20T00:00:00-05:00", datetime(2026, 11, 20, 5)),
    ],
)
def test_times_without_offset_are_the_citys_and_others_are_as_said(client: TestClient, queries: StandIn, text: str, utc: datetime) -> None:
    answer = get(client, f"/readings?metric=traffic.tti&area=420704&grain=hour&from={text}&to=2026-11-21T00:00&as_of={text}")
    assert answer.status_code == 200, answer.text
    _, _, _, start, _, as_of = queries.asked[-1]
    assert (start, as_of) == (utc, utc)


def test_an_official_code_finds_the_area_that_has_it(client: TestClient, queries: StandIn) -> None:
    everywhere = [area for pack in queries.packs.values() for area in pack.areas.values()]
    area = next(area for area in everywhere if any(code != area.id for code in area.codes))
    code = next(code for code in area.codes if code != area.id)
    rows = get(client, f"/readings?metric=traffic.tti&area={code}&grain=day&from=2026-11-19&to=2026-11-20").json()
    assert [row["area"] for row in rows] == [area.id]


def test_csv_and_parquet_say_the_same_as_json(client: TestClient) -> None:
    rows = get(client, f"/readings?{SPAN}").json()
    csv = get(client, f"/readings?{SPAN}&format=csv")
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.headers["content-disposition"] == 'attachment; filename="traffic.tti_420704_hour.csv"'
    lines = csv.text.splitlines()
    assert lines[0] == ",".join(rows[0]) and len(lines) == 7
    assert lines[4].split(",")[6:9] == ["", "", ""]  # 03:00, no data
    frame = pl.read_parquet(io.BytesIO(get(client, f"/readings?{SPAN}&format=parquet").content))
    assert frame.columns == list(rows[0])
    assert frame.schema["period_start"] == pl.Datetime("us", "Asia/Shanghai")
    assert frame["period_start"].to_list()[0] == datetime(2026, 11, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert frame["value"].to_list() == [row["value"] for row in rows]


# -- refusals ------------------------------------------------------------------------------------------------

REQUIRED = "metric=traffic.tti&area=420704&grain=hour"


@pytest.mark.parametrize(
    ("path", "status", "parameter", "says"),
    [
        ("/readings", 400, "metric", "missing parameter"),
        (f"/readings?{REQUIRED}&from=2026-11-20", 400, "to", "missing parameter"),
        (f"/readings?{REQUIRED}&from=yesterday&to=2026-11-20", 400, "from", "not an ISO 8601 time"),
        (f"/readings?{REQUIRED}&from=2026-02-30&to=2026-11-20", 400, "from", "not an ISO 8601 time"),
        (f"/readings?{REQUIRED}&from=0001-01-01&to=2026-11-20", 400, "from", "outside 1970–2100"),
        (f"/readings?{REQUIRED}&from=2026-11-20&to=9999-12-31", 400, "to", "outside 1970–2100"),
        (f"/readings?{REQUIRED}&from=2026-11-20&to=2026-11-20", 400, "to", "not after from"),
        (f"/readings?{REQUIRED}&from=2026-11-20&to=2026-11-21&as_of=now", 400, "as_of", "not an ISO 8601 time"),
        ("/readings?metric=traffic.tti&area=420704&grain=minute&from=2026-11-20&to=2026-11-21", 400, "grain", "not allowed"),
        (f"/readings?{REQUIRED}&from=2026-11-20&to=2026-11-21&format=xml", 400, "format", "not allowed"),
        (f"/readings?{REQUIRED}&from=2026-11-20&to=2026-11-21&form=csv", 400, "form", "unknown parameter"),
        (f"/readings?{REQUIRED}&grain=day&from=2026-11-20&to=2026-11-21", 400, "grain", "given 2 times"),
        ("/readings?metric=traffic.ttl&area=420704&grain=hour&from=2026-11-20&to=2026-11-21", 404, "metric", "did you mean traffic.tti"),
        ("/readings?metric=traffic.tti&area=42070&grain=hour&from=2026-11-20&to=2026-11-21", 404, "area", "did you mean 42070"),
        ("/areas?city=42700", 404, "city", "did you mean 420700"),
        ("/areas", 400, "city", "missing parameter"),
        ("/sites?city=420700&dataset=base_station", 404, "dataset", "did you mean base_stations"),
        ("/sites?city=420700&bbox=1,2,3", 400, "bbox", "not four numbers"),
        ("/sites?city=420700&bbox=115,30,114,31", 400, "bbox", "west ≤ east"),
        ("/sites?city=420700&bbox=nan,30,115,31", 400, "bbox", "finite"),
        ("/events?city=420700&limit=0", 400, "limit", "greater than or equal to 1"),
        ("/events?city=420700&include_closed=perhaps", 400, "include_closed", "valid boolean"),
        ("/events?city=420700&area=330602", 404, "area", "unknown area"),
        ("/deliveries?city=420700&offset=-1", 400, "offset", "greater than or equal to 0"),
        ("/provenance?metric=traffic.tti&area=420704&grain=hour&period=2026-W60", 400, "period", "not an ISO 8601 time"),
        ("/cities?city=420700", 400, "city", "unknown parameter"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_by_name(client: TestClient, path: str, status: int, parameter: str, says: str) -> None:
    answer = get(client, path)
    body = m.Error.model_validate_json(answer.content)
    assert (answer.status_code, body.parameter) == (status, parameter), body
    assert says in f"{body.error} {body.hint}"


def test_a_near_parameter_and_grain_are_suggested(client: TestClient) -> None:
    assert get(client, f"/readings?{SPAN}&forma=csv").json()["did_you_mean"][0] == "format"
    body = get(client, "/readings?metric=traffic.tti&area=420704&grain=5mi&from=2026-11-20&to=2026-11-21").json()
    assert body["did_you_mean"][0] == "5min" and "quarter" in body["hint"]


def test_a_grain_finer_than_the_metrics_own_is_refused_with_those_it_has(client: TestClient) -> None:
    measure = next(one for one in metrics().values() if one.base_grain == "day")
    answer = get(client, f"/readings?metric={measure.id}&area=420700&grain=5min&from=2026-11-20&to=2026-11-21")
    assert answer.status_code == 400 and answer.json()["parameter"] == "grain"
    assert answer.json()["hint"] == "one of: day, week, month, quarter, year"


def test_too_many_readings_are_refused_with_a_way_to_narrow(client: TestClient) -> None:
    # five years of hours: 365.25 * 5 * 24 = 43,824 and one at the border
    answer = get(client, "/readings?metric=traffic.tti&area=420704&grain=hour&from=2020-01-01&to=2025-01-01")
    assert answer.status_code == 400 and answer.json()["parameter"] == "to"
    assert "43849 periods of hour asked for, at most 20000" in answer.json()["error"]
    assert answer.json()["hint"] == "narrow from and to, or use grain=day"


@pytest.mark.parametrize("grain", ["5min", "15min", "hour", "day", "week", "month", "quarter", "year"])
def test_the_counted_periods_are_never_fewer_than_the_real_ones(grain: str) -> None:
    pack = load_packs()["420700"]
    start, end = datetime(2024, 1, 30, 5), datetime(2024, 5, 31, 7)
    real, moment = 0, start
    while moment < end:
        real, moment = real + 1, period_end(moment, grain, pack.tz)
    assert real <= periods_between(start, end, grain, pack) <= real * 1.2 + 2


def test_too_many_sites_are_refused_with_a_way_to_narrow(client: TestClient, queries: StandIn) -> None:
    queries.many_sites = 20_000
    answer = get(client, "/sites?city=420700")
    assert (answer.status_code, answer.json()["parameter"]) == (400, "bbox")
    assert "20002 sites" in answer.json()["error"] and "dataset=" in answer.json()["hint"]


def test_an_address_that_does_not_exist_is_a_json_404_and_no_page(client: TestClient) -> None:
    answer = client.get("/api/v1/reading?metric=x")
    assert answer.status_code == 404 and answer.json()["did_you_mean"][0] == "/api/v1/readings"
    assert client.get("/api/v2").status_code == 404
    assert client.post("/api/v1/cities").status_code == 405
    assert client.get("/district/420704").text == "page"


# -- ETag ----------------------------------------------------------------------------------------------------


def test_an_unchanged_answer_is_304_without_body_and_a_new_snapshot_is_sent(client: TestClient, queries: StandIn) -> None:
    first = get(client, "/cities")
    etag = first.headers["etag"]
    assert etag.startswith('"41-') and first.headers["cache-control"] == "private, no-cache"
    again = get(client, "/cities", headers={"if-none-match": f'"other", W/{etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    queries.now_snapshot = Snapshot(42, queries.now_snapshot.at_utc)
    after = get(client, "/cities", headers={"if-none-match": etag})
    assert after.status_code == 200 and after.headers["etag"] != etag


def test_each_query_has_its_own_etag_whatever_the_order_of_its_parameters(client: TestClient) -> None:
    one = get(client, "/deliveries?city=420700&limit=3").headers["etag"]
    assert get(client, "/deliveries?limit=3&city=420700").headers["etag"] == one
    assert get(client, "/deliveries?limit=4&city=420700").headers["etag"] != one


def test_readings_are_sent_anew_after_a_minute_because_sources_grow_late_without_a_snapshot(client: TestClient, monkeypatch) -> None:
    moment = datetime(2026, 11, 20, 1, 30, 10)
    monkeypatch.setattr("data_pipeline.api.router.now_utc", lambda: moment)
    etag = get(client, f"/readings?{SPAN}").headers["etag"]
    moment = datetime(2026, 11, 20, 1, 30, 50)
    assert get(client, f"/readings?{SPAN}", headers={"if-none-match": etag}).status_code == 304
    moment = datetime(2026, 11, 20, 1, 31, 10)
    assert get(client, f"/readings?{SPAN}", headers={"if-none-match": etag}).status_code == 200


# -- contents ------------------------------------------------------------------------------------------------


def test_health_tells_what_stands_and_what_is_late(client: TestClient, queries: StandIn) -> None:
    body = get(client, "/health").json()
    assert (body["status"], body["snapshot"], body["snapshot_at"], body["pipeline"]) == ("ok", 41, "2026-11-20T01:30:00+00:00", "stopped")
    ezhou = next(city for city in body["cities"] if city["city"] == "420700")
    assert ezhou == {
        "city": "420700", "has_data": True, "data_as_of": "2026-11-20T09:30:00+08:00",
        "sources": {"ok": 2, "late": 1, "never": 1, "off": 1},
    }  # fmt: skip
    queries.now_snapshot = None
    assert get(client, "/health").json()["status"] == "empty"


def test_qianjiang_is_one_area_for_city_and_district(client: TestClient) -> None:
    areas = get(client, "/areas?city=500114").json()
    levels = [area["level"] for area in areas]
    assert levels.count("city") == 1 and levels.count("district") == 0
    assert {area["parent"] for area in areas if area["level"] == "township"} == {"500114"}


def test_sites_are_geojson_with_longitude_first_and_null_where_unknown(client: TestClient, queries: StandIn) -> None:
    answer = get(client, "/sites?city=420700&dataset=base_stations&bbox=114.6,30.2,115,30.5")
    assert answer.headers["content-type"] == "application/geo+json"
    features = answer.json()["features"]
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [114.7, 30.4]}
    assert features[1]["geometry"] is None and "lon" not in features[1]["properties"]
    assert features[0]["properties"]["attributes"] == {"opened_on": "2024-05-01"}
    assert queries.asked[-1] == ("sites", "base_stations", (114.6, 30.2, 115.0, 30.5))


def test_provenance_takes_any_moment_of_the_period_and_shows_files_and_rows(client: TestClient) -> None:
    body = get(client, "/provenance?metric=traffic.tti&area=420704&grain=hour&period=2026-11-20T08:17").json()
    assert body["reading"]["period_start"] == "2026-11-20T08:00:00+08:00"
    assert [d["delivery_id"] for d in body["deliveries"]] == [7, 6]
    assert body["sample_rows"] == [["R1", "2026-11-20T09:30:00+08:00", 31.5], ["R2", "2026-11-20T09:30:00+08:00", None]]
    assert body["simulated_share"] is None or 0 <= body["simulated_share"] <= 1
    assert "snapshot" not in body and body["snapshot_at"] == "2026-11-20T09:30:00+08:00"


# -- description ---------------------------------------------------------------------------------------------


def test_every_address_is_described_with_its_answer_and_the_page_shows_them_all(client: TestClient) -> None:
    description = client.get("/api/openapi.json").json()
    wanted = {"health", "cities", "areas", "metrics", "readings", "sites", "targets", "events", "deliveries", "provenance", "search", "unusual"}
    # reporting and the review meeting have descriptions of their own below /reports and /ledger
    own = {path for path in description["paths"] if not path.startswith((f"{V1}/reports", f"{V1}/ledger"))}
    assert own == {f"{V1}/{name}" for name in wanted}
    for path, methods in description["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            if path in own:
                assert operation["responses"]["200"]["content"]["application/json"]["schema"], path
    page = client.get("/api/docs")
    assert page.status_code == 200
    for path in description["paths"]:
        assert f"</b> {path}</h2>" in page.text
    assert set(description["paths"][f"{V1}/deliveries"]) == {"get", "post"}


def test_the_page_of_documentation_needs_no_other_host_and_no_script(client: TestClient) -> None:
    page = client.get("/api/docs").text
    outside = page.replace("http://127.0.0.1:8050", "")
    assert "http:" not in outside and "https:" not in outside and 'src="//' not in outside and "<script" not in page
    assert client.get("/api/docs").headers["content-security-policy"].startswith("default-src 'none'")
    assert client.get("/api/docs.css").headers["content-type"].startswith("text/css")
