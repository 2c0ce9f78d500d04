"""Where the simulated city's sites stand and what they are called."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import shapely

from data_pipeline.cities import built_in_packs, load_packs
from data_pipeline.cities.make import make_pack
from data_pipeline.contracts import contract
from data_pipeline.simulate import Simulator

CITIES = list(built_in_packs())


@pytest.mark.parametrize("city", CITIES)
def test_no_site_stands_outside_the_city_or_in_the_water(city: str) -> None:
    pack = built_in_packs()[city]
    world = Simulator(pack, seed=7).world
    for dataset in world.sites.registers:
        frame = world.sites[dataset].frame
        lon, lat = frame["lon"].to_numpy(), frame["lat"].to_numpy()
        located = pack.locator().locate(lon, lat, frame["township_code"])
        assert located.inside.all(), dataset
        assert world.ground.on_land(lon, lat).all(), dataset


@pytest.mark.parametrize("city", CITIES)
def test_ids_and_names_are_unique_and_named_after_real_townships(city: str) -> None:
    pack = built_in_packs()[city]
    world = Simulator(pack, seed=7).world
    townships = {part for a in pack.areas.values() if a.level == "township" for part in a.name_zh.split("·")}
    for dataset in world.sites.registers:
        frame = world.sites[dataset].frame
        assert frame["site_id"].n_unique() == frame.height and frame["name"].n_unique() == frame.height
        if dataset not in ("road_sections", "monitoring_stations"):
            assert all(any(name.startswith(t) for t in townships) for name in frame["name"].head(50))
        assert frame.schema == contract(dataset).polars_schema()


def test_the_town_is_denser_than_the_country(ezhou: Simulator) -> None:
    stations = ezhou.world.sites["base_stations"]
    away = np.hypot(stations.x_km, stations.y_km)
    near, far = (away < 5).sum() / (np.pi * 25), ((away >= 15) & (away < 30)).sum() / (np.pi * (900 - 225))
    assert near > 5 * far


def test_registers_have_the_size_stated_for_ezhou(ezhou: Simulator) -> None:
    today = pl.date(2026, 11, 22)
    size = {
        d: ezhou.world.sites[d].frame.filter(pl.col("opened_on") <= today).height for d in ezhou.world.sites.registers
    }
    stations = ezhou.world.sites["base_stations"].frame.filter(pl.col("opened_on") <= today)["technology"].value_counts()
    by = dict(stations.iter_rows())
    assert 1950 <= by["5G"] <= 2250 and 1800 <= by["4G"] <= 2000
    assert 95 <= size["charging_stations"] <= 125 and 55 <= size["road_sections"] <= 85
    assert 25 <= size["car_parks"] <= 35 and 260 <= size["sensing_terminals"] <= 340
    assert size["substations"] == 8


def test_roads_say_that_they_are_derived_and_keep_to_land(ezhou: Simulator) -> None:
    roads = ezhou.world.sites["road_sections"].frame
    assert all("推定" in n for n in roads["name"]) and all(n.startswith("Derived road") for n in roads["name_en"])
    lines = shapely.from_wkt(roads["path"].to_numpy())
    wet = shapely.length(shapely.intersection(lines, ezhou.world.ground.water)) * 100
    assert wet.max() < 2.0, "no section runs more than about a bridge over water"
    assert (roads["free_speed_kmh"] < roads["speed_limit_kmh"]).all()


def test_where_the_pack_has_no_water_there_are_no_gauges() -> None:
    sites = Simulator(built_in_packs()["500114"], seed=7).world.sites["monitoring_stations"]
    assert set(sites.frame["station_kind"]) == {"air", "noise", "weather"}


def test_a_place_made_from_a_bounding_box_can_be_simulated(tmp_path) -> None:  # noqa: ANN001
    make_pack(
        tmp_path, "smallville", name_zh="小城", name_en="Smallville", timezone="Europe/Berlin", bbox=(8.6, 49.3, 8.8, 49.5)
    )
    pack = load_packs(tmp_path)["smallville"]
    world = Simulator(pack, seed=7).world
    frame = world.sites["charging_stations"].frame
    assert frame.height > 10
    assert frame["lon"].is_between(8.6, 8.8).all() and frame["lat"].is_between(49.3, 49.5).all()
