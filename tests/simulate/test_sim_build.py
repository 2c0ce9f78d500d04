"""`build`: a store from the simulated suppliers, every row accounted for, and without one of them on demand."""

from __future__ import annotations

import copy
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.cities import Pack, built_in_packs
from data_pipeline.errors import UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.writer import Writer
from data_pipeline.simulate.build import built_cities, remove_simulated
from data_pipeline.simulate.files import spans
from data_pipeline.store.lake import Lake
from tests.built import CITY, built

UNTIL = datetime(2026, 11, 22, 6, 3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the store of this run: some days of records and the months of figures before them."""
    home = Home(tmp_path_factory.mktemp("simulated") / "home")
    shutil.copytree(built(tmp_path_factory).home, home.root)
    return home


def _frame(home: Home, sql: str) -> pl.DataFrame:
    with Lake.reader(home) as lake:
        return lake.frame(sql)


def test_every_row_is_accounted_for_and_most_are_accepted(store: Home) -> None:
    deliveries = _frame(store, "SELECT status, filename, message, rows_in, accepted, duplicates, quarantined FROM deliveries")
    assert deliveries.filter(pl.col("rows_in") != pl.col("accepted") + pl.col("duplicates") + pl.col("quarantined")).is_empty()
    rows_in, accepted, quarantined = (deliveries[name].sum() for name in ("rows_in", "accepted", "quarantined"))
    assert accepted > 0.8 * rows_in and quarantined > 0
    refused = deliveries.filter(~pl.col("status").is_in(["accepted", "duplicate_delivery"]))
    assert refused.is_empty(), refused


def test_readings_of_every_simulated_domain_are_there_and_marked_as_simulated(store: Home) -> None:
    readings = _frame(store, "SELECT metric, sum(n) AS n, sum(simulated_n) AS s FROM readings WHERE area_id = '420700' GROUP BY metric")
    domains = set(readings["metric"].str.split(".").list.first())
    assert {"coverage", "charging", "energy", "traffic", "services", "environment", "sensing"} <= domains
    assert readings.filter(pl.col("n") > 0).select((pl.col("n") == pl.col("s")).all()).item()


def test_archive_and_records_meet_without_a_gap_or_a_jump(store: Home) -> None:
    days = _frame(store, """
        SELECT period_start_utc AS t, value, origin FROM readings
        WHERE metric = 'energy.load_mw' AND area_id = '420700' AND grain = 'day' ORDER BY 1""")  # fmt: skip
    assert days["t"].diff().drop_nulls().n_unique() == 1, "no day is missing"
    assert set(days["origin"]) == {"figures", "records"}
    at = days["origin"].to_list().index("records")
    before, after = days["value"][at - 7 : at].mean(), days["value"][at]
    assert abs(after / before - 1) < 0.1


def test_the_city_counts_as_built_only_after_its_last_commit(store: Home) -> None:
    with Lake.reader(store) as lake:
        assert built_cities(lake) == {CITY}
        until = lake.value("SELECT max(what) FROM commits WHERE starts_with(what, 'live until ')")
    newest = _frame(store, "SELECT max(event_at_utc) AS newest FROM rec_power_load")["newest"][0]
    assert timedelta(0) <= datetime.fromisoformat(until.split(" ")[2]) - newest < timedelta(hours=1)


def test_spans_are_whole_local_days_and_months() -> None:
    pack = built_in_packs()["420700"]
    start, archive = spans(pack, 60, UNTIL)
    assert start == datetime(2026, 9, 22, 16) and archive == datetime(2024, 7, 31, 16)


def test_a_source_still_declared_simulated_is_not_removed(store: Home) -> None:
    packs = built_in_packs()
    with Lake.writer(store, "test") as lake, pytest.raises(UsageError, match="still declared simulated"):
        remove_simulated(Writer(lake, packs, store), packs[CITY], "power_load")


def test_removing_a_source_takes_its_records_figures_and_readings(store: Home, tmp_path: Path) -> None:
    home = store
    pack: Pack = copy.copy(built_in_packs()[CITY])
    pack.sources = pack.sources | {"power_load": pack.sources["power_load"].model_copy(update={"state": "real"})}
    with Lake.writer(home, "test") as lake:
        removed = remove_simulated(Writer(lake, {CITY: pack}, home), pack, "power_load")
    assert removed > 200
    left = _frame(home, """
        SELECT (SELECT count(*) FROM rec_power_load) AS records,
               (SELECT count(*) FROM rec_figures WHERE starts_with(metric_id, 'energy.')) AS figures,
               (SELECT count(*) FROM readings WHERE metric IN ('energy.load_mw', 'energy.energy_mwh', 'energy.load_rate',
                       'energy.peak_valley_rate') AND n > 0) AS readings,
               (SELECT count(*) FROM readings WHERE metric = 'charging.energy_kwh' AND n > 0) AS others""")  # fmt: skip
    assert left.row(0)[:3] == (0, 0, 0) and left["others"][0] > 0
    states = _frame(home, "SELECT DISTINCT status FROM deliveries WHERE dataset = 'power_load'")["status"].to_list()
    assert states == ["removed"]
