"""Polygons of areas: repair, geodesic area, and which polygon a point lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from geo.distance import WGS84, geodesic_m

GRID_SIDE = 512
GRID_FROM_POINTS = 50_000


class BadGeometry(ValueError):
    """A geometry that cannot be an area; the message says why."""


def polygonal(geometry: BaseGeometry) -> tuple[Polygon | MultiPolygon, str]:
    """`geometry` as a valid Polygon or MultiPolygon, and what had to be repaired.

    Returns
    -------
    (geometry, note)
        `note` is empty where nothing was changed, else GEOS's reason, for example
        "Self-intersection[114.7 30.3]".

    Raises
    ------
    BadGeometry
        Empty, without any polygon, or of no area after repair.
    """
    if geometry is None or geometry.is_empty:
        raise BadGeometry("the geometry is empty")
    note = "" if geometry.is_valid else shapely.is_valid_reason(geometry)
    parts = [part for part in _polygons(shapely.make_valid(geometry) if note else geometry) if part.area > 0]
    if not parts:
        reason = f" ({note})" if note else ""
        raise BadGeometry(f"a {geometry.geom_type} without any area cannot be a region{reason}")
    return (parts[0] if len(parts) == 1 else MultiPolygon(parts)), note


def _polygons(geometry: BaseGeometry) -> list[Polygon]:
    if isinstance(geometry, Polygon):
        return [geometry]
    return [p for part in getattr(geometry, "geoms", ()) for p in _polygons(part)]


def geodesic_area_km2(geometries: BaseGeometry | Sequence[BaseGeometry]) -> NDArray[np.float64]:
    """Area on the WGS84 ellipsoid in km², for any orientation of rings; holes are taken off.

    Geometries are in WGS84 degrees. Edges are geodesics, as in standards.md 7.3.
    """
    found = [geometries] if isinstance(geometries, BaseGeometry) else list(geometries)
    return np.array([_area_m2(geometry) / 1e6 for geometry in found], dtype=np.float64)


def _area_m2(geometry: BaseGeometry) -> float:
    return sum(_ring_m2(p.exterior) - sum(_ring_m2(hole) for hole in p.interiors) for p in _polygons(geometry))


def _ring_m2(ring: shapely.LinearRing) -> float:
    lon, lat = shapely.get_coordinates(ring).T
    return abs(WGS84.polygon_area_perimeter(lon, lat)[0])


def label_point(geometry: BaseGeometry) -> tuple[float, float]:
    """A point (lon, lat) to write a name at: the centroid where it lies inside, else a point that does."""
    centre = geometry.centroid
    point = centre if geometry.contains(centre) else geometry.representative_point()
    return point.x, point.y


@dataclass(frozen=True)
class _Grid:
    """Cells that lie wholly in one polygon: answers most points without testing any edge."""

    west: float
    south: float
    per_lon: float
    per_lat: float
    label: NDArray[np.int32]


@dataclass(frozen=True)
class _Border:
    """Every edge of every polygon, longitudes times `squeeze` so that both axes measure alike."""

    squeeze: float
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    owner: NDArray[np.int32]
    tree: shapely.STRtree


class AreaIndex:
    """Finds the polygon a point lies in, and the nearest one, for arrays of points.

    Parameters
    ----------
    polygons : sequence of Polygon or MultiPolygon
        WGS84 degrees, valid. Where polygons overlap the first one wins; a point on a shared
        border belongs to the first as well.
    """

    def __init__(self, polygons: Sequence[BaseGeometry] | NDArray[np.object_]) -> None:
        self.polygons = np.array(list(polygons), dtype=object)
        shapely.prepare(self.polygons)
        self._tree = shapely.STRtree(self.polygons)
        self._grid: _Grid | None = None
        self._border: _Border | None = None

    def __len__(self) -> int:
        return len(self.polygons)

    def find(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int32]:
        """Position of the polygon each point lies in; -1 for none and for NaN."""
        lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        found = np.full(lon.shape, -1, dtype=np.int32)
        if not len(self) or not len(lon):
            return found
        if self._grid is None and len(lon) >= GRID_FROM_POINTS:
            self._grid = self._make_grid()
        if self._grid is None:
            todo = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
        else:
            found = _look_up(self._grid, lon, lat)
            todo = np.flatnonzero(found == -2)
        found[todo] = self._exact(lon[todo], lat[todo])
        return found

    def _exact(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
        found = np.full(lon.shape, -1, dtype=np.int32)
        rows, polygons = self._tree.query(shapely.points(lon, lat))
        order = np.argsort(polygons, kind="stable")
        rows, polygons = rows[order], polygons[order]
        present, starts = np.unique(polygons, return_index=True)
        for polygon, mine in zip(present, np.split(rows, starts[1:]), strict=bool(len(present))):
            mine = mine[found[mine] < 0]
            hit = shapely.intersects_xy(self.polygons[polygon], lon[mine], lat[mine])
            found[mine[hit]] = polygon
        return found

    def find_all(self, lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """All pairs (row, polygon) of points and the polygons that hold them, for overlapping areas."""
        lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        usable = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
        pairs = [
            (usable[hit], np.full(np.count_nonzero(hit), k, dtype=np.intp))
            for k, polygon in enumerate(self.polygons)
            if (hit := shapely.intersects_xy(polygon, lon[usable], lat[usable])).any()
        ]
        if not pairs:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])

    def nearest(self, lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The nearest polygon of each point and its distance in metres (0 inside); -1 and NaN for NaN.

        The nearest border point is sought in degrees scaled by cos(latitude) of the areas, the
        distance to it is the geodesic: exact to a few parts in ten thousand near the areas.
        """
        lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        found, metres = np.full(lon.shape, -1, dtype=np.int32), np.full(lon.shape, np.nan)
        usable = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
        if not len(self) or not len(usable):
            return found, metres
        border = self._border or self._make_border()
        self._border = border
        x, y = lon[usable] * border.squeeze, lat[usable]
        rows, segments = border.tree.query_nearest(shapely.points(x, y), all_matches=False)
        near_x, near_y = _nearest_on(border.start[segments], border.end[segments], x[rows], y[rows])
        found[usable[rows]] = border.owner[segments]
        metres[usable[rows]] = geodesic_m(lon[usable[rows]], lat[usable[rows]], near_x / border.squeeze, near_y)
        within = self.find(lon, lat)
        return np.where(within >= 0, within, found), np.where(within >= 0, 0.0, metres)

    def _make_border(self) -> _Border:
        """All edges of all polygons in a tree of their own: a hundred times faster than whole polygons."""
        _, south, _, north = shapely.total_bounds(self.polygons)
        squeeze = float(np.cos(np.radians((south + north) / 2)))
        parts, part_owner = shapely.get_parts(self.polygons, return_index=True)
        rings, ring_part = shapely.get_rings(parts, return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        xy = xy * (squeeze, 1.0)
        joined = np.flatnonzero(ring[1:] == ring[:-1])
        start, end = xy[joined], xy[joined + 1]
        tree = shapely.STRtree(shapely.linestrings(np.stack([start, end], axis=1)))
        return _Border(squeeze, start, end, part_owner[ring_part[ring[joined]]].astype(np.int32), tree)

    def _make_grid(self) -> _Grid:
        west, south, east, north = shapely.total_bounds(self.polygons)
        per_lon = GRID_SIDE / max(east - west, 1e-9)
        per_lat = GRID_SIDE / max(north - south, 1e-9)
        label = np.full((GRID_SIDE, GRID_SIDE), -1, dtype=np.int32)
        for k, polygon in enumerate(self.polygons):
            x0, y0, x1, y1 = polygon.bounds
            cols = np.arange(int((x0 - west) * per_lon), min(int((x1 - west) * per_lon), GRID_SIDE - 1) + 1)
            rows = np.arange(int((y0 - south) * per_lat), min(int((y1 - south) * per_lat), GRID_SIDE - 1) + 1)
            col, row = (a.ravel() for a in np.meshgrid(cols, rows))
            boxes = shapely.box(
                west + col / per_lon, south + row / per_lat, west + (col + 1) / per_lon, south + (row + 1) / per_lat
            )
            touched = shapely.intersects(polygon, boxes)
            row, col, boxes = row[touched], col[touched], boxes[touched]
            whole = shapely.contains_properly(polygon, boxes)
            free = label[row, col] == -1
            label[row[free], col[free]] = np.where(whole[free], k, -2)
        return _Grid(west, south, per_lon, per_lat, label)


def _look_up(grid: _Grid, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
    """Label of each point's cell: a polygon, -1 outside, -2 where the edges decide."""
    x, y = (lon - grid.west) * grid.per_lon, (lat - grid.south) * grid.per_lat
    # a point on the outer edge, or a hair outside by rounding, belongs to the last cell
    near = (x >= -1e-6) & (x <= GRID_SIDE + 1e-6) & (y >= -1e-6) & (y <= GRID_SIDE + 1e-6)
    col = np.clip(np.where(near, x, 0).astype(np.int32), 0, GRID_SIDE - 1)
    row = np.clip(np.where(near, y, 0).astype(np.int32), 0, GRID_SIDE - 1)
    return np.where(near, grid.label[row, col], -1).astype(np.int32)


def _nearest_on(
    start: NDArray[np.float64], end: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The point of each segment that is nearest to each point, in the plane."""
    along = end - start
    length = (along**2).sum(axis=1)
    share = ((x - start[:, 0]) * along[:, 0] + (y - start[:, 1]) * along[:, 1]) / np.where(length > 0, length, 1.0)
    share = np.clip(share, 0.0, 1.0)
    return start[:, 0] + share * along[:, 0], start[:, 1] + share * along[:, 1]
