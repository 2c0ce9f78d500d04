"""`build`: a store from the simulated suppliers, twice the same, and without them on demand."""

from __future__ import annotations

import copy
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.cities import Pack, built_in_packs
from data_pipeline.errors import UsageError
from data_pipeline.home import Home
from data_pipeline.ingest.writer import Writer
from data_pipeline.simulate import build as building
from data_pipeline.simulate.build import build_city, built_cities, remove_simulated, spans
from data_pipeline.store.lake import Lake

UNTIL = datetime(2026, 11, 22, 6, 3)
CITY = "500114"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, building.Built, list]:
    """黔江 with a day of records and a month of archive, at a third of its size."""
    home = Home(tmp_path_factory.mktemp("home"))
    calls: list = []
    packs = built_in_packs()
    months, building.ARCHIVE_MONTHS = building.ARCHIVE_MONTHS, 1
    try:
        with Lake.writer(home, "test") as lake:
            built = build_city(Writer(lake, packs, home), packs[CITY], 1, 3, UNTIL, lambda *a: calls.append(a), 0.3)
    finally:
        building.ARCHIVE_MONTHS = months
    return home, built, calls


def _frame(home: Home, sql: str) -> pl.DataFrame:
    with Lake.reader(home) as lake:
        return lake.frame(sql)


def test_every_row_is_accounted_for_and_most_are_accepted(store: tuple) -> None:
    home, built, calls = store
    assert built.rows_in == built.accepted + built.duplicates + built.quarantined
    assert built.accepted > 0.8 * built.rows_in and built.quarantined > 0
    refused = _frame(home, "SELECT filename, message FROM deliveries WHERE status NOT IN ('accepted', 'duplicate_delivery')")
    assert refused.height == 0, refused
    assert calls[-1][0] == "done" and calls[-1][1] == calls[-1][2]


def test_readings_of_every_simulated_domain_are_there_and_marked_as_simulated(store: tuple) -> None:
    readings = _frame(store[0], "SELECT metric, sum(n) AS n, sum(simulated_n) AS s FROM readings WHERE area_id = '500114' GROUP BY metric")
    domains = set(readings["metric"].str.split(".").list.first())
    assert {"coverage", "charging", "energy", "traffic", "services", "environment", "sensing"} <= domains
    assert readings.filter(pl.col("n") > 0).select((pl.col("n") == pl.col("s")).all()).item()


def test_archive_and_records_meet_without_a_gap_or_a_jump(store: tuple) -> None:
    days = _frame(store[0], """
        SELECT period_start_utc AS t, value, origin FROM readings
        WHERE metric = 'energy.load_mw' AND area_id = '500114' AND grain = 'day' ORDER BY 1""")  # fmt: skip
    assert days["t"].diff().drop_nulls().n_unique() == 1, "no day is missing"
    assert set(days["origin"]) == {"figures", "records"}
    at = days["origin"].to_list().index("records")
    before, after = days["value"][at - 7 : at].mean(), days["value"][at]
    assert abs(after / before - 1) < 0.1


def test_the_city_counts_as_built_only_after_its_last_commit(store: tuple) -> None:
    with Lake.reader(store[0]) as lake:
        assert built_cities(lake) == {CITY}
        until = lake.value("SELECT max(what) FROM commits WHERE starts_with(what, 'live until ')")
    assert until.split(" ")[2] == UNTIL.isoformat()


def test_spans_are_whole_local_days_and_months() -> None:
    pack = built_in_packs()["420700"]
    start, archive = spans(pack, 60, UNTIL)
    assert start == datetime(2026, 9, 22, 16) and archive == datetime(2024, 7, 31, 16)


def test_a_source_still_declared_simulated_is_not_removed(store: tuple) -> None:
    packs = built_in_packs()
    with Lake.writer(store[0], "test") as lake, pytest.raises(UsageError, match="still declared simulated"):
        remove_simulated(Writer(lake, packs, store[0]), packs[CITY], "power_load")


def test_removing_a_source_takes_its_records_figures_and_readings(store: tuple, tmp_path: Path) -> None:
    home = store[0]
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
