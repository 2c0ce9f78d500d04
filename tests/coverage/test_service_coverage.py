"""Service radius on the store: pieces, people and built-up ground within reach of charging, delivered like other data."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from village import SOUTH, WEST, Village, station

from data_pipeline.coverage.assumptions import assumptions
from data_pipeline.coverage.run import bring_up_to_date
from data_pipeline.coverage.service import by_piece, datasets, services, sites_of
from data_pipeline.coverage.stored import Stored
from geo.service import union_km2


def charging(site: str, east_m: float, north_m: float, **more: object) -> dict[str, object]:
    row = station(site, east_m, north_m)
    return {"site_id": site, "lon": row["lon"], "lat": row["lat"], "opened_on": date(2025, 1, 1), "guns": 4, "status": "AVAILABLE", "is_public": True, **more}


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path)


def rows_of(village: Village) -> pl.DataFrame:
    return village.rows("service_coverage")


def test_two_stations_a_kilometre_apart_reach_their_union_once(village: Village) -> None:
    village.bring("charging_stations", [charging("a", 2000, 2000), charging("b", 3000, 2000)])
    bring_up_to_date(village.writer, village.pack)
    found = rows_of(village)
    assert found["covered_km2"].sum() == pytest.approx(4.2473, rel=0.01)  # standards 3.2
    assert found["area_km2"].sum() == pytest.approx(48, rel=0.01)
    exact = union_km2([WEST + 2000, WEST + 3000], [SOUTH + 2000] * 2, 900)
    assert found["covered_km2"].sum() == pytest.approx(exact, rel=0.01)


def test_without_a_5g_station_service_radii_are_worked_out_all_the_same_and_without_a_site_there_is_nothing(village: Village) -> None:
    assert bring_up_to_date(village.writer, village.pack).is_new is False
    assert rows_of(village).is_empty()
    village.bring("charging_stations", [charging("a", 2000, 2000)])
    run = bring_up_to_date(village.writer, village.pack)
    assert run.is_new and set(run.rows) == {"service_coverage"} and run.stations == 0


def test_closed_planned_private_and_future_stations_reach_nobody(village: Village) -> None:
    village.bring("charging_stations", [
        charging("a", 2000, 2000, closed_on=date(2026, 1, 1)), charging("b", 3000, 2000, status="PLANNED"),
        charging("c", 4000, 2000, is_public=False), charging("d", 5000, 2000, opened_on=date(2027, 1, 1)),
        charging("e", 6000, 2000, status=None, is_public=None),
    ])  # fmt: skip
    found = sites_of(village.lake, village.pack.id, services().service[0], date(2026, 11, 22))
    assert found.height == 1


def test_a_station_at_the_border_counts_only_its_part_inside_and_people_add_up_to_the_census(village: Village) -> None:
    village.bring("charging_stations", [charging("a", 25, 2000)])
    bring_up_to_date(village.writer, village.pack)
    found = rows_of(village)
    assert found["covered_km2"].sum() == pytest.approx(np.pi * 0.81 / 2, rel=0.05)
    assert found["people"].sum() == pytest.approx(30_000, rel=0.01)
    assert 0 < found["covered_people"].sum() < 10_000 + 1


def test_a_second_run_says_nothing_new_and_a_new_station_adds_only_where_it_reaches(village: Village) -> None:
    village.bring("charging_stations", [charging("a", 2000, 2000)])
    bring_up_to_date(village.writer, village.pack)
    village.later()
    assert bring_up_to_date(village.writer, village.pack).is_new is False
    village.bring("charging_stations", [charging("b", 5900, 1000)])
    village.later()
    run = bring_up_to_date(village.writer, village.pack)
    assert run.rows == {"service_coverage": 2}  # the east township's piece and its zone's
    assert datasets() == ("charging_stations",)


def test_built_up_ground_is_where_people_live_densely(village: Village) -> None:
    village.bring("charging_stations", [charging("a", 2000, 2000)])
    ground, _ = Stored(village.home, village.pack, assumptions()).ground()
    service = services().service[0]
    sites = sites_of(village.lake, village.pack.id, service, date(2026, 11, 22))
    every = by_piece(ground, service, sites, 1e-9, village.clock)
    none = by_piece(ground, service, sites, 1e9, village.clock)
    lake_km2 = 4.0  # of the west township, where nobody lives
    assert every["built_km2"].sum() == pytest.approx(48 - lake_km2, rel=0.01)
    assert none["built_km2"].sum() == none["covered_built_km2"].sum() == 0
