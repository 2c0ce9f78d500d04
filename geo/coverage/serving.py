"""What a phone gets in each cell of the grid: SS-RSRP and SS-SINR of the carrier that serves it best."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.coverage.power import WORKERS, PowerMap, Rect

_ROWS = 128  # rows of the grid done in one go


@dataclass(frozen=True)
class Terms:
    """What decides whether a place counts as covered, and what the carriers are.

    rsrp_dbm, sinr_db : thresholds; a value equal to the threshold passes
    load_share : share of their power with which the other cells of a carrier disturb, 0–1
    noise_dbm : noise per resource element, one entry a channel
    indoor_loss_db : loss from the street into the building, one entry a channel
    """

    rsrp_dbm: float
    sinr_db: float
    load_share: float
    noise_dbm: NDArray[np.float64]
    indoor_loss_db: NDArray[np.float64]


@dataclass
class Served:
    """Arrays over the grid. `channel` is −1 and the others NaN where no cell is heard.

    rsrp_dbm, sinr_db : of the carrier with the largest margin over both thresholds
    channel : number of that carrier
    indoor_margin_db : margin over the nearer threshold behind the outer wall, of the best carrier there
    """

    rsrp_dbm: NDArray[np.float32]
    sinr_db: NDArray[np.float32]
    channel: NDArray[np.int8]
    indoor_margin_db: NDArray[np.float32]

    @classmethod
    def nothing(cls, shape: tuple[int, int]) -> Served:
        """No cell heard anywhere."""
        blank = [np.full(shape, np.nan, dtype=np.float32) for _ in range(3)]
        return cls(blank[0], blank[1], np.full(shape, -1, dtype=np.int8), blank[2])

    def covered(self, terms: Terms) -> NDArray[np.bool_]:
        """Cells outdoors where both thresholds are met (by one and the same carrier)."""
        with np.errstate(invalid="ignore"):
            return (self.rsrp_dbm >= terms.rsrp_dbm) & (self.sinr_db >= terms.sinr_db)

    def covered_indoors(self) -> NDArray[np.bool_]:
        """Cells where both thresholds are met behind the outer wall."""
        with np.errstate(invalid="ignore"):
            return self.indoor_margin_db >= 0


def serve(power: PowerMap, terms: Terms, where: NDArray[np.bool_], served: Served, rects: list[Rect] | None = None) -> None:
    """Bring `served` up to date with the power map, in some rectangles or everywhere.

    Parameters
    ----------
    where : array of bool over the grid
        Cells that are wanted (the city); elsewhere `served` is left as it is.
    """
    rects = [(0, power.grid.rows, 0, power.grid.columns)] if rects is None else rects
    pieces = [(a, min(a + _ROWS, r1), c0, c1) for r0, r1, c0, c1 in rects for a in range(r0, r1, _ROWS)]
    if len(pieces) == 1:
        _serve(power, terms, where, served, pieces[0])
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(_serve, power, terms, where, served, piece) for piece in pieces]:
            done.result()


def _serve(power: PowerMap, terms: Terms, where: NDArray[np.bool_], served: Served, rect: Rect) -> None:
    part = (slice(rect[0], rect[1]), slice(rect[2], rect[3]))
    wanted = where[part]
    n = int(np.count_nonzero(wanted))
    if not n:
        return
    margin, indoors = (np.full(n, -np.inf, dtype=np.float32) for _ in range(2))
    level, ratio = (np.full(n, np.nan, dtype=np.float32) for _ in range(2))
    channel = np.full(n, -1, dtype=np.int8)
    for c in range(len(power.best)):
        best = power.best[c][part][wanted]
        heard = np.flatnonzero(best > 0)
        if not len(heard):
            continue
        best, others = best[heard], power.total[c][part][wanted][heard]
        others = np.maximum(others - best, 0) * np.float32(terms.load_share)
        noise = np.float32(10 ** (terms.noise_dbm[c] / 10))
        rsrp = 10 * np.log10(best)
        sinr = rsrp - 10 * np.log10(others + noise)
        found = np.minimum(rsrp - np.float32(terms.rsrp_dbm), sinr - np.float32(terms.sinr_db))
        better = found > margin[heard]
        at = heard[better]
        margin[at], level[at], ratio[at], channel[at] = found[better], rsrp[better], sinr[better], c
        wall = np.float32(terms.indoor_loss_db[c])
        # behind the wall the wanted cell and the others are weaker alike, the noise is not
        inside = (rsrp - wall) - 10 * np.log10(others * np.float32(10 ** (-wall / 10)) + noise)
        within = np.minimum(rsrp - wall - np.float32(terms.rsrp_dbm), inside - np.float32(terms.sinr_db))
        indoors[heard] = np.maximum(indoors[heard], within)
    served.rsrp_dbm[part][wanted], served.sinr_db[part][wanted] = level, ratio
    served.channel[part][wanted] = channel
    served.indoor_margin_db[part][wanted] = np.where(channel >= 0, indoors, np.nan)
