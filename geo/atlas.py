"""The drawing of a printed atlas around a city: ribbon inside its border, shore lines in lakes, ticks across railways, fade.

Everything is measured in metres on the ground in the city's own metric CRS and comes back in WGS84, so that it is
computed once, shipped as a layer, and only painted by the browser.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

# all sizes are shares of the city's size (square root of its box), so that a county and a prefecture look alike on paper
RIBBON_SHARES = (0.006, 0.013, 0.022)
SHORE_SHARES = (0.0035, 0.008)
TICK_EVERY_SHARE, TICK_LENGTH_SHARE = 0.022, 0.006
RULE_SHARE = 0.0055
FADE_STEPS = 6
# how far the drawn surroundings reach, in metres, and where they begin to fade
SURROUNDINGS_M, FADE_FROM_M = 10_000.0, 2_500.0
DETAIL_SHARE, FADE_DETAIL_SHARE = 0.001, 0.004

Feature = tuple[str, int, BaseGeometry]


def atlas(
    outline: BaseGeometry, water: list[BaseGeometry], railways: list[BaseGeometry], metric_crs: str, *,
    old_water: list[BaseGeometry] | None = None, reach_m: float = SURROUNDINGS_M,
) -> list[Feature]:  # fmt: skip
    """Everything the drawing adds to the layers of a city.

    Parameters
    ----------
    outline : polygon of the city, WGS84
    water, railways : geometries, WGS84; only polygons of water get shore lines
    old_water : polygons of lakes as they were once, WGS84: they are ruled, without shore lines
    metric_crs : CRS in metres that fits the city (`EPSG:4547`)
    reach_m : how far around the city something is drawn; the fade ends there

    Returns
    -------
    list of (kind, step, geometry)
        WGS84, in the order of drawing. `ribbon` 0 (widest) to 2, `shore` 0 (outer), 1, `ruled` 0, `tick` 0, `fade` 0 (inner) to 5.
        Water, railways or a lake too small for an inner line give nothing.
    """
    there = Transformer.from_crs("EPSG:4326", metric_crs, always_xy=True)
    back = Transformer.from_crs(metric_crs, "EPSG:4326", always_xy=True)
    city = shapely.make_valid(_moved(outline, there))
    west, south, east, north = city.bounds
    size = math.sqrt(max(east - west, 1.0) * max(north - south, 1.0))
    found: list[Feature] = []
    for step, share in enumerate(reversed(RIBBON_SHARES)):
        found.append(("ribbon", step, ribbon(city, share * size)))
    lakes = shapely.union_all([_moved(shape, there) for shape in water if "Polygon" in shape.geom_type])
    for step, share in enumerate(SHORE_SHARES):
        found.append(("shore", step, shore(lakes, share * size)))
    found.append(("ruled", 0, ruled(shapely.union_all([_moved(shape, there) for shape in old_water or []]), RULE_SHARE * size)))
    lines = shapely.union_all([_moved(shape, there) for shape in railways])
    found.append(("tick", 0, ticks(lines, TICK_EVERY_SHARE * size, TICK_LENGTH_SHARE * size)))
    found += [("fade", step, shape) for step, shape in enumerate(fade(city, reach_m))]
    detail = {"ribbon": DETAIL_SHARE, "shore": DETAIL_SHARE, "fade": FADE_DETAIL_SHARE}
    drawn = [(kind, step, shapely.simplify(shape, detail[kind] * size) if kind in detail else shape) for kind, step, shape in found]
    return [(kind, step, _moved(shape, back)) for kind, step, shape in drawn if not shape.is_empty]


def ribbon(city: BaseGeometry, width_m: float) -> BaseGeometry:
    """The band of a width inside the border (metric CRS); the whole city where it is narrower than twice the width."""
    return shapely.difference(city, shapely.buffer(city, -width_m, quad_segs=4))


def shore(water: BaseGeometry, inside_m: float) -> BaseGeometry:
    """The line that runs at a distance inside the shores of polygons (metric CRS); empty where none is that wide."""
    return shapely.boundary(shapely.buffer(water, -inside_m, quad_segs=4))


def ruled(old: BaseGeometry, every_m: float) -> BaseGeometry:
    """Level strokes across polygons (metric CRS), the sign of a lake bed that has fallen dry; empty for none."""
    if old.is_empty:
        return shapely.MultiLineString()
    west, south, east, north = old.bounds
    rows = np.arange(math.ceil(south / every_m), math.floor(north / every_m) + 1) * every_m
    lines = shapely.MultiLineString([[(west - 1, y), (east + 1, y)] for y in rows])
    return shapely.intersection(lines, old)


def ticks(lines: BaseGeometry, every_m: float, length_m: float) -> BaseGeometry:
    """Short strokes across lines (metric CRS), the first half a step from each end."""
    strokes = [stroke for line in _lines(lines) for stroke in _strokes(line, every_m, length_m)]
    return shapely.MultiLineString(strokes) if strokes else shapely.MultiLineString()


def fade(city: BaseGeometry, reach_m: float, steps: int = FADE_STEPS) -> list[BaseGeometry]:
    """Rings around a city (metric CRS): each begins further out, all end beyond what is drawn; painted over one another they fade."""
    begin = min(FADE_FROM_M, reach_m / 4)
    rim = shapely.buffer(city, reach_m * 1.06, quad_segs=8)
    edges = [begin + (reach_m * 0.97 - begin) * i / (steps - 1) for i in range(steps)]
    return [shapely.difference(rim, shapely.buffer(city, edge, quad_segs=8)) for edge in edges]


def _lines(shape: BaseGeometry) -> Iterator[shapely.LineString]:
    merged = shapely.line_merge(shape) if shape.geom_type == "MultiLineString" else shape
    for part in shapely.get_parts(merged):
        if part.geom_type == "LineString" and part.length > 0:
            yield part


def _strokes(line: shapely.LineString, every_m: float, length_m: float) -> Iterator[NDArray[np.float64]]:
    n = int(line.length // every_m)
    for i in range(n):
        at = (i + 0.5) * line.length / n
        a, b = (line.interpolate(min(max(at + d, 0.0), line.length)) for d in (-length_m / 2, length_m / 2))
        along = np.array([b.x - a.x, b.y - a.y])
        span = float(np.hypot(*along))
        if span > 0:
            middle, across = np.array([(a.x + b.x) / 2, (a.y + b.y) / 2]), np.array([-along[1], along[0]]) / span * length_m / 2
            yield np.array([middle - across, middle + across])


def _moved(shape: BaseGeometry, transformer: Transformer) -> BaseGeometry:
    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return shapely.transform(shape, move)
