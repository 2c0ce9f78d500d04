"""Taxis and buses: latitude first, UNIX seconds, speeds whose unit changes half way, repeated keys."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found

TAXIS = ("new_aiwalb", "new_ugthfu")


def believable(points: pl.DataFrame) -> pl.DataFrame:
    """Rows without fixes more than 500 m and 160 km/h away from the last believable fix of the vehicle (contract)."""
    last: dict[str, tuple] = {}
    keep = []
    for vehicle, at, lon, lat in points.select("vehicle_id", "at", "lon", "lat").sort("vehicle_id", "at", maintain_order=True).iter_rows():
        before = last.get(vehicle)
        seconds = (at - before[0]).total_seconds() if before else 0.0
        metres = great_circle_m(*before[1:], lon, lat) if before else 0.0
        good = not seconds or metres <= 500 or metres / seconds * 3.6 <= 160
        if good and (before is None or seconds):
            last[vehicle] = (at, lon, lat)
        keep.append(good)
    return points.sort("vehicle_id", "at", maintain_order=True).filter(pl.Series(keep))


def great_circle_m(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Distance on a sphere (standards 7.3), within 0.6 % of the one on the ellipsoid."""
    a, b = math.radians(lat1), math.radians(lat2)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(half))


@pytest.fixture(scope="module")
def san_francisco(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("sf"), "san_francisco", "America/Los_Angeles", "-122.7,37.0,-121.7,38.2")
    for taxi in TAXIS:
        town.bring(shared_data / f"taxi_sf_cabspotting/{taxi}.txt.gz", "cabspotting")
    return town


@pytest.fixture(scope="module")
def points(shared_data: Path) -> pl.DataFrame:
    parts = [
        pl.read_csv(
            shared_data / f"taxi_sf_cabspotting/{taxi}.txt.gz", separator=" ", has_header=False,
            new_columns=["lat", "lon", "occupied", "unix"],
        ).with_columns(vehicle_id=pl.lit(taxi))
        for taxi in TAXIS
    ]  # fmt: skip
    at = pl.from_epoch("unix")
    local = at.dt.replace_time_zone("UTC").dt.convert_time_zone("America/Los_Angeles")
    every = pl.concat(parts).with_columns(at=at, hour=local.dt.truncate("1h"), day=local.dt.date())
    assert every.height == 39_558
    return believable(every)


def test_every_believable_taxi_point_is_a_record_and_every_leap_is_quarantined(san_francisco: Town, points: pl.DataFrame) -> None:
    records = san_francisco.records("vehicle_positions")
    refused = san_francisco.rows("SELECT rule FROM quarantine")
    assert records.height == points.height and refused.height == 39_558 - points.height
    assert set(refused["rule"]) == {"impossible_move"} and 0 < refused.height < 400
    assert records["lat"].sum() == pytest.approx(points["lat"].sum(), rel=1e-12)
    assert set(records["vehicle_id"]) == set(TAXIS)
    assert (records["at"].min(), records["at"].max()) == (points["at"].min(), points["at"].max())


def test_taxi_days_are_local_days_not_utc_days(san_francisco: Town, points: pl.DataFrame) -> None:
    got = san_francisco.rows("SELECT local_day, count(*) AS n FROM rec_vehicle_positions GROUP BY 1 ORDER BY 1")
    expected = points.group_by("day").agg(pl.len()).sort("day")
    assert list(got.iter_rows()) == list(expected.iter_rows())


def test_occupied_share_by_hour_is_the_share_of_points_with_a_passenger(san_francisco: Town, points: pl.DataFrame) -> None:
    expected = points.group_by("hour").agg(pl.col("occupied").sum().alias("num"), pl.len().alias("den")).sort("hour")
    readings = san_francisco.readings("traffic.taxi_occupied_share", "hour")
    assert readings["numerator"].to_list() == expected["num"].to_list()
    assert readings["denominator"].to_list() == expected["den"].to_list()


