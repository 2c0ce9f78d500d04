"""GTFS-realtime messages made with the published bindings, and bytes that are none."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from google.transit import gtfs_realtime_pb2

from data_pipeline.errors import DeliveryError
from data_pipeline.ingest.moments import to_utc
from data_pipeline.ingest.prepare import prepare
from data_pipeline.mappings import load_mapping
from data_pipeline.sources import ReadOptions, read


def message(**header: object):  # noqa: ANN201 (a message of the bindings)
    made = gtfs_realtime_pb2.FeedMessage()
    made.header.gtfs_realtime_version = str(header.get("version", "2.0"))
    made.header.timestamp = 1_772_409_600
    if header.get("differential"):
        made.header.incrementality = gtfs_realtime_pb2.FeedHeader.DIFFERENTIAL
    return made


def table(folder: Path, data: bytes, records: str):  # noqa: ANN201 (Raw)
    (folder / "m.pb").write_bytes(data)
    return read(folder / "m.pb", filename="m.pb", fmt="gtfs_rt", options=ReadOptions(records=records))


def test_a_field_that_is_not_set_is_empty_and_not_its_default(tmp_path: Path) -> None:
    made = message()
    entity = made.entity.add(id="1")
    entity.vehicle.vehicle.id, entity.vehicle.vehicle.label = "bus 7", ""
    entity.vehicle.position.latitude, entity.vehicle.position.longitude = 30.25, 114.5
    row = table(tmp_path, made.SerializeToString(), "vehicle_positions").frame.row(0, named=True)
    assert (row["vehicle_id"], row["latitude"], row["longitude"]) == ("bus 7", 30.25, 114.5)
    assert [row[name] for name in ("label", "speed", "bearing", "current_status", "congestion_level", "direction_id")] == [None] * 6


def test_words_of_the_standard_are_given_for_its_numbers(tmp_path: Path) -> None:
    made = message()
    vehicle = made.entity.add(id="1").vehicle
    vehicle.current_status, vehicle.congestion_level, vehicle.occupancy_status = 1, 4, 5
    row = table(tmp_path, made.SerializeToString(), "vehicle_positions").frame.row(0, named=True)
    assert (row["current_status"], row["congestion_level"], row["occupancy_status"]) == ("STOPPED_AT", "SEVERE_CONGESTION", "FULL")


def test_a_cancelled_trip_is_one_row_without_stop(tmp_path: Path) -> None:
    made = message()
    trip = made.entity.add(id="1").trip_update.trip
    trip.trip_id, trip.schedule_relationship = "t1", gtfs_realtime_pb2.TripDescriptor.CANCELED
    row = table(tmp_path, made.SerializeToString(), "trip_updates").frame.row(0, named=True)
    assert (row["trip_id"], row["trip_relationship"], row["stop_id"]) == ("t1", "CANCELED", None)


def test_alerts_become_events_of_the_city(tmp_path: Path) -> None:
    made = message()
    for number, (text, severity) in enumerate((("1路临时改道", 3), ("电梯故障", None)), 1):
        alert = made.entity.add(id=str(number)).alert
        alert.header_text.translation.add(text=text, language="zh")
        alert.header_text.translation.add(text="diverted", language="en")
        if severity:
            alert.severity_level = severity
            alert.active_period.add(start=1_772_400_000, end=1_772_500_000)
    (tmp_path / "m.pb").write_bytes(made.SerializeToString())
    mapping = load_mapping("gtfs_rt_alerts")
    taken = prepare(tmp_path / "m.pb", mapping.contract, mapping, ZoneInfo("Asia/Shanghai"), filename="m.pb", now_utc=datetime(2026, 3, 3))
    assert taken.refused.is_empty() and not taken.unused_columns
    first, second = taken.frame.select("event_id", "title_zh", "title_en", "severity", "started_at", "status").rows()
    assert first == ("transit-1", "1路临时改道", "diverted", "Moderate", datetime(2026, 3, 1, 21, 20), "open")
    assert second == ("transit-2", "电梯故障", "diverted", "Unknown", datetime(2026, 3, 2), "open")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html><body>502 Bad Gateway</body></html>", "a page of text"),
        (b'{"error": "no key"}', "a page of text"),
        (message(version="3.9").SerializeToString(), "version '3.9'"),
        (message(differential=True).SerializeToString(), "DIFFERENTIAL"),
        (b"\xff\xfe\xfd\xfc\xfb", "damaged or cut off"),
    ],
)
def test_bytes_that_are_no_whole_message_are_refused_with_the_reason(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        table(tmp_path, data, "vehicle_positions")
    assert said in caught.value.message


def test_a_message_cut_off_in_the_middle_is_refused(tmp_path: Path) -> None:
    made = message()
    made.entity.add(id="1").vehicle.position.latitude = 30.0
    made.entity[0].vehicle.position.longitude = 114.0
    with pytest.raises(DeliveryError, match="no GTFS-realtime message"):
        table(tmp_path, made.SerializeToString()[:-3], "vehicle_positions")


def test_an_unknown_table_names_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as caught:
        table(tmp_path, message().SerializeToString(), "vehicle_position")
    assert "vehicle_positions" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20261122 25:10:00", datetime(2026, 11, 22, 17, 10)), ("2026-11-22 8:05:30", datetime(2026, 11, 22, 0, 5, 30)),
        ("20261122 8:61:00", None), ("20261131 8:00:00", None), (None, None),
    ],
)  # fmt: skip
def test_a_time_of_a_service_day_may_pass_twenty_four(text: str | None, utc: datetime | None) -> None:
    found = to_utc(pl.Series([text], dtype=pl.String), ZoneInfo("Asia/Shanghai"), ["service_time"])
    assert found.values.to_list() == [utc]
    assert len(found.broken) == (1 if text is not None and utc is None else 0)


def test_the_clock_change_moves_no_departure() -> None:
    found = to_utc(pl.Series(["20261101 8:00:00"]), ZoneInfo("America/New_York"), ["service_time"])
    assert found.values.to_list() == [datetime(2026, 11, 1, 13)] and date(2026, 11, 1).weekday() == 6
