"""Loads: a table without times, gigawatts, a meter that stands still, load that flows back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from tests.real.town import Town, found


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("vic"), "victoria", "Australia/Melbourne", "140.9,-39.2,150.0,-33.9")
    town.bring(shared_data / "power_load/vic_elecdemand_2014_h1.csv.gz", "power_load_vic")
    return town


@pytest.fixture(scope="module")
def demand(shared_data: Path) -> pl.DataFrame:
    start, end = datetime(2014, 1, 1), datetime(2014, 7, 2, 11, 30)
    labels = pl.datetime_range(start, end, "30m", eager=True)
    return pl.read_csv(shared_data / "power_load/vic_elecdemand_2014_h1.csv.gz").with_columns(at=labels, mw=pl.col("Demand") * 1000)


def test_rows_get_the_half_hours_of_the_local_clock(victoria: Town, demand: pl.DataFrame) -> None:
    records = victoria.records("power_load").sort("start_at")
    assert records.height == demand.height == 8760
    assert records["load_mw"].sum() == pytest.approx(demand["mw"].sum())
    assert records["start_at"].to_list()[0] == datetime(2013, 12, 31, 13)  # summer time, UTC+11
    assert records["start_at"].to_list()[-1] == datetime(2014, 7, 2, 1, 30)  # 11:30, UTC+10
    assert victoria.refused() == {}


def test_energy_of_a_day_is_load_times_half_hours(victoria: Town, demand: pl.DataFrame) -> None:
    days = demand.group_by(pl.col("at").dt.date()).agg(pl.col("mw").sum() / 2).sort("at")
    assert victoria.readings("energy.energy_mwh", "day")["value"].to_list() == pytest.approx(days["mw"].to_list())


def test_load_rate_and_peak_to_valley_follow_their_definitions(victoria: Town, demand: pl.DataFrame) -> None:
    mw = pl.col("mw")
    days = demand.group_by(pl.col("at").dt.date()).agg(
        rate=mw.mean() / mw.max(), peak_valley=(mw.max() - mw.min()) / mw.max()
    ).sort("at")  # fmt: skip
    # the hour of 6 April that is there twice on the clock and once in the table changes nothing here
    assert victoria.readings("energy.load_rate", "day")["value"].to_list() == pytest.approx(days["rate"].to_list())
    got = victoria.readings("energy.peak_valley_rate", "day")["value"].to_list()
    assert got == pytest.approx(days["peak_valley"].to_list())


def test_a_meter_that_stands_still_and_negative_load_are_not_taken(tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / "power_load/ETTh1.csv"
    town = found(tmp_path, "ett", "Asia/Shanghai", "115.0,30.0,116.0,31.0")
    town.bring(file, "power_load_ett")
    raw = pl.read_csv(file)
    columns = [c for c in raw.columns if c != "date"]
    still = pl.all_horizontal([pl.col(c) == pl.col(c).shift(1) for c in columns]).fill_null(False)
    marked = raw.with_columns(still=still)
    stuck = marked.filter("still").height
    negative = marked.filter(~pl.col("still") & (pl.col("HUFL") < 0)).height
    assert town.refused() == {"filtered_by_mapping": stuck, "out_of_range": negative} == {"filtered_by_mapping": 330, "out_of_range": 2318}
    kept = marked.filter(~pl.col("still") & (pl.col("HUFL") >= 0))
    records = town.records("power_load")
    assert records.height == kept.height
    assert records["load_mw"].sum() == pytest.approx(kept["HUFL"].sum())
