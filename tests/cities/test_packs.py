"""The five packs: areas, statistical parents, populations, plan facts."""

from __future__ import annotations

import csv
from collections import Counter

import numpy as np
import orjson
import pytest
from shapely import Point

from data_pipeline.cities import built_in_packs, find_area, load_packs
from data_pipeline.cities.check import check_pack
from data_pipeline.contracts import contracts
from data_pipeline.errors import UnknownId, UsageError
from geo.areas import geodesic_area_km2

PACKS = built_in_packs()
CITIES = list(PACKS)
# official land areas in km², as the cities publish them
PUBLISHED_KM2 = {"420700": 1594, "330600": 8279, "511400": 7140, "510400": 7401, "500114": 2402}
# census of 2020-11-01, 《中国人口普查分县资料—2020》
CENSUS_2020 = {"420700": 1079353, "330600": 5270977, "511400": 2955219, "510400": 1212203, "500114": 487281}
DISTRICTS = {"420700": 3, "330600": 6, "511400": 6, "510400": 5, "500114": 0}
# targets, systems, departments, projects: counts published with the plan facts
PLAN_COUNTS = {
    "420700": (89, 114, 38, 74), "330600": (82, 101, 44, 70), "511400": (63, 86, 29, 49),
    "510400": (10, 99, 3, 24), "500114": (26, 69, 22, 45),
}  # fmt: skip
SHARED_PLAN = {
    "420700": "ezhou-2020", "330600": "shaoxing-2020", "511400": "meishan-2021", "510400": "sichuan-2020",
    "500114": "qianjiang-2021",
}  # fmt: skip


def test_the_five_cities_are_there_and_ezhou_comes_first():
    assert CITIES[0] == "420700" and set(CITIES) == set(PUBLISHED_KM2)


@pytest.mark.parametrize("city", CITIES)
def test_a_pack_has_no_problems(city):
    assert check_pack(PACKS[city].folder) == []


@pytest.mark.parametrize("city", CITIES)
def test_a_pack_cannot_be_released_before_rights_and_map_number_are_settled(city):
    problems = check_pack(PACKS[city].folder, release=True)
    assert any("审图号" in p for p in problems)
    unclear = [n for n, layer in PACKS[city].layers.items() if layer.rights == "to_clear"]
    assert {"outline", "townships", "neighbors"} <= set(unclear)
    assert all(any(f"layer {name!r}" in p for p in problems) for name in unclear)


@pytest.mark.parametrize("city", CITIES)
def test_the_city_has_its_published_area_and_its_districts_fill_it(city):
    pack = PACKS[city]
    assert pack.city_area.area_km2 == pytest.approx(PUBLISHED_KM2[city], rel=0.01)
    drawn = float(geodesic_area_km2(pack.geometry(city))[0])
    assert drawn == pytest.approx(PUBLISHED_KM2[city], rel=0.015)
    districts = [a for a in pack.children(city) if a.level == "district"]
    assert len(districts) == DISTRICTS[city]
    if districts:
        assert sum(a.area_km2 for a in districts) == pytest.approx(pack.city_area.area_km2, abs=0.5)
    townships = sum(a.area_km2 for a in pack.children(city, "township"))
    assert townships == pytest.approx(pack.city_area.area_km2, rel=0.001)


@pytest.mark.parametrize("city", CITIES)
def test_the_census_of_the_districts_adds_up_to_the_city(city):
    pack = PACKS[city]
    assert pack.city_area.population == CENSUS_2020[city]
    assert str(pack.city_area.population_date) == "2020-11-01"
    districts = [a for a in pack.children(city) if a.level == "district"]
    if districts:
        assert sum(a.population for a in districts) == CENSUS_2020[city]


def test_townships_have_a_population_only_where_a_census_gives_one():
    meishan, panzhihua = PACKS["511400"], PACKS["510400"]
    hongya, yanbian = meishan.children("511423"), panzhihua.children("510422")
    assert (len(hongya), sum(a.population for a in hongya)) == (12, 295744)
    assert (len(yanbian), sum(a.population for a in yanbian)) == (12, 178797)
    assert all(a.population is None for a in PACKS["420700"].children("420700", "township"))
    qianjiang = PACKS["500114"].children("500114")
    known = [a for a in qianjiang if a.population is not None]
    assert {str(a.population_date) for a in known} == {"2010-11-01"}
    # 445,012 in all, less the three subdistricts of the town that are given together only
    assert sum(a.population for a in known) == 445012 - 143727 and len(qianjiang) - len(known) == 3


