"""Antenna pattern of one sector: 3GPP TR 38.901 table 7.3-1, horizontal and vertical cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

BEAM_WIDTH_DEG = 65.0
VERTICAL_BEAM_DEG = 65.0
SIDE_LOBE_DB = 30.0


def horizontal_loss_db(off_axis_deg: ArrayLike, beam_width_deg: ArrayLike = BEAM_WIDTH_DEG) -> NDArray[np.float64]:
    """Loss against the main direction (dB, ≥ 0): min(12 (φ/φ3dB)², 30). Any angle; it is taken to −180…180°."""
    phi = (np.asarray(off_axis_deg, dtype=np.float64) + 180) % 360 - 180
    return np.minimum(12 * (phi / np.asarray(beam_width_deg)) ** 2, SIDE_LOBE_DB)


def vertical_loss_db(
    below_horizon_deg: ArrayLike, downtilt_deg: ArrayLike, beam_deg: float = VERTICAL_BEAM_DEG
) -> NDArray[np.float64]:
    """Loss against the tilted main direction (dB, ≥ 0): min(12 ((θ − tilt)/θ3dB)², 30); angles down are positive."""
    off = np.asarray(below_horizon_deg, dtype=np.float64) - np.asarray(downtilt_deg)
    return np.minimum(12 * (off / beam_deg) ** 2, SIDE_LOBE_DB)


def pattern_loss_db(horizontal_db: ArrayLike, vertical_db: ArrayLike) -> NDArray[np.float64]:
    """Both cuts together: min(A_H + A_V, 30) dB."""
    return np.minimum(np.asarray(horizontal_db, dtype=np.float64) + np.asarray(vertical_db), SIDE_LOBE_DB)
