"""Israel's register of transmitting sites: projected coordinates, Hebrew headers, generations in one text."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pyproj import Transformer

from tests.real.town import Town, found

TECHNOLOGY = "טכנולוגיית שידור"
OPERATING = "תאריך היתר הפעלה"


@pytest.fixture(scope="module")
def south(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    town = found(tmp_path_factory.mktemp("il"), "israel_south", "Asia/Jerusalem", "34.2,29.4,35.7,32.1")
    town.bring(shared_data / "cell_sites_israel/cell_sites_south.csv", "cell_sites_israel")
    return town


@pytest.fixture(scope="module")
def register(shared_data: Path) -> pl.DataFrame:
    return pl.read_csv(shared_data / "cell_sites_israel/cell_sites_south.csv", infer_schema=False)


def test_stations_by_generation_do_not_depend_on_the_blanks_in_the_text(south: Town, register: pl.DataFrame) -> None:
    expected = Counter(f"{g}G" for text in register[TECHNOLOGY] for g in re.findall(r"[2-5]", text))
    got = south.records("base_stations")
    assert Counter(got["technology"].to_list()) == expected
    assert got["site_id"].n_unique() == sum(expected.values())


def test_sites_that_name_no_generation_are_quarantined(south: Town, register: pl.DataFrame) -> None:
    inactive = [text for text in register[TECHNOLOGY] if not re.search(r"[2-5]", text)]
    assert south.refused() == {"missing_value": len(inactive)} == {"missing_value": 2}


def test_places_are_the_grid_coordinates_in_degrees(south: Town, register: pl.DataFrame) -> None:
    to_degrees = Transformer.from_crs("EPSG:2039", "EPSG:4326", always_xy=True)
    got = {row["site_id"]: row for row in south.records("base_stations").iter_rows(named=True)}
    for row in register.head(200).iter_rows(named=True):
        lon, lat = to_degrees.transform(float(row["X_ITM"]), float(row["Y_ITM"]))
        for generation in re.findall(r"[2-5]", row[TECHNOLOGY]):
            station = got[f"il-{row['ID']}-{generation}G"]
            assert (station["lon"], station["lat"]) == (pytest.approx(lon, abs=2e-6), pytest.approx(lat, abs=2e-6))


def test_operating_dates_are_day_month_year_and_absent_ones_stay_absent(south: Town, register: pl.DataFrame) -> None:
    got = {row["site_id"].rsplit("-", 1)[0]: row["opened_on"] for row in south.records("base_stations").iter_rows(named=True)}
    for row in register.iter_rows(named=True):
        if f"il-{row['ID']}" in got:
            text = row[OPERATING]
            assert got[f"il-{row['ID']}"] == (date(*map(int, reversed(text.split("/")))) if text else None)


def test_the_number_of_5g_stations_grows_by_operating_date(south: Town, register: pl.DataFrame) -> None:
    dates = sorted(
        date(*map(int, reversed(row[OPERATING].split("/"))))
        for row in register.iter_rows(named=True) if "5" in row[TECHNOLOGY] and row[OPERATING]
    )  # fmt: skip
    undated = sum("5" in row[TECHNOLOGY] and not row[OPERATING] for row in register.iter_rows(named=True))
    last = south.readings("coverage.stations_5g", "day")["value"].to_list()[-1]
    assert last == len(dates) + undated == 613