def test_active_taxis_by_day_are_counted_once(san_francisco: Town, points: pl.DataFrame) -> None:
    expected = points.group_by("day").agg(pl.col("vehicle_id").n_unique()).sort("day")["vehicle_id"].to_list()
    assert san_francisco.readings("traffic.active_vehicles", "day")["value"].to_list() == expected


@pytest.fixture(scope="module")
def austin(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("austin"), "austin", "America/Chicago", "-98.1,30.0,-97.4,30.7")
    folder = shared_data / "bus_austin_capmetrics"
    town.bring(folder / "2015-06-07.csv.gz", "capmetro_2015")
    town.bring(folder / "2016-01-17.csv.gz", "capmetro_2016")
    return town


def bus_day(shared_data: Path, day: str) -> pl.DataFrame:
    return pl.read_csv(shared_data / f"bus_austin_capmetrics/{day}.csv.gz", infer_schema=False).with_columns(
        at=pl.col("timestamp").str.to_datetime(time_zone="UTC").dt.replace_time_zone(None),
        speed=pl.col("speed").cast(pl.Float64), lon=pl.col("longitude").cast(pl.Float64), lat=pl.col("latitude").cast(pl.Float64),
    )


@pytest.mark.parametrize(("day", "factor"), [("2015-06-07", 1.609344), ("2016-01-17", 3.6)])
def test_bus_speeds_of_both_years_come_out_in_kmh(day: str, factor: float, austin: Town, shared_data: Path) -> None:
    rows = believable(bus_day(shared_data, day).unique(["vehicle_id", "timestamp"], keep="first", maintain_order=True))
    got = austin.rows(
        "SELECT count(*) n, sum(speed_kmh) s, max(speed_kmh) m FROM rec_vehicle_positions WHERE local_day = CAST(? AS DATE)", day
    )
    assert got["n"].item() == rows.height
    assert got["s"].item() == pytest.approx((rows["speed"] * factor).sum(), rel=1e-9)
    assert got["m"].item() == pytest.approx(rows["speed"].max() * factor)


def test_a_key_that_stands_twice_with_other_values_is_quarantined_once(austin: Town, shared_data: Path) -> None:
    rows = bus_day(shared_data, "2016-01-17")
    repeated = rows.height - rows.unique(["vehicle_id", "timestamp"]).height
    leaps = sum(r.height - believable(r).height for day in ("2015-06-07", "2016-01-17") for r in [bus_day(shared_data, day)])
    assert austin.refused() == {"conflicting_duplicate": repeated, "impossible_move": leaps} and leaps > 0


def test_a_day_on_which_the_collector_was_down_is_an_empty_delivery_not_an_error(tmp_path: Path, shared_data: Path) -> None:
    town = found(tmp_path, "austin", "America/Chicago", "-98.1,30.0,-97.4,30.7")
    receipt = town.bring(shared_data / "bus_austin_capmetrics/2016-02-14.csv.gz", "capmetro_2016")
    assert (receipt["rows_in"], receipt["status"]) == (0, "accepted")


def test_the_sentinel_speed_of_255_mph_is_no_speed(tmp_path: Path) -> None:
    file = tmp_path / "2016-03-01.csv"
    file.write_text(
        "vehicle_id,timestamp,speed,route_id,trip_id,latitude,longitude,trip_headsign\n"
        "1,2016-03-01T08:00:00-06:00,113.9952,1,9,30.3,-97.7,\n"
        "1,2016-03-01T08:04:00-06:00,4.4704,1,9,0.0,0.0,\n"
        "2,2016-03-01T08:04:00-06:00,4.4704,1,9,30.3,-97.7,\n",
        encoding="utf-8",
    )
    town = found(tmp_path, "austin", "America/Chicago", "-98.1,30.0,-97.4,30.7")
    town.bring(file, "capmetro_2016")
    speeds = dict(town.records("vehicle_positions").select("vehicle_id", "speed_kmh").iter_rows())
    assert speeds["1"] is None
    assert speeds["2"] == pytest.approx(16.09344)
    assert sum(town.refused().values()) == 1  # the position 0,0
