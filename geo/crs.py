"""Coordinates of any declared datum to WGS84 and back, for whole arrays.

GCJ-02 and BD-09 are obfuscations, not datums: constants and examples in standards.md 7.1.
CGCS2000 in degrees is WGS84 at the accuracy of a city's data; CGCS2000 in metres is an EPSG code.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

Coordinates = tuple[NDArray[np.float64], NDArray[np.float64]]
DATUMS = ("WGS84", "CGCS2000", "GCJ-02", "BD-09")

_A = 6378245.0
_EE = 0.00669342162296594323
_BOX = (72.004, 137.8347, 0.8293, 55.8271)
_X = np.pi * 3000 / 180
_ROUNDS = 20
_TOLERANCE_DEG = 1e-11
_EPSG = re.compile(r"EPSG:(\d{4,6})")
_CHINA_ZONES = ("Asia/Shanghai", "Asia/Urumqi", "Asia/Chongqing", "Asia/Harbin", "Asia/Kashgar", "PRC")


class UnknownDatum(ValueError):
    """A datum that is neither one of `DATUMS` nor an EPSG code."""


def canonical_datum(name: str) -> str:
    """`name` in its one spelling: WGS84, CGCS2000, GCJ-02, BD-09 or EPSG:n.

    Case, spaces, hyphens and underscores do not matter ("gcj02", "wgs 84", "bd_09").

    Raises
    ------
    UnknownDatum
        Any other name, or an EPSG code PROJ does not know.
    """
    plain = re.sub(r"[\s_\-]", "", name).upper()
    for datum in DATUMS:
        if plain == datum.replace("-", ""):
            return datum
    match = _EPSG.fullmatch(plain)
    if not match:
        raise UnknownDatum(f"unknown datum {name!r}; allowed: {', '.join(DATUMS)} or an EPSG code such as EPSG:4547")
    try:
        CRS.from_epsg(int(match[1]))
    except CRSError:
        raise UnknownDatum(f"unknown datum {name!r}: PROJ knows no EPSG code {match[1]}") from None
    return plain


def to_wgs84(x: ArrayLike, y: ArrayLike, datum: str) -> Coordinates:
    """Coordinates of `datum` as WGS84 degrees.

    Parameters
    ----------
    x, y : array_like
        Longitude and latitude in degrees, or easting and northing for a projected EPSG code
        (always x first, whatever the registry's axis order).
    datum : str
        See `canonical_datum`.

    Returns
    -------
    (lon, lat) : ndarrays of float64
        NaN where a coordinate is NaN or cannot be projected.
    """
    x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    datum = canonical_datum(datum)
    if datum == "GCJ-02":
        return gcj02_to_wgs84(x, y)
    if datum == "BD-09":
        return gcj02_to_wgs84(*bd09_to_gcj02(x, y))
    if datum in ("WGS84", "CGCS2000"):
        return x.copy(), y.copy()
    return _project(datum, "EPSG:4326", x, y)


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> Coordinates:
    """WGS84 degrees as coordinates of `datum`; the inverse of `to_wgs84`."""
    lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    datum = canonical_datum(datum)
    if datum == "GCJ-02":
        return wgs84_to_gcj02(lon, lat)
    if datum == "BD-09":
        return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))
    if datum in ("WGS84", "CGCS2000"):
        return lon.copy(), lat.copy()
    return _project("EPSG:4326", datum, lon, lat)


@cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def _project(source: str, target: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> Coordinates:
    out_x, out_y = _transformer(source, target).transform(x, y)
    out_x, out_y = np.asarray(out_x, dtype=np.float64), np.asarray(out_y, dtype=np.float64)
    bad = ~(np.isfinite(out_x) & np.isfinite(out_y))
    return np.where(bad, np.nan, out_x), np.where(bad, np.nan, out_y)


def in_gcj02_box(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Whether the obfuscation applies: 72.004–137.8347° E, 0.8293–55.8271° N. False for NaN."""
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    west, east, south, north = _BOX
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _shift(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Coordinates:
    """GCJ-02 minus WGS84 in degrees at WGS84 points inside the box (standards.md 7.1)."""
    x, y = lon - 105.0, lat - 35.0
    root, xy = np.sqrt(np.abs(x)), x * y
    waves = (20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)) * 2 / 3
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * xy + 0.2 * root + waves
    d_lat += (20 * np.sin(np.pi * y) + 40 * np.sin(np.pi * y / 3)) * 2 / 3
    d_lat += (160 * np.sin(np.pi * y / 12) + 320 * np.sin(np.pi * y / 30)) * 2 / 3
    d_lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * xy + 0.1 * root + waves
    d_lon += (20 * np.sin(np.pi * x) + 40 * np.sin(np.pi * x / 3)) * 2 / 3
    d_lon += (150 * np.sin(np.pi * x / 12) + 300 * np.sin(np.pi * x / 30)) * 2 / 3
    radians = np.radians(lat)
    m = 1 - _EE * np.sin(radians) ** 2
    root_m = np.sqrt(m)
    d_lat = d_lat * 180 / (_A * (1 - _EE) / (m * root_m) * np.pi)
    d_lon = d_lon * 180 / (_A / root_m * np.cos(radians) * np.pi)
    return d_lon, d_lat


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Coordinates:
    """WGS84 → GCJ-02, degrees; points outside the box are unchanged."""
    lon, lat = np.array(lon, dtype=np.float64), np.array(lat, dtype=np.float64)
    inside = in_gcj02_box(lon, lat)
    d_lon, d_lat = _shift(lon[inside], lat[inside])
    lon[inside] += d_lon
    lat[inside] += d_lat
    return lon, lat


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> Coordinates:
    """GCJ-02 → WGS84, degrees, iterated until nothing moves by 1e-11° (about a micrometre)."""
    lon, lat = np.array(lon, dtype=np.float64), np.array(lat, dtype=np.float64)
    inside = in_gcj02_box(lon, lat)
    p_lon, p_lat = lon[inside], lat[inside]
    q_lon, q_lat = p_lon.copy(), p_lat.copy()
    for _ in range(_ROUNDS):
        d_lon, d_lat = _shift(q_lon, q_lat)
        next_lon, next_lat = p_lon - d_lon, p_lat - d_lat
        moved = max(np.abs(next_lon - q_lon).max(initial=0.0), np.abs(next_lat - q_lat).max(initial=0.0))
        q_lon, q_lat = next_lon, next_lat
        if moved < _TOLERANCE_DEG:
            break
    lon[inside], lat[inside] = q_lon, q_lat
    return lon, lat


def _baidu(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Coordinates:
    z = np.hypot(lon, lat) + 2e-5 * np.sin(lat * _X)
    theta = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * _X)
    return z * np.cos(theta) + 0.0065, z * np.sin(theta) + 0.006


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> Coordinates:
    """GCJ-02 → BD-09, degrees; points outside the GCJ-02 box are unchanged."""
    lon, lat = np.array(lon, dtype=np.float64), np.array(lat, dtype=np.float64)
    inside = in_gcj02_box(lon, lat)
    lon[inside], lat[inside] = _baidu(lon[inside], lat[inside])
    return lon, lat


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> Coordinates:
    """BD-09 → GCJ-02, degrees, iterated (the usual one-step inverse errs up to 0.12 m)."""
    lon, lat = np.array(lon, dtype=np.float64), np.array(lat, dtype=np.float64)
    inside = in_gcj02_box(lon - 0.0065, lat - 0.006)
    p_lon, p_lat = lon[inside], lat[inside]
    q_lon, q_lat = p_lon - 0.0065, p_lat - 0.006
    for _ in range(_ROUNDS):
        b_lon, b_lat = _baidu(q_lon, q_lat)
        e_lon, e_lat = b_lon - p_lon, b_lat - p_lat
        q_lon, q_lat = q_lon - e_lon, q_lat - e_lat
        if max(np.abs(e_lon).max(initial=0.0), np.abs(e_lat).max(initial=0.0)) < _TOLERANCE_DEG:
            break
    lon[inside], lat[inside] = q_lon, q_lat
    return lon, lat


def cgcs2000_zone_epsg(lon: float, *, prefixed: bool = False) -> int:
    """EPSG code of the CGCS2000 3-degree zone that holds a longitude (standards.md 7.2).

    `prefixed` asks for the variant whose eastings carry the zone number.

    Raises
    ------
    ValueError
        Outside 73.5–136.5° E, where there are no such zones.
    """
    if not 73.5 <= lon < 136.5:
        raise ValueError(f"longitude {lon} has no CGCS2000 3-degree zone (73.5 to 136.5 degrees east)")
    number = int((lon + 1.5) // 3)
    return 4513 + number - 25 if prefixed else 4534 + (number * 3 - 75) // 3


def metric_crs_for(lon: float, lat: float, timezone: str = "") -> str:
    """A projected CRS in metres for a place: CGCS2000 3-degree zone in China, else UTM, UPS at the poles.

    China is told by the time zone, since a box would take in its neighbours.
    """
    if timezone in _CHINA_ZONES and 73.5 <= lon < 136.5 and 0 < lat < 56:
        return f"EPSG:{cgcs2000_zone_epsg(lon)}"
    if lat >= 84:
        return "EPSG:32661"
    if lat <= -80:
        return "EPSG:32761"
    number = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + number}"
