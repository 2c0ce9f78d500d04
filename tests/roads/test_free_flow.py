"""Free-flow speeds by GB/T 33171-2016 7.2.1.2, from the worked values of the standards."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from data_pipeline.roads.free_flow import free_flow

SHANGHAI = ZoneInfo("Asia/Shanghai")
SLOTS = (20, 22, 25, 28, 30, 33, 35, 38, 40, 41, 43, 45, 46, 48, 50, 52, 55, 57)  # standards 2.1
SIX = datetime(2026, 3, 1, 22)  # six o'clock in Shanghai


def speeds(days: int) -> pl.DataFrame:
    """Eighteen quarters of an hour a day from 06:00 on, the same every day."""
    rows = [("a", SIX + timedelta(days=d, minutes=15 * n), float(v)) for d in range(days) for n, v in enumerate(SLOTS)]
    return pl.DataFrame(rows, schema=["site_id", "start_at", "speed_kmh"], orient="row").with_columns(pl.col("start_at").cast(pl.Datetime("us")))


@pytest.mark.parametrize(("limit", "free"), [(None, 56.0), (50.0, 50.0), (80.0, 56.0)])
def test_the_fastest_ninth_of_the_slots_is_free_flow_and_the_limit_caps_it(limit: float | None, free: float) -> None:
    sections = pl.DataFrame({"site_id": ["a"], "speed_limit_kmh": [limit]}, schema={"site_id": pl.String, "speed_limit_kmh": pl.Float64})
    found = free_flow(speeds(30), sections, SHANGHAI)
    assert found.row(0) == ("a", free, 30, 18, False)


def test_with_fewer_than_thirty_days_the_figure_is_an_estimate() -> None:
    assert free_flow(speeds(29), pl.DataFrame({"site_id": ["a"]}), SHANGHAI)["is_estimate"].to_list() == [True]


def test_the_night_does_not_count() -> None:
    night = pl.DataFrame({"site_id": ["a"], "start_at": [SIX - timedelta(hours=3)], "speed_kmh": [120.0]}, schema_overrides={"start_at": pl.Datetime("us")})
    found = free_flow(pl.concat([speeds(30), night]), pl.DataFrame({"site_id": ["a"]}), SHANGHAI)
    assert found["free_speed_kmh"].to_list() == [56.0]


def test_a_slot_is_length_over_mean_time_and_not_the_mean_of_speeds() -> None:
    # standards 2.1: 0.6 km in 60, 75 and 90 s are 28.8 km/h, not 29.6
    rows = pl.DataFrame(
        {"site_id": ["a"] * 3, "start_at": [SIX, SIX + timedelta(minutes=5), SIX + timedelta(minutes=10)], "speed_kmh": [36.0, 28.8, 24.0]},
        schema_overrides={"start_at": pl.Datetime("us")},
    )
    assert free_flow(rows, pl.DataFrame({"site_id": ["a"]}), SHANGHAI)["free_speed_kmh"].to_list() == [28.8]


def test_a_section_without_speeds_has_no_row() -> None:
    assert free_flow(speeds(1).head(0), pl.DataFrame({"site_id": ["a"]}), SHANGHAI).is_empty()
