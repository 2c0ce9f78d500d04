"""Weak coverage as patches: connected cells without coverage, as polygons with size and people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from geo.coverage.grid import Grid

_DOWN = np.array([[1, 1, 1]] * 3)  # cells that touch at a corner belong together


@dataclass(frozen=True)
class Patch:
    """A weak place, or the part of it that lies in one piece (a township).

    polygon : in the grid's CRS; its border follows the cells
    point_m : centre of a cell of the patch, the one nearest to its middle
    people : residents by the stated distribution; None where no population is known
    rsrp_dbm : median of the level where a cell is heard; None where none is
    """

    piece: int
    polygon: BaseGeometry
    point_m: tuple[float, float]
    area_km2: float
    people: float | None
    rsrp_dbm: float | None


def weak_labels(weak: NDArray[np.bool_], piece: NDArray[np.integer], min_km2: float, grid: Grid) -> NDArray[np.int32]:
    """Number of the patch of every weak cell, 0 for none: connected, cut at the borders of pieces, not too small.

    A patch smaller than `min_km2` is left out; numbers run from 1 without gaps.
    """
    joined, n = ndimage.label(weak & (piece >= 0), structure=_DOWN)
    cells = np.flatnonzero(joined)
    if not n or not len(cells):
        return np.zeros(weak.shape, dtype=np.int32)
    key = joined.ravel()[cells].astype(np.int64) * (int(piece.max()) + 1) + piece.ravel()[cells]
    _, part, count = np.unique(key, return_inverse=True, return_counts=True)
    large = count * grid.cell_km2 >= min_km2 - 1e-9
    number = np.where(large, np.cumsum(large), 0).astype(np.int32)
    labels = np.zeros(weak.size, dtype=np.int32)
    labels[cells] = number[part.ravel()]
    return labels.reshape(weak.shape)


def patches(
    labels: NDArray[np.int32],
    piece: NDArray[np.integer],
    grid: Grid,
    people: NDArray[np.floating] | None,
    rsrp_dbm: NDArray[np.floating],
) -> list[Patch]:
    """The patches of `weak_labels`, largest first."""
    found = []
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        mine = labels[window] == number
        row, col = np.nonzero(mine)
        row0, col0 = window[0].start, window[1].start
        middle = int(np.argmin((row - row.mean()) ** 2 + (col - col.mean()) ** 2))
        level = rsrp_dbm[window][mine]
        level = level[np.isfinite(level)]
        found.append(
            Patch(
                int(piece[window][mine][0]), outline(mine, grid, row0, col0),
                (float(grid.x_m[col0 + col[middle]]), float(grid.y_m[row0 + row[middle]])), len(row) * grid.cell_km2,
                None if people is None else float(people[window][mine].sum(dtype=np.float64)),
                float(np.median(level)) if len(level) else None,
            )
        )  # fmt: skip
    return sorted(found, key=lambda p: (-p.area_km2, p.piece, p.point_m))


def outline(mask: NDArray[np.bool_], grid: Grid, row0: int = 0, col0: int = 0) -> BaseGeometry:
    """The cells of a mask as one valid (multi)polygon in the grid's CRS; its corners are corners of cells.

    `row0`, `col0`: place of the mask's first cell in the grid.
    """
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    row, start = np.nonzero(np.diff(padded, axis=1) == 1)
    _, stop = np.nonzero(np.diff(padded, axis=1) == -1)
    # equal runs in neighbouring rows are one box: far fewer boxes to join
    order = np.lexsort((row, stop, start))
    row, start, stop = row[order], start[order], stop[order]
    fresh = np.ones(len(row), dtype=bool)
    fresh[1:] = (start[1:] != start[:-1]) | (stop[1:] != stop[:-1]) | (row[1:] != row[:-1] + 1)
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(row)) - 1
    step, west, south = grid.step_m, grid.west_m + col0 * grid.step_m, grid.south_m + row0 * grid.step_m
    boxes = shapely.box(
        west + start[first] * step, south + row[first] * step, west + stop[first] * step, south + (row[last] + 1) * step
    )
    return shapely.simplify(shapely.union_all(boxes), 0)