@pytest.mark.parametrize("city", CITIES)
def test_every_area_has_both_names_and_a_label_point_inside_its_polygon(city):
    pack = PACKS[city]
    for area in pack.areas.values():
        assert area.name_zh and area.name_en and area.name_en.isascii() or "ü" in area.name_en or "/" in area.name_en
        assert pack.geometry(area.id).covers(Point(area.centroid)), area.id
        assert area.approximate == (area.level in ("township", "zone"))


@pytest.mark.parametrize("city", CITIES)
def test_every_townships_own_point_is_located_in_it_and_in_its_statistical_parent(city):
    pack = PACKS[city]
    townships = pack.children(city, "township")
    points = [pack.geometries("townships")[t.id].representative_point() for t in townships]
    located = pack.locator().locate([p.x for p in points], [p.y for p in points])
    assert located.township_id.tolist() == [t.id for t in townships]
    parents = [t.parent if t.parent != city else None for t in townships]
    assert located.district_id.tolist() == parents
    assert located.inside.all() and set(located.basis) == {"point"} and (located.distance_m == 0).all()
    zones = [tuple(z.id for z in pack.zones_of(t.id)) for t in townships]
    assert located.zone_ids.tolist() == zones


def test_lihai_is_drawn_in_shangyu_and_counts_in_yuecheng():
    pack = PACKS["330600"]
    lihai = pack.area("330602017")
    assert (lihai.parent, lihai.drawn_in) == ("330602", "330604")
    assert pack.geometries("locate_districts")["330604"].contains(Point(lihai.seat))
    located = pack.locator().locate([lihai.seat[0]], [lihai.seat[1]])
    assert located.district_id[0] == "330602" and located.township_id[0] == "330602017"


def test_zones_are_those_of_two_cities_only_and_hold_their_townships():
    zones = {c: [a.id for a in p.areas.values() if a.level == "zone"] for c, p in PACKS.items()}
    assert zones == {
        "420700": ["420703400", "420704401"], "511400": ["511400-tianfu"],
        "330600": [], "510400": [], "500114": [],
    }  # fmt: skip
    gedian = PACKS["420700"].area("420703400")
    assert [a.id for a in PACKS["420700"].children(gedian.id)] == ["420703101"]
    tianfu = PACKS["511400"].children("511400-tianfu")
    assert {a.parent for a in tianfu} == {"511421", "511403"}
    assert [z.id for z in PACKS["511400"].children("511421", "zone")] == ["511400-tianfu"]


def test_units_that_share_a_polygon_are_one_area_found_by_every_code():
    renshou = PACKS["511400"].area("511421003")
    assert renshou.id == "511421001" and renshou.codes == ("511421001", "511421002", "511421003")
    assert renshou.name_zh == "文林街道·普宁街道·怀仁街道"
    assert PACKS["510400"].area("510402010").id == "510402002"


def test_qianjiang_is_one_area_whose_children_and_siblings_are_townships():
    pack = PACKS["500114"]
    assert pack.city_area.level == "city" and not pack.has_layer("districts")
    assert {a.level for a in pack.children("500114")} == {"township"} and len(pack.children("500114")) == 30
    assert len(pack.siblings("500114001")) == 29
    assert [a.id for a in pack.ancestors("500114001")] == ["500114001", "500114"]


def test_the_suppliers_own_code_wins_over_the_point_and_zone_codes_are_understood():
    locator = PACKS["420700"].locator()
    lon, lat = np.array([114.9, np.nan, np.nan, np.nan, np.nan, 114.9]), np.array([30.3, *[np.nan] * 4, 30.3])
    codes = ["420702100", "420704105000", "420703400", "420702", "nonsense", None]
    got = locator.locate(lon, lat, codes)
    assert got.district_id.tolist() == ["420702", "420704", "420703", "420702", None, "420704"]
    assert got.township_id.tolist() == ["420702100", "420704105", "420703101", None, None, "420704103"]
    assert got.zone_ids[1] == ("420704401",) and got.zone_ids[2] == ("420703400",)
    assert got.basis.tolist() == ["township"] * 4 + [None, "point"]
    assert got.inside.tolist() == [True] * 4 + [False, True]


def test_a_point_outside_gets_the_nearest_area_and_the_distance():
    # 黄石北站 lies across the border, Wuhan's 光谷 some 25 km to the west
    got = PACKS["420700"].locator().locate([114.40, 0.0], [30.50, 0.0], ["420703101", None])
    assert got.inside.tolist() == [False, False] and got.place.tolist() == [-1, -1]
    assert got.nearest_id[0] == "420703" and 10_000 < got.distance_m[0] < 20_000
    assert got.distance_m[1] > 12_000_000


