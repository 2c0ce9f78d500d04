"""Six Beijing stations, 2013-2017: the AQI of every day, station by station, against exact fractions and the validity rules.

Each station stands in an area of its own (a box; the real places are not published), so that the reading of the area is the
station's. The standard in force then is HJ 633-2012.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from datetime import date
from fractions import Fraction
from math import ceil
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.mappings import FOLDER
from tests.real.town import Town, run

STATIONS = ("Aotizhongxin", "Dongsi", "Guanyuan", "Huairou", "Tiantan", "Wanliu")
LEVELS = (0, 50, 100, 150, 200, 300, 400, 500)
# HJ 633-2012 in ug/m3, CO too (standards.md 5.1; 1 mg/m3 = 1000 ug/m3); steps: what a concentration is rounded to
DAILY = {
    "SO2": (0, 50, 150, 475, 800, 1600, 2100, 2620), "NO2": (0, 40, 80, 180, 280, 565, 750, 940),
    "CO": (0, 2000, 4000, 14000, 24000, 36000, 48000, 60000), "PM10": (0, 50, 150, 250, 350, 420, 500, 600),
    "PM2.5": (0, 35, 75, 115, 150, 250, 350, 500),
}  # fmt: skip
O3_8H, O3_1H = (0, 100, 160, 215, 265, 800), (0, 160, 200, 300, 400, 800, 1000, 1200)
METRIC = {"SO2": "so2", "NO2": "no2", "CO": "co", "PM10": "pm10", "PM2.5": "pm25", "O3": "o3"}


@pytest.fixture(scope="module")
def hours(shared_data: Path) -> pl.DataFrame:
    files = [shared_data / f"air_beijing/PRSA_Data_{name}_20130301-20170228.csv.gz" for name in STATIONS]
    return pl.concat([pl.read_csv(file, null_values=["NA"], infer_schema_length=None) for file in files], how="vertical_relaxed")


@pytest.fixture(scope="module")
def beijing(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    folder = tmp_path_factory.mktemp("bj6")
    boxes = [
        {"type": "Feature", "properties": {"id": name}, "geometry": {"type": "Polygon", "coordinates": [
            [[115.5 + k * 0.3, 39.5], [115.7 + k * 0.3, 39.5], [115.7 + k * 0.3, 39.7], [115.5 + k * 0.3, 39.7], [115.5 + k * 0.3, 39.5]]]}}
        for k, name in enumerate(STATIONS)
    ]  # fmt: skip
    (folder / "boxes.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": boxes}))
    run("new-pack", "bj", "--name-zh", "北京", "--name-en", "Beijing", "--timezone", "Asia/Shanghai", "--areas", folder / "boxes.geojson",
        "--area-id", "id", "--area-name", "id", "--datum", "WGS84", "--source", "test", "--licence", "test", "--rights", "clear",
        "--packs", folder / "packs")  # fmt: skip
    text = (FOLDER / "air_beijing.toml").read_text(encoding="utf-8")
    own = text.replace('[constants]\narea_id = "city"', "").replace("[expressions]", "[expressions]\narea_id = \"'bj:' || _station\"")
    (folder / "by_station.toml").write_text(own, encoding="utf-8")
    with gzip.open(folder / "six.csv.gz", "wb", compresslevel=1) as out:
        for k, name in enumerate(STATIONS):
            with gzip.open(shared_data / f"air_beijing/PRSA_Data_{name}_20130301-20170228.csv.gz") as given:
                lines = given.read().splitlines(keepends=True)
            out.writelines(lines if k == 0 else lines[1:])
    town = Town(folder, "bj")
    receipt = town.bring(folder / "six.csv.gz", folder / "by_station.toml")
    assert receipt["accepted"] == 6 * 35_064
    return town


def index(limits: tuple[int, ...], concentration: Fraction, step: int) -> int | None:
    """Sub-index of a mean, rounded half to even to a step first and up after; None above the last breakpoint of ozone's 8 hours."""
    c = Fraction(round(concentration / step) * step)
    if c > limits[-1]:
        return None if limits is O3_8H else 500
    k = max(next(n for n, b in enumerate(limits) if c <= b), 1)
    return ceil(Fraction(LEVELS[k] - LEVELS[k - 1], limits[k] - limits[k - 1]) * (c - limits[k - 1]) + LEVELS[k - 1])


