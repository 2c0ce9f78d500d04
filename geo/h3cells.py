"""H3 cells of points, as unsigned 64-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import h3.api.basic_int as h3
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

DEFAULT_RESOLUTION = 9
_SAMPLE = 20_000


def cells(
    lon: ArrayLike, lat: ArrayLike, resolution: int = DEFAULT_RESOLUTION
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The H3 cell of each point.

    Parameters
    ----------
    lon, lat : array_like
        WGS84 degrees.
    resolution : int
        0 to 15; 9 has a mean area of 0.105 km².

    Returns
    -------
    (cell, known)
        `cell` is 0 and `known` False where a coordinate is NaN, infinite or off the globe.

    Notes
    -----
    The h3 library has no call for arrays: about 1.4 million points a second on one core. Points
    that repeat (sites, stopped vehicles) are computed once.
    """
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    known = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    cell = np.zeros(lon.shape, dtype=np.uint64)
    if not known.any():
        return cell, known
    points = lon[known] + 1j * lat[known]
    if _repeats(points):
        points, back = np.unique(points, return_inverse=True)
        cell[known] = _cells(points, resolution)[back]
    else:
        cell[known] = _cells(points, resolution)
    return cell, known


def _repeats(points: NDArray[np.complex128]) -> bool:
    """Whether sorting out repeated points is worth its cost, judged by a spread sample."""
    sample = points[:: max(1, len(points) // _SAMPLE)]
    return len(np.unique(sample)) < 0.7 * len(sample)


def _cells(points: NDArray[np.complex128], resolution: int) -> NDArray[np.uint64]:
    values = map(h3.latlng_to_cell, points.imag.tolist(), points.real.tolist(), repeat(resolution))
    return np.fromiter(values, dtype=np.uint64, count=len(points))


def cell_text(cell: int) -> str:
    """A cell in H3's usual hexadecimal spelling."""
    return h3.int_to_str(int(cell))


def cell_outline(text: str) -> list[tuple[float, float]]:
    """The border of a cell given in hexadecimal spelling, as (lon, lat) in WGS84 degrees, closed."""
    corners = [(lon, lat) for lat, lon in h3.cell_to_boundary(h3.str_to_int(text))]
    return [*corners, corners[0]]


def parents_text(cells: Sequence[int], resolution: int) -> list[str]:
    """The cell of a coarser resolution that holds each cell, in hexadecimal spelling."""
    return [h3.int_to_str(h3.cell_to_parent(cell, resolution)) for cell in cells]


def covering(shape: shapely.Geometry, resolution: int) -> list[str]:
    """The cells (hexadecimal, sorted) that touch a shape in WGS84 degrees; none for an empty one.

    A cell counts where any part of it lies inside.
    """
    found: set[int] = set()
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon" and not part.is_empty:
            found.update(h3.h3shape_to_cells_experimental(h3.geo_to_h3shape(shapely.geometry.mapping(part)), resolution, contain="overlap"))
    return sorted(h3.int_to_str(cell) for cell in found)


def parent_text(text: str, resolution: int) -> str:
    """The cell of a coarser resolution that holds a cell, both in hexadecimal spelling."""
    return h3.int_to_str(h3.cell_to_parent(h3.str_to_int(text), resolution))
