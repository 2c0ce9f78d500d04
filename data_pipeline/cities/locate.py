"""Where a record counts: point or township code → township, district, functional zones, city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from data_pipeline.cities.model import Area
from geo.areas import AreaIndex


class DrawnAreas(Protocol):
    """What locating needs of a city pack: its areas, their parents and their polygons."""

    areas: dict[str, Area]

    def has_layer(self, name: str) -> bool: ...
    def geometries(self, name: str) -> dict[str, BaseGeometry]: ...
    def ancestors(self, area_id: str) -> list[Area]: ...


@dataclass(frozen=True)
class Place:
    """One combination of areas a record can count in, besides the city itself."""

    district_id: str | None
    township_id: str | None
    zone_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Located:
    """Answer of `Locator.locate`: one entry a row.

    place : int32, position in `places`; -1 where the row could not be located in the city
    inside : bool, the point lies in the city (without a point: the code names an area of it)
    by_code : bool, the supplier's own township code decided
    nearest : int32, position in `nearest_ids` of the area nearest to a point outside; -1 else
    distance_m : float64, distance of a point outside to that area; 0 inside, NaN without a point
    """

    places: tuple[Place, ...]
    nearest_ids: tuple[str, ...]
    place: NDArray[np.int32]
    inside: NDArray[np.bool_]
    by_code: NDArray[np.bool_]
    nearest: NDArray[np.int32]
    distance_m: NDArray[np.float64]

    @cached_property
    def district_id(self) -> NDArray[np.object_]:
        """District ids, None where there is none."""
        return _pick([p.district_id for p in self.places], self.place)

    @cached_property
    def township_id(self) -> NDArray[np.object_]:
        """Township ids, None where there is none."""
        return _pick([p.township_id for p in self.places], self.place)

    @cached_property
    def zone_ids(self) -> NDArray[np.object_]:
        """Tuples of zone ids; an empty tuple where the place is in no zone."""
        return _pick([p.zone_ids for p in self.places], self.place, missing=())

    @cached_property
    def basis(self) -> NDArray[np.object_]:
        """`township` (the supplier's code decided), `point`, or None where not located."""
        return _pick(["point", "township"], np.where(self.place < 0, -1, self.by_code.astype(np.int32)))

    @cached_property
    def nearest_id(self) -> NDArray[np.object_]:
        """Id of the nearest area for points outside, None for all others."""
        return _pick(list(self.nearest_ids), self.nearest)


def _pick(values: list, index: NDArray[np.int32], missing: object = None) -> NDArray[np.object_]:
    table = np.empty(len(values) + 1, dtype=object)
    for position, value in enumerate([*values, missing]):
        table[position] = value
    return table[index]


class Locator:
    """Locates arrays of points in one city. Build it through `Pack.locator()`.

    The precise drawing (`locate_districts`) decides the district, the townships drawn inside
    that district decide the township, and the township's statistical parent decides where the
    record counts. A point in a district but in no township belongs to the nearest township of
    that district.
    """

    def __init__(self, pack: DrawnAreas) -> None:
        self.pack = pack
        self._regions, polygons = self._locating_polygons()
        self._region_index = AreaIndex(polygons)
        townships = pack.geometries("townships") if pack.has_layer("townships") else {}
        self._townships = list(townships)
        self._township_index = AreaIndex(list(townships.values()))
        position = {area_id: k for k, area_id in enumerate(self._regions)}
        self._home_region = np.array([position.get(self._drawn_in(t) or "", -1) for t in townships], dtype=np.int32)
        self._region_townships: dict[int, tuple[NDArray[np.intp], AreaIndex]] = {}
        self._zone_polygons = self._zones_by_polygon()
        self._zone_index = AreaIndex([pack.geometries("zones")[z] for z in self._zone_polygons])
        self._members = {
            township: tuple(
                a.id for a in pack.areas.values() if a.id not in self._zone_polygons and township in a.composed_of
            )
            for township in (a.id for a in pack.areas.values() if a.level == "township")
        }
        self._codes = self._places_by_code()

    def _locating_polygons(self) -> tuple[list[str], list]:
        pack = self.pack
        for layer in ("locate_districts", "districts", "locate_outline", "outline"):
            if pack.has_layer(layer):
                found = pack.geometries(layer)
                return list(found), list(found.values())
        return [], []

    def _zones_by_polygon(self) -> list[str]:
        """Zones whose own polygon decides: those with a real border or without known townships."""
        pack = self.pack
        if not pack.has_layer("zones"):
            return []
        return [z for z in pack.geometries("zones") if not (pack.areas[z].approximate and pack.areas[z].composed_of)]

    def _district_of(self, area_id: str) -> str | None:
        return next((a.id for a in self.pack.ancestors(area_id) if a.level == "district"), None)

    def _of_township(self, township: str) -> Place:
        return Place(self._district_of(township), township, self._members[township])

    def _places_by_code(self) -> dict[str, Place]:
        """Every code a supplier may write for an area below the city → where such a record counts."""
        table: dict[str, Place] = {}
        for area in self.pack.areas.values():
            if area.level == "township":
                place = self._of_township(area.id)
            elif area.level == "district":
                place = Place(area.id, None)
            elif area.level == "zone":
                districts = {self._district_of(t) for t in area.composed_of}
                whole = area.composed_of[0] if len(area.composed_of) == 1 else None
                place = Place(districts.pop() if len(districts) == 1 else None, whole, (area.id,))
            else:
                continue
            for code in {area.id, *area.codes}:
                table[code] = place
                if code.isdigit() and len(code) in (6, 9):
                    table[code.ljust(12, "0")] = place
        return table

    def locate(
        self, lon: ArrayLike, lat: ArrayLike, township_code: Sequence[str | None] | pl.Series | None = None
    ) -> Located:
        """Where each row counts.

        Parameters
        ----------
        lon, lat : array_like of float
            WGS84 degrees; NaN where the row has no point.
        township_code : sequence of str or None, optional
            The supplier's own code of the township (9 or 12 digits; a district's or zone's code
            is taken too). Known codes win over the point; unknown ones are passed over.

        Returns
        -------
        Located
            Rows outside the city have `inside` False, `place` -1, the nearest area and the
            distance in metres. A row with a known code and a point outside is outside.
        """
        lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        region = self._region_index.find(lon, lat)
        township = self._townships_at(lon, lat, region)
        places: list[Place] = [self._of_township(t) for t in self._townships]
        place = township.copy()
        bare = (township < 0) & (region >= 0)
        place[bare] = region[bare] + len(places)
        places += [Place(r if self.pack.areas[r].level == "district" else None, None) for r in self._regions]
        inside = region >= 0
        self._add_zone_polygons(lon, lat, inside, place, places)

        by_code = np.zeros(len(lon), dtype=bool)
        no_point = ~(np.isfinite(lon) & np.isfinite(lat))
        if township_code is not None:
            named = self._named(township_code, places)
            by_code = (named >= 0) & (inside | no_point)
            place[by_code] = named[by_code]
            inside = inside | by_code
        outside = ~inside & ~no_point
        nearest, distance_m = np.full(len(lon), -1, dtype=np.int32), np.where(no_point, np.nan, 0.0)
        if outside.any():
            nearest[outside], distance_m[outside] = self._region_index.nearest(lon[outside], lat[outside])
        return Located(tuple(places), tuple(self._regions), place, inside, by_code, nearest, distance_m)

    def _townships_at(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], region: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Position of the township of each point, -1 outside the city or where there are no townships.

        The district's line is the better one: a township polygon that reaches across it does
        not count there; such points, and points in no township, go to the nearest township
        drawn in their district.
        """
        township = self._township_index.find(lon, lat)
        township[region < 0] = -1
        if not self._townships:
            return township
        hit = township >= 0
        home = self._home_region[township]
        township[hit & (home >= 0) & (home != region)] = -1
        loose = np.flatnonzero((region >= 0) & (township < 0))
        for r in np.unique(region[loose]).tolist():
            rows = loose[region[loose] == r]
            if r not in self._region_townships:
                members = np.flatnonzero((self._home_region == r) | (self._home_region < 0))
                self._region_townships[r] = members, AreaIndex(self._township_index.polygons[members])
            members, index = self._region_townships[r]
            if len(members):
                township[rows] = members[index.nearest(lon[rows], lat[rows])[0]]
        return township

    def _drawn_in(self, township: str) -> str | None:
        area = self.pack.areas[township]
        return area.drawn_in or area.parent

    def _add_zone_polygons(
        self,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        inside: NDArray[np.bool_],
        place: NDArray[np.int32],
        places: list[Place],
    ) -> None:
        """Split places by the zones whose polygons hold the points; changes `place` and `places`."""
        if not self._zone_polygons:
            return
        rows, zones = self._zone_index.find_all(lon, lat)
        keep = inside[rows]
        of_row: dict[int, tuple[str, ...]] = {}
        for row, zone in zip(rows[keep].tolist(), zones[keep].tolist(), strict=True):
            of_row[row] = (*of_row.get(row, ()), self._zone_polygons[zone])
        made: dict[tuple[int, tuple[str, ...]], int] = {}
        for row, found in of_row.items():
            key = (int(place[row]), found)
            if key not in made:
                base = places[key[0]]
                made[key] = len(places)
                places.append(Place(base.district_id, base.township_id, (*base.zone_ids, *found)))
            place[row] = made[key]

    def _named(self, codes: Sequence[str | None] | pl.Series, places: list[Place]) -> NDArray[np.int32]:
        """Position in `places` of each code, -1 for unknown; appends the places it needs."""
        positions = {place: k for k, place in reversed(list(enumerate(places)))}
        table: dict[str, int] = {}
        for code, place in self._codes.items():
            if place not in positions:
                positions[place] = len(places)
                places.append(place)
            table[code] = positions[place]
        series = codes if isinstance(codes, pl.Series) else pl.Series(codes, dtype=pl.String)
        found = series.cast(pl.String).str.strip_chars().replace_strict(table, default=-1, return_dtype=pl.Int32)
        return found.fill_null(-1).to_numpy().astype(np.int32)
