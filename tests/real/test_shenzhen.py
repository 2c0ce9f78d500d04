"""A sixth city from the recipe in docs/recipes/shenzhen.md, command by command, without a change to code."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import geopandas as gpd
import polars as pl
import pytest

from data_pipeline.cities import load_packs
from data_pipeline.mappings import FOLDER
from geo.crs import to_wgs84
from tests.real.town import Town, run

RECIPE = Path(__file__).resolve().parents[2] / "docs/recipes/shenzhen.md"


def commands(folder: Path, sites: Path) -> list[str]:
    """The recipe's command lines, except those that set names and start the web."""
    blocks = re.findall(r"^```sh\n(.*?)^```", RECIPE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith(("export", "python app.py"))]
    today = date.today()
    values = {"$SITES": sites, "$DIR": folder, "$FROM": today - timedelta(days=1), "$TO": today + timedelta(days=2)}
    for name, value in values.items():
        lines = [line.replace(name, str(value)) for line in lines]
    return lines


@pytest.fixture(scope="module")
def shenzhen(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Town:
    folder = tmp_path_factory.mktemp("shenzhen")
    for line in commands(folder, shared_data / "ev_sites_shenzhen"):
        words = shlex.split(line)
        if words[:3] == ["python", "-m", "data_pipeline"]:
            run(*words[3:])
        else:
            subprocess.run(words, check=True, env=os.environ)
    return Town(folder, "440300")


@pytest.fixture(scope="module")
def stations(shared_data: Path) -> gpd.GeoDataFrame:
    """Stations brought to WGS84, with the district they lie in (geopandas' own join)."""
    table = pl.read_csv(shared_data / "ev_sites_shenzhen/stations_stevcdp.csv")
    lon, lat = to_wgs84(table["longitude"].to_numpy(), table["latitude"].to_numpy(), "GCJ-02")
    points = gpd.GeoDataFrame(table.to_pandas(), geometry=gpd.points_from_xy(lon, lat), crs=4326)
    districts = gpd.read_file(shared_data / "ev_sites_shenzhen/sz_districts_transbigdata.json").set_crs(4326, allow_override=True)
    return points.sjoin(districts[["qh", "geometry"]], how="left", predicate="within")


def test_the_recipe_makes_a_pack_with_districts_and_zones(shenzhen: Town) -> None:
    pack = load_packs(shenzhen.packs)["440300"]
    levels = Counter(area.level for area in pack.areas.values())
    assert levels == {"city": 1, "district": 10, "township": 491}
    assert (pack.metric_crs, pack.timezone) == ("EPSG:4547", "Asia/Shanghai")
    futian = pack.area("440300:福田")
    assert (futian.name_zh, futian.name_en) == ("福田区", "Futian")
    assert {area.kind for area in pack.children("440300:福田")} == {"traffic_zone"}


def test_every_station_is_taken_and_lies_in_the_district_an_independent_join_finds(
    shenzhen: Town, stations: gpd.GeoDataFrame
) -> None:
    sites = shenzhen.rows("SELECT site_id, district_id, township_id FROM sites")
    assert sites.height == 809 and shenzhen.refused() == {}
    expected = {f"szx-{row.station_id}": f"440300:{row.qh}" for row in stations.itertuples() if isinstance(row.qh, str)}
    assert len(expected) >= 805  # the others stand on a border line
    got = dict(sites.select("site_id", "district_id").iter_rows())
    wrong = [site for site, district in expected.items() if got[site] != district]
    assert wrong == []
    assert set(got.values()) == {"440300:罗湖", "440300:福田", "440300:南山", "440300:盐田"}
    assert sites["township_id"].null_count() == 0


def test_guns_by_district_add_up_to_the_city(shenzhen: Town, stations: gpd.GeoDataFrame) -> None:
    districts = ["440300:罗湖", "440300:福田", "440300:南山", "440300:盐田"]
    parts = [shenzhen.readings("charging.guns_n", "day", district)["value"][-1] for district in districts]
    total = shenzhen.readings("charging.guns_n", "day")["value"][-1]
    assert sum(parts) == total == stations["count"].sum()


def test_stations_read_as_wgs84_are_flagged_as_a_probable_wrong_datum(
    tmp_path: Path, shenzhen: Town, shared_data: Path
) -> None:
    wrong = tmp_path / "as_wgs84.toml"
    text = (FOLDER / "ev_sites_shenzhen.toml").read_text(encoding="utf-8")
    wrong.write_text(text.replace('datum = "GCJ-02"', 'datum = "WGS84"'), encoding="utf-8")
    answer = run(
        "import", shared_data / "ev_sites_shenzhen/stations_stevcdp.csv", "--mapping", wrong, "--city", "440300",
        "--home", tmp_path / "home", "--packs", shenzhen.packs, "--format", "json",
    )  # fmt: skip
    receipt = json.loads(answer)
    assert receipt["quarantined"] > 20
    assert "probable wrong datum" in receipt["message"] and "GCJ-02" in receipt["message"]
    apart = re.search(r"about (\d+) m apart", receipt["message"])
    assert apart and 500 < int(apart[1]) < 700  # the data set's README: about 600 m
