"""Measured samples on a grid: one value a cell, so that a car waiting at a light does not count a hundred times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.coverage.grid import Grid


@dataclass(frozen=True)
class SampleCells:
    """Cells of the grid with samples, in order of their flat index: number of samples and mean level (dBm) of each."""

    index: NDArray[np.intp]
    samples_n: NDArray[np.int64]
    rsrp_dbm: NDArray[np.float64]

    def share(self, threshold_dbm: float) -> float | None:
        """Share of the cells with data whose mean level reaches the threshold, 0–1; None without any cell."""
        return float(np.mean(self.rsrp_dbm >= threshold_dbm)) if len(self.index) else None


def sample_cells(grid: Grid, lon: NDArray[np.float64], lat: NDArray[np.float64], rsrp_dbm: NDArray[np.float64]) -> SampleCells:
    """Samples (WGS84 degrees, dBm) by cell of the grid; those without a level or outside the grid are left out.

    The representative of a cell is the mean of its samples in dB (standards.md 1.4 asks to say which).
    """
    index, known = grid.find(lon, lat)
    kept = known & np.isfinite(rsrp_dbm)
    cells, number = np.unique(index[kept], return_inverse=True)
    count = np.bincount(number.ravel(), minlength=len(cells))
    total = np.bincount(number.ravel(), rsrp_dbm[kept], minlength=len(cells))
    return SampleCells(cells, count.astype(np.int64), total / np.maximum(count, 1))
