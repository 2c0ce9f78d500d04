"""GTFS feeds made by hand: the rules of the specification, and what is broken is told and left out."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.errors import DeliveryError
from data_pipeline.sources import ReadOptions, read

AGENCY = "agency_name,agency_url,agency_timezone\nA,http://a.example,America/New_York\n"
STOPS = "stop_id,stop_name,stop_lat,stop_lon\nA,A,40.1,-74\nB,B,40.2,-74\nC,C,40.3,-74\nZ,nowhere,0,0\n"
ROUTES = "route_id,route_short_name,route_long_name,route_type\nR,1,One,3\n"
TRIPS = "route_id,service_id,trip_id,direction_id\nR,W,t1,0\nR,W,t2,0\n"
TIMES = (
    "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "t1,8:00:00,8:00:00,A,1\nt1,8:10:00,8:11:00,B,2\nt1,8:20:00,8:20:00,C,3\n"
    "t2,24:50:00,24:50:00,A,1\nt2,25:00:00,25:01:00,B,2\nt2,25:10:00,25:10:00,C,3\n"
)
CALENDAR = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nW,1,1,1,1,1,0,0,20260302,20260308\n"
FEED = {"agency.txt": AGENCY, "stops.txt": STOPS, "routes.txt": ROUTES, "trips.txt": TRIPS, "stop_times.txt": TIMES, "calendar.txt": CALENDAR}


def feed(folder: Path, **changed: str | None) -> Path:
    """A zip of the feed with some files changed (`stop_times=…`) or absent (None)."""
    files = FEED | {f"{name}.txt": text for name, text in changed.items()}
    with zipfile.ZipFile(folder / "feed.zip", "w") as archive:
        for name, text in files.items():
            if text is not None:
                archive.writestr(name, text)
    return folder / "feed.zip"


def table(path: Path, records: str, *days: str):  # noqa: ANN201 (Raw)
    return read(path, filename=path.name, fmt="gtfs", options=ReadOptions(records=records, service_days=days))


def test_a_week_of_trips_follows_the_calendar_and_its_exceptions(tmp_path: Path) -> None:
    # 2026-03-02 is a Monday; the Tuesday is taken out, the Saturday added
    dates = "service_id,date,exception_type\nW,20260303,2\nW,20260307,1\n"
    trips = table(feed(tmp_path, calendar_dates=dates), "trips").frame
    assert trips["service_date"].unique().sort().to_list() == ["2026-03-02", "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07"]


def test_a_feed_may_have_dates_alone(tmp_path: Path) -> None:
    dates = "service_id,date,exception_type\nW,20260310,1\n"
    trips = table(feed(tmp_path, calendar=None, calendar_dates=dates), "trips").frame
    assert trips["service_date"].unique().to_list() == ["2026-03-10"]


def test_ten_past_one_of_a_service_day_is_the_next_morning(tmp_path: Path) -> None:
    trips = table(feed(tmp_path), "trips", "2026-03-02").frame
    assert trips.filter(pl.col("trip_id") == "t2")["arrives_at"].dt.replace_time_zone(None).to_list() == [datetime(2026, 3, 3, 6, 10)]


def test_times_count_from_noon_minus_twelve_hours_when_clocks_change(tmp_path: Path) -> None:
    # clocks go forward at 02:00 on Sunday 2026-03-08: a bus at 8:00:00 leaves at eight by the station's clock (12:00 UTC)
    dates = "service_id,date,exception_type\nW,20260308,1\n"
    trips = table(feed(tmp_path, calendar_dates=dates), "trips", "2026-03-08").frame
    first, late = trips.sort("departs_at")["departs_at"].dt.replace_time_zone(None).to_list()
    assert first == datetime(2026, 3, 8, 12, 0)
    assert late == datetime(2026, 3, 9, 4, 50)
    assert trips["day_at"].dt.replace_time_zone(None).unique().to_list() == [datetime(2026, 3, 8, 5, 0)]


def test_headways_are_those_of_one_stop_line_and_direction_over_midnight(tmp_path: Path) -> None:
    calls = table(feed(tmp_path), "calls", "2026-03-02").frame.filter(pl.col("stop_id") == "B").sort("departure_at")
    assert calls["scheduled_headway_s"].to_list() == [None, (25 * 60 + 1 - 8 * 60 - 11) * 60]


def test_a_blank_time_lies_between_the_given_ones_by_distance_where_there_is_one(tmp_path: Path) -> None:
    even = TIMES.replace("t1,8:10:00,8:11:00", "t1,,")
    calls = table(feed(tmp_path, stop_times=even), "timetable").frame
    assert calls.filter(trip_id="t1", stop_sequence=2)["departure_time"].to_list() == ["8:10:00"]
    lines = even.splitlines()
    far = [lines[0] + ",shape_dist_traveled", lines[1] + ",0", lines[2] + ",3", lines[3] + ",4", *(line + "," for line in lines[4:])]
    calls = table(feed(tmp_path, stop_times="\n".join(far) + "\n"), "timetable").frame
    assert calls.filter(trip_id="t1", stop_sequence=2)["departure_time"].to_list() == ["8:15:00"]


def test_a_trip_every_ten_minutes_is_as_many_trips(tmp_path: Path) -> None:
    often = "trip_id,start_time,end_time,headway_secs\nt1,6:00:00,7:00:00,600\nt1,23:50:00,24:10:00,1200\n"
    trips = table(feed(tmp_path, frequencies=often), "trips", "2026-03-02").frame
    assert trips.height == 6 + 1 + 1  # t2 runs once, as written
    assert trips.filter(trip_id="t1@23:50:00")["arrives_at"].dt.replace_time_zone(None).to_list() == [datetime(2026, 3, 3, 5, 10)]
    assert "t1" not in trips["trip_id"]


def test_a_header_without_rows_means_no_frequencies(tmp_path: Path) -> None:
    assert table(feed(tmp_path, frequencies="trip_id,start_time,end_time,headway_secs\n"), "trips", "2026-03-02").frame.height == 2


@pytest.mark.parametrize(
    ("changed", "rule", "left"),
    [
        ({"stop_times": TIMES.replace("8:10:00,8:11:00", "7:10:00,7:11:00")}, "time_goes_back", ["t2"]),
        ({"stop_times": TIMES.replace("8:10:00,8:11:00", "8:12:00,8:11:00")}, "time_goes_back", ["t2"]),
        ({"stop_times": TIMES.replace("8:10:00,8:11:00", "8:70:00,8:71:00")}, "bad_time", ["t2"]),
        ({"stop_times": TIMES.replace("8:00:00,8:00:00", ",")}, "no_end_time", ["t2"]),
        ({"stop_times": TIMES.replace("B,2\nt1", "Q,2\nt1")}, "unknown_stop", ["t2"]),
        ({"stop_times": TIMES.replace("B,2\nt1", "B,1\nt1")}, "repeated_sequence", ["t2"]),
        ({"stop_times": TIMES.replace("B,2\nt1", "B,second\nt1")}, "bad_sequence", ["t2"]),
        ({"stop_times": TIMES.replace("t2,", "t9,")}, "unknown_trip", ["t1"]),
        ({"trips": TRIPS + "R,W,t1,1\n"}, "repeated_trip", ["t1", "t2"]),
        ({"trips": TRIPS.replace("R,W,t2", "Q,W,t2")}, "unknown_route", ["t1"]),
        ({"trips": TRIPS.replace("R,W,t2", "R,X,t2")}, "unknown_service", ["t1"]),
        ({"trips": TRIPS + "R,W,t3,0\n"}, "no_stop_times", ["t1", "t2"]),
        ({"frequencies": "trip_id,start_time,end_time,headway_secs\nt1,6:00:00,7:00:00,0\n"}, "bad_frequency", ["t2"]),
    ],
)
def test_what_is_broken_is_told_by_its_rule_and_never_counted(tmp_path: Path, changed: dict[str, str], rule: str, left: list[str]) -> None:
    raw = table(feed(tmp_path, **changed), "trips", "2026-03-02")
    assert rule in set(raw.refused["rule"])
    assert sorted(raw.frame["trip_id"]) == left
    assert raw.rows_in == raw.frame.height + raw.refused.height
    assert raw.refused["row_number"].is_unique().all() and raw.refused["row_number"].min() > raw.frame.height


def test_stop_times_in_any_order_are_put_in_the_order_of_the_trip(tmp_path: Path) -> None:
    head, *rows = TIMES.splitlines()
    raw = table(feed(tmp_path, stop_times="\n".join([head, *rows[::-1]]) + "\n"), "trips", "2026-03-02")
    assert raw.refused.is_empty()
    assert raw.frame.filter(trip_id="t1")["first_stop_id"].to_list() == ["A"]


@pytest.mark.parametrize(
    ("changed", "records", "said"),
    [
        ({"calendar": None}, "trips", "neither calendar.txt nor calendar_dates.txt"),
        ({"stop_times": None}, "trips", "no stop_times.txt in it"),
        ({"trips": None}, "trips", "no trips.txt in it"),
        ({"agency": AGENCY + "B,http://b.example,Europe/Berlin\n"}, "trips", "2 time zones"),
        ({"agency": AGENCY.replace("America/New_York", "New York")}, "trips", "unknown time zone"),
        ({"calendar": CALENDAR.replace("20260302", "2026-03-02")}, "trips", "is not a day such as"),
        ({"calendar": CALENDAR.replace("W,1,1", "W,yes,1")}, "trips", "monday is 'yes'; allowed: 0, 1"),
        ({"calendar": CALENDAR.replace("20260308", "20260301")}, "trips", "ends before it starts"),
        ({"stop_times": TIMES.replace("stop_sequence", "stop_seq")}, "trips", "no column stop_sequence"),
        ({}, "trip", "did you mean 'trips'"),
        ({}, "", "must say which table"),
    ],
)
def test_a_feed_nothing_can_be_counted_from_is_refused_with_the_reason(tmp_path: Path, changed: dict, records: str, said: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        table(feed(tmp_path, **changed), records)
    assert re.search(said, f"{caught.value.message} {caught.value.hint}")


def test_a_text_that_is_declared_a_feed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "feed.txt").write_text(TIMES, encoding="utf-8")
    with pytest.raises(DeliveryError, match="a GTFS feed is a zip"):
        table(tmp_path / "feed.txt", "trips")
