"""Key places and lines of a city, and how much of each is covered.

Places: railway stations and functional zones of the pack, and from the register of facilities what
the kinds below name. Lines: railways of the pack, sections of the road register that are not minor.
Where a pack or register names none of a kind there is no figure for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import orjson
import polars as pl
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from data_pipeline.contracts import contract
from data_pipeline.coverage.assumptions import Assumptions
from data_pipeline.coverage.ground import Ground, lonlat_at, middles
from data_pipeline.store.lake import Lake
from geo.coverage.grid import projected
from geo.coverage.shares import line_samples, sums
from geo.crs import to_wgs84

FACILITY_KINDS = {
    "industrial_park": "park", "scenic_area": "sight", "business_district": "business", "hospital": "hospital", "school": "school",
    "port": "hub", "logistics_park": "hub",
}  # fmt: skip
DATASETS = ("facilities", "road_sections")
MAIN_ROADS = ("expressway", "arterial", "secondary")
SCHEMA = contract("coverage_places").polars_schema()


@dataclass(frozen=True)
class KeyPlace:
    """A place (polygon) or a line, WGS84."""

    id: str
    kind: str
    name: str
    name_en: str
    geometry: BaseGeometry


def key_places(lake: Lake, ground: Ground, given: Assumptions) -> Iterator[KeyPlace]:
    """Every key place and line of a city, places given as points as the ground around them."""
    pack = ground.pack
    radius = given.terms.place_radius_m
    for zone, polygon in (pack.geometries("zones") if pack.has_layer("zones") else {}).items():
        area = pack.areas[zone]
        yield KeyPlace(f"zone-{zone}", "park", area.name_zh, area.name_en, polygon)
    for feature in _features(ground, "stations"):
        names = feature["properties"]
        yield KeyPlace(str(feature["id"]), "hub", names.get("name_zh") or "", names.get("name_en") or "", _around(shape(feature["geometry"]), ground, radius))
    for row in _present(lake, "facilities", pack.id, "facility_kind", list(FACILITY_KINDS)).iter_rows(named=True):
        if row["lon"] is not None and row["lat"] is not None:
            point = _around(shapely.Point(row["lon"], row["lat"]), ground, radius)
            yield KeyPlace(row["site_id"], FACILITY_KINDS[row["facility_kind"]], row["name"] or "", row["name_en"] or "", point)
    for feature in _features(ground, "railways"):
        names = feature["properties"]
        yield KeyPlace(str(feature["id"]), "railway", names.get("name_zh") or "", names.get("name_en") or "", shape(feature["geometry"]))
    for row in _present(lake, "road_sections", pack.id, "road_class", list(MAIN_ROADS)).iter_rows(named=True):
        line = shapely.from_wkt(row["path"], on_invalid="ignore") if row["path"] else None
        if line is not None and not line.is_empty:
            yield KeyPlace(row["site_id"], "road", row["name"] or "", row["name_en"] or "", line)


def covered_places(places: Iterator[KeyPlace], ground: Ground, covered: NDArray[np.bool_], computed_at: datetime) -> pl.DataFrame:
    """One row a place, and for lines one row a stretch in one piece: size (km² or km), of that covered, where it counts.

    Places and lines outside the city are left out.
    """
    rows: list[dict] = []
    flat = covered.ravel()
    for place in places:
        geometry = projected(place.geometry, ground.grid.crs)
        if geometry.geom_type in ("Polygon", "MultiPolygon"):
            index = ground.grid.cells_in(geometry)
            index = index[ground.piece.ravel()[index] >= 0]
            if not len(index):
                continue
            size, hit = len(index) * ground.grid.cell_km2, np.count_nonzero(flat[index]) * ground.grid.cell_km2
            rows.append(_row(place, place.id, size, hit, int(middles(index, np.zeros(len(index), dtype=int), 1, ground.grid.columns)[0])))
            continue
        index, metres = line_samples(geometry, ground.grid)
        piece = ground.piece.ravel()[index]
        length = sums(piece, flat[index], metres / 1000, len(ground.places))
        for number in np.flatnonzero(length.all > 0):
            mine = index[piece == number]
            rows.append(_row(place, f"{place.id}@{ground.piece_id(int(number))}", length.all[number], length.covered[number], int(mine[len(mine) // 2])))
    frame = pl.DataFrame(rows, schema={"_at": pl.Int64, **{k: v for k, v in SCHEMA.items() if k not in ("computed_at", "lon", "lat")}})
    lon, lat = lonlat_at(ground, frame["_at"].to_numpy())
    return frame.with_columns(computed_at=pl.lit(computed_at, pl.Datetime("us")), lon=pl.Series(lon), lat=pl.Series(lat)).select(list(SCHEMA))


def _row(place: KeyPlace, place_id: str, size: float, covered: float, at: int) -> dict:
    return {
        "_at": at, "place_id": place_id, "name": place.name or None, "name_en": place.name_en or None, "place_kind": place.kind,
        "size": round(float(size), 4), "covered": round(float(covered), 4),
    }  # fmt: skip


def _around(point: BaseGeometry, ground: Ground, radius_m: float) -> BaseGeometry:
    """The ground within a distance of a point, in degrees."""
    circle = projected(point, ground.grid.crs).buffer(radius_m)
    return shapely.transform(circle, lambda xy: np.stack(to_wgs84(xy[:, 0], xy[:, 1], ground.grid.crs), axis=1))


def _features(ground: Ground, layer: str) -> list[dict]:
    if not ground.pack.has_layer(layer):
        return []
    return orjson.loads(ground.pack.layer(layer).read_bytes())["features"]


def _present(lake: Lake, dataset: str, city: str, column: str, kinds: list[str]) -> pl.DataFrame:
    """Present sites of a register whose `column` (a column of the contract) is one of `kinds`."""
    table = contract(dataset).table
    return lake.frame(
        f'SELECT * FROM "{table}" WHERE city = ? AND known_to_utc IS NULL AND list_contains(?, "{column}")'
        " AND closed_on IS NULL ORDER BY site_id",
        [city, kinds],
    )
