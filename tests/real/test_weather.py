"""Weather of Shenzhen and New York, water of Key West: units, repeated rows, newest first, local hours."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.real.town import Town, found

MMHG = 1.33322387415


@pytest.fixture(scope="module")
def shenzhen(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("szx"), "shenzhen_weather", "Asia/Shanghai", "113.7,22.4,114.7,22.9")
    town.bring(shared_data / "weather_stations/shenzhen_futian.csv", "weather_futian")
    town.bring(shared_data / "weather_stations/SZweather20220619-20220718.xls", "weather_baoan")
    return town


def test_filled_hours_are_left_out_and_reports_kept(shenzhen: Town, shared_data: Path) -> None:
    raw = pl.read_csv(shared_data / "weather_stations/shenzhen_futian.csv").with_columns(
        at=pl.col("time").str.to_datetime("%Y/%m/%d %H:%M")
    )
    columns = ["T", "P0", "P", "U", "nRAIN", "Td"]
    changed = pl.any_horizontal([pl.col(c) != pl.col(c).shift(1) for c in columns])
    moves = raw.filter(changed)["at"].dt.hour().unique().sort().to_list()
    assert moves == [2, 5, 8, 11, 14, 17, 20, 23]  # the publisher's fill never changes a value at other hours
    reports = raw.filter(pl.col("at").dt.hour().is_in(moves))
    got = shenzhen.records("weather_observations").filter(pl.col("site_id") == "szx-weather-futian")
    assert got.height == reports.height == 1448
    assert shenzhen.refused() == {"filtered_by_mapping": raw.height - reports.height}
    assert got["temperature_c"].sum() == pytest.approx(reports["T"].sum())
    assert got["pressure_hpa"].mean() == pytest.approx(reports["P0"].mean() * MMHG)


def test_the_legacy_workbook_is_read_newest_first_with_its_time_format(shenzhen: Town) -> None:
    got = shenzhen.records("weather_observations").filter(pl.col("site_id") == "szx-weather-baoan").sort("at")
    assert got.height == 720
    assert got["at"].to_list()[0] == datetime(2022, 6, 18, 16)  # 19.06.2022 00:00 in Shenzhen
    newest = got.row(-1, named=True)
    # the file's first data row: 18.07.2022 23:00, 30.0 degC, 753.6 mmHg, 84 %
    assert (newest["at"], newest["temperature_c"], newest["humidity_pct"]) == (datetime(2022, 7, 18, 15), 30.0, 84.0)
    assert newest["pressure_hpa"] == pytest.approx(753.6 * MMHG)


@pytest.fixture(scope="module")
def new_york(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("nyc"), "new_york", "America/New_York", "-74.3,40.4,-73.6,41.0")
    town.bring(shared_data / "weather_stations/nyc_jfk_2013.csv.gz", "weather_jfk")
    return town


@pytest.fixture(scope="module")
def jfk(shared_data: Path) -> pl.DataFrame:
    return pl.read_csv(shared_data / "weather_stations/nyc_jfk_2013.csv.gz", infer_schema_length=None).with_columns(
        at=pl.col("time_hour").str.to_datetime(time_zone="UTC")
    )


def test_imperial_units_come_out_metric(new_york: Town, jfk: pl.DataFrame) -> None:
    got = new_york.records("weather_observations")
    assert got.height == jfk.height == 8706
    assert got["temperature_c"].sum() == pytest.approx(((jfk["temp"] - 32) / 1.8).sum())
    assert got["rain_mm"].sum() == pytest.approx((jfk["precip"] * 25.4).sum())
    assert got["wind_m_s"].sum() == pytest.approx((jfk["wind_speed"] * 0.44704).sum())
    assert got["pressure_hpa"].null_count() == jfk["pressure"].null_count()


def test_the_repeated_hour_of_november_is_two_hours(new_york: Town, jfk: pl.DataFrame) -> None:
    twice = jfk.filter(jfk.select("year", "month", "day", "hour").is_duplicated())
    assert twice.select("month", "day", "hour").unique().rows() == [(11, 3, 1)]
    got = new_york.rows(
        "SELECT DISTINCT start FROM (SELECT period_start_utc AS start FROM readings WHERE metric = 'environment.temperature_c' "
        "AND grain = 'hour') WHERE start IN (TIMESTAMP '2013-11-03 05:00:00', TIMESTAMP '2013-11-03 06:00:00')"
    )
    assert got.height == 2


def test_daily_temperature_is_the_mean_over_the_local_day(new_york: Town, jfk: pl.DataFrame) -> None:
    local = jfk.with_columns(day=pl.col("at").dt.convert_time_zone("America/New_York").dt.date())
    expected = local.group_by("day").agg(((pl.col("temp") - 32) / 1.8).mean()).sort("day")["temp"].to_list()
    assert new_york.readings("environment.temperature_c", "day")["value"].to_list() == pytest.approx(expected)


def test_rain_of_a_day_its_grade_and_its_wettest_twelve_hours_are_those_of_the_gauge(new_york: Town, jfk: pl.DataFrame) -> None:
    local = jfk.with_columns(at=pl.col("at").dt.convert_time_zone("America/New_York"), um=(pl.col("precip") * 25_400).round().cast(pl.Int64))
    days = {}
    for (day,), rows in local.group_by(pl.col("at").dt.date()):
        by_hour = [rows.filter(pl.col("at").dt.hour() == hour)["um"].sum() for hour in range(24)]
        days[day] = tuple((um + 50) // 100 / 10 for um in (sum(by_hour), max(sum(by_hour[k : k + 12]) for k in range(13))))
    offset = pl.col("period_start_utc").dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York").dt.date().alias("day")
    whole = dict(new_york.readings("weather.rain_day_max_mm", "day").select(offset, "value").iter_rows())
    twelve = dict(new_york.readings("weather.rain_12h_max_mm", "day").select(offset, "value").iter_rows())
    autumn = {date(2013, 11, 3)}  # its repeated hour is two hours here
    assert {d: v for d, v in whole.items() if d not in autumn} == pytest.approx({d: v[0] for d, v in days.items() if d not in autumn})
    assert {d: v for d, v in twelve.items() if d not in autumn} == pytest.approx({d: v[1] for d, v in days.items() if d not in autumn})
    storms = [d for d, v in days.items() if v[0] >= 50]
    got = new_york.readings("weather.storm_days_n", "day")
    assert got["value"].sum() == len(storms) >= 1


def test_missing_hours_stay_missing(new_york: Town, jfk: pl.DataFrame) -> None:
    assert new_york.readings("environment.temperature_c", "hour").height == jfk["at"].n_unique() < 365 * 24


def test_key_west_water_is_celsius_on_the_local_clock_and_the_gap_is_kept(tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / "hydro_key_west/water_temp_2016-10_2017-03.csv"
    town = found(tmp_path, "key_west", "America/New_York", "-82.0,24.4,-81.5,24.7")
    town.bring(file, "hydro_key_west")
    raw = pl.read_csv(file).with_columns(local=pl.col("DateTime").str.to_datetime("%m/%d/%Y %H:%M"))
    got = town.records("water_observations").sort("at")
    assert got.height == raw.height == 3910
    assert got["temperature_c"].sum() == pytest.approx(((raw["WaterTemp"] - 32) / 1.8).sum())
    zone = ZoneInfo("America/New_York")
    assert got["at"].n_unique() == raw.height
    first = raw["local"][0].replace(tzinfo=zone).astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    assert got["at"][0] == first == datetime(2016, 10, 3, 4)
    gaps = got["at"].diff().drop_nulls()
    assert gaps.max().days == 16  # the data set's README: one gap of 16 days, which its row number hides
    assert town.refused() == {}
