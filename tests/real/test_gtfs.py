"""GTFS feeds of Cairns, New York and BART: trips, service hours and headways against a published peer and a plain reading."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from data_pipeline.mappings import FOLDER
from data_pipeline.sources import ReadOptions, read
from tests.real.town import Town, found

FLAGS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Plain:
    """A feed read with the standard library alone, row by row: the independent answer."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            files = {name: list(csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8-sig"))) for name in archive.namelist() if name in (
                "trips.txt", "stop_times.txt", "calendar.txt", "calendar_dates.txt", "agency.txt")}  # fmt: skip
        self.trips = {row["trip_id"]: row for row in files["trips.txt"]}
        self.calendar, self.dates = files["calendar.txt"], files["calendar_dates.txt"]
        self.zone = ZoneInfo(files["agency.txt"][0]["agency_timezone"])
        rows: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in files["stop_times.txt"]:
            rows[row["trip_id"]].append(row)
        self.times = {trip: calls_of(sorted(told, key=lambda r: int(r["stop_sequence"]))) for trip, told in rows.items()}

    def running(self, day: date) -> list[str]:
        text = day.strftime("%Y%m%d")
        services = {s["service_id"] for s in self.calendar if s[FLAGS[day.weekday()]] == "1" and s["start_date"] <= text <= s["end_date"]}
        services |= {d["service_id"] for d in self.dates if d["date"] == text and d["exception_type"] == "1"}
        services -= {d["service_id"] for d in self.dates if d["date"] == text and d["exception_type"] == "2"}
        return [trip for trip, row in self.trips.items() if row["service_id"] in services]

    def hours(self, day: date) -> float:
        return sum(self.times[t][-1][2] - self.times[t][0][3] for t in self.running(day)) / 3600

    def headways(self, day: date) -> dict[tuple[str, str, str], list[int]]:
        """(route, direction, stop) → differences of consecutive departures in the order of time."""
        departures = defaultdict(list)
        for trip in self.running(day):
            row = self.trips[trip]
            for _, stop, _, leaves in self.times[trip]:
                departures[row["route_id"], row["direction_id"], stop].append(leaves)
        return {line: [b - a for a, b in zip(sorted(at), sorted(at)[1:], strict=False)] for line, at in departures.items()}


def calls_of(rows: list[dict[str, str]]) -> list[tuple[int, str, int, int]]:
    """(sequence, stop, arrival, departure) in seconds; a blank time lies evenly between the given ones, by stop."""
    given = [n for n, row in enumerate(rows) if row["arrival_time"].strip()]
    arrive = np.interp(range(len(rows)), given, [seconds(rows[n]["arrival_time"]) for n in given])
    leave = np.interp(range(len(rows)), given, [seconds(rows[n]["departure_time"]) for n in given])
    return [(int(r["stop_sequence"]), r["stop_id"], round(a), round(d)) for r, a, d in zip(rows, arrive, leave, strict=True)]


def seconds(text: str) -> int:
    h, m, s = text.strip().split(":")
    return int(h) * 3600 + int(m) * 60 + int(s)


