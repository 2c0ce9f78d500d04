"""check_pack names every planted fault; new-pack and replace-layer round trips."""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import numpy as np
import orjson
import pytest
from shapely import Polygon, box, contains_xy
from typer.testing import CliRunner

from data_pipeline.cities import built_in_packs, load_pack, load_packs
from data_pipeline.cities.check import check_pack
from data_pipeline.cities.make import make_pack, parse_bbox, replace_layer
from data_pipeline.cli.packs import app
from data_pipeline.contracts import contracts
from data_pipeline.errors import CityBrainError, DeclarationError, UsageError
from geo.crs import from_wgs84


@pytest.fixture
def copy(tmp_path):
    """A copy of 鄂州's pack to break."""
    folder = tmp_path / "420700"
    shutil.copytree(built_in_packs()["420700"].folder, folder)
    return folder


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def edit_layer(path, change):
    data = orjson.loads(path.read_bytes())
    change(data["features"])
    path.write_bytes(orjson.dumps(data))


FAULTS = {
    "an unknown key": (lambda f: edit(f / "city.toml", "metric_crs =", "metric_csr ="), "did you mean 'metric_crs'"),
    "a wrong metric CRS": (lambda f: edit(f / "city.toml", "EPSG:4547", "EPSG:3857"), "metric_crs EPSG:3857 is wrong"),
    "a CRS in degrees": (lambda f: edit(f / "city.toml", "EPSG:4547", "EPSG:4326"), "not a projected CRS in metres"),
    "another city's zone": (lambda f: edit(f / "city.toml", "EPSG:4547", "EPSG:4543"), "metric_crs EPSG:4543 is wrong"),
    "a swapped bbox": (lambda f: edit(f / "city.toml", "bbox = [114", "bbox = [214"), "bbox"),
    "a bad time zone": (lambda f: edit(f / "city.toml", "Asia/Shanghai", "Asia/Ezhou"), "unknown time zone"),
    "an unknown dataset": (lambda f: edit(f / "city.toml", "[sources.air_quality]", "[sources.air_qualty]"),
                           "did you mean 'air_quality'"),
    "a missing mapping": (
        lambda f: edit(f / "city.toml", "[sources.figures]\n", '[sources.figures]\nmapping = "none"\n'),
        "mapping 'none': file does not exist",
    ),
    "a bad state": (lambda f: edit(f / "city.toml", 'state = "off"', 'state = "perhaps"'), "state"),
    "a missing layer file": (lambda f: (f / "layers/water.geojson").unlink(), "file does not exist"),
    "a missing layer": (lambda f: edit(f / "city.toml", "[layers.zones]", "[layers.zonez]"), "did you mean 'zones'"),
    "broken GeoJSON": (lambda f: edit(f / "layers/townships.geojson", "Feature", '"'), "not valid JSON"),
    "a parent that is absent": (lambda f: edit(f / "areas.csv", "town,420702", "town,420799"), "parent '420799'"),
    "a doubled id": (lambda f: edit(f / "areas.csv", "420702101,东沟镇", "420702100,东沟镇"), "stands twice"),
    "a wrong area": (lambda f: edit(f / "areas.csv", "494.3", "594.3"), "measures 494.3 km²"),
    "populations that do not add up": (lambda f: edit(f / "areas.csv", "126822", "126823"), "add up to"),
    "an unknown level": (lambda f: edit(f / "areas.csv", ",zone,", ",county,"), "level"),
    "an unknown clause": (lambda f: edit(f / "plan/targets.csv", "-2020,二(一)", "-2020,九"), "unknown clause"),
    "an unknown department": (lambda f: edit(f / "plan/departments.csv", "市经信局", "市经济局"),
                              "unknown department '市经信局'"),
    "a missing plan table": (lambda f: (f / "plan/systems.csv").unlink(), "systems.csv: file does not exist"),
    "an unknown plan": (lambda f: edit(f / "plan/projects.csv", "ezhou-2020,ez-", "ezhou-2021,ez-"), "unknown plan_id"),
    "a bad date": (lambda f: edit(f / "plan/targets.csv", "2022-12-31", "2022-13-31"), "not an ISO date"),
    "an unknown comparator": (lambda f: edit(f / "plan/targets.csv", ",>=,", ",at least,"), "comparator is 'at least'"),
    "a rule on an unknown key": (lambda f: edit(f / "alerts.toml", "[[rule]]", "[[rule]]\nmetrik = 1"), "alerts.toml"),
    "a scene with an unknown key": (lambda f: edit(f / "wall.toml", "dwell_s =", "dwel_s ="), "did you mean 'dwell_s'"),
    "a wall with a figure that is none": (lambda f: edit(f / "wall.toml", '"traffic.tti"', '"trafic.tti"'), "did you mean 'traffic.tti'"),
    "a correction of nothing": (lambda f: edit(f / "corrections.toml", 'key = "市交通局"', 'key = "市X局"'),
                                "no row '市X局'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(copy, fault):
    plant, words = FAULTS[fault]
    plant(copy)
    problems = check_pack(copy)
    assert any(words in p for p in problems), problems


def test_faults_of_polygons_are_named(copy):
    def spoil(features):
        features[0]["id"] = "999999"
        bow = [[114, 30], [115, 31], [115, 30], [114, 31], [114, 30]]
        features[1]["geometry"] = {"type": "Polygon", "coordinates": [bow]}
        features[3]["geometry"] = features[4]["geometry"]
        features[5]["geometry"]["coordinates"] = [[[1, 1], [2, 1], [2, 2], [1, 1]]]
        features.append(features[6])
        features[7].pop("id")

    edit_layer(copy / "layers/townships.geojson", spoil)
    text = "\n".join(check_pack(copy))
    for words in ("'999999' is not a township", "not a valid polygon: Self-intersection", "overlap by 100",
                  "reaches beyond", "stands twice", "no text id", "no polygon for '4207021"):  # fmt: skip
        assert words in text, words


def test_all_problems_come_in_one_list(copy):
    edit(copy / "city.toml", "EPSG:4547", "EPSG:3857")
    edit(copy / "wall.toml", 'id = "overview"', 'id = "Over view"')
    (copy / "plan/clauses.csv").unlink()
    edit(copy / "city.toml", "metric_crs =", "nonsense = 1\nmetric_crs =")
    text = "\n".join(check_pack(copy))
    assert "unknown key 'nonsense'" in text, "an unknown key is named and hides nothing else"
    assert "EPSG:3857" in text and "wall.toml" in text and "clauses.csv: file does not exist" in text


EVERYTHING = ("wall.toml", "clauses.csv: file does not exist", "water.geojson): file does not exist", "alerts.toml", "stands twice")


def break_everything_else(folder):
    edit(folder / "wall.toml", 'id = "overview"', 'id = "Over view"')
    (folder / "plan/clauses.csv").unlink()
    (folder / "layers/water.geojson").unlink()
    edit(folder / "alerts.toml", "[[rule]]", "[[rule]]\nmetrik = 1")
    edit_layer(folder / "layers/townships.geojson", lambda features: features.append(features[6]))


@pytest.mark.parametrize("old, new, words", [
    ("metric_crs = ", "metric_crs = 5 # ", "metric_crs"), ("timezone = ", "# timezone = ", "missing key 'timezone'"),
    ("bbox = [", 'bbox = ["x", ', "bbox"), ('id = "420700"', 'id = "42-07"', "a city id is a six-digit adcode"),
    ('state = "off"', 'state = "perhaps"', "state"), ('rights = "clear"', 'rights = "maybe"', "rights"),
])  # fmt: skip
def test_a_mistake_in_city_toml_hides_no_other_problem(copy, old, new, words):
    break_everything_else(copy)
    edit(copy / "city.toml", old, new)
    problems = check_pack(copy)
    text = "\n".join(problems)
    for expected in (words, *EVERYTHING):
        assert expected in text, expected
    about_city = [p for p in problems if p.startswith(("420700/city.toml", "city.toml"))]
    assert len([p for p in about_city if "no source of dataset" not in p]) == 1, "and says each thing once: " + text


def test_a_city_toml_that_is_no_toml_still_has_its_areas_plans_and_rules_checked(copy):
    break_everything_else(copy)
    edit(copy / "city.toml", "[layers", "[[layers")
    edit(copy / "areas.csv", "420702101,东沟镇", "420702100,东沟镇")
    text = "\n".join(check_pack(copy))
    for words in ("city.toml: not valid TOML", "wall.toml", "clauses.csv: file does not exist", "alerts.toml", "stands twice"):
        assert words in text, words


def test_a_pack_that_is_not_there_is_a_problem_not_a_crash(tmp_path):
    assert check_pack(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: no such folder"]
    (tmp_path / "empty").mkdir()
    assert any("city.toml: file does not exist" in p or "does not exist" in p for p in check_pack(tmp_path / "empty"))


PLACES = {
    "sf": ("America/Los_Angeles", (-122.6, 37.6, -122.3, 37.9), "EPSG:32610"),
    "mel": ("Australia/Melbourne", (144.5, -38.2, 145.6, -37.5), "EPSG:32755"),
    "110000": ("Asia/Shanghai", (115.4, 39.4, 117.5, 41.1), "EPSG:4548"),
    "tromso": ("Europe/Oslo", (18.5, 69.5, 19.5, 69.9), "EPSG:32634"),
}


@pytest.mark.parametrize("city", PLACES)
def test_a_box_anywhere_on_earth_is_a_valid_city(tmp_path, city):
    timezone, bbox, crs = PLACES[city]
    folder, notes = make_pack(tmp_path, city, name_zh="某地", name_en="Somewhere", timezone=timezone, bbox=bbox)
    assert check_pack(folder) == [] and notes == []
    pack = load_packs(tmp_path)[city]
    assert pack.metric_crs == crs and pack.timezone == timezone and list(pack.areas) == [city]
    middle = (bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2
    located = pack.locator().locate([middle[0], bbox[2] + 1], [middle[1], middle[1]])
    assert located.inside.tolist() == [True, False] and located.nearest_id[1] == city
    assert located.district_id.tolist() == [None, None]
    assert {s.state for s in pack.sources.values()} == {"real"} and set(pack.sources) == set(contracts())


@pytest.fixture
def squares():
    shapes = [box(10 + k, 50, 11 + k, 51) for k in range(3)]
    return gpd.GeoDataFrame({"nr": [1.0, 2.0, 3.0], "label": ["a", "b", "c"]}, geometry=shapes, crs="EPSG:4326")


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "shp"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_areas_of_any_format_and_crs_become_districts_with_the_citys_prefix(tmp_path, squares, suffix, crs):
    if suffix == "geojson" and crs != "EPSG:4326":
        crs = "EPSG:4326"  # GeoJSON is WGS84 by its standard
    path = tmp_path / f"areas.{suffix}"
    squares.to_crs(crs).to_file(path)
    folder, _ = make_pack(
        tmp_path / "packs", "town", name_zh="镇", name_en="Town", timezone="Europe/Berlin",
        areas_file=path, area_id="nr", area_name="label",
    )  # fmt: skip
    pack = load_pack(folder)
    assert list(pack.areas) == ["town", "town:1", "town:2", "town:3"]
    assert pack.locator().locate([11.5], [50.5]).district_id.tolist() == ["town:2"]
    assert pack.locator().locate([np.nan], [np.nan], ["town:3"]).district_id.tolist() == ["town:3"]


def test_gcj02_polygons_are_moved_when_the_datum_is_given(tmp_path):
    ring = np.array(box(114.0, 22.5, 114.1, 22.6).exterior.coords)
    moved = np.column_stack(from_wgs84(ring[:, 0], ring[:, 1], "GCJ-02"))
    path = tmp_path / "a.geojson"
    gpd.GeoDataFrame({"id": ["x"]}, geometry=[Polygon(moved)], crs="EPSG:4326").to_file(path)
    folder, _ = make_pack(
        tmp_path / "packs", "sz", name_zh="深", name_en="S", timezone="Asia/Shanghai",
        areas_file=path, area_id="id", area_name="id", datum="GCJ-02",
    )  # fmt: skip
    assert load_pack(folder).geometry("sz:x").bounds == pytest.approx((114.0, 22.5, 114.1, 22.6), abs=2e-5)


def test_crossing_polygons_are_repaired_with_a_note_and_slivers_of_overlap_are_cut(tmp_path, squares):
    squares.geometry = [
        Polygon([(10, 50), (11, 51), (11, 50), (10, 51)]), box(11, 50, 12, 51), box(11.99, 50, 13, 51),
    ]  # fmt: skip
    path = tmp_path / "a.gpkg"
    squares.to_file(path)
    folder, notes = make_pack(
        tmp_path / "packs", "town", name_zh="镇", name_en="Town", timezone="Europe/Berlin",
        areas_file=path, area_id="nr", area_name="label",
    )  # fmt: skip
    assert check_pack(folder) == []
    assert any("invalid polygon repaired" in n for n in notes) and any("overlaps between areas cut" in n for n in notes)


BAD_FILES = {
    "areas that overlap by half": ([box(0, 0, 2, 1), box(1, 0, 3, 1)], ["a", "b"], "overlap by 50%"),
    "a doubled id": ([box(0, 0, 1, 1), box(1, 0, 2, 1)], ["a", "a"], "stands twice"),
    "an empty id": ([box(0, 0, 1, 1)], [""], "the id is empty"),
    "a slash in the id": ([box(0, 0, 1, 1)], ["a/b"], "may hold letters"),
    "no geometry": ([None, box(0, 0, 1, 1)], ["a", "b"], "empty"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_by_name_and_leaves_nothing_behind(tmp_path, case):
    shapes, ids, words = BAD_FILES[case]
    path = tmp_path / "bad.gpkg"
    gpd.GeoDataFrame({"nr": ids}, geometry=shapes, crs="EPSG:4326").to_file(path)
    with pytest.raises(CityBrainError, match=words):
        make_pack(tmp_path / "packs", "town", name_zh="镇", name_en="T", timezone="UTC", areas_file=path,
                  area_id="nr", area_name="nr")  # fmt: skip
    assert not (tmp_path / "packs").exists() or not any((tmp_path / "packs").iterdir())


def test_wrong_use_of_new_pack_is_told_apart(tmp_path, squares):
    path = tmp_path / "a.geojson"
    squares.to_file(path)
    good = {"name_zh": "镇", "name_en": "T", "timezone": "UTC"}
    with pytest.raises(UsageError, match="not allowed"):
        make_pack(tmp_path, "Town!", **good, bbox=(0, 0, 1, 1))
    with pytest.raises(UsageError, match="either --bbox or --areas"):
        make_pack(tmp_path, "town", **good)
    with pytest.raises(UsageError, match="unknown time zone"):
        make_pack(tmp_path, "town", **(good | {"timezone": "Mars/Base"}), bbox=(0, 0, 1, 1))
    with pytest.raises(UsageError, match="exists already"):
        make_pack(tmp_path, "420700", **good, bbox=(0, 0, 1, 1))
    with pytest.raises(UsageError, match="no column 'nrr'.*\n.*did you mean 'nr'"):
        make_pack(tmp_path, "town", **good, areas_file=path, area_id="nrr", area_name="label")
    for bad in ("1,2,3", "3,0,1,1", "0,0,1,95", "a,b,c,d"):
        with pytest.raises(UsageError, match="--bbox"):
            parse_bbox(bad)
    (tmp_path / "not.geojson").write_text(json.dumps({"nothing": 1}))
    with pytest.raises(CityBrainError, match="cannot be read"):
        make_pack(tmp_path, "town", **good, areas_file=tmp_path / "not.geojson", area_id="a", area_name="a")


def test_an_operators_layer_replaces_the_drawn_one_in_a_copy_only(tmp_path):
    pack = built_in_packs()["420700"]
    precise = gpd.GeoDataFrame(
        {"code": list(pack.geometries("locate_districts"))},
        geometry=list(pack.geometries("locate_districts").values()), crs="EPSG:4326",
    )  # fmt: skip
    path = tmp_path / "official.gpkg"
    precise.to_file(path)
    before = pack.layer("districts").read_bytes()
    folder, _ = replace_layer(
        tmp_path / "packs", "420700", "districts", path, id_column="code", source="市自然资源和规划局",
        licence="by permission", rights="clear",
    )  # fmt: skip
    assert check_pack(folder) == [] and pack.layer("districts").read_bytes() == before
    replaced = load_packs(tmp_path / "packs")["420700"]
    assert replaced.folder == folder and replaced.layers["districts"].rights == "clear"
    assert replaced.geometry("420702").equals_exact(pack.geometries("locate_districts")["420702"], 2e-5, normalize=True)
    assert len(replaced.plan("targets")) == 89 and replaced.layers["water"] == pack.layers["water"]
    precise["code"] = ["x", "y", "z"]
    precise.to_file(path)
    with pytest.raises(CityBrainError, match="no areas of 420700: x, y, z"):
        replace_layer(tmp_path / "packs", "420700", "districts", path, id_column="code", source="s", licence="l")


def test_townships_follow_a_better_district_line(tmp_path):
    pack = built_in_packs()["420700"]
    line = pack.geometries("districts")  # the official drawing, up to 700 m off the precise one
    path = tmp_path / "d.gpkg"
    gpd.GeoDataFrame({"code": list(line)}, geometry=list(line.values()), crs="EPSG:4326").to_file(path)
    folder, _ = replace_layer(
        tmp_path / "packs", "420700", "locate_districts", path, id_column="code", source="s", licence="l"
    )
    other = load_pack(folder)
    rng = np.random.default_rng(2)
    west, south, east, north = other.bbox
    lon, lat = rng.uniform(west, east, 20000), rng.uniform(south, north, 20000)
    got = other.locator().locate(lon, lat)
    for district, shape in line.items():
        inside = [bool(v) for v in got.district_id == district]
        assert inside == contains_xy(shape, lon, lat).tolist()
        assert all(other.area(t).parent == district for t in got.township_id[got.district_id == district])


def test_two_cities_may_not_share_an_area_id(tmp_path):
    make_pack(tmp_path, "town", name_zh="镇", name_en="T", timezone="UTC", bbox=(0, 0, 1, 1))
    shutil.copytree(tmp_path / "town", tmp_path / "town2")
    with pytest.raises(DeclarationError, match="'town' is also in"):
        load_packs(tmp_path)


def test_the_commands_end_with_0_for_good_and_1_for_problems(tmp_path, copy):
    runner = CliRunner()
    made = runner.invoke(app, ["new-pack", "bay", "--name-zh", "湾", "--name-en", "Bay", "--timezone", "UTC",
                               "--bbox", "0,0,1,1", "--packs", str(tmp_path / "p"), "--format", "json"])  # fmt: skip
    assert made.exit_code == 0 and json.loads(made.stdout)["folder"].endswith("bay")
    good = runner.invoke(app, ["check-pack", "bay", "--packs", str(tmp_path / "p"), "--format", "json"])
    assert good.exit_code == 0 and json.loads(good.stdout) == []
    edit(copy / "city.toml", "EPSG:4547", "EPSG:3857")
    bad = runner.invoke(app, ["check-pack", str(copy), "--format", "json"])
    assert bad.exit_code == 1 and "EPSG:3857" in json.loads(bad.stdout)[0]["problem"]
