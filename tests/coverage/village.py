"""A village of 8 × 6 km in EPSG:4547 with two townships, a zone, a lake, a railway, a station; and a store for it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shapely
from shapely import LineString, Point, box
from shapely.geometry.base import BaseGeometry

from data_pipeline.cities import Pack, load_pack
from data_pipeline.home import Home
from data_pipeline.ingest.types import Incoming
from data_pipeline.ingest.writer import Writer
from geo.crs import to_wgs84
from tests.fresh import new_store

CRS = "EPSG:4547"
WEST, SOUTH = 500_000.0, 3_360_000.0
NOW = datetime(2026, 11, 22, 4)
OUTLINE = box(WEST, SOUTH, WEST + 8_000, SOUTH + 6_000)
WEST_TOWN, EAST_TOWN = box(WEST, SOUTH, WEST + 4_000, SOUTH + 6_000), box(WEST + 4_000, SOUTH, WEST + 8_000, SOUTH + 6_000)
ZONE = box(WEST + 6_000, SOUTH, WEST + 8_000, SOUTH + 2_000)
LAKE = box(WEST, SOUTH + 5_000, WEST + 4_000, SOUTH + 6_000)
RAIL = LineString([(WEST - 1_000, SOUTH + 3_025), (WEST + 9_000, SOUTH + 3_025)])
STATION = Point(WEST + 2_000, SOUTH + 3_000)
SEAT_WEST, SEAT_EAST = Point(WEST + 1_000, SOUTH + 1_000), Point(WEST + 6_000, SOUTH + 4_000)
HEAD = "id,name_zh,name_en,level,kind,parent,codes,population,area_km2,lon,lat\n"


def degrees(geometry: BaseGeometry) -> BaseGeometry:
    """A geometry of the village in WGS84 degrees."""
    fine = shapely.segmentize(geometry, 250) if geometry.geom_type != "Point" else geometry
    return shapely.transform(fine, lambda xy: np.stack(to_wgs84(xy[:, 0], xy[:, 1], CRS), axis=1))


def village_pack(folder: Path) -> Pack:
    """The pack, written to a folder and read from it."""
    (folder / "layers").mkdir(parents=True)
    layers = {
        "outline": [("900000", OUTLINE, {})], "townships": [("900000001", WEST_TOWN, {}), ("900000002", EAST_TOWN, {})],
        "zones": [("900000400", ZONE, {})], "water": [("w", LAKE, {})],
        "railways": [("rail", RAIL, {"name_zh": "试验线"})], "stations": [("halt", STATION, {"name_zh": "西站"})],
        "places": [("p1", SEAT_WEST, {"area_id": "900000001"}), ("p2", SEAT_EAST, {"area_id": "900000002"})],
    }  # fmt: skip
    text = [
        'id = "900000"', 'name_zh = "试验村"', 'name_en = "Village"', 'timezone = "Asia/Shanghai"', f'metric_crs = "{CRS}"',
        "bbox = [113.9, 30.2, 114.3, 30.6]", "",
    ]  # fmt: skip
    for name, features in layers.items():
        found = [{"type": "Feature", "id": i, "geometry": json.loads(shapely.to_geojson(degrees(g))), "properties": p} for i, g, p in features]
        (folder / "layers" / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": found}))
        text += [f"[layers.{name}]", f'file = "layers/{name}.geojson"', 'source = "test"', 'licence = "test"', 'rights = "clear"', ""]
    for name in ("base_stations", "drive_tests", "facilities", "road_sections"):
        text += [f"[sources.{name}]", 'state = "real"', f'name_zh = "{name}"', f'name_en = "{name}"', ""]
    (folder / "city.toml").write_text("\n".join(text))
    lon, lat = (float(v[()]) for v in to_wgs84(WEST + 1, SOUTH + 1, CRS))
    rows = [
        f"900000,试验村,Village,city,county,,900000,30000,48,{lon},{lat}", f"900000001,西镇,West,township,town,900000,900000001,10000,24,{lon},{lat}",
        f"900000002,东街道,East,township,subdistrict,900000,900000002,,24,{lon},{lat}",
        f"900000400,开发区,Zone,zone,functional_zone,900000,900000400,,4,{lon},{lat}",
    ]  # fmt: skip
    (folder / "areas.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return load_pack(folder)


def station(site: str, east_m: float, north_m: float, **more: Any) -> dict[str, Any]:
    """A row of the register: a mast at metres from the village's south-west corner."""
    lon, lat = (float(v[()]) for v in to_wgs84(WEST + east_m, SOUTH + north_m, CRS))
    row = {
        "site_id": site, "operator": "中国移动", "technology": "5G", "band": "n41", "height_m": 25.0, "status": "active",
        "opened_on": date(2025, 1, 1), "closed_on": None, "azimuth_deg": None, "beam_width_deg": None, "downtilt_deg": None,
        "eirp_dbm": None, "lon": lon, "lat": lat,
    }  # fmt: skip
    return row | more


class Village:
    """A store with the village's pack; `bring` delivers rows of a dataset."""

    def __init__(self, folder: Path) -> None:
        self.clock = NOW
        self.pack = village_pack(folder / "pack")
        self.home = Home.of(folder / "home")
        self.home.root.mkdir()
        self.folder = folder
        self.lake = new_store(self.home, "test")
        self.writer = Writer(self.lake, {self.pack.id: self.pack}, self.home, lambda: self.clock)
        self._n = 0

    def bring(self, dataset: str, rows: list[dict[str, Any]], is_simulated: bool = False) -> None:
        """Deliver rows as a Parquet file; every one must be accepted or a duplicate."""
        self._n += 1
        path = self.folder / f"{dataset}_{self._n}.parquet"
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
        receipt = self.writer.take(Incoming(path, self.pack.id, dataset, "test", path.name, is_simulated=is_simulated))
        assert (receipt.status, receipt.quarantined) == ("accepted", 0), receipt

    def later(self, by: timedelta = timedelta(minutes=10)) -> None:
        """Let time pass: what becomes known at one moment has no order."""
        self.clock += by

    def rows(self, dataset: str) -> pl.DataFrame:
        """Present records of a dataset."""
        return self.lake.frame(f'SELECT * FROM "rec_{dataset}" WHERE known_to_utc IS NULL')
