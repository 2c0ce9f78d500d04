"""Daily AQI after HJ 633-2012 and HJ 633-2026, for the simulator's archive (standards: GB 3095, HJ 633 table 3)."""

from __future__ import annotations

import numpy as np

LEVELS = np.array([0, 50, 100, 150, 200, 300, 400, 500])
# upper ends of the steps in ug/m3, CO in 0.1 mg/m3, so that every concentration is a whole number
_STEPS = {
    "so2": [0, 50, 150, 475, 800, 1600, 2100, 2620],
    "no2": [0, 40, 80, 180, 280, 565, 750, 940],
    "co": [0, 20, 40, 140, 240, 360, 480, 600],
    "o3_8h": [0, 100, 160, 215, 265, 800],
    "pm10": [0, 50, 120, 250, 350, 420, 500, 600],
    "pm25": [0, 35, 60, 115, 150, 250, 350, 500],
}
_STEPS_2012 = {"pm10": [0, 50, 150, 250, 350, 420, 500, 600], "pm25": [0, 35, 75, 115, 150, 250, 350, 500]}


def sub_index(item: str, concentration: np.ndarray, old: np.ndarray) -> np.ndarray:
    """IAQI of a daily concentration, rounded up; `old`: days before 2026-03-01 (HJ 633-2012).

    Concentrations in ug/m3 (CO in 0.1 mg/m3) are rounded half to even first, as GB/T 8170 asks.
    """
    whole = np.rint(concentration)
    new = _on(np.array(_STEPS[item]), whole)
    return np.where(old, _on(np.array(_STEPS_2012[item]), whole), new) if item in _STEPS_2012 else new


def _on(steps: np.ndarray, c: np.ndarray) -> np.ndarray:
    c = np.minimum(c, steps[-1])
    at = np.clip(np.searchsorted(steps, c, side="left"), 1, len(steps) - 1)
    low, high, i_low, i_high = steps[at - 1], steps[at], LEVELS[at - 1], LEVELS[at]
    # whole-number division rounds up without the traps of binary fractions
    return np.where(c <= 0, 0, i_low + -((-(i_high - i_low) * (c - low)) // (high - low)))


def daily_indices(hourly: dict[str, np.ndarray], member: np.ndarray, starts: np.ndarray, old: np.ndarray) -> dict[str, np.ndarray]:
    """Sub-indices, AQI (`aqi`) and ozone of eight hours (`o3_8h`, ug/m3) of areas and days from complete hourly values of stations.

    Parameters
    ----------
    hourly : dict of (stations, hours)
        Contract's column names.
    member : (areas, stations)
    starts : positions of the first hour of each day
    old : (days,) bool, days under HJ 633-2012

    Returns
    -------
    dict of (areas, days), by `so2`, `no2`, `co`, `o3`, `pm10`, `pm25`, `aqi`, `o3_8h`; NaN for an area without a station.
    """
    stations = member.sum(axis=1, keepdims=True)
    hours = np.diff(np.append(starts, hourly["o3_ug_m3"].shape[1]))
    names = {"so2": "so2_ug_m3", "no2": "no2_ug_m3", "pm10": "pm10_ug_m3", "pm25": "pm25_ug_m3"}
    daily = {item: np.add.reduceat(hourly[name], starts, axis=1) / hours for item, name in names.items()}
    daily["co"] = np.add.reduceat(hourly["co_mg_m3"] * 10, starts, axis=1) / hours
    daily["o3_8h"] = np.stack([_max_8h(hourly["o3_ug_m3"][:, s : s + h]) for s, h in zip(starts, hours, strict=True)], axis=1)
    found: dict[str, np.ndarray] = {}
    shape = (member.shape[0], len(starts))
    for item, values in daily.items():
        mean = np.divide(member @ values, stations, out=np.full(shape, np.nan), where=stations > 0)
        index = np.where(stations > 0, sub_index(item, np.nan_to_num(mean), old), np.nan)
        found["o3" if item == "o3_8h" else item] = index
        if item == "o3_8h":
            found["o3_8h"] = np.rint(mean)
    worst = np.maximum.reduce([found[item] for item in ("so2", "no2", "co", "o3", "pm10", "pm25")])
    return found | {"aqi": np.maximum(worst, 1)}


def _max_8h(o3: np.ndarray) -> np.ndarray:
    """Largest eight-hour mean of a day whose window lies in the day."""
    total = np.cumsum(np.pad(o3, ((0, 0), (1, 0))), axis=1)
    return ((total[:, 8:] - total[:, :-8]) / 8).max(axis=1) if o3.shape[1] >= 8 else o3.mean(axis=1)
