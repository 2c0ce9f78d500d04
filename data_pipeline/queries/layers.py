"""What a map shows beside figures of areas: the state of road sections, records by H3 cell, lines and shapes as GeoJSON.

Each is worked out once a delivery of its dataset, not once a viewer. Shapes are given apart from figures, so that a
browser fetches them once and a new snapshot brings numbers only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import polars as pl
import shapely

from data_pipeline.cities import Pack, find_pack
from data_pipeline.cities.model import Level
from data_pipeline.contracts import contract
from data_pipeline.domains import HeatLayer
from data_pipeline.queries.mirror import Mirror
from data_pipeline.queries.past import Moment
from data_pipeline.queries.reading import ReadingLake
from data_pipeline.queries.types import HeatMap, RoadState
from data_pipeline.store.schema import known_at
from data_pipeline.times import local_day
from geo.h3cells import cell_outline, covering, parents_text

ROADS, SPEEDS = "road_sections", "road_speeds"
NEWEST = timedelta(minutes=15)  # GB/T 33171-2016 7.2.2.1: an interval of at most 15 minutes
FINEST_CELLS, COARSEST_CELLS, MOST_CELLS = 8, 6, 2000
KEPT = 16


class LayersDoor:
    """The part of `Queries` that maps draw from. Its other parts set the attributes."""

    packs: dict[str, Pack]
    now: Callable[[], datetime]
    _reading: ReadingLake
    _mirror: Mirror
    _moment: Moment | None
    _layers: dict[tuple[Any, ...], Any]

    def road_states(self, city: str) -> list[RoadState]:
        """Every section of the register in service, with its speed in the last 15 minutes for which any section reported.

        Empty where the city has no sections.
        """
        pack = find_pack(self.packs, city)
        newest = self._mirror.state.sources.get((pack.id, SPEEDS), (None, None))[0]
        until = self.now() if newest is None else min(newest, self.now())
        return self._once(("roads", pack.id), SPEEDS, lambda: self._road_states(pack, until))

    def _road_states(self, pack: Pack, until: datetime) -> list[RoadState]:
        lake = self._reading.get()
        if lake is None:
            return []
        known, at = self._known()
        rows = lake.frame(
            f'SELECT s.site_id, s.free_speed_kmh, v.newest.speed AS speed, v.newest.at AS "at" FROM "{contract(ROADS).table}" AS s'
            f" LEFT JOIN (SELECT site_id, arg_max(struct_pack(speed := speed_kmh, at := event_at_utc), event_at_utc) AS newest"
            f'  FROM "{contract(SPEEDS).table}" WHERE city = ? AND {known} AND event_at_utc > ? AND event_at_utc <= ? GROUP BY site_id'
            f" ) AS v ON v.site_id = s.site_id"
            f" WHERE s.city = ? AND s.known_to_utc IS NULL AND (s.closed_on IS NULL OR s.closed_on > ?) ORDER BY s.site_id",
            [pack.id, *at, until - NEWEST, until, pack.id, local_day(until, pack.tz)],
        )
        return [RoadState(site, speed, free, _delay_share(speed, free), moment) for site, free, speed, moment in rows.iter_rows()]

    def road_sections_geojson(self, city: str) -> dict[str, Any]:
        """The lines of the road sections in service (WGS84): `id`, both names and road class as properties. Sections without a line are left out."""
        pack, features = find_pack(self.packs, city), []
        for site in self._sites_of(pack, ROADS):
            given = site["attributes"]
            if given.get("path"):
                features.append(_feature(site["site_id"], _geometry(shapely.from_wkt(given["path"]), 5),
                                         {"name": site["name"], "name_en": site["name_en"] or site["name"], "road_class": given.get("road_class")}))  # fmt: skip
        return {"type": "FeatureCollection", "features": features}

    def heat(self, city: str, layer: HeatLayer) -> HeatMap:
        """Records of a declared layer by H3 cell over its last days; cells with fewer records than it tells are left out.

        Every record counts once, at the point it was located at on its way in. No records give no cells.
        """
        pack = find_pack(self.packs, city)
        return self._once(("heat", pack.id, layer.id, local_day(self.now(), pack.tz)), layer.dataset, lambda: self._heat(pack, layer))

    def _heat(self, pack: Pack, layer: HeatLayer) -> HeatMap:
        lake, resolution = self._reading.get(), cell_resolution(pack)
        if lake is None:
            return HeatMap(resolution, {}, 0, 0, 0)
        known, at = self._known()
        total = f'sum("{layer.sum}")' if layer.sum else "count(*)"
        now = self.now()
        rows = lake.frame(
            f'SELECT h3_r9, count(*) AS n, CAST({total} AS DOUBLE) AS total FROM "{contract(layer.dataset).table}"'
            f" WHERE city = ? AND {known} AND event_at_utc > ? AND event_at_utc <= ? GROUP BY h3_r9",
            [pack.id, *at, now - timedelta(days=layer.days), now],
        )
        placed = rows.drop_nulls(["h3_r9"])
        parents = pl.Series("cell", parents_text(placed["h3_r9"].to_list(), resolution), pl.String)
        cells = placed.with_columns(parents).group_by("cell").agg(pl.col("n", "total").sum()).sort("cell")
        told = cells.filter(pl.col("n") >= layer.least_n)
        return HeatMap(resolution, dict(told.select("cell", "total").iter_rows()), int(rows["n"].sum()), cells.height - told.height,
                       int(rows["n"].sum()) - int(placed["n"].sum()))  # fmt: skip

    def cells_geojson(self, city: str) -> dict[str, Any]:
        """The H3 cells that cover a city, at the resolution of its heat maps (WGS84); `id` is the cell."""
        pack = find_pack(self.packs, city)
        shape = pack.geometry(pack.city_area.id)
        if shape is None:
            return {"type": "FeatureCollection", "features": []}
        outlines = {cell: cell_outline(cell) for cell in covering(shape, cell_resolution(pack))}
        return {
            "type": "FeatureCollection",
            "features": [
                _feature(cell, {"type": "Polygon", "coordinates": [[[round(x, 5), round(y, 5)] for x, y in line]]}, {}) for cell, line in outlines.items()
            ],
        }

    def areas_geojson(self, city: str, level: Level) -> dict[str, Any]:
        """The shapes of a city's areas of a level (WGS84); `id` is the area's. Areas without a shape are left out."""
        pack = find_pack(self.packs, city)
        shapes = {a.id: pack.geometry(a.id) for a in pack.areas.values() if a.level == level}
        features = [_feature(area, shapely.geometry.mapping(shape), {}) for area, shape in shapes.items() if shape is not None]
        return {"type": "FeatureCollection", "features": features}

    # ------------------------------------------------------------------ inside

    def _once(self, key: tuple[Any, ...], dataset: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, kept until a delivery of the dataset arrives. Each moment looked back to has its own."""
        key = (*key, self._moment, self._mirror.state.sources.get((key[1], dataset)))
        if key not in self._layers:
            found = self._layers[key] = make()
            for old in list(self._layers)[:-KEPT]:
                self._layers.pop(old, None)
            return found
        return self._layers[key]

    def _known(self) -> tuple[str, list[datetime]]:
        """The condition for records known now, or at the moment this door stands at, and its parameters."""
        return known_at(self._moment.known_at_utc if self._moment else None)

    def _sites_of(self, pack: Pack, dataset: str) -> list[dict[str, Any]]:
        frame = self._mirror.state.sites.get(pack.id)
        if frame is None:
            return []
        today = local_day(self.now(), pack.tz)
        in_service = pl.col("closed_on").is_null() | (pl.col("closed_on") > today)
        rows = frame.filter(pl.col("dataset") == dataset, in_service).select("site_id", "name", "name_en", "attributes").rows(named=True)
        return [row | {"attributes": orjson.loads(row["attributes"] or "{}")} for row in rows]


def cell_resolution(pack: Pack) -> int:
    """The finest H3 resolution (8: 0.74 km², 7: 5.2 km², 6: 36 km²) at which a city has not many more cells than a screen can tell apart."""
    size = pack.city_area.area_km2 or 0.0
    for resolution, cell_km2 in ((FINEST_CELLS, 0.737), (7, 5.161)):
        if size / cell_km2 <= MOST_CELLS:
            return resolution
    return COARSEST_CELLS


def _delay_share(speed_kmh: float | None, free_kmh: float | None) -> float | None:
    """1 − V/V_free, at least 0; rounded as the classes need it (1 − 0.7 is no 0.3 in binary fractions)."""
    if speed_kmh is None or not free_kmh:
        return None
    return max(round(1 - speed_kmh / free_kmh, 9), 0.0)


def _feature(id: str, geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"id": id, **properties}, "geometry": geometry}


def _geometry(shape: shapely.Geometry, digits: int) -> dict[str, Any]:
    return orjson.loads(shapely.to_geojson(shapely.set_precision(shape, 10.0**-digits, mode="pointwise")))
