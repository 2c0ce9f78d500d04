"""Local clocks: the hour that comes twice, the hour that never comes, other zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from data_pipeline.contracts import contract
from data_pipeline.ingest.moments import to_utc
from data_pipeline.ingest.prepare import Prepared, prepare
from data_pipeline.mappings import Mapping

NOW = datetime(2013, 11, 10)
NEW_YORK = ZoneInfo("America/New_York")
# clocks went back from 2:00 EDT to 1:00 EST on 2013-11-03, and forward at 2:00 on 2013-03-10


def run(
    tmp_path: Path, rows: list[tuple[str, str]], mapping: Mapping | None = None, tz: ZoneInfo = NEW_YORK
) -> Prepared:
    text = "site_id,start_at,online_s\n" + "".join(f"{site},{at},1\n" for site, at in rows)
    (tmp_path / "d").write_text(text)
    done = prepare(tmp_path / "d", contract("terminal_status"), mapping, tz, filename="d.csv", now_utc=NOW)
    assert done.frame.height + done.refused.height == done.rows_in == len(rows)
    return done


def clock_of(utc: datetime) -> str:
    return utc.replace(tzinfo=UTC).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize("step_min", [60, 15, 10])
@pytest.mark.parametrize("backwards", [False, True])
def test_the_repeated_hour_becomes_two_hours_in_the_order_of_the_rows(
    tmp_path: Path, step_min: int, backwards: bool
) -> None:
    start = datetime(2013, 11, 3, 3)
    truth = [start + timedelta(minutes=step_min * n) for n in range(8 * 60 // step_min)]
    rows = [("A", clock_of(t)) for t in truth]
    order = rows[::-1] if backwards else rows
    got = run(tmp_path, order).frame["start_at"].to_list()
    assert (got[::-1] if backwards else got) == truth


def test_sites_side_by_side_in_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    truth = [datetime(2013, 11, 3, 3) + timedelta(hours=n) for n in range(6)]
    rows = [(site, clock_of(t)) for t in truth for site in ("A", "B", "C")]
    frame = run(tmp_path, rows).frame
    for site in ("A", "B", "C"):
        assert frame.filter(pl.col("site_id") == site)["start_at"].to_list() == truth


def test_a_gap_inside_the_repeated_hour_is_seen_where_the_clock_goes_back(tmp_path: Path) -> None:
    rows = [("A", f"2013-11-03 01:{m}") for m in ("00", "30", "15", "45")]
    hours = [t.hour for t in run(tmp_path, rows).frame["start_at"]]
    assert hours == [5, 5, 6, 6]


def test_a_repeated_hour_that_comes_once_is_taken_as_the_earlier(tmp_path: Path) -> None:
    assert run(tmp_path, [("A", "2013-11-03 01:30")]).frame["start_at"][0] == datetime(2013, 11, 3, 5, 30)


def test_an_offset_settles_the_repeated_hour(tmp_path: Path) -> None:
    done = run(tmp_path, [("A", "2013-11-03T01:30:00-05:00"), ("A", "2013-11-03T01:30:00-04:00")])
    assert done.frame["start_at"].to_list() == [datetime(2013, 11, 3, 6, 30), datetime(2013, 11, 3, 5, 30)]


def test_a_local_time_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, [("A", "2013-03-10 01:30"), ("A", "2013-03-10 02:30"), ("A", "2013-03-10 03:30")])
    assert done.frame["start_at"].to_list() == [datetime(2013, 3, 10, 6, 30), datetime(2013, 3, 10, 7, 30)]
    assert done.refused.select("row_number", "rule").rows() == [(2, "nonexistent_local_time")]


def test_the_mapping_names_the_zone_for_all_columns_or_for_one(tmp_path: Path) -> None:
    row = [("A", "2013-06-01 12:00")]
    assert run(tmp_path, row, Mapping(dataset="terminal_status", timezone="UTC")).frame["start_at"][0] == datetime(
        2013, 6, 1, 12
    )
    one = Mapping(dataset="terminal_status", timezone="UTC", timezones={"start_at": "Asia/Shanghai"})
    assert run(tmp_path, row, one).frame["start_at"][0] == datetime(2013, 6, 1, 4)


def test_jfk_2013_local_hours_agree_with_its_own_utc_column(shared_data: Path) -> None:
    # the file carries both clocks: the local one (with the repeated hour of November) must give the UTC one
    path = shared_data / "weather_stations" / "nyc_jfk_2013.csv.gz"
    mapping = Mapping(
        dataset="weather_observations",
        allowed_lateness="400d",
        rename={"origin": "site_id", "temp": "temperature_c"},
        units={"temperature_c": "degF"},
        expressions={"at": "year || '-' || month || '-' || day || ' ' || hour || ':00'"},
    )
    done = prepare(
        path, contract("weather_observations"), mapping, NEW_YORK, filename=path.name, now_utc=datetime(2014, 1, 2)
    )
    truth = pl.read_csv(path)["time_hour"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us")
    assert done.refused.height == 0
    wrong = (done.frame["at"] != truth).sum()
    assert wrong == 0


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"])
@pytest.mark.parametrize("first", [datetime(2024, 1, 30), datetime(2024, 7, 3), datetime(2024, 10, 20)])
def test_a_column_without_a_change_of_clock_gives_the_same_moments_as_one_with_it(zone: str, first: datetime) -> None:
    tz = ZoneInfo(zone)
    local = pl.datetime_range(first, first + timedelta(days=3), "17m", time_unit="us", eager=True)
    wanted = [at.replace(tzinfo=tz).astimezone(UTC).replace(tzinfo=None) for at in local.to_list()]
    assert to_utc(local, tz, []).values.to_list() == wanted
    # the same rows beside the whole year before, in which clocks may change
    longer = pl.datetime_range(first - timedelta(days=380), first, "7h", time_unit="us", eager=True)
    assert to_utc(longer.append(local), tz, []).values.tail(len(local)).to_list() == wanted
