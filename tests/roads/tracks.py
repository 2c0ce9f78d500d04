"""Three road sections in a row with a side street, and cars that drive them at known speeds."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import shapely

from geo.crs import to_wgs84

CRS = "EPSG:4547"
EAST, NORTH = 500_000.0, 3_360_000.0
EIGHT = datetime(2026, 3, 2, 0, 0)


def sections() -> pl.DataFrame:
    """Three sections of 500 m in a row, and a side street."""
    lines = [[(k * 500, 0), (k * 500 + 500, 0)] for k in range(3)] + [[(500, 0), (500, 400)]]
    wkt = []
    for line in lines:
        lon, lat = to_wgs84([EAST + x for x, _ in line], [NORTH + y for _, y in line], CRS)
        wkt.append(shapely.LineString(np.c_[lon, lat]).wkt)
    return pl.DataFrame({"site_id": ["west", "middle", "east", "side"], "path": wkt})


def cars(n: int, speeds_m_s: tuple[float, float, float] = (10.0, 5.0, 10.0), noise_m: float = 4.0, seed: int = 1) -> pl.DataFrame:
    """Cars that drive the three sections at the given speeds, a fix every 10 s."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum([0.0, *(500 / v for v in speeds_m_s)])
    rows = []
    for k in range(n):
        t = np.arange(0, edges[-1], 10.0)
        x = np.interp(t, edges, [0, 500, 1000, 1500]) + rng.normal(0, noise_m, t.size)
        lon, lat = to_wgs84(EAST + x, NORTH + rng.normal(0, noise_m, t.size), CRS)
        rows += [(f"c{k}", int(s * 1e6), float(a), float(b)) for s, a, b in zip(t, lon, lat, strict=True)]
    frame = pl.DataFrame(rows, schema=["vehicle_id", "us", "lon", "lat"], orient="row")
    return frame.with_columns(at=pl.lit(EIGHT) + pl.duration(microseconds="us")).drop("us")
