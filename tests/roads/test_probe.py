"""Probe speeds: cars driven over a known net come out with the speeds they had, and too few of them with none."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from data_pipeline.contracts import contract
from data_pipeline.ingest.prepare import prepare
from data_pipeline.roads.probe import probe_speeds, sample_size
from tests.roads.tracks import CRS, cars, sections


@pytest.mark.parametrize(("cv", "error", "n"), [(0.30, 0.10, 35), (0.25, 0.10, 25), (0.40, 0.15, 28)])
def test_the_sample_size_is_that_of_the_standards(cv: float, error: float, n: int) -> None:
    assert sample_size(cv, error) == n


def test_speeds_of_the_sections_are_those_that_were_driven() -> None:
    found = probe_speeds(cars(30), sections(), CRS, interval_s=3600, least_n=28)
    speeds = dict(found.speeds.select("site_id", "speed_kmh").iter_rows())
    assert speeds == {"west": pytest.approx(36, rel=0.06), "middle": pytest.approx(18, rel=0.06), "east": pytest.approx(36, rel=0.06)}
    assert set(found.speeds["sample_n"]) == {30}
    assert found.matched_n == found.fixes_n


def test_with_too_few_cars_there_is_a_count_and_no_speed() -> None:
    found = probe_speeds(cars(27), sections(), CRS, interval_s=3600)
    assert found.speeds["speed_kmh"].null_count() == found.speeds.height == 3
    assert set(found.speeds["sample_n"]) == {27}


def test_fixes_far_apart_in_time_are_two_tracks() -> None:
    late = cars(1).with_columns(pl.when(pl.int_range(pl.len()) >= 8).then(pl.col("at") + pl.duration(hours=2)).otherwise("at"))
    assert probe_speeds(late, sections(), CRS, least_n=1).passages_n <= probe_speeds(cars(1), sections(), CRS, least_n=1).passages_n


def test_the_result_is_a_delivery_of_road_speeds(tmp_path: Path) -> None:
    file = tmp_path / "probes.parquet"
    probe_speeds(cars(30), sections(), CRS).speeds.with_columns(pl.col("start_at").dt.replace_time_zone("UTC")).write_parquet(file)
    taken = prepare(file, contract("road_speeds"), None, ZoneInfo("Asia/Shanghai"), filename=file.name, now_utc=datetime(2026, 3, 3))
    assert taken.refused.is_empty() and taken.frame.height == taken.rows_in > 0


def test_no_fixes_and_no_lines_give_no_rows() -> None:
    assert probe_speeds(cars(1).head(0), sections(), CRS).speeds.is_empty()
    assert probe_speeds(cars(1), sections().with_columns(path=pl.lit(None, pl.String)), CRS).speeds.is_empty()
