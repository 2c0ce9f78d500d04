"""From transmit power to SS-RSRP, SINR, margins and radius: standards.md 1.4."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUBCARRIERS = 12  # of a resource block
THERMAL_DBM_HZ = -174.0


def epre_dbm(tx_w: ArrayLike, resource_blocks: ArrayLike) -> NDArray[np.float64]:
    """Energy per resource element (dBm) of a carrier: its power (W) spread evenly over all subcarriers."""
    tx, blocks = np.asarray(tx_w, dtype=np.float64), np.asarray(resource_blocks, dtype=np.float64)
    return 10 * np.log10(tx * 1000) - 10 * np.log10(SUBCARRIERS * blocks)


def noise_dbm(spacing_hz: ArrayLike, noise_figure_db: float = 7.0) -> NDArray[np.float64]:
    """Thermal noise per resource element (dBm) at a subcarrier spacing, with the phone's noise figure."""
    return THERMAL_DBM_HZ + 10 * np.log10(np.asarray(spacing_hz, dtype=np.float64)) + noise_figure_db


def sinr_db(signal_dbm: float, interferers_dbm: ArrayLike, noise_re_dbm: float) -> float:
    """Signal over the sum of interference and noise (dB), all in dBm per resource element."""
    others = float(np.sum(10 ** (np.asarray(interferers_dbm, dtype=np.float64) / 10)))
    return signal_dbm - 10 * math.log10(others + 10 ** (noise_re_dbm / 10))


def fade_margin_db(sigma_db: float, edge_share: float) -> float:
    """Margin (dB) so that a share of places at the edge is served: sigma · Φ⁻¹(share), 0 < share < 1."""
    return sigma_db * NormalDist().inv_cdf(edge_share)


def area_share(edge_share: float, sigma_db: float, exponent: float) -> float:
    """Share of a cell's area that is served when `edge_share` of its edge is (Jakes).

    `exponent`: path-loss exponent (UMa without line of sight 3.908).
    """
    a = -NormalDist().inv_cdf(edge_share) / math.sqrt(2)
    b = 10 * exponent * math.log10(math.e) / (sigma_db * math.sqrt(2))
    return 0.5 * (1 - math.erf(a) + math.exp((1 - 2 * a * b) / b**2) * (1 - math.erf((1 - a * b) / b)))


def radius_m(received_dbm: Callable[[float], float], target_dbm: float, near_m: float, far_m: float) -> float:
    """Largest distance in [near_m, far_m] at which a falling `received_dbm(d)` still reaches the target.

    0 where the target is missed at `near_m` already; `far_m` where it is met everywhere.
    """
    if not received_dbm(near_m) >= target_dbm:
        return 0.0
    if received_dbm(far_m) >= target_dbm:
        return far_m
    low, high = near_m, far_m
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (middle, high) if received_dbm(middle) >= target_dbm else (low, middle)
    return low


def site_area_m2(cell_radius_m: float) -> float:
    """Ground a three-sector site serves in a hexagonal grid of cells with this radius: 9/8 · √3 · R²."""
    return 9 / 8 * math.sqrt(3) * cell_radius_m**2


def reported_rsrp_dbm(index: ArrayLike) -> NDArray[np.float64]:
    """SS-RSRP (dBm) of a phone's report index (TS 38.133): index − 156."""
    return np.asarray(index, dtype=np.float64) - 156


def reported_sinr_db(index: ArrayLike) -> NDArray[np.float64]:
    """SS-SINR (dB) of a phone's report index (TS 38.133): (index − 46) / 2."""
    return (np.asarray(index, dtype=np.float64) - 46) / 2
