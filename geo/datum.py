"""Finds out that a file's points were given in another datum than declared, or with axes swapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.crs import canonical_datum, to_wgs84
from geo.distance import geodesic_m

READINGS = ("WGS84", "GCJ-02", "BD-09")
SWAPPED = "swapped"

MIN_POINTS = 20
MIN_GAINED = 5
MIN_GAINED_SHARE = 0.01
MAX_LOST_PER_GAINED = 0.2

Agrees = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]


@dataclass(frozen=True)
class DatumVerdict:
    """How well a file's points fit when they are read in one datum or another.

    declared, probable : the datum declared; the one that fits clearly better (`swapped` for
        latitude before longitude), None where none does
    n : points looked at
    shares : reading → share of points that agree (0–1)
    gained, lost : points that agree under `probable` only, under `declared` only
    shift_m : median distance between the two readings, NaN without a `probable`
    """

    declared: str
    probable: str | None
    n: int
    shares: dict[str, float]
    gained: int
    lost: int
    shift_m: float


def probable_datum(lon: ArrayLike, lat: ArrayLike, agrees: Agrees, declared: str = "WGS84") -> DatumVerdict:
    """Judge the declared datum of points by where they would fall.

    Parameters
    ----------
    lon, lat : array_like
        Degrees as the supplier wrote them.
    agrees : function (lon, lat in WGS84) → bool array
        What a right point fulfils: lies in the city, on land, in the district its row names.
    declared : str
        Datum the mapping declares; a projected EPSG code is only compared with itself.

    Returns
    -------
    DatumVerdict
        `probable` is set when at least 20 points are given and the other reading brings in at
        least 5 points and 1 % of all, and loses at most one for every five it gains. Points far
        inside the city agree under every reading and say nothing, so a file of few points near
        no border cannot be judged; the verdict is then None, never a guess.
    """
    declared = canonical_datum(declared)
    raw_x, raw_y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    usable = np.isfinite(raw_x) & np.isfinite(raw_y)
    n = int(np.count_nonzero(usable))
    readings = _readings(raw_x[usable], raw_y[usable], declared)
    fits = {name: np.asarray(agrees(*point), dtype=bool) for name, point in readings.items()}
    shares = {name: float(fit.mean()) if n else float("nan") for name, fit in fits.items()}
    base = fits[declared]
    best, gained, lost = None, 0, 0
    for name in readings:
        if name == declared:
            continue
        plus, minus = int((fits[name] & ~base).sum()), int((base & ~fits[name]).sum())
        clear = plus >= max(MIN_GAINED, MIN_GAINED_SHARE * n) and minus <= MAX_LOST_PER_GAINED * plus
        if n >= MIN_POINTS and clear and plus - minus > gained - lost:
            best, gained, lost = name, plus, minus
    shift_m = float("nan")
    if best is not None:
        shift_m = float(np.median(geodesic_m(*readings[declared], *readings[best])))
    return DatumVerdict(declared, best, n, shares, gained, lost, shift_m)


def _readings(
    lon: NDArray[np.float64], lat: NDArray[np.float64], declared: str
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Each way to read the points, as WGS84; the declared one first."""
    found = {declared: to_wgs84(lon, lat, declared)}
    if declared.startswith("EPSG:"):
        return found
    for datum in READINGS:
        if datum != declared and (declared, datum) != ("CGCS2000", "WGS84"):
            found[datum] = to_wgs84(lon, lat, datum)
    if len(lon) and np.abs(lon).max() <= 90:
        found[SWAPPED] = to_wgs84(lat, lon, declared)
    return found
