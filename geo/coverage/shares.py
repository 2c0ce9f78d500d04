"""Coverage shares by area, by people and along lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from geo.coverage.grid import Grid


@dataclass(frozen=True)
class Sums:
    """One entry a piece: what there is and what of it is covered. Shares are ratios of these sums."""

    all: NDArray[np.float64]
    covered: NDArray[np.float64]

    def share(self) -> NDArray[np.float64]:
        """Covered share, 0–1; NaN where there is nothing to cover."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.all > 0, self.covered / self.all, np.nan)


def sums(piece: ArrayLike, covered: ArrayLike, weight: ArrayLike, pieces: int) -> Sums:
    """Weight (km² or people) of the grid's cells, and of the covered ones, by piece.

    Parameters
    ----------
    piece : array of int
        Piece of every cell, −1 for cells that count nowhere.
    covered : array of bool
    weight : float or array
        One weight for all cells, or one a cell.
    pieces : int
        Number of pieces.
    """
    piece, covered = np.asarray(piece).ravel(), np.asarray(covered).ravel()
    weight = np.broadcast_to(np.asarray(weight, dtype=np.float64).ravel(), piece.shape)
    kept = piece >= 0
    hit = kept & covered
    every, reached = (np.bincount(piece[m], weight[m], minlength=pieces).astype(np.float64) for m in (kept, hit))
    return Sums(every, reached)


def line_samples(line: BaseGeometry, grid: Grid) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """A line as points on the grid: flat index of the cell under each point, and the metres it stands for.

    Parameters
    ----------
    line : LineString or MultiLineString
        In the grid's CRS. A point every half step stands for the stretch around it; what lies
        outside the grid is left out.
    """
    index, metres = [np.empty(0, dtype=np.intp)], [np.empty(0)]
    for part in shapely.get_parts(line):
        if not part.length > 0:
            continue
        n = max(int(np.ceil(part.length / (grid.step_m / 2))), 1)
        points = shapely.get_coordinates(shapely.line_interpolate_point(part, (np.arange(n) + 0.5) / n, normalized=True))
        col = np.floor((points[:, 0] - grid.west_m) / grid.step_m).astype(np.intp)
        row = np.floor((points[:, 1] - grid.south_m) / grid.step_m).astype(np.intp)
        on = (col >= 0) & (col < grid.columns) & (row >= 0) & (row < grid.rows)
        index.append(row[on] * grid.columns + col[on])
        metres.append(np.full(np.count_nonzero(on), part.length / n))
    return np.concatenate(index), np.concatenate(metres)
