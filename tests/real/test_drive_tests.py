"""Phone measurements of Cork: sentinels are no levels, RSCP is no RSRP, zero is no value, seconds repeat."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found

CORK = ("cork", "Europe/Dublin", "-9.6,51.5,-8.0,52.6")


@pytest.fixture(scope="module")
def cork(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("cork"), *CORK)
    town.bring(shared_data / "drive_test_5g/traces.zip", "drive_test_ucc")
    return town


@pytest.fixture(scope="module")
def traces(shared_data: Path) -> pl.DataFrame:
    parts = []
    with zipfile.ZipFile(shared_data / "drive_test_5g/traces.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".csv"):
                part = pl.read_csv(io.BytesIO(archive.read(name)), infer_schema=False, null_values=["-"])
                parts.append(part.with_columns(trace=pl.lit(name)))
    return pl.concat(parts).with_columns(
        pl.col("RSRP", "SNR", "DL_bitrate").cast(pl.Float64), day=pl.col("Timestamp").str.slice(0, 10)
    )


def test_every_sample_of_33_traces_is_a_record_also_in_repeated_seconds(cork: Town, traces: pl.DataFrame) -> None:
    records = cork.records("drive_tests")
    assert records.height == traces.height == 72_832
    assert records["device_id"].n_unique() == traces["trace"].n_unique() == 33
    repeated = traces.height - traces.unique(["trace", "Timestamp"]).height
    assert records.filter(pl.col("sample_no") > 1).height == repeated > 0
    assert cork.refused() == {}


def test_modes_are_named_by_generation(cork: Town, traces: pl.DataFrame) -> None:
    names = {"5G": "5G", "LTE": "4G"}
    expected = traces.group_by(pl.col("NetworkMode").replace_strict(names, default="3G").alias("mode")).len().sort("mode")
    got = cork.records("drive_tests").group_by("network_mode").len().sort("network_mode")
    assert got.rows() == expected.rows()


def test_levels_are_kept_for_4g_and_5g_only_and_the_sentinel_is_none(cork: Town, traces: pl.DataFrame) -> None:
    levels = traces.filter(pl.col("NetworkMode").is_in(["5G", "LTE"]) & (pl.col("RSRP") != -200))["RSRP"]
    got = cork.records("drive_tests")
    assert got["rsrp_dbm"].drop_nulls().len() == levels.len()
    assert got["rsrp_dbm"].sum() == pytest.approx(levels.sum())
    assert got.filter(pl.col("network_mode") == "3G")["rsrp_dbm"].drop_nulls().is_empty()


def test_daily_5g_coverage_equals_the_share_counted_by_hand(cork: Town, traces: pl.DataFrame) -> None:
    nr = traces.filter((pl.col("NetworkMode") == "5G") & pl.col("RSRP").is_not_null() & (pl.col("RSRP") != -200))
    by_day = nr.group_by("day").agg((pl.col("RSRP") >= -105).sum().alias("num"), pl.len().alias("den")).sort("day")
    readings = cork.readings("coverage.rsrp_share", "day")
    assert readings["numerator"].to_list() == by_day["num"].to_list()
    assert readings["denominator"].to_list() == by_day["den"].to_list()


def test_composite_coverage_needs_level_and_quality(cork: Town, traces: pl.DataFrame) -> None:
    both = traces.filter(
        (pl.col("NetworkMode") == "5G") & (pl.col("RSRP") != -200) & pl.col("RSRP").is_not_null() & pl.col("SNR").is_not_null()
    )
    good = both.filter((pl.col("RSRP") >= -105) & (pl.col("SNR") >= -3)).height
    readings = cork.readings("coverage.composite_share", "day")
    assert (readings["numerator"].sum(), readings["denominator"].sum()) == (good, both.height) == (48_991, 60_209)


@pytest.mark.parametrize(("name", "glitches"), [("Data5G_171221", 2), ("Data5G_110822", 0)])
def test_recordings_without_coordinates_count_for_the_city_and_zero_is_no_level(
    name: str, glitches: int, tmp_path: Path, shared_data: Path
) -> None:
    file = shared_data / f"drive_test_5g/mtu_cork/{name}.csv"
    town = found(tmp_path, *CORK)
    town.bring(file, "drive_test_mtu")
    raw = pl.read_csv(file, infer_schema_length=None)
    assert town.refused() == ({"out_of_range": glitches} if glitches else {})
    rate = pl.col("RATE(MBit/s)").cast(pl.Float64)
    raw = raw.filter((rate >= 0) & (rate <= 20_000))
    records = town.records("drive_tests")
    assert records.height == raw.height
    assert set(records["place_basis"]) == {"area"}
    nr = raw.filter(pl.col("nr_rsrp(dBm)") != 0)
    assert records.filter(pl.col("network_mode") == "5G")["rsrp_dbm"].sum() == nr["nr_rsrp(dBm)"].sum()
    assert records.filter(pl.col("rsrp_dbm") == 0).is_empty()
