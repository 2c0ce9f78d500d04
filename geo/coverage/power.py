"""Power of all cells on a grid: for each carrier the strongest cell and the sum of all.

Both can be added to, so ten new cells cost ten cells. Cells that go are taken out by working out
anew the tiles they reached, from the cells that stay.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geo.coverage.antenna import SIDE_LOBE_DB, horizontal_loss_db
from geo.coverage.cells import Cells, Profile
from geo.coverage.grid import Grid

TILE = 64  # cells of the grid along a side of a tile
WORKERS = min(os.cpu_count() or 1, 4)
_STRIPS_A_WORKER = 3
_COSINES = 4096  # steps of the cosine: a step is 1.3° on the axis, where the pattern is flat, and 0.03° beside it
Rect = tuple[int, int, int, int]  # rows from, to (exclusive), columns from, to (exclusive)


@dataclass
class PowerMap:
    """Milliwatt per resource element on a grid: arrays (channels, rows, columns) of float32, 0 = nothing heard.

    best : the strongest cell of the channel
    total : all cells of the channel together
    """

    grid: Grid
    best: NDArray[np.float32]
    total: NDArray[np.float32]

    @classmethod
    def empty(cls, grid: Grid, channels: int) -> PowerMap:
        """A map without any cell."""
        shape = (channels, *grid.shape)
        return cls(grid, np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32))

    @property
    def whole(self) -> Rect:
        """The rectangle of the whole grid."""
        return 0, self.grid.rows, 0, self.grid.columns

    def add(self, cells: Cells) -> None:
        """Put cells into the map. The result does not depend on the number of threads."""
        if not len(cells):
            return
        order = np.lexsort((cells.y_m, cells.channel))
        reach = _reaches(cells)
        rows = np.sort(np.floor((cells.y_m - self.grid.south_m) / self.grid.step_m).astype(int))
        if len(cells) < 50:
            self._stamp(cells, order, reach, self.whole)
            return
        # strips of rows with about as many cells each: no two threads write to one place
        at = np.unique(np.clip(rows[np.linspace(0, len(rows) - 1, WORKERS * _STRIPS_A_WORKER + 1).astype(int)[1:-1]], 0, self.grid.rows))
        borders = [0, *(int(b) for b in at if 0 < b < self.grid.rows), self.grid.rows]
        with ThreadPoolExecutor(WORKERS) as pool:
            work = [pool.submit(self._stamp, cells, order, reach, (a, b, 0, self.grid.columns)) for a, b in zip(borders, borders[1:], strict=False)]
            for done in work:
                done.result()

    def replace(self, removed: Cells, staying: Cells) -> None:
        """Take cells out: the tiles they reach are worked out anew, carrier by carrier, from the cells that stay."""
        for channel in np.unique(removed.channel):
            gone, others = (c.take(c.channel == channel) for c in (removed, staying))
            reach = _reaches(others)
            order = np.argsort(others.y_m, kind="stable")
            windows = self._windows(others, reach)
            for rect in self.rects(self.touched(gone)):
                self.best[channel, rect[0] : rect[1], rect[2] : rect[3]] = 0
                self.total[channel, rect[0] : rect[1], rect[2] : rect[3]] = 0
                near = (windows[0] < rect[1]) & (windows[1] > rect[0]) & (windows[2] < rect[3]) & (windows[3] > rect[2])
                self._stamp(others, order[near[order]], reach, rect)

    def touched(self, cells: Cells) -> set[tuple[int, int]]:
        """Tiles (row, column of tiles) that cells reach."""
        found: set[tuple[int, int]] = set()
        for r0, r1, c0, c1 in zip(*self._windows(cells, _reaches(cells)), strict=True):
            if r1 > r0 and c1 > c0:
                found |= {(r, c) for r in range(r0 // TILE, (r1 - 1) // TILE + 1) for c in range(c0 // TILE, (c1 - 1) // TILE + 1)}
        return found

    def rects(self, tiles: set[tuple[int, int]]) -> list[Rect]:
        """The rectangles of some tiles."""
        return [self._tile(row, col) for row, col in sorted(tiles)]

    def _tile(self, row: int, col: int) -> Rect:
        return row * TILE, min((row + 1) * TILE, self.grid.rows), col * TILE, min((col + 1) * TILE, self.grid.columns)

    def _windows(self, cells: Cells, reaches: list[tuple[Profile, float]]) -> tuple[NDArray[np.int64], ...]:
        """First row, last row + 1, first column, last column + 1 that each cell reaches, cut to the grid."""
        grid, reach = self.grid, np.array([r for _, r in reaches])
        rows = [(cells.y_m + sign * reach - grid.south_m) / grid.step_m for sign in (-1, 1)]
        cols = [(cells.x_m + sign * reach - grid.west_m) / grid.step_m for sign in (-1, 1)]
        return (
            np.clip(np.floor(rows[0]), 0, grid.rows).astype(np.int64), np.clip(np.ceil(rows[1]), 0, grid.rows).astype(np.int64),
            np.clip(np.floor(cols[0]), 0, grid.columns).astype(np.int64), np.clip(np.ceil(cols[1]), 0, grid.columns).astype(np.int64),
        )  # fmt: skip

    def _stamp(self, cells: Cells, order: NDArray[np.intp], reaches: list[tuple[Profile, float]], rect: Rect) -> None:
        """Add cells, in `order`, to the part of the map inside a rectangle."""
        grid = self.grid
        first_row, last_row, first_col, last_col = self._windows(cells, reaches)
        rows, cols = np.maximum(first_row, rect[0]), np.maximum(first_col, rect[2])
        tall, wide = np.minimum(last_row, rect[1]) - rows, np.minimum(last_col, rect[3]) - cols
        inside = (tall > 0) & (wide > 0)
        order = order[inside[order]]
        room = _Room(int((tall * wide)[order].max(initial=1)))
        for i in order.tolist():
            r0, c0, shape = int(rows[i]), int(cols[i]), (int(tall[i]), int(wide[i]))
            part = (int(cells.channel[i]), slice(r0, r0 + shape[0]), slice(c0, c0 + shape[1]))
            dx = (grid.x_m[part[2]] - cells.x_m[i]).astype(np.float32)
            dy = (grid.y_m[part[1]] - cells.y_m[i]).astype(np.float32)
            power = room.power(dx, dy, reaches[i][0], float(cells.azimuth_deg[i]), float(cells.beam_deg[i]))
            best, total = self.best[part], self.total[part]
            np.maximum(best, power, out=best)
            total += power


class _Room:
    """Working memory of one thread, so that a hundred thousand windows do not each ask for their own."""

    def __init__(self, size: int) -> None:
        self.away, self.mw, self.along = (np.empty(size, dtype=np.float32) for _ in range(3))
        self.at = np.empty(size, dtype=np.int32)

    def power(
        self, dx: NDArray[np.float32], dy: NDArray[np.float32], table: Profile, azimuth_deg: float, beam_deg: float
    ) -> NDArray[np.float32]:
        """Power (mW) of one cell at offsets east `dx` and north `dy`; valid until the next call."""
        shape, n = (len(dy), len(dx)), len(dy) * len(dx)
        away, mw, at = self.away[:n].reshape(shape), self.mw[:n].reshape(shape), self.at[:n].reshape(shape)
        np.add.outer(dy * dy, dx * dx, out=away)
        np.sqrt(away, out=away)
        np.copyto(at, away, casting="unsafe")  # whole metres; the table is made for the middle of each
        np.take(table.power_mw, at, out=mw, mode="clip")  # the last entry is 0: beyond the reach
        if table.tilt_db is not None:
            loss = table.tilt_db.take(at, mode="clip")
            if not np.isnan(azimuth_deg):
                loss += np.take(_horizontal(beam_deg)[0], self._turn(dx, dy, away, azimuth_deg), mode="clip")
            np.minimum(loss, np.float32(SIDE_LOBE_DB), out=loss)
            mw *= np.exp(loss * np.float32(-np.log(10) / 10))
        elif not np.isnan(azimuth_deg):
            share = self.along[:n].reshape(shape)
            np.take(_horizontal(beam_deg)[1], self._turn(dx, dy, away, azimuth_deg), out=share, mode="clip")
            mw *= share
        return mw

    def _turn(
        self, dx: NDArray[np.float32], dy: NDArray[np.float32], away: NDArray[np.float32], azimuth_deg: float
    ) -> NDArray[np.int32]:
        """Position in the tables of `_horizontal`: the cosine of the angle to the main direction. Overwrites `away` and `at`."""
        along = self.along[: away.size].reshape(away.shape)
        turn = np.radians(azimuth_deg)
        np.add.outer(dy * np.float32(np.cos(turn) * _COSINES / 2), dx * np.float32(np.sin(turn) * _COSINES / 2), out=along)
        np.maximum(away, np.float32(0.5), out=away)
        along /= away
        along += np.float32(_COSINES / 2)
        at = self.at[: away.size].reshape(away.shape)
        np.copyto(at, along, casting="unsafe")
        return at


@lru_cache(maxsize=64)
def _horizontal(beam_deg: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Loss (dB) and share of power of the horizontal pattern, by cosine of the angle off the axis from −1 to 1."""
    angle = np.degrees(np.arccos(np.clip((np.arange(_COSINES + 1) + 0.5) / (_COSINES / 2) - 1, -1, 1)))
    loss = horizontal_loss_db(angle, beam_deg)
    return loss.astype(np.float32), (10 ** (-loss / 10)).astype(np.float32)


def _reaches(cells: Cells) -> list[tuple[Profile, float]]:
    """Profile and reach (m) of every cell."""
    found: list[tuple[Profile, float]] = [None] * len(cells)  # type: ignore[list-item]
    for members, table in cells.profiles():
        for i in members.tolist():
            found[i] = (table, table.reach_m)
    return found