def test_every_point_of_a_district_belongs_to_one_of_its_townships():
    for pack in PACKS.values():
        west, south, east, north = pack.bbox
        rng = np.random.default_rng(5)
        got = pack.locator().locate(rng.uniform(west, east, 4000), rng.uniform(south, north, 4000))
        assert got.inside.any() and all(t is not None for t in got.township_id[got.inside])


@pytest.mark.parametrize("city", CITIES)
def test_area_layers_carry_the_area_id_at_feature_level_and_stay_small(city):
    pack = PACKS[city]
    for name in ("outline", "districts", "townships", "zones"):
        if pack.has_layer(name):
            features = orjson.loads(pack.layer(name).read_bytes())["features"]
            assert all(pack.has_area(f["id"]) and f["properties"]["name_en"] for f in features)
    assert sum(f.stat().st_size for f in pack.folder.rglob("*.geojson")) < 600_000


@pytest.mark.parametrize("city", CITIES)
def test_every_dataset_has_a_source_with_names_and_no_real_feed_is_claimed(city):
    sources = PACKS[city].sources
    assert set(sources) == {name for name, declared in contracts().items() if not declared.derived_from}
    assert {s.state for s in sources.values()} == {"simulated", "off"}
    off = {d for d, s in sources.items() if s.state == "off"}
    # buses have stops and kept times, nobody counts who enters a station; a city whose only plan is the province's
    # has nothing to report on
    assert off == {"transit_entries", "investment_projects"} | ({"plan_reports"} if city == "510400" else set())
    assert all(s.name_zh and s.name_en and s.supplier_zh and s.supplier_en for s in sources.values())
    assert sources["road_speeds"].cadence_s == 300 and sources["city_events"].cadence_s is None


@pytest.mark.parametrize("city", CITIES)
def test_plan_facts_have_the_published_counts(city):
    pack = PACKS[city]
    tables = ("targets", "systems", "departments", "projects")
    assert tuple(len(pack.plan(t)) for t in tables) == PLAN_COUNTS[city]
    assert {row["plan_id"] for t in tables for row in pack.plan(t)} == {SHARED_PLAN[city]}
    assert pack.plan("target_splits") == []
    served = {row["system_id"] for row in pack.plan("system_metrics")}
    assert served == {row["system_id"] for row in pack.plan("systems") if row["dashboard_role"] in ("core", "feed")}


def test_the_provincial_guidance_of_panzhihua_is_marked_and_keeps_its_feed_and_core_systems():
    pack = PACKS["510400"]
    assert pack.provincial_plans == ("sichuan-2020",)
    assert all(p.provincial_plans == () for c, p in PACKS.items() if c != "510400")
    roles = Counter(row["dashboard_role"] for row in pack.plan("systems"))
    assert (roles["core"], roles["feed"], roles["track"], roles["out"]) == (4, 57, 29, 9)


@pytest.mark.parametrize("city", CITIES)
def test_plan_tables_are_the_source_row_for_row(city, shared_data):
    folder = shared_data.parent / "plans"
    for table in ("plans", "clauses", "targets", "systems", "departments", "projects"):
        with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            wanted = [row for row in reader if row["plan_id"] == SHARED_PLAN[city]]
        # the source gives its reasons in English only; the pack adds them in Chinese in a column of its own
        own = ["reason_zh"] if table == "systems" else []
        assert [{name: text for name, text in row.items() if name not in own} for row in PACKS[city].plan(table)] == wanted
        header = (PACKS[city].folder / "plan" / f"{table}.csv").read_text(encoding="utf-8").split("\n")[0]
        assert [name for name in header.split(",") if name not in own] == reader.fieldnames


@pytest.mark.parametrize("city", CITIES)
def test_every_township_of_the_statistics_is_in_the_pack(city, shared_data):
    with (shared_data.parent / "geo" / f"{city}_townships.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pack = PACKS[city]
    for row in rows:
        area = pack.area(row["code"])
        if row["polygon"] != "none":
            assert area.level == "township" and row["name"] in area.name_zh.split("·")
            assert area.parent == row["parent"] and row["name_en"] in area.name_en.split(" / ")
    assert {c for a in pack.children(city, "township") for c in a.codes} | {"420703400", "420704401"} >= {
        r["code"] for r in rows
    }


def test_unknown_ids_say_what_may_be_meant_and_a_missing_folder_is_wrong_use(tmp_path):
    with pytest.raises(UnknownId, match="did you mean .*420703"):
        PACKS["420700"].area("42070")
    with pytest.raises(UnknownId, match="unknown layer 'roads'"):
        PACKS["420700"].layer("roads")
    assert find_area(PACKS, "511421003")[1].id == "511421001"
    with pytest.raises(UsageError, match="does not exist"):
        load_packs(tmp_path / "nowhere")
