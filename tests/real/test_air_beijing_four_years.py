"""Six Beijing stations, 2013-2017: the AQI of every day, station by station, against exact fractions and the validity rules.

Each station stands in an area of its own (a box; the real places are not published), so that the reading of the area is the
station's. The standard in force then is HJ 633-2012.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.cities import load_packs
from data_pipeline.mappings import FOLDER
from data_pipeline.queries import Queries
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
    assert len(expected) == 6 * 1461 == 8766 and len(due) == 8262  # the others lack hours of some pollutant and stay below 100
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


# HJ 633-2012's hour: what each sub-index takes as its hours, the least of them that are valid, and its column of the table
HOURLY = {
    "SO2": (1, 1, (0, 150, 500, 650, 800)), "NO2": (1, 1, (0, 100, 200, 700, 1200, 2340, 3090, 3840)),
    "CO": (1, 1, (0, 5000, 10000, 35000, 60000, 90000, 120000, 150000)), "O3": (1, 1, O3_1H), "O3 of 8 hours": (8, 6, O3_8H),
    "PM10": (24, 20, DAILY["PM10"]), "PM2.5": (24, 20, DAILY["PM2.5"]),
}  # fmt: skip


def hourly_sub_index(hours: pl.DataFrame, name: str, span: int, least: int, limits: tuple[int, ...]) -> pl.Series:
    """Sub-index of every station and hour (rows of `hours`, whole and in order) in whole thousandths; null where it is none."""
    step = 100_000 if name == "CO" else 1000
    value = (pl.col(name.split(" ")[0]) * 1000).round().cast(pl.Int64)
    rows = hours.select(
        value.fill_null(0).rolling_sum(span, min_samples=1).over("station").alias("total"),
        value.is_not_null().cast(pl.Int64).rolling_sum(span, min_samples=1).over("station").alias("n"),
    )
    part = pl.col("n") * step
    rows = rows.with_columns((pl.col("total") // part).alias("whole"), (2 * (pl.col("total") % part) - part).alias("over_half"))
    whole = pl.col("whole")
    rows = rows.with_columns((whole + pl.when(pl.col("over_half") == 0).then(whole % 2).otherwise((pl.col("over_half") > 0).cast(pl.Int64))).alias("c"))
    found = pl.lit(None, pl.Int64) if limits[-1] == 800 else pl.lit(500)
    for k in reversed(range(1, len(limits))):
        low, high = limits[k - 1] * 1000 // step, limits[k] * 1000 // step
        up = (LEVELS[k] - LEVELS[k - 1]) * (pl.col("c") - low) + (high - low) - 1
        found = pl.when(pl.col("c") <= high).then(LEVELS[k - 1] + up // (high - low)).otherwise(found)
    return rows.select(pl.when(pl.col("n") >= least).then(found).alias(name)).to_series()


def test_every_hours_aqi_after_the_2012_edition_equals_an_independent_computation(beijing: Town, hours: pl.DataFrame) -> None:
    ordered = hours.sort("station", "year", "month", "day", "hour")
    assert ordered.height == 6 * 35_064  # no hour lacks its row: a shift by rows is a shift by hours
    assert ordered["SO2"].max() < 800  # so the hour of SO2 always has a sub-index of its own
    sub = pl.DataFrame([hourly_sub_index(ordered, name, *rule) for name, rule in HOURLY.items()])
    assert sub.filter(pl.col("O3 of 8 hours").is_not_null())["O3 of 8 hours"].max() <= 300
    worst, given = pl.max_horizontal(sub.columns), pl.sum_horizontal(pl.all().is_not_null()) == len(HOURLY)
    due = ordered.select(
        pl.format("bj:{}", "station").alias("area_id"),
        (pl.datetime("year", "month", "day", "hour") - pl.duration(hours=8)).alias("period_start_utc"),
    ).with_columns(sub.select(pl.when(given | (worst > 100)).then(pl.max_horizontal(worst, 1)).cast(pl.Float64).alias("value")))
    got = beijing.rows(
        "SELECT area_id, period_start_utc, value FROM readings WHERE metric = 'environment.aqi_hourly' AND grain = 'hour' AND area_id <> 'bj'"
    )
    keys = ["area_id", "period_start_utc"]
    both = due.drop_nulls("value").join(got.drop_nulls("value"), on=keys, how="full", coalesce=True, suffix="_got")
    assert both.filter(pl.col("value").ne_missing(pl.col("value_got"))).is_empty()
    assert both.height == 196_267  # of 210,384; the others lack valid hours and stay at 100 or below


def test_behind_an_hours_aqi_of_2012_stand_the_24_hours_it_was_made_of(beijing: Town) -> None:
    door = Queries.open(beijing.home, load_packs(beijing.packs))
    start = datetime(2014, 1, 10, 16)  # midnight in Beijing: 23 of its hours are the day's before
    try:
        found = door.provenance("environment.aqi_hourly", "bj:Tiantan", "hour", start)
        known = door.reading("environment.aqi_hourly", "bj:Tiantan", "hour", start, as_of=datetime(2100, 1, 1))
    finally:
        door.close()
    assert found.records_n == 24
    assert known.value == found.reading.value and found.reading.value is not None
    moments = [row[found.sample_columns.index("start_at")] for row in found.sample_rows]
    assert min(moments) >= start - timedelta(hours=23) and max(moments) <= start
