"""Buses that run to a timetable: reproducible, believable, and true to their contracts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import shapely
from polars.testing import assert_frame_equal

from data_pipeline.contracts import contract
from data_pipeline.ingest.prepare import prepare
from data_pipeline.simulate import Simulator, declared
from data_pipeline.simulate.clock import seconds
from data_pipeline.simulate.declared import files
from data_pipeline.simulate.declared.timetables import TimetableLines

# Monday 2026-06-01 00:00 in Ezhou, and three days on
START, MIDDLE, END = (seconds(datetime(2026, *day, 16)) for day in ((5, 31), (6, 1), (6, 3)))


@pytest.fixture(scope="module")
def lines(ezhou: Simulator) -> TimetableLines:
    return TimetableLines(ezhou.world, declared.all_timetables()[0])


@pytest.fixture(scope="module")
def calls(lines: TimetableLines) -> pl.DataFrame:
    return lines.calls(START, END, 0)


@pytest.mark.parametrize("dataset", ["transit_trips", "transit_calls"])
def test_what_the_bus_company_sends_passes_its_contract(dataset: str, lines: TimetableLines, ezhou: Simulator, tmp_path: Path) -> None:
    rows = (lines.trips if dataset == "transit_trips" else lines.calls)(START, MIDDLE, 0)
    path = tmp_path / "delivery.csv"
    files.save(rows, lines.declared.file, ezhou.pack.tz, path)
    taken = prepare(path, contract(dataset), None, ezhou.pack.tz, filename=path.name, now_utc=datetime(2026, 6, 2))
    assert taken.rows_in == rows.height > 500
    assert taken.refused.height == 0 and not taken.unused_columns
    assert taken.frame.select(contract(dataset).key).is_duplicated().sum() == 0


def test_deliveries_do_not_depend_on_how_the_time_is_cut(lines: TimetableLines, calls: pl.DataFrame) -> None:
    key = list(contract("transit_calls").key)
    cut = pl.concat([lines.calls(START, MIDDLE, 0), lines.calls(MIDDLE, END, 0)])
    assert_frame_equal(calls.sort(key), cut.sort(key))
    due = lines.due_times(START, END)
    assert due.size == len(set(due.tolist())) and (due > START).all() and (due <= END).all()


def test_actual_headways_are_the_differences_of_actual_times(calls: pl.DataFrame) -> None:
    line = ["service_on", "line_id", "direction", "site_id"]
    again = calls.sort(*line, "trip_id").with_columns(
        gap=(pl.col("actual_at") - pl.col("actual_at").shift(1).over(line)).dt.total_seconds(),
        due=(pl.col("scheduled_at") - pl.col("scheduled_at").shift(1).over(line)).dt.total_seconds(),
    )
    known = again.drop_nulls(["actual_headway_s", "gap"])
    assert known.height > 0.95 * calls.height
    assert (known["gap"] == known["actual_headway_s"]).all()
    # a cancelled trip is planned but never calls: the plan's gap is then shorter than the one between calls
    assert (again.drop_nulls(["due", "scheduled_headway_s"])["due"] >= again.drop_nulls(["due", "scheduled_headway_s"])["scheduled_headway_s"]).all()


def test_the_rush_makes_buses_later_than_the_evening(calls: pl.DataFrame) -> None:
    late = (pl.col("actual_at") - pl.col("scheduled_at")).dt.total_seconds()
    hour = (pl.col("scheduled_at") + pl.duration(hours=8)).dt.hour()
    by_hour = dict(calls.group_by(hour.alias("h")).agg(late.mean()).iter_rows())
    assert by_hour[18] > by_hour[20] + 20
    on_time = calls.drop_nulls("actual_at").select(late.is_between(-60, 300).mean()).item()
    assert 0.6 < on_time < 0.97


def test_trips_and_calls_tell_of_the_same_day(lines: TimetableLines) -> None:
    trips, calls = lines.trips(START, MIDDLE, 0), lines.calls(START, MIDDLE, 0)
    ran = set(trips.filter("ran")["trip_id"])
    assert set(calls["trip_id"]) == ran
    assert 0 < trips.height - len(ran) < 0.03 * trips.height
    assert (trips["arrives_at"] > trips["departs_at"]).all()


def test_stops_stand_on_the_land_of_their_city_and_are_registered(ezhou: Simulator, calls: pl.DataFrame) -> None:
    stops = ezhou.world.sites["transit_stations"].frame
    assert set(calls["site_id"]) <= set(stops["site_id"])
    inside = ezhou.world.ground.region
    assert shapely.contains_xy(inside, stops["lon"].to_numpy(), stops["lat"].to_numpy()).mean() > 0.98


def test_a_timetable_whose_hours_overlap_is_refused() -> None:
    given = declared.all_timetables()[0].model_dump()
    with pytest.raises(ValueError, match="follow each other"):
        declared.Timetable.model_validate(given | {"headways": ((6, 9, 10), (8, 12, 15))})