def for_days(folder: Path, mapping: str, *days: str) -> Path:
    """The product's mapping narrowed to some service days, as an operator would."""
    narrowed = folder / f"{mapping}_{days[0]}.toml"
    narrowed.write_text(f"service_days = {list(days)}\n" + (FOLDER / f"{mapping}.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return narrowed


# ---------------------------------------------------------------------- Cairns and its published statistics


@pytest.fixture(scope="module")
def published(shared_data: Path) -> pl.DataFrame:
    return pl.read_csv(shared_data / "gtfs_static/cairns_trip_stats_by_gtfs_kit.csv", infer_schema_length=None, schema_overrides={"route_short_name": pl.String, "shape_id": pl.String})  # fmt: skip


@pytest.fixture(scope="module")
def cairns_trips(shared_data: Path) -> pl.DataFrame:
    options = ReadOptions(records="trips", service_days=("2014-06-02", "2014-06-08"))
    return read(shared_data / "gtfs_static/cairns.zip", filename="cairns.zip", fmt="gtfs", options=options).frame


def test_every_trip_of_cairns_has_the_length_in_time_and_stops_that_were_published(cairns_trips: pl.DataFrame, published: pl.DataFrame) -> None:
    ours = cairns_trips.unique("trip_id").with_columns(hours=(pl.col("arrives_at") - pl.col("departs_at")).dt.total_seconds() / 3600)
    both = published.join(ours, on="trip_id", how="inner", suffix="_ours")
    assert both.height == published.height == 1339
    assert (both["duration"] - both["hours"]).abs().max() < 1e-9
    assert both.filter(pl.col("num_stops") != pl.col("stops_n")).is_empty()
    assert both.filter((pl.col("start_stop_id").cast(pl.String) != pl.col("first_stop_id")) | (pl.col("route_id") != pl.col("route_id_ours"))).is_empty()


def test_lengths_of_cairns_differ_from_the_published_by_the_scale_of_their_projection_only(cairns_trips: pl.DataFrame, published: pl.DataFrame) -> None:
    both = published.join(cairns_trips.unique("trip_id"), on="trip_id", suffix="_ours")
    off = (both["distance_km"] / both["distance"] - 1).abs()
    # they measure in UTM 55S, whose scale is 0.9996 to 1.0004 there; we on the ellipsoid
    assert off.max() == pytest.approx(2.18e-4, abs=5e-7)
    assert both["distance"].sum() == pytest.approx(30_592.80, abs=0.01) and both["distance_km"].sum() == pytest.approx(30_598.15, abs=0.01)


@pytest.fixture(scope="module")
def cairns(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    folder = tmp_path_factory.mktemp("cairns")
    town = found(folder, "cairns", "Australia/Brisbane", "145.4,-17.4,146.1,-16.5")
    feed = shared_data / "gtfs_static/cairns.zip"
    town.bring(feed, "gtfs_stops")
    town.bring(feed, for_days(folder, "gtfs_trips", "2014-06-02", "2014-06-08"))
    town.bring(feed, for_days(folder, "gtfs_calls", "2014-06-02"))
    return town


def test_trips_and_service_hours_of_a_week_in_cairns_are_those_of_the_published_trips(cairns: Town, published: pl.DataFrame, shared_data: Path) -> None:
    plain = Plain(shared_data / "gtfs_static/cairns.zip")
    durations = dict(published.select("trip_id", "duration").iter_rows())
    days = [date(2014, 6, 2) + timedelta(days=n) for n in range(7)]
    trips, hours = cairns.readings("transit.trips_n", "day"), cairns.readings("transit.service_hours", "day")
    assert trips["value"].to_list() == [len(plain.running(day)) for day in days]
    assert trips["value"].to_list() == [622, 622, 622, 622, 636, 437, 266]
    assert hours["value"][0] == pytest.approx(472.6)
    assert hours["value"].to_list() == pytest.approx([sum(durations[t] for t in plain.running(day)) for day in days])


def test_stops_of_cairns_stand_where_the_feed_says_and_are_buses(cairns: Town) -> None:
    stops = cairns.records("transit_stations")
    assert stops.height == 416
    # one of the stops no trip calls at
    assert set(stops["mode"].drop_nulls()) == {"bus"}
    lon, lat = stops.filter(pl.col("site_id") == "stop-750000").select("lon", "lat").row(0)
    assert (lon, lat) == (145.668217, -16.74359)


def test_planned_headways_and_waits_of_cairns_are_those_of_a_plain_reading(cairns: Town, shared_data: Path) -> None:
    every = [h for line in Plain(shared_data / "gtfs_static/cairns.zip").headways(date(2014, 6, 2)).values() for h in line]
    # calls past midnight are the next calendar day's, trips are not
    days = cairns.readings("transit.scheduled_headway_minutes", "day")
    assert (days["n"].sum(), days["period_start_utc"].len()) == (len(every), 2)
    assert days["numerator"].sum() == pytest.approx(sum(every) / 60)
    assert cairns.readings("transit.headway_minutes", "day").is_empty() or cairns.readings("transit.headway_minutes", "day")["value"][0] is None


# ---------------------------------------------------------------------- New York and BART


@pytest.mark.parametrize(
    ("feed", "day", "trips"),
    [
        ("nyc_subway.zip", date(2024, 12, 18), 786), ("nyc_subway.zip", date(2024, 12, 25), None),
        ("bart_2018.zip", date(2018, 5, 30), 1113), ("bart_2018.zip", date(2018, 7, 4), None),
    ],
)  # fmt: skip
def test_trips_hours_and_headways_agree_with_a_plain_reading(feed: str, day: date, trips: int | None, shared_data: Path) -> None:
    path = shared_data / f"gtfs_static/{feed}"
    plain, days = Plain(path), (day.isoformat(),)
    ours = read(path, filename=feed, fmt="gtfs", options=ReadOptions(records="trips", service_days=days)).frame
    running = plain.running(day)
    assert running and set(ours["trip_id"]) == set(running) and ours.height == len(running)
    assert trips is None or ours.height == trips
    assert (ours["arrives_at"] - ours["departs_at"]).dt.total_seconds().sum() / 3600 == pytest.approx(plain.hours(day))
    calls = read(path, filename=feed, fmt="gtfs", options=ReadOptions(records="calls", service_days=days)).frame
    got = {
        key: sorted(values)
        for *key, values in calls.drop_nulls("scheduled_headway_s").group_by("route_id", "direction_id", "stop_id").agg("scheduled_headway_s").iter_rows()
        for key in [tuple(key)]
    }
    assert got == {line: sorted(gaps) for line, gaps in plain.headways(day).items() if gaps}


def test_a_holiday_runs_by_its_exception_and_not_by_its_weekday(shared_data: Path) -> None:
    options = ReadOptions(records="trips", service_days=("2024-12-24", "2024-12-25"))
    trips = read(shared_data / "gtfs_static/nyc_subway.zip", filename="nyc.zip", fmt="gtfs", options=options).frame
    by_day = dict(trips.group_by("service_date").len().iter_rows())
    assert by_day["2024-12-25"] < by_day["2024-12-24"]


def test_a_train_past_midnight_is_the_day_before_s_and_its_clock_is_right(shared_data: Path) -> None:
    path, day = shared_data / "gtfs_static/nyc_subway.zip", date(2024, 12, 18)
    plain = Plain(path)
    over = [t for t in plain.running(day) if plain.times[t][-1][2] >= 86400]
    assert over
    trips = read(path, filename="nyc.zip", fmt="gtfs", options=ReadOptions(records="trips", service_days=("2024-12-18",))).frame
    assert trips["day_at"].dt.convert_time_zone("America/New_York").dt.strftime("%F %T").unique().to_list() == ["2024-12-18 00:00:00"]
    got = dict(trips.select("trip_id", "arrives_at").iter_rows())
    for trip in over:
        assert got[trip] == datetime(2024, 12, 18, tzinfo=plain.zone) + timedelta(seconds=plain.times[trip][-1][2])
