"""Path loss of 3GPP TR 38.901 (UMa, UMi, RMa): line of sight, breakpoints, losses into buildings.

Formulas and worked examples: standards.md 1.3 (TR 38.901 tables 7.4.1-1, 7.4.2-1, 7.4.3-1 to -3).
Outside the distances the standard gives a formula for, the answer is NaN, never an extrapolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scenario = Literal["UMa", "UMi", "RMa"]
Glass = Literal["low", "high"]
Floats = NDArray[np.float64]

LIGHT_M_S = 3.0e8  # as TR 38.901 rounds it
HALL_HEIGHT_M = 1.0  # h_E: the effective environment height, 1 m for users below 13 m
STREET_WIDTH_M = 20.0
BUILDING_HEIGHT_M = 5.0


@dataclass(frozen=True)
class Validity:
    """Where TR 38.901 gives a formula: distances, frequencies and heights, and its own antenna height."""

    near_m: float
    far_los_m: float
    far_nlos_m: float
    fc_ghz: tuple[float, float]
    h_ut_m: tuple[float, float]
    h_bs_m: tuple[float, float]
    default_h_bs_m: float


# TR 38.901 states UMa for antennas at 25 m and UMi at 10 m; other heights are taken here as an approximation
VALID: dict[Scenario, Validity] = {
    "UMa": Validity(10, 5_000, 5_000, (0.5, 100), (1.5, 22.5), (1.5, 500), 25),
    "UMi": Validity(10, 5_000, 5_000, (0.5, 100), (1.5, 22.5), (1.5, 500), 10),
    "RMa": Validity(10, 10_000, 5_000, (0.5, 30), (1, 10), (10, 150), 35),
}
# shadow fading: (line of sight, none); RMa beyond its breakpoint has 6 dB in line of sight
SHADOW_SIGMA_DB: dict[Scenario, tuple[float, float]] = {"UMa": (4, 6), "UMi": (4, 7.82), "RMa": (4, 8)}
O2I_SIGMA_DB: dict[Glass, float] = {"low": 4.4, "high": 6.5}


class OutOfRange(ValueError):
    """A frequency or height the standard gives no formula for; the message names it and what is allowed."""


def checked(scenario: str, fc_ghz: float, h_bs_m: float, h_ut_m: float) -> Validity:
    """What TR 38.901 allows for a scenario.

    Raises
    ------
    OutOfRange
        Unknown scenario, or a frequency or height outside the standard's range. UMa with a user
        at 13 m or more is refused: the environment height is random there.
    """
    if scenario not in VALID:
        raise OutOfRange(f"unknown scenario {scenario!r}; allowed: {', '.join(VALID)}")
    allowed = VALID[scenario]  # type: ignore[index]
    for name, value, (low, high) in (
        ("carrier frequency (GHz)", fc_ghz, allowed.fc_ghz),
        ("antenna height (m)", h_bs_m, allowed.h_bs_m),
        ("user height (m)", h_ut_m, allowed.h_ut_m),
    ):
        if not low <= value <= high:
            raise OutOfRange(f"{scenario}: {name} {value:g} is outside {low:g} to {high:g}")
    if scenario == "UMa" and h_ut_m >= 13:
        raise OutOfRange(f"UMa: user height {h_ut_m:g} m is not modelled; allowed: below 13 m")
    return allowed


def breakpoint_m(scenario: Scenario, fc_ghz: float, h_bs_m: float, h_ut_m: float = 1.5) -> float:
    """Distance (2D, m) at which line-of-sight loss begins to fall faster; 0 where an antenna is below 1 m."""
    wave = fc_ghz * 1e9 / LIGHT_M_S
    if scenario == "RMa":
        return 2 * np.pi * h_bs_m * h_ut_m * wave
    return max(4 * (h_bs_m - HALL_HEIGHT_M) * (h_ut_m - HALL_HEIGHT_M) * wave, 0.0)


def los_probability(scenario: Scenario, d2d_m: ArrayLike, h_ut_m: float = 1.5) -> Floats:
    """Probability of line of sight at distances `d2d_m` (m, outdoors); NaN stays NaN. Table 7.4.2-1."""
    d = np.asarray(d2d_m, dtype=np.float64)
    if scenario == "RMa":
        return np.where(d <= 10, 1.0, np.exp(-(d - 10) / 1000)) + 0 * d
    near, decay = 18.0, (63.0 if scenario == "UMa" else 36.0)
    far = np.maximum(d, near)
    share = near / far + np.exp(-far / decay) * (1 - near / far)
    if scenario == "UMa" and h_ut_m > 13:
        raised = ((h_ut_m - 13) / 10) ** 1.5
        share = share * (1 + raised * 1.25 * (far / 100) ** 3 * np.exp(-far / 150))
    return np.where(d <= near, 1.0, share) + 0 * d


def path_loss_db(
    scenario: Scenario,
    d2d_m: ArrayLike,
    fc_ghz: float,
    h_bs_m: float,
    h_ut_m: float = 1.5,
    *,
    los: bool,
    building_height_m: float = BUILDING_HEIGHT_M,
    street_width_m: float = STREET_WIDTH_M,
) -> Floats:
    """Median path loss (dB) outdoors at horizontal distances, with or without line of sight.

    Parameters
    ----------
    d2d_m : array_like
        Metres along the ground. Nearer than 10 m counts as 10 m.
    fc_ghz, h_bs_m, h_ut_m : float
        Carrier frequency; heights of antenna and user above the ground.
    los : bool
        With or without line of sight; without it the loss is never less than with it.
    building_height_m, street_width_m : float
        RMa only.

    Returns
    -------
    ndarray of float64
        NaN beyond the standard's distances (5 km; RMa with line of sight 10 km).

    Raises
    ------
    OutOfRange
        See `checked`.
    """
    allowed = checked(scenario, fc_ghz, h_bs_m, h_ut_m)
    d2d = np.maximum(np.asarray(d2d_m, dtype=np.float64), allowed.near_m)
    d2d = np.where(d2d <= (allowed.far_los_m if los else allowed.far_nlos_m), d2d, np.nan)
    drop = h_bs_m - h_ut_m
    lg3d, lgf = np.log10(np.hypot(d2d, drop)), np.log10(fc_ghz)
    bend = breakpoint_m(scenario, fc_ghz, h_bs_m, h_ut_m)
    if scenario == "RMa":
        sight = _rma_los(d2d, drop, fc_ghz, building_height_m, bend)
    else:
        base, slope, turn = (28.0, 22.0, 9.0) if scenario == "UMa" else (32.4, 21.0, 9.5)
        beyond = base + 40 * lg3d + 20 * lgf - turn * np.log10(bend**2 + drop**2)
        sight = np.where(d2d <= bend, base + slope * lg3d + 20 * lgf, beyond)
    if los:
        return sight
    if scenario == "UMa":
        hidden = 13.54 + 39.08 * lg3d + 20 * lgf - 0.6 * (h_ut_m - 1.5)
    elif scenario == "UMi":
        hidden = 22.4 + 35.3 * lg3d + 21.3 * lgf - 0.3 * (h_ut_m - 1.5)
    else:
        h, lgb = building_height_m, np.log10(h_bs_m)
        hidden = (
            161.04 - 7.1 * np.log10(street_width_m) + 7.5 * np.log10(h) - (24.37 - 3.7 * (h / h_bs_m) ** 2) * lgb
            + (43.42 - 3.1 * lgb) * (lg3d - 3) + 20 * lgf - (3.2 * np.log10(11.75 * h_ut_m) ** 2 - 4.97)
        )  # fmt: skip
    return np.maximum(sight, hidden)


def _rma_los(d2d: Floats, drop: float, fc_ghz: float, h: float, bend: float) -> Floats:
    def first(d3d: ArrayLike) -> Floats:
        lg = np.log10(d3d)
        rise = min(0.03 * h**1.72, 10) * lg - min(0.044 * h**1.72, 14.77)
        return 20 * np.log10(40 * np.pi * np.asarray(d3d) * fc_ghz / 3) + rise + 0.002 * np.log10(h) * np.asarray(d3d)

    d3d = np.hypot(d2d, drop)
    # as the table has it: the breakpoint, a distance along the ground, stands for the slant distance there
    return np.where(d2d <= bend, first(d3d), first(bend) + 40 * np.log10(d3d / bend))


def expected_path_loss_db(
    scenario: Scenario, d2d_m: ArrayLike, fc_ghz: float, h_bs_m: float, h_ut_m: float = 1.5
) -> Floats:
    """Loss with and without line of sight, weighted with the probability of it (dB): standards.md 1.3, last example.

    Parameters and range as `path_loss_db`; NaN beyond 5 km.
    """
    share = los_probability(scenario, d2d_m, h_ut_m)
    sight = path_loss_db(scenario, d2d_m, fc_ghz, h_bs_m, h_ut_m, los=True)
    hidden = path_loss_db(scenario, d2d_m, fc_ghz, h_bs_m, h_ut_m, los=False)
    return share * sight + (1 - share) * hidden


def wall_loss_db(fc_ghz: ArrayLike, glass: Glass = "low") -> Floats:
    """Mean loss through an outer wall (dB): `low` plain glass and concrete, `high` coated glass. Table 7.4.3-2.

    TR 38.901 uses only `low` for RMa.
    """
    f = np.asarray(fc_ghz, dtype=np.float64)
    concrete = 10 ** (-(5 + 4 * f) / 10)
    if glass == "low":
        return 5 - 10 * np.log10(0.3 * 10 ** (-(2 + 0.2 * f) / 10) + 0.7 * concrete)
    return 5 - 10 * np.log10(0.7 * 10 ** (-(23 + 0.3 * f) / 10) + 0.3 * concrete)


def indoor_loss_db(fc_ghz: ArrayLike, inside_m: float, glass: Glass = "low") -> Floats:
    """Mean loss from the street to a point `inside_m` behind the outer wall (dB): wall and 0.5 dB a metre."""
    return wall_loss_db(fc_ghz, glass) + 0.5 * inside_m
