"""Hangzhou metro: a wide table of ten-minute slots; no slot at night is not a gap; zeros are zeros."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found


@pytest.fixture(scope="module")
def hangzhou(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("hz"), "hangzhou", "Asia/Shanghai", "119.8,29.9,120.7,30.6")
    town.bring(shared_data / "metro_hangzhou/entries_2019-01-01_15.csv.gz", "metro_hangzhou")
    return town


@pytest.fixture(scope="module")
def slots(shared_data: Path) -> pl.DataFrame:
    return pl.read_csv(shared_data / "metro_hangzhou/entries_2019-01-01_15.csv.gz").with_columns(
        total=pl.sum_horizontal(pl.exclude("slot_start"))
    )


def test_every_slot_of_every_station_is_a_record_zeros_too(hangzhou: Town, slots: pl.DataFrame) -> None:
    records = hangzhou.records("transit_entries")
    assert records.height == 1620 * 80
    assert records["entries"].sum() == slots["total"].sum() == 17_056_408
    zeros = sum((slots[f"s{n}"] == 0).sum() for n in range(80))
    assert records.filter(pl.col("entries") == 0).height == zeros
    assert hangzhou.refused() == {}


def test_entries_by_day_and_hour_are_sums_on_the_local_clock(hangzhou: Town, slots: pl.DataFrame) -> None:
    days = slots.group_by(pl.col("slot_start").str.slice(0, 10)).agg(pl.col("total").sum()).sort("slot_start")
    assert hangzhou.readings("traffic.transit_entries", "day")["value"].to_list() == days["total"].to_list()
    hours = slots.group_by(pl.col("slot_start").str.slice(0, 13)).agg(pl.col("total").sum()).sort("slot_start")
    readings = hangzhou.readings("traffic.transit_entries", "hour")
    assert readings["value"].to_list() == hours["total"].to_list()
    assert readings.height == 15 * 18


def test_no_reading_stands_for_the_night(hangzhou: Town) -> None:
    local = hangzhou.readings("traffic.transit_entries", "hour")["period_start_utc"].dt.offset_by("8h").dt.hour()
    assert local.min() == 6


def test_a_whole_day_of_108_slots_is_complete(hangzhou: Town) -> None:
    assert set(hangzhou.readings("traffic.transit_entries", "day")["status"]) == {"ok"}


def test_the_busiest_station_is_the_one_the_publisher_names(hangzhou: Town) -> None:
    by_station = hangzhou.records("transit_entries").group_by("site_id").agg(pl.col("entries").sum()).sort("entries")
    assert by_station["site_id"][-1] == "hz-metro-s15"
