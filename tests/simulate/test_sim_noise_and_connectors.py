"""Noise monitors and charging connectors of the simulated city: rhythms, words of the protocol, one currency."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from data_pipeline.mappings.vocabularies import vocabularies
from data_pipeline.simulate import Simulator
from data_pipeline.simulate.clock import seconds
from data_pipeline.simulate.declared import all_returns
from data_pipeline.simulate.declared.statements import DeclaredReturns

FROM, UNTIL = seconds(datetime(2026, 9, 6, 16)), seconds(datetime(2026, 9, 13, 16))  # a week from Monday


@pytest.fixture(scope="module")
def noise(ezhou: Simulator) -> pl.DataFrame:
    found = DeclaredReturns(ezhou.world, all_returns()["noise_hours"]).table(FROM, UNTIL, 0).filter(pl.col("leq_db") < 150)
    return found.with_columns(hour=(pl.col("start_at").dt.hour() + 8) % 24)


@pytest.fixture(scope="module")
def states(ezhou: Simulator) -> pl.DataFrame:
    return ezhou.feeds["connector_states"].batch(FROM, UNTIL)


def test_every_noise_monitor_has_a_functional_area_and_nothing_else_has(ezhou: Simulator) -> None:
    stations = ezhou.world.sites["monitoring_stations"].frame
    noisy = pl.col("station_kind") == "noise"
    assert stations.filter(noisy)["noise_area"].null_count() == 0 and stations.filter(noisy).height >= 2
    assert stations.filter(~noisy)["noise_area"].null_count() == stations.filter(~noisy).height


def test_nights_are_quieter_than_days_and_levels_are_those_of_a_town(noise: pl.DataFrame) -> None:
    day, night = (noise.filter(pl.col("hour").is_between(6, 21) == is_day)["leq_db"].mean() for is_day in (True, False))
    assert 50 < day < 62 and 3 < day - night < 12
    assert noise["leq_db"].min() > 35 and noise["leq_db"].max() < 85


def test_a_connector_reports_once_a_day_in_the_words_of_the_protocol(ezhou: Simulator, states: pl.DataFrame) -> None:
    words = set(vocabularies()["tcec102"].words)
    known = states.filter(pl.col("native_status").is_in(words), ~pl.col("site_id").str.ends_with("99999"), pl.col("at").dt.year() == 2026)
    assert known.height / states.height > 0.99
    once = known.unique(["connector_id", "at"])
    assert once.group_by("connector_id").len()["len"].max() == 7
    guns = ezhou.world.sites["charging_stations"]
    open_guns = sum(int(g) for g, opened in zip(guns.of["guns"], guns.opened, strict=True) if opened <= ezhou.world.local_ordinal(FROM))
    assert once["connector_id"].n_unique() == pytest.approx(open_guns, rel=0.03)


def test_faults_of_connectors_are_as_frequent_as_those_of_the_hours(ezhou: Simulator, states: pl.DataFrame) -> None:
    hours = ezhou.feeds["charging_hourly"].batch(FROM, UNTIL).filter(pl.col("start_at").dt.hour() == 0, pl.col("guns") > 0)
    by_time = hours["fault_gun_hours"].sum() / hours["guns"].sum()
    by_number = states.filter(pl.col("native_status") == "255").height / states.height
    assert by_number == pytest.approx(by_time, abs=0.012)


def test_time_charging_faulty_and_out_of_service_never_exceeds_the_connectors(ezhou: Simulator) -> None:
    rows = ezhou.feeds["charging_hourly"].batch(FROM, UNTIL).filter(pl.col("charging_gun_hours") <= pl.col("guns"), pl.col("energy_kwh") >= 0)
    together = pl.col("charging_gun_hours") + pl.col("fault_gun_hours") + pl.col("inoperative_gun_hours")
    assert rows.filter(together > pl.col("guns") + 1e-6).is_empty() and rows["inoperative_gun_hours"].sum() > 0


def test_a_tariff_in_another_currency_is_sent_now_and_then(ezhou: Simulator) -> None:
    months = seconds(datetime(2023, 1, 1)), seconds(datetime(2026, 9, 1))
    sent = DeclaredReturns(ezhou.world, all_returns()["charging_tariffs"]).table(*months, 0)
    assert set(sent["currency"]) == {"CNY", "USD"}
    assert 0 < sent.filter(pl.col("currency") == "USD").height / sent.height < 0.01
