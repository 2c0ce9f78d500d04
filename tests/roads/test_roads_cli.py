"""`roads probe-speeds` and `roads free-flow` on a store of three sections."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found, run
from tests.roads.tracks import cars, sections


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder = tmp_path_factory.mktemp("roads")
    made = found(folder, "probes", "Asia/Shanghai", "113.9,30.2,114.2,30.5")
    register = sections().with_columns(length_km=pl.Series([0.5, 0.5, 0.5, 0.4]), speed_limit_kmh=60.0, free_speed_kmh=55.0, lon=114.0, lat=30.35)
    register.write_parquet(folder / "sections.parquet")
    cars(30).with_columns(pl.col("at").dt.replace_time_zone("UTC"), vehicle_kind=pl.lit("taxi")).write_parquet(folder / "positions.parquet")
    start = datetime(2026, 2, 1, 0, 0)
    rows = [("west", start + timedelta(days=d, hours=h), 3600, 30.0 + h) for d in range(31) for h in range(9)]
    speeds = pl.DataFrame(rows, schema=["site_id", "start_at", "interval_s", "speed_kmh"], orient="row")
    speeds.with_columns(pl.col("start_at").dt.replace_time_zone("UTC")).write_parquet(folder / "speeds.parquet")
    for dataset, file in (("road_sections", "sections"), ("vehicle_positions", "positions"), ("road_speeds", "speeds")):
        run("import", folder / f"{file}.parquet", "--dataset", dataset, "--city", "probes", "--home", made.home.root, "--packs", made.packs)
    return made


def told(town: Town, *arguments: str | Path) -> dict:
    return json.loads(run("roads", *arguments, "--city", "probes", "--home", town.home.root, "--packs", town.packs, "--format", "json"))


def test_probe_speeds_of_a_day_become_a_file_of_road_speeds(town: Town, tmp_path: Path) -> None:
    answer = told(town, "probe-speeds", tmp_path / "out.parquet", "--day", "2026-03-02", "--least", "20", "--interval-s", "3600")
    rows = pl.read_parquet(tmp_path / "out.parquet")
    assert answer["rows"] == rows.height == 3 and answer["with_speed"] == 3
    assert dict(rows.select("site_id", "speed_kmh").iter_rows())["middle"] == pytest.approx(18, rel=0.06)


def test_free_flow_takes_sections_with_thirty_days_alone(town: Town, tmp_path: Path) -> None:
    answer = told(town, "free-flow", tmp_path / "out.parquet")
    rows = pl.read_parquet(tmp_path / "out.parquet")
    # nine slots a day from 08:00: the fastest ninth is the last one, 38 km/h
    assert answer["sections"] == 1
    assert rows.select("site_id", "free_speed_kmh", "speed_limit_kmh").rows() == [("west", 38.0, 60.0)]
