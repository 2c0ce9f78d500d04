"""CHARGED, Melbourne: two wide tables of hourly values, joined; energy equals the published total."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from data_pipeline.mappings import FOLDER
from tests.real.town import Town, found


@pytest.fixture(scope="module")
def melbourne(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("mel"), "melbourne", "Australia/Melbourne", "144.3,-38.6,145.8,-37.3")
    town.bring(shared_data / "ev_charged_cities/MEL/stations.csv", "charged_mel_stations")
    town.bring(shared_data / "ev_charged_cities/MEL/volume.csv.gz", "charged_mel_hours")
    return town


def table(shared_data: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(shared_data / f"ev_charged_cities/MEL/{name}.csv.gz").rename({"": "hour"})


def test_every_cell_of_both_tables_becomes_one_record(melbourne: Town, shared_data: Path) -> None:
    volume, duration = table(shared_data, "volume"), table(shared_data, "duration")
    records = melbourne.records("charging_hourly")
    assert records.height == 4392 * 63
    assert records["energy_kwh"].sum() == pytest.approx(volume.drop("hour").sum_horizontal().sum(), rel=1e-12)
    assert records["charging_gun_hours"].sum() == pytest.approx(duration.drop("hour").sum_horizontal().sum(), rel=1e-12)
    assert round(records["energy_kwh"].sum() / 1e6, 2) == 13.06  # GWh, the data set's README
    assert melbourne.refused() == {}


def test_volume_and_duration_of_one_station_and_hour_stay_together(melbourne: Town, shared_data: Path) -> None:
    hour = "2023-06-15 18:00:00"
    at = pl.col("hour") == hour
    volume, duration = table(shared_data, "volume").filter(at), table(shared_data, "duration").filter(at)
    got = melbourne.rows(
        "SELECT site_id, energy_kwh, charging_gun_hours FROM rec_charging_hourly WHERE start_at = TIMESTAMP '2023-06-15 08:00:00'"
    )  # 18:00 in winter is 08:00 UTC
    assert got.height == 63
    for site, kwh, hours in got.iter_rows():
        station = site.removeprefix("mel-")
        assert (kwh, hours) == (volume[station].item(), duration[station].item())


def test_daily_energy_is_the_sum_of_the_local_day(melbourne: Town, shared_data: Path) -> None:
    volume = table(shared_data, "volume").with_columns(total=pl.sum_horizontal(pl.exclude("hour")))
    days = volume.group_by(pl.col("hour").str.slice(0, 10)).agg(pl.col("total").sum()).sort("hour")
    readings = melbourne.readings("charging.energy_kwh", "day")
    assert readings.height == days.height == 183
    assert readings["value"].to_list() == pytest.approx(days["total"].to_list(), rel=1e-9)


def test_connectors_are_unknown_so_no_utilisation_is_made_up(melbourne: Town) -> None:
    assert melbourne.records("charging_stations")["guns"].null_count() == 63
    assert melbourne.readings("charging.time_utilisation", "day")["value"].drop_nulls().is_empty()


def test_taking_places_for_plugs_is_caught_as_more_than_100_percent(
    tmp_path: Path, shared_data: Path, melbourne: Town
) -> None:
    text = (FOLDER / "charged_mel_hours.toml").read_text(encoding="utf-8")
    wrong = tmp_path / "places_as_plugs.toml"
    wrong.write_text(
        text + '\n[[joins]]\nfile = "stations.csv"\non = ["_station"]\ncolumns = ["guns"]\n'
        'rename = { station_id = "_station", pile_num = "guns" }\n',
        encoding="utf-8",
    )
    town = found(tmp_path, "melbourne", "Australia/Melbourne", "144.3,-38.6,145.8,-37.3")
    town.bring(shared_data / "ev_charged_cities/MEL/stations.csv", "charged_mel_stations")
    town.bring(shared_data / "ev_charged_cities/MEL/volume.csv.gz", wrong)
    places = dict(pl.read_csv(shared_data / "ev_charged_cities/MEL/stations.csv").select(
        pl.col("station_id").cast(pl.String), "pile_num").iter_rows())  # fmt: skip
    duration = table(shared_data, "duration")
    above = {s: duration.filter(pl.col(s) > n + 0.000001).height for s, n in places.items()}
    assert sum(n > 0 for n in above.values()) == 58  # stations, the data set's README
    assert town.refused() == {"gun_hours_within_guns": sum(above.values())}


def test_the_register_agrees_with_the_published_totals_of_the_whole_period(melbourne: Town, shared_data: Path) -> None:
    info = pl.read_csv(shared_data / "ev_charged_cities/MEL/info.csv").row(0, named=True)
    stations = pl.read_csv(shared_data / "ev_charged_cities/MEL/stations.csv")
    assert melbourne.records("charging_stations").height == info["total_stations"] == 63
    assert stations["total_volume"].sum() == pytest.approx(info["total_volume"], rel=1e-9)
    assert stations["total_duration"].sum() == pytest.approx(info["total_duration"], rel=1e-9)
    # the hourly tables cover half a year of it: 13.06 of 27.26 GWh, and no more than the whole for any station
    table_kwh = table(shared_data, "volume").drop("hour").sum().row(0, named=True)
    whole_kwh = dict(stations.select(pl.col("station_id").cast(pl.String), "total_volume").iter_rows())
    assert round(info["total_volume"] / 1e6, 2) == 27.26
    assert [s for s, kwh in table_kwh.items() if kwh > whole_kwh[s] * (1 + 1e-9)] == []


def test_prices_in_australian_dollars_are_not_taken_as_yuan(melbourne: Town, shared_data: Path, tmp_path: Path) -> None:
    lines = gzip.decompress((shared_data / "ev_charged_cities/MEL/e_price.csv.gz").read_bytes()).splitlines(keepends=True)
    (tmp_path / "e_price.csv.gz").write_bytes(gzip.compress(b"".join(lines[:25])))
    receipt = melbourne.bring(tmp_path / "e_price.csv.gz", "charged_mel_tariffs")
    assert (receipt["accepted"], receipt["quarantined"]) == (0, 24 * 63)
    assert melbourne.refused()["unknown_value"] == 24 * 63
    assert melbourne.readings("charging.price_yuan_kwh", "day").is_empty()
