"""What maps draw from a real store: the newest speed of each section, records by H3 cell, shapes once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import h3
import polars as pl
import pytest
import shapely

from data_pipeline.cities import load_packs
from data_pipeline.domains import HeatLayer
from data_pipeline.queries import Queries
from data_pipeline.queries.layers import cell_resolution
from tests.real.town import Town, found, run

NOW = datetime(2026, 3, 2, 0, 7)  # 08:07 in the town
HEAT = HeatLayer(id="requests", dataset="service_requests", days=30, least_n=3, zh="诉求", en="requests")
ENERGY = HeatLayer(id="energy", dataset="charging_hourly", sum="energy_kwh", unit="kwh", days=7, zh="电量", en="energy")


def bring(town: Town, dataset: str, rows: list[dict]) -> None:
    """A table through the door every delivery takes."""
    file = town.folder / f"{dataset}.csv"
    pl.DataFrame(rows).write_csv(file)
    run("import", file, "--dataset", dataset, "--city", town.id, "--home", town.home.root, "--packs", town.packs)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queries]:
    town = found(tmp_path_factory.mktemp("layers"), "testville", "Asia/Shanghai", "114.0,30.0,114.4,30.4")
    bring(town, "road_sections", [
        {"site_id": s, "name": f"路{s}", "name_en": f"road {s}", "length_km": 1.0, "free_speed_kmh": free, "lon": 114.1, "lat": 30.1,
         "path": "LINESTRING (114.1 30.1, 114.11 30.1)" if s != "d" else None, "closed_on": "2026-01-01" if s == "e" else None}
        for s, free in (("a", 60.0), ("b", 60.0), ("c", 60.0), ("d", None), ("e", 60.0))
    ])  # fmt: skip
    bring(town, "road_speeds", [
        {"site_id": s, "start_at": at, "interval_s": 300, "speed_kmh": v}
        for s, at, v in (("a", "2026-03-02 07:40:00", 60.0), ("a", "2026-03-02 08:00:00", 45.0), ("b", "2026-03-02 07:55:00", 18.0),
                         ("c", "2026-03-02 07:20:00", 30.0), ("d", "2026-03-02 08:00:00", 30.0), ("e", "2026-03-02 08:00:00", 30.0))
    ])  # fmt: skip
    spots = [(114.1, 30.1)] * 4 + [(114.1002, 30.1001)] * 3 + [(114.3, 30.3)] * 2 + [(114.2, 30.2)] * 5
    bring(town, "service_requests", [
        {"request_id": f"r{i}", "created_at": "2026-03-01 09:00:00" if i < 9 else "2026-01-01 09:00:00", "status": "open", "lon": lon, "lat": lat}
        for i, (lon, lat) in enumerate(spots)
    ])  # fmt: skip
    bring(town, "charging_stations", [{"site_id": "s", "name": "s", "lon": 114.1, "lat": 30.1, "guns": 4}])
    bring(town, "charging_hourly", [
        {"site_id": "s", "start_at": f"2026-03-01 {h:02}:00:00", "guns": 4, "energy_kwh": 10.5} for h in range(4)
    ])  # fmt: skip
    queries = Queries.open(town.home, {"testville": load_packs(town.packs)["testville"]}, now=lambda: NOW)
    yield queries
    queries.close()


def test_a_section_has_its_newest_speed_of_the_last_quarter_of_an_hour_or_none(door: Queries) -> None:
    states = {s.site_id: s for s in door.road_states("testville")}
    assert {i: (s.speed_kmh, s.delay_share) for i, s in states.items()} == {"a": (45, 0.25), "b": (18, 0.7), "c": (None, None), "d": (30, None)}
    assert states["a"].at_utc == datetime(2026, 3, 2, 0, 0)


def test_looking_back_a_section_has_the_speed_it_had_then(door: Queries) -> None:
    then = door.at("testville", datetime(2026, 3, 1, 23, 42))
    assert {s.site_id: s.speed_kmh for s in then.road_states("testville")} == {"a": 60, "b": None, "c": None, "d": None}
    assert {s.site_id: s.speed_kmh for s in door.road_states("testville")}["a"] == 45


def test_lines_are_those_of_the_sections_that_have_one(door: Queries) -> None:
    features = door.road_sections_geojson("testville")["features"]
    assert {f["properties"]["id"] for f in features} == {"a", "b", "c"}
    assert features[0]["geometry"]["coordinates"] == [[114.1, 30.1], [114.11, 30.1]] and features[0]["properties"]["name_en"] == "road a"


def test_records_are_counted_in_the_cell_h3_itself_finds_and_few_are_not_told(door: Queries) -> None:
    heat = door.heat("testville", HEAT)
    counted = Counter(h3.latlng_to_cell(lat, lon, heat.resolution) for lon, lat in [(114.1, 30.1)] * 4 + [(114.1002, 30.1001)] * 3)
    assert heat.cells == {cell: float(n) for cell, n in counted.items()}
    assert (heat.records_n, heat.hidden_n, heat.unplaced_n) == (9, 1, 0)


def test_a_column_is_added_up_where_the_layer_says_so(door: Queries) -> None:
    heat = door.heat("testville", ENERGY)
    assert heat.cells == {h3.latlng_to_cell(30.1, 114.1, heat.resolution): 42.0}


def test_cells_cover_the_city_at_a_resolution_a_screen_can_show(door: Queries) -> None:
    pack = door.packs["testville"]
    cells = [f["properties"]["id"] for f in door.cells_geojson("testville")["features"]]
    assert set(door.heat("testville", HEAT).cells) <= set(cells) and 100 < len(cells) < 2200
    shape = pack.geometry("testville")
    assert shape is not None
    union = shapely.union_all([shapely.geometry.shape(f["geometry"]) for f in door.cells_geojson("testville")["features"]])
    assert shapely.difference(shape, union).area < 1e-9
    assert {cell_resolution(p) for p in load_packs().values()} == {7}  # 1,600 to 8,300 km²


def test_an_answer_is_worked_out_once_until_a_delivery_arrives(door: Queries) -> None:
    assert door.heat("testville", HEAT) is door.heat("testville", HEAT)
    assert door.road_states("testville") is door.road_states("testville")
    assert door.at("testville", NOW - timedelta(days=20)).heat("testville", HEAT).records_n == 0


def test_areas_are_told_with_their_ids(door: Queries) -> None:
    assert [f["properties"]["id"] for f in door.areas_geojson("testville", "city")["features"]] == ["testville"]
    assert door.areas_geojson("testville", "zone")["features"] == []
