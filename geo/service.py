"""Service radius: what lies within a distance of any of several points, each spot counted once. Plane coordinates in metres."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

QUARTER_SEGMENTS = 64  # of a circle: its area is then 0.01 % too small


def within_radius(x_m: ArrayLike, y_m: ArrayLike, site_x_m: ArrayLike, site_y_m: ArrayLike, radius_m: float) -> NDArray[np.bool_]:
    """Whether each point lies within `radius_m` of any site; of the shape of `x_m`, all False without a site.

    Coordinates are eastings and northings of one metric CRS. A point at exactly the radius is within it. Points or sites
    with a missing coordinate (NaN) are near nothing.
    """
    x, y = np.asarray(x_m, dtype=float), np.asarray(y_m, dtype=float)
    sites = np.column_stack([np.asarray(site_x_m, dtype=float), np.asarray(site_y_m, dtype=float)])
    sites = sites[np.isfinite(sites).all(axis=1)]
    from scipy.spatial import cKDTree  # the web process imports this module and never asks

    found = np.zeros(x.shape, dtype=bool)
    known = np.isfinite(x) & np.isfinite(y)
    if not len(sites) or not known.any():
        return found
    # the bound of the search is exclusive, that of the figure is not
    away, _ = cKDTree(sites).query(np.column_stack([x[known], y[known]]), distance_upper_bound=np.nextafter(radius_m, np.inf) * (1 + 1e-12))
    found[known] = away <= radius_m
    return found


def union_km2(site_x_m: ArrayLike, site_y_m: ArrayLike, radius_m: float, within: BaseGeometry | None = None) -> float:
    """Area of the union of circles around the sites, km² in the plane; where circles overlap it counts once.

    `within`: only the part inside this polygon (same CRS). 0.0 without a site.
    """
    sites = np.column_stack([np.asarray(site_x_m, dtype=float), np.asarray(site_y_m, dtype=float)])
    sites = sites[np.isfinite(sites).all(axis=1)]
    if not len(sites):
        return 0.0
    union = shapely.union_all(shapely.buffer(shapely.points(sites), radius_m, quad_segs=QUARTER_SEGMENTS))
    return float((union if within is None else union.intersection(within)).area) / 1e6
