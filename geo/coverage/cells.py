"""Cells of a radio network as arrays, and the power each gives at a distance.

A cell is one antenna on one carrier. Where nothing says where it points it radiates alike in all
directions; where an azimuth is given the horizontal pattern of TR 38.901 applies, where a
downtilt is given the vertical one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.coverage.antenna import BEAM_WIDTH_DEG, vertical_loss_db
from geo.coverage.pathloss import VALID, Scenario, expected_path_loss_db

SCENARIOS: tuple[Scenario, ...] = ("UMa", "UMi", "RMa")


@dataclass(frozen=True)
class Cells:
    """One entry a cell; all arrays have one length.

    x_m, y_m : position in the grid's CRS
    height_m : antenna above the ground
    fc_ghz : carrier frequency
    eirp_dbm : power per resource element with antenna gain, less feeder loss
    floor_dbm : power per resource element below which the cell is left out of account
    scenario : position in `SCENARIOS`
    channel : number of the carrier; only cells of one channel disturb each other
    azimuth_deg : clockwise from north; NaN = alike in all directions
    beam_deg : half-power beam width, used with an azimuth
    downtilt_deg : below the horizon; NaN = no vertical pattern
    """

    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    height_m: NDArray[np.float64]
    fc_ghz: NDArray[np.float64]
    eirp_dbm: NDArray[np.float64]
    floor_dbm: NDArray[np.float64]
    scenario: NDArray[np.int8]
    channel: NDArray[np.int16]
    azimuth_deg: NDArray[np.float64]
    beam_deg: NDArray[np.float64]
    downtilt_deg: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        x_m: ArrayLike,
        y_m: ArrayLike,
        *,
        height_m: ArrayLike,
        fc_ghz: ArrayLike,
        eirp_dbm: ArrayLike,
        floor_dbm: ArrayLike,
        scenario: ArrayLike = 0,
        channel: ArrayLike = 0,
        azimuth_deg: ArrayLike = np.nan,
        beam_deg: ArrayLike = BEAM_WIDTH_DEG,
        downtilt_deg: ArrayLike = np.nan,
    ) -> Cells:
        """Cells from arrays or single values, brought to one length; a NaN beam width becomes 65°.

        Raises
        ------
        ValueError
            A position, height, frequency or power is not finite.
        """
        given = (x_m, y_m, height_m, fc_ghz, eirp_dbm, floor_dbm, azimuth_deg, beam_deg, downtilt_deg)
        x, y, height, fc, eirp, floor, azimuth, beam, tilt, kind, number = (
            np.atleast_1d(a).copy() for a in np.broadcast_arrays(*(np.asarray(v, np.float64) for v in given), scenario, channel)
        )
        for name, values in (("x_m", x), ("y_m", y), ("height_m", height), ("fc_ghz", fc), ("eirp_dbm", eirp), ("floor_dbm", floor)):
            if not np.isfinite(values).all():
                raise ValueError(f"cells: {name} holds {np.count_nonzero(~np.isfinite(values))} values that are not finite")
        beam[np.isnan(beam)] = BEAM_WIDTH_DEG
        return cls(x, y, height, fc, eirp, floor, kind.astype(np.int8), number.astype(np.int16), azimuth, beam, tilt)

    def __len__(self) -> int:
        return len(self.x_m)

    def take(self, which: NDArray) -> Cells:
        """The cells at some positions, or those a mask marks."""
        return Cells(*(getattr(self, field.name)[which] for field in fields(self)))

    def reach_m(self) -> NDArray[np.float64]:
        """How far each cell counts: to where its power falls to the floor, at most the standard's 5 km."""
        reach = np.zeros(len(self))
        for members, table in self.profiles():
            reach[members] = table.reach_m
        return reach

    def profiles(self) -> list[tuple[NDArray[np.intp], Profile]]:
        """Cells of equal kind with the power they give: (positions, profile)."""
        if not len(self):
            return []
        tilt = np.where(np.isnan(self.downtilt_deg), -999.0, self.downtilt_deg)
        names = np.stack([self.scenario, self.fc_ghz, self.height_m, self.eirp_dbm, self.floor_dbm, tilt], axis=1)
        kinds, member = np.unique(names, axis=0, return_inverse=True)
        order = np.argsort(member.ravel(), kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(member.ravel(), minlength=len(kinds)))[:-1])
        return [(g, profile(SCENARIOS[int(k[0])], *(float(v) for v in k[1:5]), None if k[5] == -999 else float(k[5])))
                for k, g in zip(kinds, groups, strict=True)]  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """Power of a kind of cell in its main direction, metre by metre (entry k for distances from k to k + 1 m).

    power_mw : milliwatt per resource element, the last entry is 0: beyond the reach
    tilt_db : loss of the vertical pattern at the same distances; None without a downtilt
    """

    power_mw: NDArray[np.float32]
    tilt_db: NDArray[np.float32] | None
    reach_m: float


@lru_cache(maxsize=20_000)
def profile(
    scenario: Scenario, fc_ghz: float, height_m: float, eirp_dbm: float, floor_dbm: float, downtilt_deg: float | None, h_ut_m: float = 1.5
) -> Profile:
    """The power profile of a kind of cell: EIRP less the expected path loss (mean over places, no fade margin).

    Kept for cells of the same kind. Raises `OutOfRange` as `pathloss.checked`.
    """
    d = _distances(VALID[scenario].far_nlos_m)
    received = eirp_dbm - expected_path_loss_db(scenario, d, fc_ghz, height_m, h_ut_m)
    heard = np.flatnonzero(received >= floor_dbm)
    n = int(heard[-1]) + 1 if len(heard) else 0
    power = np.zeros(n + 1, dtype=np.float32)
    power[:n] = 10 ** (received[:n] / 10)
    tilt = None
    if downtilt_deg is not None:
        below = np.degrees(np.arctan2(height_m - h_ut_m, d[: max(n, 1)]))
        tilt = vertical_loss_db(below, downtilt_deg).astype(np.float32)
    return Profile(power, tilt, float(n))


@lru_cache(maxsize=4)
def _distances(far_m: float) -> NDArray[np.float64]:
    return np.arange(far_m) + 0.5
