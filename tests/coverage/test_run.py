"""The model on the store: from the register to readings, patches, places and errors; only what changed is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import shapely

from data_pipeline.coverage.assumptions import assumptions
from data_pipeline.coverage.measured import level_class
from data_pipeline.coverage.run import bring_up_to_date, register_version
from data_pipeline.coverage.stored import Stored
from data_pipeline.errors import UsageError
from data_pipeline.ingest.remove import remove_simulated_records
from data_pipeline.queries import Queries
from geo.coverage.budget import epre_dbm, noise_dbm
from geo.coverage.pathloss import expected_path_loss_db
from geo.crs import from_wgs84, to_wgs84
from tests.coverage.village import CRS, NOW, SOUTH, WEST, Village, station

# a weak station, so that the village is not covered everywhere: EIRP of a carrier such that it reaches some 1.2 km
WEAK = {"eirp_dbm": 50.0}
EPRE = 50 - 10 * np.log10(12 * 273)


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    made = Village(tmp_path)
    yield made
    made.lake.close()


@pytest.fixture(scope="module")
def mast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Village, Queries]]:
    """The village with one weak mast and a hospital, modelled once, and the door to it."""
    made = Village(tmp_path_factory.mktemp("mast"))
    lon, lat = (float(v[()]) for v in to_wgs84(WEST + 7_000, SOUTH + 5_000, CRS))
    made.bring("facilities", [
        {"site_id": "h", "name": "医院", "facility_kind": "hospital", "lon": lon, "lat": lat},
        {"site_id": "k", "name": "幼儿园", "facility_kind": "kindergarten", "lon": lon, "lat": lat},
    ])  # fmt: skip
    made.bring("base_stations", [station("a", 2_010, 2_990, **WEAK)])
    run = bring_up_to_date(made.writer, made.pack)
    assert (run.stations, run.added, run.is_new) == (1, 1, True)
    door = Queries.open(made.home, {made.pack.id: made.pack}, now=lambda: NOW + timedelta(minutes=5))
    yield made, door
    door.close()
    made.lake.close()


def level_at(x: np.ndarray, y: np.ndarray, mast: tuple[float, float], scenario: str) -> np.ndarray:
    """SS-RSRP of one n41 mast at 25 m, by the plain formula."""
    d = np.hypot(x - mast[0], y - mast[1])
    return EPRE - expected_path_loss_db(scenario, d, 2.565, 25)  # type: ignore[arg-type]


def alone(lake_rows: pl.DataFrame, column: str) -> float:
    return float(lake_rows[column].sum())


def test_area_and_people_covered_by_one_mast_are_those_of_the_plain_formula(mast: tuple[Village, Queries]) -> None:
    x, y = np.meshgrid(WEST + 25 + 50 * np.arange(160), SOUTH + 25 + 50 * np.arange(120))
    level = level_at(x, y, (WEST + 2_010, SOUTH + 2_990), "RMa")  # the west is a town: rural macro
    covered = (level >= -105) & (level - noise_dbm(15e3 * 2) >= -3)
    rows = mast[0].rows("coverage_results")
    assert alone(rows, "area_km2") == pytest.approx(48, abs=0.02)
    assert alone(rows, "covered_km2") == pytest.approx(covered.sum() * 0.0025, rel=0.01)
    assert 2 < covered.sum() * 0.0025 < 40
    assert 0 < alone(rows, "indoor_km2") < alone(rows, "covered_km2")
    assert alone(rows, "people") == pytest.approx(30_000, abs=1)
    assert 0 < alone(rows, "covered_people") < 30_000
    # one connected weak place around the covered one, cut in three pieces
    assert alone(rows, "patch_km2") == pytest.approx(48 - alone(rows, "covered_km2"), abs=0.3)


def test_readings_follow_for_township_zone_and_city_and_say_modelled(mast: tuple[Village, Queries]) -> None:
    village, door = mast
    rows = village.rows("coverage_results")
    reading = door.latest("coverage.modelled_share_area", "900000")
    assert reading.value == pytest.approx(alone(rows, "covered_km2") / alone(rows, "area_km2"))
    assert (reading.status, reading.is_simulated, reading.numerator) == ("ok", False, pytest.approx(alone(rows, "covered_km2")))
    parts = [door.latest("coverage.modelled_share_area", a) for a in ("900000001", "900000002")]
    assert sum(p.numerator or 0 for p in parts) == pytest.approx(reading.numerator)
    assert door.latest("coverage.modelled_share_area", "900000400").denominator == pytest.approx(4, rel=0.01)
    people = door.latest("coverage.modelled_share_population", "900000")
    assert people.denominator == pytest.approx(30_000, abs=1)
    assert {"coverage.modelled_share_area", "coverage.key_area_share"} <= {m.id for m in door.metrics_for("900000")}
    assert door.provenance("coverage.modelled_share_area", "900000", "day", reading.period_start_utc).kind == "modelled"


def with_door(village: Village, check) -> None:  # noqa: ANN001 - (Village, Queries) → None
    door = Queries.open(village.home, {village.pack.id: village.pack}, now=lambda: village.clock + timedelta(minutes=5))
    try:
        check(village, door)
    finally:
        door.close()


def test_nothing_is_done_where_nothing_has_changed(village: Village) -> None:
    village.bring("base_stations", [station("a", 2_000, 3_000)])
    bring_up_to_date(village.writer, village.pack)
    before, version = village.lake.snapshot(), register_version(village.lake, "900000")
    again = bring_up_to_date(village.writer, village.pack)
    assert (again.is_new, again.added, again.removed, again.rows) == (False, 0, 0, {})
    assert village.lake.snapshot() == before
    village.bring("base_stations", [station("b", 6_000, 3_000)])
    assert register_version(village.lake, "900000") > version


def test_without_a_5g_station_there_is_no_figure_and_not_a_zero(village: Village) -> None:
    village.bring("base_stations", [station("old", 2_000, 3_000, technology="4G", band="B3"), station("plan", 2_000, 3_000, status="planned")])
    assert bring_up_to_date(village.writer, village.pack).is_new is False
    with_door(village, lambda _, door: check_missing(door))


def check_missing(door: Queries) -> None:
    assert door.latest("coverage.modelled_share_area", "900000").value is None
    assert door.latest("coverage.modelled_share_area", "900000").status == "missing"
    assert (door.coverage_basis("900000"), door.weak_patches("900000"), door.coverage_cells("900000")) == (None, [], [])


def test_stations_added_changed_and_closed_give_what_a_run_from_nothing_gives(tmp_path: Path) -> None:
    """A is added to and taken from step by step, B gets the last register at once."""
    first = [station(f"s{i}", 700 * i + 300, 500 * i + 400, **WEAK) for i in range(9)]
    last = [*first[:7], first[7] | {"height_m": 40.0}, first[8] | {"closed_on": date(2026, 11, 1)}, station("new", 5_000, 1_000, **WEAK)]
    steps, once = (Village(make(tmp_path / name)) for name in ("a", "b"))
    try:
        steps.bring("base_stations", first)
        bring_up_to_date(steps.writer, steps.pack)
        steps.later()
        steps.bring("base_stations", last)
        run = bring_up_to_date(steps.writer, steps.pack)
        assert (run.added, run.removed) == (2, 2)  # the raised mast goes and comes
        once.bring("base_stations", last)
        bring_up_to_date(once.writer, once.pack)
        key = {"coverage_results": "piece_id", "coverage_cells": "h3", "coverage_places": "place_id"}
        for dataset, name in key.items():
            a, b = (v.rows(dataset).sort(name) for v in (steps, once))
            assert a[name].to_list() == b[name].to_list()
            figures = [c for c, t in a.schema.items() if t == pl.Float64]
            for column in figures:
                np.testing.assert_allclose(a[column].to_numpy(), b[column].to_numpy(), rtol=1e-4, atol=1e-4, err_msg=f"{dataset}.{column}")
    finally:
        steps.lake.close()
        once.lake.close()


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_only_cells_that_changed_are_written_again(village: Village) -> None:
    near = [station(f"s{i}", 500, 500 + 10 * i, **WEAK) for i in range(5)]
    village.bring("base_stations", near)
    first = bring_up_to_date(village.writer, village.pack)
    village.later()
    village.bring("base_stations", [station("east", 7_500, 5_500, eirp_dbm=35.0)])
    second = bring_up_to_date(village.writer, village.pack)
    assert second.added == 1
    assert 0 < second.rows["coverage_cells"] < first.rows["coverage_cells"] / 2


def test_a_kill_while_the_state_is_written_is_seen_and_the_state_made_anew(village: Village) -> None:
    village.bring("base_stations", [station(f"s{i}", 700 * i + 300, 2_000) for i in range(4)])
    bring_up_to_date(village.writer, village.pack)
    stored = Stored(village.home, village.pack, assumptions())
    (stored.folder / "writing").touch()
    np.load(stored.folder / "best.npy", mmap_mode="r+")[:] = 1.0  # half-written nonsense
    assert bring_up_to_date(village.writer, village.pack).added == 4
    assert float(np.load(stored.folder / "best.npy", mmap_mode="r").max()) < 1e-3
    (stored.folder / "undelivered").touch()  # as a kill between state and commit leaves it
    village.later()
    again = bring_up_to_date(village.writer, village.pack)
    assert (again.added, again.is_new) == (0, True) and stored.is_delivered
    stored.forget()
    assert bring_up_to_date(village.writer, village.pack).added == 4


def test_key_places_are_the_zone_the_station_the_railway_and_facilities_of_the_named_kinds(mast: tuple[Village, Queries]) -> None:
    village, door = mast
    rows = {r["place_id"]: r for r in village.rows("coverage_places").iter_rows(named=True)}
    assert {(i.split("@")[0], r["place_kind"]) for i, r in rows.items()} == {("zone-900000400", "park"), ("halt", "hub"), ("h", "hospital"), ("rail", "railway")}
    assert rows["halt"]["size"] == pytest.approx(np.pi * 0.3**2, rel=0.02)
    assert rows["halt"]["covered"] == rows["halt"]["size"]
    assert rows["zone-900000400"]["size"] == pytest.approx(4, rel=0.01)
    rail = [r for i, r in rows.items() if i.startswith("rail@")]
    assert sum(r["size"] for r in rail) == pytest.approx(8, abs=0.03)  # the kilometre on either side is outside the city
    x = np.arange(WEST + 0.5, WEST + 8_000)
    level = level_at(x, np.full(len(x), SOUTH + 3_025.0), (WEST + 2_010, SOUTH + 2_990), "RMa")
    assert sum(r["covered"] for r in rail) == pytest.approx(np.count_nonzero(level >= -105) / 1000, abs=0.1)
    share = door.latest("coverage.key_area_share", "900000")
    found = door.place_coverage("900000")
    places = [p for p in found if p.kind not in ("road", "railway")]
    assert (share.numerator, share.denominator) == (sum(p.is_covered for p in places), 3)
    assert share.numerator == 1
    assert found == sorted(found, key=lambda p: p.share)  # what is covered least comes first
    rail = door.latest("coverage.railway_share", "900000")
    assert rail.value == pytest.approx(sum(p.share * p.size for p in found if p.kind == "railway") / sum(p.size for p in found if p.kind == "railway"))
    assert door.latest("coverage.road_share", "900000").value is None  # no road is known: no figure
    assert {p.place_id for p in door.place_coverage("900000", "900000400")} == {"zone-900000400"}


def test_a_place_that_is_gone_counts_no_more(village: Village) -> None:
    lon, lat = (float(v[()]) for v in to_wgs84(WEST + 7_000, SOUTH + 5_000, CRS))
    hospital = {"site_id": "h", "name": "医院", "facility_kind": "hospital", "lon": lon, "lat": lat}
    village.bring("facilities", [hospital])
    village.bring("base_stations", [station("a", 2_010, 2_990, **WEAK)])
    bring_up_to_date(village.writer, village.pack)
    village.later(timedelta(days=2))
    village.bring("facilities", [hospital | {"closed_on": date(2026, 11, 23)}])
    village.bring("base_stations", [station("b", 3_010, 2_990, **WEAK)])
    bring_up_to_date(village.writer, village.pack)
    with_door(village, lambda _, door: check_gone(door))


def check_gone(door: Queries) -> None:
    assert {p.place_id for p in door.place_coverage("900000") if p.kind == "hospital"} == set()
    assert door.latest("coverage.key_area_share", "900000").denominator == 2
    before = door.reading("coverage.key_area_share", "900000", "day", NOW)
    assert before.denominator == 3  # what stood then is not forgotten


def test_patches_on_the_map_are_the_weak_places_with_people_largest_first(mast: tuple[Village, Queries]) -> None:
    door = mast[1]
    found = door.weak_patches("900000")
    assert [p.number for p in found] == list(range(1, len(found) + 1)) and len(found) >= 3
    assert [p.area_km2 for p in found] == sorted((p.area_km2 for p in found), reverse=True)
    assert {p.area for p in found} == {"900000001", "900000002"}
    assert sum(p.area_km2 for p in found) == pytest.approx(door.latest("coverage.weak_patch_area_km2", "900000").value)
    assert sum(p.people or 0 for p in found) == pytest.approx(door.latest("coverage.weak_patch_people", "900000").value, abs=1)
    shapes = door.weak_patches_geojson("900000", "900000001")["features"]
    assert {f["properties"]["area"] for f in shapes} == {"900000001"}
    for feature in shapes:
        outline = shapely.from_geojson(json.dumps(feature["geometry"]))
        flat = shapely.transform(outline, lambda xy: np.stack(from_wgs84(xy[:, 0], xy[:, 1], CRS), axis=1))
        assert flat.area / 1e6 == pytest.approx(feature["properties"]["area_km2"], rel=0.01)


def test_cells_for_the_map_add_up_to_the_city_at_every_resolution(mast: tuple[Village, Queries]) -> None:
    door = mast[1]
    city = door.latest("coverage.modelled_share_area", "900000")
    for resolution in (9, 8, 7):
        cells = door.coverage_cells("900000", resolution)
        assert sum(c.area_km2 for c in cells) == pytest.approx(city.denominator, abs=0.01)
        assert sum(c.share * c.area_km2 for c in cells) == pytest.approx(city.numerator, abs=0.01)
        assert sum(c.people or 0 for c in cells) == pytest.approx(30_000, abs=5)
    silent = [c for c in door.coverage_cells("900000") if c.rsrp_dbm is None]
    assert silent and all(c.share == 0 and c.sinr_db is None for c in silent)  # nothing heard: no level, not −140
    features = door.coverage_cells_geojson("900000", 8)["features"]
    assert {f["id"] for f in features} == {c.h3 for c in door.coverage_cells("900000", 8)}
    assert features[0]["geometry"]["coordinates"][0][0] == features[0]["geometry"]["coordinates"][0][-1]
    with pytest.raises(UsageError, match="allowed: 5 to 9"):
        door.coverage_cells("900000", 10)


def sample(n: int, east_m: float, north_m: float, rsrp: float | None, operator: str = "移动", mode: str = "5G") -> dict:
    lon, lat = (float(v[()]) for v in to_wgs84(WEST + east_m, SOUTH + north_m, CRS))
    return {"device_id": "d", "at": datetime(2026, 11, 20, 9, 0, n), "sample_no": 0, "operator": operator, "network_mode": mode,
            "rsrp_dbm": rsrp, "lon": lon, "lat": lat}  # fmt: skip


def test_the_models_error_is_modelled_minus_measured_by_class(village: Village) -> None:
    village.bring("base_stations", [station("a", 2_025, 3_025), station("t", 2_025, 3_025, operator="中国电信", band="n78")])
    level = float(17.86 + 18 - expected_path_loss_db("RMa", 800, 2.565, 25))
    samples = [
        sample(1, 2_825, 3_025, level - 3), sample(2, 2_025, 3_825, level + 1),  # 3 dB too hopeful, 1 dB too low
        sample(3, 2_825, 3_025, None), sample(4, 2_825, 3_025, -60.0, mode="4G"), sample(5, 2_825, 3_025, -60.0, operator="某公司"),
    ]  # fmt: skip
    village.bring("drive_tests", samples)
    bring_up_to_date(village.writer, village.pack)
    rows = village.rows("coverage_errors")
    assert rows["samples_n"].sum() == 2 and set(rows["surroundings"]) == {"rural"}
    assert rows["error_sum_db"].sum() == pytest.approx(2, abs=0.05)
    assert rows["error_square_db2"].sum() == pytest.approx(10, abs=0.3)
    with_door(village, check_errors)


def check_errors(village: Village, door: Queries) -> None:
    assert door.latest("coverage.model_bias_db", "900000").value == pytest.approx(1.0, abs=0.03)
    found = door.coverage_errors("900000")
    n = sum(e.samples_n for e in found)
    assert (n, {e.operator for e in found}) == (2, {"移动"})
    assert sum((e.rmse_db or 0) ** 2 * e.samples_n for e in found) == pytest.approx(10, abs=0.3)
    assert door.coverage_errors("900000", "900000002") == []


@pytest.mark.parametrize(
    ("level", "name"),
    [(-84.9, "over_-85"), (-85, "over_-85"), (-85.1, "-95_to_-85"), (-95, "-95_to_-85"), (-105, "-105_to_-95"), (-115, "-115_to_-105"), (-116, "under_-115")],
)
def test_a_level_on_a_bound_belongs_to_the_better_class(level: float, name: str) -> None:
    assert level_class(np.array([level])).tolist() == [name]


def test_what_the_figures_rest_on_is_told(mast: tuple[Village, Queries]) -> None:
    basis = mast[1].coverage_basis("900000")
    assert basis is not None
    assert (basis.computed_at_utc, basis.stations_n, basis.rsrp_dbm, basis.sinr_db, basis.is_simulated) == (NOW, 1, -105, -3, False)
    assert basis.assumed == {"height_m": 0, "azimuth_deg": 1, "downtilt_deg": 1, "eirp_dbm": 0, "band": 0, "operator": 0}
    assert len(basis.says_zh) == len(basis.says_en) >= 7


def test_results_of_a_simulated_register_say_so_and_go_with_it(village: Village) -> None:
    village.bring("base_stations", [station("a", 2_000, 3_000)], is_simulated=True)
    bring_up_to_date(village.writer, village.pack)
    assert village.rows("coverage_results")["is_simulated"].all()
    with village.writer.commit("remove") as commit:
        remove_simulated_records(commit, "900000", "base_stations")
    assert village.rows("coverage_results").is_empty() and village.rows("weak_patches").is_empty()
    with_door(village, lambda _, door: check_missing(door))


def test_ten_more_stations_take_the_ten(village: Village) -> None:
    """Of the map only the tiles in reach of the ten are touched; in the east nothing moves."""
    village.bring("base_stations", [station(f"s{i}", 7_900, 100 * i, eirp_dbm=30.0) for i in range(20)])
    bring_up_to_date(village.writer, village.pack)
    village.later()
    best = village.home.root / "coverage" / "900000" / "best.npy"
    before = np.load(best).copy()
    village.bring("base_stations", [station(f"n{i}", 100, 100 * i, eirp_dbm=30.0) for i in range(10)])
    run = bring_up_to_date(village.writer, village.pack)
    changed = np.flatnonzero((np.load(best) != before).any(axis=(0, 1)))
    assert run.added == 10 and len(changed) and changed.max() < 60
    assert float(epre_dbm(200, 273)) == pytest.approx(17.86, abs=0.01)
