"""A square grid in a projected CRS: cell centres, their coordinates in degrees, polygons as masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.crs import from_wgs84, to_wgs84

_LATTICE = 20  # cells between exactly projected points: between them the error is below 5 cm at 50 m


@dataclass(frozen=True)
class Grid:
    """Cells of `step_m` in `crs`; column 0, row 0 in the south-west, its corner at (`west_m`, `south_m`).

    Corners are whole multiples of the step, so that grids of one CRS and step fit together.
    Arrays over the grid have the shape (`rows`, `columns`).
    """

    crs: str
    west_m: float
    south_m: float
    step_m: float
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    @property
    def cell_km2(self) -> float:
        """Area of a cell in the plane of the CRS, km²."""
        return self.step_m**2 / 1e6

    @cached_property
    def x_m(self) -> NDArray[np.float64]:
        """Easting of the centre of every column."""
        return self.west_m + (np.arange(self.columns, dtype=np.float64) + 0.5) * self.step_m

    @cached_property
    def y_m(self) -> NDArray[np.float64]:
        """Northing of the centre of every row."""
        return self.south_m + (np.arange(self.rows, dtype=np.float64) + 0.5) * self.step_m

    def lonlat(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude (WGS84 degrees) of all centres, each of the grid's shape.

        Projected exactly at every 20th cell, bilinear in between.
        """
        at_x, at_y = (np.arange(0, n + _LATTICE, _LATTICE) for n in (self.columns, self.rows))
        x, y = np.meshgrid(self.west_m + (at_x + 0.5) * self.step_m, self.south_m + (at_y + 0.5) * self.step_m)
        lon, lat = to_wgs84(x, y, self.crs)
        return self._between(lon), self._between(lat)

    def _between(self, coarse: NDArray[np.float64]) -> NDArray[np.float64]:
        row, col = np.arange(self.rows) / _LATTICE, np.arange(self.columns) / _LATTICE
        r, c = row.astype(int), col.astype(int)
        up, right = (row - r)[:, None], (col - c)[None, :]
        wide = coarse[:, c] * (1 - right) + coarse[:, c + 1] * right
        return wide[r] * (1 - up) + wide[r + 1] * up

    def find(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Flat index of the cell that holds each point, and whether there is one (index 0 where not)."""
        x, y = from_wgs84(lon, lat, self.crs)
        known = np.isfinite(x) & np.isfinite(y)
        col = np.floor((np.where(known, x, self.west_m) - self.west_m) / self.step_m).astype(np.intp)
        row = np.floor((np.where(known, y, self.south_m) - self.south_m) / self.step_m).astype(np.intp)
        known &= (col >= 0) & (col < self.columns) & (row >= 0) & (row < self.rows)
        return np.where(known, row * self.columns + col, 0), known

    def mask(self, polygon: BaseGeometry) -> NDArray[np.bool_]:
        """Cells whose centre lies in a polygon given in the grid's CRS (even-odd rule, holes left out)."""
        found = np.zeros(self.shape, dtype=bool)
        found.ravel()[self.cells_in(polygon)] = True
        return found

    def cells_in(self, polygon: BaseGeometry) -> NDArray[np.intp]:
        """Flat index of the cells of `mask`, in order; costs the polygon's own box, not the grid."""
        nothing = np.empty(0, dtype=np.intp)
        if polygon.is_empty:
            return nothing
        west, south, east, north = ((v - o) / self.step_m for v, o in zip(polygon.bounds, (self.west_m, self.south_m) * 2, strict=True))
        row0, rows = max(int(south), 0), min(int(np.ceil(north)), self.rows)
        col0, cols = max(int(west), 0), min(int(np.ceil(east)), self.columns)
        if row0 >= rows or col0 >= cols:
            return nothing
        flips = np.zeros((rows - row0, cols - col0 + 1), dtype=np.uint8)
        xy, ring = shapely.get_coordinates(_rings(polygon), return_index=True)
        joined = np.flatnonzero(ring[1:] == ring[:-1])
        (x0, y0), (x1, y1) = xy[joined].T, xy[joined + 1].T
        # rows whose centre line the edge crosses (half open, so that a shared corner counts once)
        low, high = np.minimum(y0, y1), np.maximum(y0, y1)
        first, last = (np.clip(np.ceil((y - self.south_m) / self.step_m - 0.5), row0, rows).astype(np.intp) for y in (low, high))
        count = np.maximum(last - first, 0)
        edge = np.repeat(np.arange(len(count)), count)
        row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        share = (self.south_m + (row + 0.5) * self.step_m - y0[edge]) / (y1 - y0)[edge]
        at = x0[edge] + share * (x1 - x0)[edge]
        col = np.clip(np.ceil((at - self.west_m) / self.step_m - 0.5), col0, cols).astype(np.intp)
        np.add.at(flips, (row - row0, col - col0), 1)
        row, col = np.nonzero(np.cumsum(flips, axis=1, dtype=np.uint8)[:, :-1] % 2)
        return (row + row0) * self.columns + col + col0


def _rings(polygon: BaseGeometry) -> NDArray[np.object_]:
    return shapely.get_rings(shapely.get_parts(polygon))


def projected(geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """A geometry in WGS84 degrees as the same geometry in a projected CRS."""

    def forward(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(from_wgs84(points[:, 0], points[:, 1], crs), axis=1)

    return shapely.transform(geometry, forward)


def grid_over(region: BaseGeometry, crs: str, step_m: float = 50.0) -> Grid:
    """The grid that holds a region given in WGS84 degrees.

    Raises
    ------
    ValueError
        The step is not positive, or the region is empty.
    """
    if step_m <= 0:
        raise ValueError(f"a grid needs a positive step, got {step_m} m")
    if region.is_empty:
        raise ValueError("a grid needs a region that is not empty")
    west, south, east, north = projected(region, crs).bounds
    col, row = np.floor(west / step_m), np.floor(south / step_m)
    columns, rows = int(np.ceil(east / step_m) - col), int(np.ceil(north / step_m) - row)
    return Grid(crs, float(col * step_m), float(row * step_m), step_m, rows, columns)
