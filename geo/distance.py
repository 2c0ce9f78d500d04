"""Distances on the earth, in metres, between points in WGS84 degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod

WGS84 = Geod(ellps="WGS84")


def geodesic_m(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> NDArray[np.float64]:
    """Shortest distance on the WGS84 ellipsoid (Karney), in metres; NaN where a coordinate is NaN."""
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (lon1, lat1, lon2, lat2)))
    shape = arrays[0].shape
    flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
    usable = np.logical_and.reduce([np.isfinite(a) for a in flat])
    metres = np.full(usable.shape, np.nan)
    if usable.any():
        a, b, c, d = (values[usable] for values in flat)
        metres[usable] = WGS84.inv(a, b, c, d)[2]
    return metres.reshape(shape)