def day_of(rows: dict[str, list[Fraction | None]]) -> dict[str, int]:
    """Sub-indices of a station's day that are valid: 20 hours for a mean, 6 in a window of eight that ends in the day."""
    found: dict[str, int] = {}
    for name, limits in DAILY.items():
        values = [v for v in rows[name] if v is not None]
        if len(values) >= 20:
            found[name] = index(limits, sum(values, Fraction(0)) / len(values), 100 if name == "CO" else 1) or 0
    ozone = rows["O3"]
    if sum(v is not None for v in ozone) >= 20:
        windows = [[v for v in ozone[end - 8 : end] if v is not None] for end in range(8, 25)]
        eight = max((sum(w, Fraction(0)) / len(w) for w in windows if len(w) >= 6), default=None)
        one = index(O3_1H, max(v for v in ozone if v is not None), 1) or 0
        found["O3"] = max(one, (index(O3_8H, eight, 1) or 0) if eight is not None else 0)
    return found


@pytest.fixture(scope="module")
def expected(hours: pl.DataFrame) -> dict[tuple[str, date], dict[str, int]]:
    found: dict[tuple[str, date], dict[str, int]] = {}
    columns = [*DAILY, "O3"]
    days: dict[tuple, dict[str, list]] = defaultdict(lambda: {c: [None] * 24 for c in columns})
    for station, year, month, day, hour, *values in hours.select("station", "year", "month", "day", "hour", *columns).iter_rows():
        slot = days[(station, date(year, month, day))]
        for name, value in zip(columns, values, strict=True):
            # whole micrograms are the rule, some values carry decimals: exact either way
            slot[name][hour] = None if value is None else Fraction(value) if float(value).is_integer() else Fraction(str(value))
    for key, rows in days.items():
        found[key] = day_of(rows)
    return found


def readings(town: Town, metric: str) -> dict[tuple[str, date], float]:
    """Day readings of every station by its local day."""
    rows = town.rows(
        "SELECT area_id, CAST(period_start_utc + INTERVAL 8 HOUR AS DATE) AS day, value FROM readings"
        " WHERE metric = ? AND grain = 'day' AND area_id <> 'bj' AND value IS NOT NULL",
        metric,
    )
    return {(area.removeprefix("bj:"), day): value for area, day, value in rows.iter_rows()}


def test_every_days_aqi_of_six_stations_over_four_years_equals_exact_fractions(
    beijing: Town, expected: dict[tuple[str, date], dict[str, int]]
) -> None:
    due = {key: max(sub.values()) for key, sub in expected.items() if len(sub) == 6 or max(sub.values(), default=0) > 100}
    assert len(expected) == 6 * 1461 and 7000 < len(due) < 8766  # the others lack hours of some pollutant and stay below 100
    got = readings(beijing, "environment.aqi_daily")
    assert got == {key: max(value, 1) for key, value in due.items()}


@pytest.mark.parametrize("pollutant", list(METRIC))
def test_sub_indices_are_given_where_a_day_is_valid_and_nowhere_else(
    beijing: Town, expected: dict[tuple[str, date], dict[str, int]], pollutant: str
) -> None:
    due = {key: sub[pollutant] for key, sub in expected.items() if pollutant in sub}
    got = readings(beijing, f"environment.iaqi_{METRIC[pollutant]}")
    assert got == due
    assert 7500 < len(due) < 8766


def test_the_primary_pollutant_is_particles_in_winter_and_ozone_in_summer(beijing: Town) -> None:
    found: dict[int, list[str]] = defaultdict(list)
    sub = {name: readings(beijing, f"environment.iaqi_{own}") for name, own in METRIC.items()}
    for (station, day), aqi in readings(beijing, "environment.aqi_daily").items():
        if aqi > 50:
            found[day.month] += [name for name in METRIC if sub[name].get((station, day)) == aqi]

    def most(month: int) -> str:
        return max(METRIC, key=found[month].count)

    assert (most(1), most(12), most(6), most(7)) == ("PM2.5", "PM2.5", "O3", "O3")


def test_carbon_monoxide_is_milligrams(beijing: Town, hours: pl.DataFrame) -> None:
    rows = beijing.rows("SELECT sum(numerator) AS s, sum(denominator) AS n FROM readings WHERE metric = 'environment.co' AND grain = 'day' AND area_id = 'bj'")
    assert rows["s"].item() == pytest.approx(hours["CO"].sum() / 1000)
    assert rows["n"].item() == hours["CO"].count()
