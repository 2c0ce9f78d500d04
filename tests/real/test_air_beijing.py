"""Beijing air: CO in micrograms, NA for missing; daily AQI recomputed with exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found, head_of

STATIONS = ("Tiantan", "Huairou")
HOURS = 24 * 60  # March and April 2013
# HJ 633-2012, the standard in force then: IAQI 0, 50, 100, 150, 200, 300, 400, 500 (standards.md 5.1)
IAQI = (0, 50, 100, 150, 200, 300, 400, 500)
DAILY = {
    "PM2.5": (0, 35, 75, 115, 150, 250, 350, 500), "PM10": (0, 50, 150, 250, 350, 420, 500, 600),
    "SO2": (0, 50, 150, 475, 800, 1600, 2100, 2620), "NO2": (0, 40, 80, 180, 280, 565, 750, 940),
    "CO": (0, 2, 4, 14, 24, 36, 48, 60),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("prsa")
    names = [shared_data / f"air_beijing/PRSA_Data_{station}_20130301-20170228.csv.gz" for station in STATIONS]
    return [head_of(name, HOURS, folder) for name in names]


@pytest.fixture(scope="module")
def beijing(tmp_path_factory: pytest.TempPathFactory, files: list[Path]) -> Town:
    town = found(tmp_path_factory.mktemp("bj"), "beijing", "Asia/Shanghai", "115.4,39.4,117.6,41.1")
    for file in files:
        town.bring(file, "air_beijing")
    return town


@pytest.fixture(scope="module")
def hours(files: list[Path]) -> pl.DataFrame:
    return pl.concat([pl.read_csv(file, null_values=["NA"], infer_schema_length=None) for file in files], how="vertical_relaxed")


def test_every_hour_is_a_record_and_missing_values_stay_missing(beijing: Town, hours: pl.DataFrame) -> None:
    records = beijing.records("air_quality")
    assert records.height == hours.height == 2 * HOURS
    names = {"pm25_ug_m3": "PM2.5", "pm10_ug_m3": "PM10", "so2_ug_m3": "SO2", "no2_ug_m3": "NO2", "o3_ug_m3": "O3"}
    for ours, theirs in names.items():
        assert records[ours].null_count() == hours[theirs].null_count()
        assert records[ours].sum() == pytest.approx(hours[theirs].sum())
    assert records["co_mg_m3"].sum() == pytest.approx(hours["CO"].sum() / 1000)
    assert records["co_mg_m3"].max() <= 10


def test_hours_are_beijing_hours(beijing: Town, files: list[Path]) -> None:
    first = pl.read_csv(files[0], null_values=["NA"], infer_schema_length=None).row(20, named=True)
    got = beijing.rows(
        "SELECT pm25_ug_m3 FROM rec_air_quality WHERE site_id = 'bj-Tiantan' AND start_at = TIMESTAMP '2013-03-01 12:00:00'"
    )  # 20:00 in Beijing
    assert first["hour"] == 20
    assert got.item() == first["PM2.5"]


def test_daily_pm25_is_the_mean_of_all_values_of_the_day(beijing: Town, hours: pl.DataFrame) -> None:
    days = hours.group_by("year", "month", "day").agg(pl.col("PM2.5").sum().alias("s"), pl.col("PM2.5").count().alias("n"))
    days = days.sort("year", "month", "day")
    readings = beijing.readings("environment.pm25", "day")
    assert readings["numerator"].to_list() == pytest.approx(days["s"].to_list())
    assert readings["denominator"].to_list() == days["n"].to_list()


def test_rows_of_one_station_taken_twice_are_duplicates(beijing: Town, files: list[Path]) -> None:
    again = beijing.bring(files[0], "air_beijing")
    assert (again["accepted"], again["duplicates"], again["status"]) == (0, HOURS, "duplicate_delivery")


def sub_index(pollutant: str, concentration: Fraction) -> int:
    """IAQI of one pollutant by exact fractions, rounded up; 500 beyond the last breakpoint."""
    limits = DAILY[pollutant]
    if concentration >= limits[-1]:
        return 500
    k = next(n for n in range(1, len(limits)) if concentration <= limits[n])
    low, high = limits[k - 1], limits[k]
    return ceil(Fraction(IAQI[k] - IAQI[k - 1], high - low) * (concentration - low) + IAQI[k - 1])


def half_even(value: Fraction) -> Fraction:
    """To a whole number, half to even (GB/T 8170); `round` of a Fraction does just that."""
    return Fraction(round(value))


def mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def day_index(stations: list[pl.DataFrame]) -> int | None:
    """AQI of a day after HJ 633-2012 from 24 hourly rows a station; None unless every value set is valid."""
    found = []
    for name in DAILY:
        per_station = [[Fraction(str(v)) for v in s[name].to_list() if v is not None] for s in stations]
        if any(len(values) < 20 for values in per_station):
            return None
        level = mean([mean(values) for values in per_station])
        found.append(sub_index(name, half_even(level / 100) / 10 if name == "CO" else half_even(level)))
    eight, one = [], []
    for station in stations:
        ozone = [None if v is None else Fraction(str(v)) for v in station["O3"].to_list()]
        windows = [[v for v in ozone[end - 8 : end] if v is not None] for end in range(8, 25)]
        valid = [mean(window) for window in windows if len(window) >= 6]
        if sum(v is not None for v in ozone) < 20:
            return None
        eight.append(max(valid))
        one.append(max(v for v in ozone if v is not None))
    for limits, level in (((0, 100, 160, 215, 265, 800), mean(eight)), ((0, 160, 200, 300, 400, 800, 1000, 1200), mean(one))):
        c = half_even(level)
        k = next(n for n in range(1, len(limits)) if c <= limits[n])
        step = Fraction(IAQI[k] - IAQI[k - 1], limits[k] - limits[k - 1])
        found.append(ceil(step * (c - limits[k - 1]) + IAQI[k - 1]))
    return max(found)


def test_daily_aqi_equals_exact_fractions_after_the_standard_in_force_then(beijing: Town, hours: pl.DataFrame) -> None:
    readings = dict(
        beijing.readings("environment.aqi_daily", "day").select(
            (pl.col("period_start_utc") + pl.duration(hours=8)).dt.date(), "value").iter_rows()
    )  # fmt: skip
    compared = 0
    for key, rows in hours.group_by(["year", "month", "day"]):
        stations = [rows.filter(pl.col("station") == station).sort("hour") for station in STATIONS]
        expected = day_index(stations)
        if expected is not None:
            day = pl.date(*key)
            assert readings[pl.select(day).item()] == expected, key
            compared += 1
    assert compared == 39  # of 60 days: on the others a pollutant has fewer than 20 hours at a station


def test_the_weather_columns_of_the_same_file_are_a_delivery_of_their_own(beijing: Town, files: list[Path]) -> None:
    beijing.bring(files[0], "air_beijing_weather")
    raw = pl.read_csv(files[0], null_values=["NA"], infer_schema_length=None)
    got = beijing.records("weather_observations")
    assert got.height == HOURS
    assert got["temperature_c"].sum() == pytest.approx(raw["TEMP"].sum())
    assert got["rain_mm"].sum() == pytest.approx(raw["RAIN"].sum())
    assert got.filter(pl.col("wind_deg") == 337.5).height == raw.filter(pl.col("wd") == "NNW").height > 0
