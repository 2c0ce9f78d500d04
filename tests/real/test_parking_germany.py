"""German car parks: change-only wide tables; capacity in another file; impossible counts refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found

DAY = "2023-05-08"


@pytest.fixture(scope="module")
def germany(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("de"), "germany", "Europe/Berlin", "5.5,47.0,15.5,55.2")
    town.bring(shared_data / "parking_germany/meta-data.csv", "parking_germany_lots")
    town.bring(shared_data / f"parking_germany/{DAY}.csv.gz", "parking_germany_counts")
    return town


@pytest.fixture(scope="module")
def lots(shared_data: Path) -> pl.DataFrame:
    table = pl.read_csv(shared_data / "parking_germany/meta-data.csv", infer_schema=False).filter(pl.col("place_id").is_not_null())
    return table.select(
        site_id="place_id", capacity=pl.col("num_all").cast(pl.Int64), lat=pl.col("latitude").cast(pl.Float64),
        lon=pl.col("longitude").cast(pl.Float64),
    )  # fmt: skip


@pytest.fixture(scope="module")
def counts(shared_data: Path) -> pl.DataFrame:
    """Every lot and time of the day with the count that stood then."""
    wide = pl.read_csv(shared_data / f"parking_germany/{DAY}.csv.gz", infer_schema=False)
    filled = wide.with_columns(pl.exclude("timestamp").cast(pl.Int64).forward_fill())
    long = filled.unpivot(index="timestamp", variable_name="site_id", value_name="free").drop_nulls("free")
    return long.with_columns(at=pl.col("timestamp").str.to_datetime(time_zone="UTC").dt.replace_time_zone(None))


def swapped(lots: pl.DataFrame) -> pl.Expr:
    return ((pl.col("lat") < 20) & (pl.col("lon") > 45)).fill_null(False)


def test_lots_with_and_without_position_are_kept_and_the_swapped_one_is_caught(germany: Town, lots: pl.DataFrame) -> None:
    bad = lots.filter(swapped(lots))
    assert bad.height == 1
    records = germany.records("car_parks")
    assert records.height == lots.height - 1 == 738
    assert records["lon"].null_count() == lots["lon"].null_count() == 651
    assert records["capacity"].null_count() == lots["capacity"].null_count()
    assert germany.refused()["coordinates_swapped"] == 1


def test_every_count_is_accepted_or_refused_for_a_reason_that_can_be_recomputed(
    germany: Town, lots: pl.DataFrame, counts: pl.DataFrame
) -> None:
    known = lots.filter(~swapped(lots))
    all_lots = counts.join(lots, on="site_id", how="left")
    reasons = Counter(
        all_lots.select(
            pl.when(pl.col("free") < 0).then(pl.lit("out_of_range"))
            .when(pl.col("free") > pl.col("capacity")).then(pl.lit("free_within_capacity"))
            .when(~pl.col("site_id").is_in(known["site_id"].implode())).then(pl.lit("unknown_site"))
            .otherwise(pl.lit("accepted"))
        ).to_series().to_list()
    )  # fmt: skip
    refused = germany.refused()
    refused.pop("coordinates_swapped")
    accepted = reasons.pop("accepted")
    assert refused == reasons
    assert germany.records("parking_counts").height == accepted == 75_435
    assert reasons == {"unknown_site": 17_439, "free_within_capacity": 1782, "out_of_range": 7}


def test_a_count_stands_until_the_next_change(germany: Town, counts: pl.DataFrame) -> None:
    lot = "baden-baden-parken-Badergarage"
    got = germany.rows("SELECT \"at\", free_spaces FROM rec_parking_counts WHERE site_id = ? ORDER BY ALL", lot)
    expected = counts.filter(pl.col("site_id") == lot).select("at", "free").sort("at")
    assert got.rows() == expected.rows()
    assert expected.height > 90


def test_occupancy_is_used_spaces_over_spaces_of_lots_with_a_capacity(
    germany: Town, lots: pl.DataFrame, counts: pl.DataFrame
) -> None:
    good = counts.join(lots.filter(~swapped(lots)), on="site_id").filter(pl.col("free").is_between(0, pl.col("capacity")))
    end = pl.col("at") < pl.datetime(2023, 5, 8, 13)
    hour = good.filter((pl.col("at") >= pl.datetime(2023, 5, 8, 12)) & end)
    reading = germany.readings("traffic.parking_occupancy", "hour").filter(
        pl.col("period_start_utc") == pl.datetime(2023, 5, 8, 12)
    )
    used, spaces = (hour["capacity"] - hour["free"]).sum(), hour["capacity"].sum()
    assert reading["numerator"].item() / reading["denominator"].item() == pytest.approx(used / spaces)
    assert reading["status"].item() == "partial"
