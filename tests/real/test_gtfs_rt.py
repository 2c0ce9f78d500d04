"""Caltrain, 7 November 2023, 17:05: positions and delays of one GTFS-realtime moment, beside the timetable."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from google.transit import gtfs_realtime_pb2

from data_pipeline.ingest.prepare import prepare
from data_pipeline.mappings import load_mapping
from tests.real.town import Town, found

NOON = datetime(2023, 11, 7, 12, tzinfo=ZoneInfo("America/Los_Angeles"))


@pytest.fixture(scope="module")
def caltrain(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("caltrain"), "peninsula", "America/Los_Angeles", "-122.7,36.9,-121.3,38.0")
    folder = shared_data / "gtfs_rt"
    town.bring(folder / "caltrain_static_2023.zip", "gtfs_stops")
    town.bring(folder / "caltrain_vehicle_positions.pb", "caltrain_positions")
    town.bring(folder / "caltrain_trip_updates.pb", "caltrain_calls")
    return town


@pytest.fixture(scope="module")
def told(shared_data: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """(trip, stop) → (seconds late, seconds after the message), worked out from the message and the zip by hand."""
    folder = shared_data / "gtfs_rt"
    with zipfile.ZipFile(folder / "caltrain_static_2023.zip") as archive:
        rows = csv.DictReader(io.TextIOWrapper(archive.open("stop_times.txt"), "utf-8-sig"))
        planned = {(r["trip_id"], r["stop_id"]): (r["arrival_time"], r["departure_time"]) for r in rows}
    message = gtfs_realtime_pb2.FeedMessage()
    message.ParseFromString((folder / "caltrain_trip_updates.pb").read_bytes())
    found = {}
    for entity in message.entity:
        for call in entity.trip_update.stop_time_update:
            leaves = call.HasField("departure")
            at = call.departure.time if leaves else call.arrival.time
            h, m, s = planned[entity.trip_update.trip.trip_id, call.stop_id][leaves].split(":")
            due = NOON - timedelta(hours=12) + timedelta(hours=int(h), minutes=int(m), seconds=int(s))
            found[entity.trip_update.trip.trip_id, call.stop_id] = (at - due.timestamp(), at - message.header.timestamp)
    return found


def test_every_vehicle_of_the_message_is_a_record_with_its_place_and_no_made_up_speed(caltrain: Town) -> None:
    records = caltrain.records("vehicle_positions")
    assert records.height == 14
    assert records["speed_kmh"].null_count() == 14
    lon, lat, at = records.filter(pl.col("vehicle_id") == "124").select("lon", "lat", "at").row(0)
    assert (lon, lat) == (pytest.approx(-121.99604, abs=1e-5), pytest.approx(37.37046, abs=1e-5))
    assert at == datetime.fromtimestamp(1699405549, UTC).replace(tzinfo=None)


def test_delays_are_the_told_time_less_the_timetable(caltrain: Town, told: dict) -> None:
    calls = caltrain.records("transit_calls")
    assert calls.height == len(told) == 220
    for trip, site, planned, actual, expected in calls.select("trip_id", "site_id", "scheduled_at", "actual_at", "expected_at").iter_rows():
        late, ahead = told[trip, site.removeprefix("stop-")]
        assert ((actual or expected) - planned).total_seconds() == late
        assert (actual is None) == (ahead > 0)


def test_only_what_has_happened_counts_as_punctual_or_not(caltrain: Town, told: dict) -> None:
    past = [late for late, ahead in told.values() if ahead <= 0]
    on_time = sum(-60 <= late <= 300 for late in past)
    reading = caltrain.readings("transit.on_time_share", "day").row(0, named=True)
    assert (reading["numerator"], reading["denominator"]) == (on_time, len(past))
    assert (len(past), on_time) == (3, 3)


def test_the_service_day_is_the_local_one_although_the_message_is_of_the_next_utc_day(caltrain: Town) -> None:
    calls = caltrain.records("transit_calls")
    assert calls["service_on"].unique().to_list() == [NOON.date()]
    assert calls["scheduled_at"].max() > datetime(2023, 11, 8)


def test_an_empty_message_of_alerts_gives_no_rows_and_all_columns(shared_data: Path) -> None:
    file, mapping, tz = shared_data / "gtfs_rt/caltrain_service_alerts_empty.pb", load_mapping("gtfs_rt_alerts"), ZoneInfo("UTC")
    taken = prepare(file, mapping.contract, mapping, tz, filename=file.name, now_utc=datetime(2023, 11, 8))
    assert (taken.rows_in, taken.frame.height, taken.refused.height) == (0, 0, 0)
