"""Bad input, value by value: what is converted because it is plain, what is refused, and under which rule."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import shapely

from data_pipeline.contracts import Contract, contract
from data_pipeline.ingest.prepare import prepare
from data_pipeline.mappings import Mapping
from tests.ingest.rows import NOW, SHANGHAI, one, run

HOUR = {"site_id": "S1", "start_at": "2026-11-22 08:00"}


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("12.5", 12.5),
        (" 12.5 ", 12.5),
        ("１２．５", 12.5),
        ("\u300012.5\u00a0", 12.5),
        ("1,234.5", 1234.5),
        ("1 234.5", 1234.5),
        ("1,234,567", 1234567.0 / 1),
        ("1e3", 1000.0),
        ("+7", 7.0),
        (".5", 0.5),
        ("", None),
        ("   ", None),
        ("12 kWh", 12.0),
        ("12kwh", 12.0),
        ("1,200 kWh", 1200.0),
        ("12 MWh", ("unit_in_number", "energy_kwh")),
        ("12 度电", ("unit_in_number", "energy_kwh")),
        ("1,2,3", ("not_a_number", "energy_kwh")),
        ("12,34", ("not_a_number", "energy_kwh")),
        ("twelve", ("not_a_number", "energy_kwh")),
        ("1-2", ("not_a_number", "energy_kwh")),
        ("--", ("not_a_number", "energy_kwh")),
        ("NaN", ("not_finite", "energy_kwh")),
        ("inf", ("not_finite", "energy_kwh")),
        ("-Infinity", ("not_finite", "energy_kwh")),
        ("1e999", ("not_finite", "energy_kwh")),
        ("-1", ("out_of_range", "energy_kwh")),
        ("１，２３４，５６７．８", ("out_of_range", "energy_kwh")),
    ],
)
def test_numbers_are_read_where_they_are_plain_and_refused_where_not(
    tmp_path: Path, written: str, becomes: object
) -> None:
    if written == "1,234,567":
        becomes = ("out_of_range", "energy_kwh")
    assert one(tmp_path, "charging_hourly", "energy_kwh", written, HOUR) == becomes


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("3000", 3000),
        ("3000.0", 3000),
        ("３０００", 3000),
        ("3,000", 3000),
        ("2999.5", ("not_an_integer", "online_s")),
        ("-1", ("out_of_range", "online_s")),
        ("3601", ("out_of_range", "online_s")),
        ("", ("missing_value", "online_s")),
        ("nan", ("not_finite", "online_s")),
    ],
)
def test_counts_are_whole_and_within_their_range(tmp_path: Path, written: str, becomes: object) -> None:
    assert one(tmp_path, "terminal_status", "online_s", written, HOUR) == becomes


def test_large_whole_numbers_keep_every_digit_or_are_refused(tmp_path: Path) -> None:
    assert (
        one(tmp_path, "terminal_status", "messages_n", "9007199254740993", HOUR | {"online_s": "1"}) == 9007199254740993
    )
    assert (
        one(tmp_path, "terminal_status", "messages_n", "9007199254740993.0", HOUR | {"online_s": "1"})[0]
        == "not_an_integer"
    )


def test_a_share_above_one_is_refused(tmp_path: Path) -> None:
    shares = Contract.model_validate(
        contract("terminal_status").model_dump(by_alias=True) | {"checks": ()}
        | {"columns": {"site_id": {"type": "string", "zh": "", "en": "", "required": True},
                       "start_at": {"type": "timestamp", "zh": "", "en": "", "required": True},
                       "online_share": {"type": "float", "zh": "", "en": "", "unit": "share", "min": 0, "max": 1},
                       "area_id": {"type": "string", "zh": "", "en": ""}}}
    )  # fmt: skip
    done = run(
        tmp_path, "site_id,start_at,online_share\nA,2026-11-22,1.2\nB,2026-11-22,0.9\nC,2026-11-22,95%\n", shares
    )
    assert done.frame["site_id"].to_list() == ["B"]
    assert done.refused["rule"].to_list() == ["out_of_range", "unit_in_number"]


LOCAL_8 = datetime(2026, 11, 22, 0, 0)


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("2026-11-22 08:00:00", LOCAL_8),
        ("2026-11-22 08:00", LOCAL_8),
        ("2026/11/22 8:00", LOCAL_8),
        ("2026-11-22T08:00", LOCAL_8),
        ("2026-11-22T08:00:00+08:00", LOCAL_8),
        ("2026-11-22T00:00:00Z", LOCAL_8),
        ("2026-11-22 00:00:00.000+00", LOCAL_8),
        ("2026-11-21T19:00:00.000-05:00", LOCAL_8),
        ("2026年11月22日 8:00", LOCAL_8),
        ("2026年11月22日 上午8:00", LOCAL_8),
        ("２０２６－１１－２２　０８：００", LOCAL_8),
        ("22.11.2026 08:00", LOCAL_8),
        ("22/11/2026 08:00", LOCAL_8),
        ("11/22/2026 08:00:00 AM", LOCAL_8),
        ("20261122080000", LOCAL_8),
        ("20261122", datetime(2026, 11, 21, 16, 0)),
        ("2026-11-21", datetime(2026, 11, 20, 16, 0)),
        ("2026-11-21 24:00", datetime(2026, 11, 21, 16, 0)),
        ("2026-11-22 08:00:00.25", datetime(2026, 11, 22, 0, 0, 0, 250000)),
        ("05/06/2026 08:00", ("ambiguous_time", "start_at")),
        ("2026-02-30 08:00", ("impossible_time", "start_at")),
        ("2026-13-01", ("impossible_time", "start_at")),
        ("2026-11-22 25:00", ("impossible_time", "start_at")),
        ("31/11/2026", ("impossible_time", "start_at")),
        ("0024-01-01", ("impossible_time", "start_at")),
        ("1795305600", ("bad_time", "start_at")),
        ("yesterday", ("bad_time", "start_at")),
        ("", ("missing_value", "start_at")),
        ("2026-11-22 12:10", datetime(2026, 11, 22, 4, 10)),
        ("2026-11-22 12:11", ("future_time", "start_at")),
        ("2027-01-01", ("future_time", "start_at")),
        ("2024-01-01", ("too_late", "start_at")),
    ],
)
def test_times_in_every_style_are_read_where_they_mean_one_thing(tmp_path: Path, written: str, becomes: object) -> None:
    assert one(tmp_path, "terminal_status", "start_at", written, HOUR | {"online_s": "60"}) == becomes


def test_three_styles_of_dates_in_one_column_are_read_row_by_row(tmp_path: Path) -> None:
    text = "site_id,start_at,online_s\nA,2026-11-20,1\nB,2026/11/20 0:00,1\nC,20.11.2026,1\nD,03/04/2026,1\n"
    done = run(tmp_path, text, "terminal_status")
    assert done.frame["start_at"].to_list() == [datetime(2026, 11, 19, 16)] * 3
    assert done.refused.select("row_number", "rule").rows() == [(4, "ambiguous_time")]


def test_formats_the_mapping_declares_decide_alone(tmp_path: Path) -> None:
    mapping = Mapping(dataset="terminal_status", time_formats={"start_at": ["%d/%m/%Y %H:%M", "unix"]})
    for written, becomes in [
        ("05/06/2026 08:00", datetime(2026, 6, 5, 0, 0)),
        ("1780617600", datetime(2026, 6, 5, 0, 0)),
        ("31/02/2026 08:00", ("impossible_time", "start_at")),
        ("2026-06-05 08:00", ("bad_time", "start_at")),
    ]:
        assert one(tmp_path, "terminal_status", "start_at", written, HOUR | {"online_s": "1"}, mapping) == becomes


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("unix_ms", "1780617600000"),
        ("excel", "46178.3333333333"),
        ("%m/%d/%Y %I:%M:%S %p", "06/05/2026 08:00:00 AM"),
        ("%Y.%m.%d_%H.%M.%S", "2026.06.05_08.00.00"),
        ("%d %b %Y %H:%M", "05 Jun 2026 08:00"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-06-05T02:00:00+0200"),
    ],
)
def test_declared_forms_of_one_moment_agree(tmp_path: Path, form: str, written: str) -> None:
    mapping = Mapping(dataset="terminal_status", time_formats={"*": form})
    assert one(tmp_path, "terminal_status", "start_at", written, HOUR | {"online_s": "1"}, mapping) == datetime(
        2026, 6, 5
    )


POINT = {"vehicle_id": "V1", "at": "2026-11-22 08:00", "lon": "114.9", "lat": "30.4"}


@pytest.mark.parametrize(
    ("lon", "lat", "becomes"),
    [
        ("114.9", "30.4", (114.9, 30.4)),
        ("30.4", "114.9", "coordinates_swapped"),
        ("0", "0", "null_island"),
        ("114.9", "", "half_a_position"),
        ("", "30.4", "half_a_position"),
        ("", "", (None, None)),
        ("114°54'0\"E", "30°24′00″N", (114.9, 30.4)),
        ("东经114°54′", "北纬30度24分", (114.9, 30.4)),
        ("114°54.0′", "30°24.0′", (114.9, 30.4)),
        ("70°39'W", "33°27'S", (-70.65, -33.45)),
        ("114.9E", "30.4N", "unit_in_number"),
        ("114 54 00", "30 24 00", "not_a_number"),
        ("11454.00", "3024.00", "out_of_range"),
        ("500000", "3300000", "out_of_range"),
        ("181", "30", "out_of_range"),
        ("114°75'", "30°24'", "unit_in_number"),
    ],
)
def test_positions_are_read_in_degrees_or_minutes_and_the_usual_slips_named(
    tmp_path: Path, lon: str, lat: str, becomes: object
) -> None:
    row = POINT | {"lon": lon, "lat": lat}
    cells = ",".join('"' + v.replace('"', '""') + '"' for v in row.values())
    done = run(tmp_path, ",".join(row) + "\n" + cells + "\n", "vehicle_positions")
    if isinstance(becomes, str):
        assert done.refused["rule"].to_list() == [becomes]
    else:
        assert done.frame.select("lon", "lat").row(0) == pytest.approx(becomes)


def test_swapped_coordinates_are_told_by_where_the_city_is_when_both_readings_are_on_earth(tmp_path: Path) -> None:
    text = "vehicle_id,at,lon,lat\nA,2026-11-22,52.5,13.4\nB,2026-11-22,13.4,52.5\n"
    done = run(tmp_path, text, "vehicle_positions", bbox=(13.0, 52.3, 13.8, 52.7))
    assert done.frame["vehicle_id"].to_list() == ["B"]
    assert "longitude and latitude are swapped: 52.5, 13.4" in done.refused["reason"][0]


def test_a_projected_grid_and_the_chinese_datums_become_wgs84(tmp_path: Path) -> None:
    # standards.md 7.1: Tiananmen, WGS84 116.3913,39.9075 is GCJ-02 116.3975,39.9089 to four decimals
    mapping = Mapping(dataset="vehicle_positions", datum="gcj02")
    text = "vehicle_id,at,lon,lat\nA,2026-11-22,116.39754,39.908869\n"
    row = run(tmp_path, text, "vehicle_positions", mapping).frame
    assert row["lon"][0] == pytest.approx(116.3913, abs=2e-4) and row["lat"][0] == pytest.approx(39.9075, abs=2e-4)
    # EPSG:2039 has its false origin (219529.584, 626907.39) at 35°12'16.261"E 31°44'03.817"N on the Israel 1993
    # datum, which lies within a hundred metres of WGS84
    grid = Mapping(
        dataset="vehicle_positions",
        rename={"x": "_x", "y": "_y"},
        coordinates={"x": "_x", "y": "_y", "crs": "EPSG:2039"},
    )
    row = run(tmp_path, "vehicle_id,at,x,y\nA,2026-11-22,219529.584,626907.39\n", "vehicle_positions", grid).frame
    assert row["lon"][0] == pytest.approx(35 + 12 / 60 + 16.261 / 3600, abs=1e-3)
    assert row["lat"][0] == pytest.approx(31 + 44 / 60 + 3.817 / 3600, abs=1e-3)
    lost = run(tmp_path, "vehicle_id,at,x,y\nA,2026-11-22,1e30,1e30\n", "vehicle_positions", grid)
    assert lost.refused["rule"].to_list() == ["not_in_crs"]


def test_lines_of_roads_are_checked_and_brought_to_wgs84(tmp_path: Path) -> None:
    mapping = Mapping(dataset="road_sections", datum="GCJ-02")
    text = (
        'site_id,path\nA,"LINESTRING (116.39754 39.908869, 116.4 39.91)"\nB,no line\n'
        'C,"POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))"\nD,\n'
    )
    done = run(tmp_path, text, "road_sections", mapping)
    assert done.frame["site_id"].to_list() == ["A", "D"]
    first = shapely.from_wkt(done.frame["path"][0]).coords[0]
    assert first == pytest.approx((116.3913, 39.9075), abs=2e-4)  # standards.md 7.1, Tiananmen
    assert done.refused.select("row_number", "rule").rows() == [(2, "invalid_geometry"), (3, "invalid_geometry")]
    assert "Self-intersection" in done.refused["reason"][1]


def test_words_yes_and_no_patterns_and_lists_of_values_are_held(tmp_path: Path) -> None:
    base = {"request_id": "R1", "created_at": "2026-11-22 08:00", "status": "open"}
    for written, becomes in [
        ("是", True),
        ("N", False),
        ("1", True),
        ("FALSE", False),
        ("", None),
        ("maybe", ("not_a_boolean", "solved")),
    ]:
        assert one(tmp_path, "service_requests", "solved", written, base) == becomes
    assert one(tmp_path, "service_requests", "status", "opne", base) == ("unknown_value", "status")
    money = {"project_id": "P", "department": "D", "reported_at": "2026-11-22"}
    assert one(tmp_path, "investment_projects", "currency", "CNY", money) == "CNY"
    assert one(tmp_path, "investment_projects", "currency", "yuan", money) == ("wrong_pattern", "currency")


def test_rules_over_several_columns_refuse_the_row_and_are_silent_about_what_is_empty(tmp_path: Path) -> None:
    text = "site_id,start_at,guns,charging_gun_hours\nA,2026-11-22,2,2.5\nB,2026-11-22,,2.5\nC,2026-11-22,2,2\n"
    done = run(tmp_path, text, "charging_hourly")
    assert done.frame["site_id"].to_list() == ["B", "C"]
    assert done.refused.select("row_number", "column_name", "rule").rows() == [(1, "", "gun_hours_within_guns")]
    assert "利用率将大于 100%" in done.refused["reason"][0]


def test_a_row_that_breaks_several_rules_counts_once_and_tells_all(tmp_path: Path) -> None:
    done = run(tmp_path, "site_id,start_at,online_s\n,2026-02-30,-5\n", "terminal_status")
    assert done.rows_in == 1 and done.refused.height == 1
    reason = done.refused["reason"][0]
    assert done.refused["rule"][0] == "impossible_time"
    assert "site_id is empty" in reason and "-5 is below the least allowed" in reason
    assert json.loads(done.refused["original"][0]) == {"site_id": None, "start_at": "2026-02-30", "online_s": "-5"}


def test_what_came_as_nan_is_kept_as_a_word(tmp_path: Path) -> None:
    pl.DataFrame({"site_id": ["A"], "start_at": [datetime(2026, 11, 22)], "energy_kwh": [float("nan")]}).write_parquet(
        tmp_path / "f"
    )
    done = prepare(tmp_path / "f", contract("charging_hourly"), None, SHANGHAI, filename="f.parquet", now_utc=NOW)
    assert done.refused["rule"].to_list() == ["not_finite"]
    assert json.loads(done.refused["original"][0])["energy_kwh"] == "nan"
