"""METR-LA: no time column, miles per hour, sensors in another order: every cell lands at its time and place."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found

MPH = 1.609344
START_UTC = datetime(2012, 3, 1, 8)  # midnight in Los Angeles, standard time


@pytest.fixture(scope="module")
def los_angeles(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("la"), "los_angeles", "America/Los_Angeles", "-118.7,33.7,-118.0,34.4")
    town.bring(shared_data / "loops_metr_la/graph_sensor_locations.csv", "metr_la_sensors")
    town.bring(shared_data / "loops_metr_la/speed_2012-03-01_04.csv.gz", "metr_la_speeds")
    return town


@pytest.fixture(scope="module")
def speeds(shared_data: Path) -> pl.DataFrame:
    return pl.read_csv(shared_data / "loops_metr_la/speed_2012-03-01_04.csv.gz", infer_schema_length=None).cast(pl.Float64)


def test_every_value_is_a_record_in_kmh(los_angeles: Town, speeds: pl.DataFrame) -> None:
    records = los_angeles.records("road_speeds")
    assert records.height == 1152 * 207 == 238_464
    assert records["speed_kmh"].sum() == pytest.approx(speeds.sum_horizontal().sum() * MPH, rel=1e-12)
    assert records["speed_kmh"].max() == pytest.approx(70 * MPH)
    assert (records["start_at"].min(), records["start_at"].max()) == (START_UTC, START_UTC + timedelta(minutes=5 * 1151))


def test_row_n_of_a_sensor_is_the_nth_five_minutes(los_angeles: Town, speeds: pl.DataFrame) -> None:
    for row, sensor in ((0, "773869"), (288, "767541"), (1151, "717819")):
        got = los_angeles.rows(
            "SELECT speed_kmh FROM rec_road_speeds WHERE site_id = ? AND start_at = ?",
            f"loop-{sensor}", START_UTC + timedelta(minutes=5 * row),
        ).item()  # fmt: skip
        assert got == pytest.approx(speeds[sensor][row] * MPH)


def test_sensors_stand_where_the_other_file_says(los_angeles: Town, shared_data: Path) -> None:
    places = pl.read_csv(shared_data / "loops_metr_la/graph_sensor_locations.csv")
    got = los_angeles.rows("SELECT site_id, lon, lat FROM sites").sort("site_id")
    expected = places.select(pl.format("loop-{}", "sensor_id").alias("site_id"), lon="longitude", lat="latitude").sort("site_id")
    assert got.rows() == expected.rows()


def test_without_section_lengths_no_travel_time_ratio_is_made_up(los_angeles: Town) -> None:
    assert los_angeles.readings("traffic.tti", "hour")["value"].drop_nulls().is_empty()
