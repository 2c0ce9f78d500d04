"""Taxis and buses: latitude first, UNIX seconds, speeds whose unit changes half way, repeated keys."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.real.town import Town, found, run

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
    assert set(refused["rule"]) == {"impossible_move"} and refused.height == 187
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
    assert (sum(readings["numerator"]), sum(readings["denominator"])) == (19_114, 39_371)


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
    assert austin.refused() == {"conflicting_duplicate": repeated, "impossible_move": leaps} == {"conflicting_duplicate": 1, "impossible_move": 37}


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


# ---------------------------------------------------------------------- calls at stops of one day in Austin

CALL_DAY = "2016-11-25"


@pytest.fixture(scope="module")
def timetable(shared_data: Path) -> pl.DataFrame:
    plan = pl.read_csv(shared_data / "bus_austin_capmetrics/schedule_20160821_20170121.csv.gz", infer_schema=False)
    stops = pl.read_csv(shared_data / "bus_austin_capmetrics/stops_20160821_20170121.csv.gz", infer_schema=False)
    h, m, s = (pl.col("arrival_time").str.split(":").list.get(i).cast(pl.Int64) for i in range(3))
    places = stops.select("stop_id", pl.col("stop_lat", "stop_lon").cast(pl.Float64))
    return plan.select("trip_id", "stop_id", (h * 3600 + m * 60 + s).alias("planned_s")).join(places, on="stop_id").sort("trip_id", "planned_s")


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    """Positions and stops of a day brought in, calls worked out by the command and delivered like any other file."""
    folder = tmp_path_factory.mktemp("calls")
    town = found(folder, "austin", "America/Chicago", "-98.1,30.0,-97.4,30.7")
    source = shared_data / "bus_austin_capmetrics"
    town.bring(source / f"{CALL_DAY}.csv.gz", "capmetro_2016")
    town.bring(source / "stops_20160821_20170121.csv.gz", "capmetro_stops")
    where = ("--home", town.home.root, "--packs", town.packs, "--city", "austin")
    told = run("roads", "stop-calls", folder / "calls.parquet", "--day", CALL_DAY, *where, "--timetable", source / "schedule_20160821_20170121.csv.gz",
               "--stops", source / "stops_20160821_20170121.csv.gz", "--format", "json")  # fmt: skip
    assert json.loads(told)["trips"] == 2142  # of 2,148 trip ids in the positions, those the timetable has (4 are not in it)
    receipt = town.bring(folder / "calls.parquet", "stop_calls")
    assert receipt["quarantined"] < 0.01 * receipt["rows_in"]  # stops outside the box, and deviations no bus can have
    return town


def test_times_at_stops_agree_with_the_nearest_approach_of_a_vehicle_moved_second_by_second(called: Town, timetable: pl.DataFrame, shared_data: Path) -> None:
    """Independent: no path at all; each vehicle goes straight from fix to fix, and a stop is left where it comes closest to it."""
    got = called.records("transit_calls").filter(pl.col("actual_at").is_not_null())
    some = sorted(got["trip_id"].unique())[::60]
    rows = bus_day(shared_data, CALL_DAY).filter(pl.col("trip_id").is_in(some)).unique(["trip_id", "at"], keep="first").sort("trip_id", "at")
    off: list[float] = []
    for (trip,), fixes in rows.group_by("trip_id", maintain_order=True):
        t = fixes["at"].dt.epoch("ms").to_numpy() / 1000
        every = np.arange(t[0], t[-1], 2.0)
        lon, lat = np.interp(every, t, fixes["lon"].to_numpy()), np.interp(every, t, fixes["lat"].to_numpy())
        plan = timetable.filter(pl.col("trip_id") == trip)
        calls = dict(got.filter(pl.col("trip_id") == trip).select("stop_sequence", "actual_at").iter_rows())
        for k, (stop_lat, stop_lon, planned) in enumerate(plan.select("stop_lat", "stop_lon", "planned_s").iter_rows(), start=1):
            # a trip may pass a place twice: only the hour around the plan is looked at
            midnight = datetime(2016, 11, 25, 6).replace(tzinfo=UTC).timestamp()  # 00:00 in Austin
            near = np.abs(every - midnight - planned) < 1800
            metres = np.hypot((lon - stop_lon) * math.cos(math.radians(stop_lat)), lat - stop_lat) * 111_195
            if k in calls and near.any() and metres[near].min() < 150:
                off.append(calls[k].replace(tzinfo=UTC).timestamp() - every[near][int(metres[near].argmin())])
    assert len(off) == 1131
    # fixes are 240 s apart: the two ways of filling in agree within a fifteenth of that for nine of ten calls
    assert (float(np.median(np.abs(off))), float(np.quantile(np.abs(off), 0.9))) == (pytest.approx(1.3, abs=0.1), pytest.approx(16.3, abs=0.3))


def test_on_time_share_and_headways_are_those_of_the_calls(called: Town) -> None:
    calls = called.records("transit_calls").filter(pl.col("actual_at").is_not_null(), pl.col("local_day") == date(2016, 11, 25))
    late = [(left - planned).total_seconds() for planned, left in calls.select("scheduled_at", "actual_at").iter_rows()]
    day = called.readings("transit.on_time_share", "day").row(0, named=True)
    assert (day["numerator"], day["denominator"]) == (sum(-60 <= math.floor(x) <= 300 for x in late), calls.height)
    assert (day["numerator"], day["denominator"]) == (68_812, 93_394)


def test_excess_wait_is_that_of_headways_counted_line_by_line(called: Town) -> None:
    """AWT - SWT (standards 2.5) from headways differenced anew, in the order of leaving and in that of the plan."""
    calls = called.records("transit_calls").filter(pl.col("actual_at").is_not_null())
    headways: dict[str, dict[tuple[str, int], float]] = {"scheduled_at": {}, "actual_at": {}}
    for order, found_headways in headways.items():
        for _, rows in calls.group_by("line_id", "site_id"):
            passed = sorted(rows.select(order, "trip_id", "stop_sequence").iter_rows())
            found_headways.update({(trip, k): (at - before[0]).total_seconds() / 60 for before, (at, trip, k) in pairwise(passed)})
    first_day = {(trip, k) for trip, k, day in calls.select("trip_id", "stop_sequence", "local_day").iter_rows() if day == date(2016, 11, 25)}
    both = [k for k in headways["actual_at"] if k in first_day and headways["actual_at"][k] >= 1 / 60 and headways["scheduled_at"].get(k, 0) > 0]
    wait = {order: sum(found_headways[k] ** 2 for k in both) / (2 * sum(found_headways[k] for k in both)) for order, found_headways in headways.items()}
    reading = called.readings("transit.excess_wait_minutes", "day").row(0, named=True)
    assert reading["value"] == pytest.approx(wait["actual_at"] - wait["scheduled_at"], abs=0.0001)
    assert reading["value"] == pytest.approx(0.300, abs=0.001)
