"""Points as Mapbox Vector Tiles (MVT 2.1): what a map draws instead of a hundred thousand dots sent as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

EXTENT = 4096
# of a tile's width: points just outside are drawn too, so that no dot is cut at the seam
BUFFER_SHARE = 1 / 64
# a tile is 512 px wide: dots in the same of these cells would lie on one another; the deepest tile is drawn enlarged as well
CELLS_ACROSS, DEEPEST_ZOOM, DEEPEST_CELLS_ACROSS = 64, 14, 512
MOST_LATITUDE = 85.0511287798066


def mercator(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """WGS84 degrees as shares 0–1 of the Web Mercator world, x to the east, y to the south. NaN stays NaN."""
    inside = np.radians(np.clip(lat, -MOST_LATITUDE, MOST_LATITUDE))
    return (lon + 180) / 360, (1 - np.arcsinh(np.tan(inside)) / math.pi) / 2


def tile_points(x: NDArray[np.float64], y: NDArray[np.float64], tile: tuple[int, int, int]) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """The points of a tile: their positions in `x`, and how many each stands for.

    Points that fall into the same of 64 × 64 cells (512 × 512 from zoom 14 on) are drawn as the first of them.

    Parameters
    ----------
    x, y : world shares of `mercator`
    tile : (z, x, y)

    Returns
    -------
    (index, counts, coordinates)
        Coordinates in tile units (n × 2), 4096 a tile.
    """
    z, column, row = tile
    across = 2**z
    u, v = x * across - column, y * across - row
    near = np.flatnonzero((u >= -BUFFER_SHARE) & (u < 1 + BUFFER_SHARE) & (v >= -BUFFER_SHARE) & (v < 1 + BUFFER_SHARE))
    n = CELLS_ACROSS if z < DEEPEST_ZOOM else DEEPEST_CELLS_ACROSS
    cells = np.floor(u[near] * n).astype(np.int64) * 4 * n + np.floor(v[near] * n).astype(np.int64)
    _, first, counts = np.unique(cells, return_index=True, return_counts=True)
    chosen = near[first]
    points = np.column_stack([np.rint(u[chosen] * EXTENT), np.rint(v[chosen] * EXTENT)]).astype(np.int64)
    return chosen, counts.astype(np.int64), points


def encode_points(layer: str, points: NDArray[np.int64], properties: dict[str, Sequence[str | int]]) -> bytes:
    """A tile with one layer of points. `properties`: name → one value a point. No points give an empty tile.

    Wire format: vector-tile-spec 2.1, sections 4.1 to 4.4.
    """
    if not len(points):
        return b""
    keys = list(properties)
    values: dict[str | int, int] = {}
    body = bytearray(_text(1, layer))
    for i, (px, py) in enumerate(points.tolist()):
        tags = bytearray()
        for k, key in enumerate(keys):
            value = properties[key][i]
            tags += _varint(k) + _varint(values.setdefault(value, len(values)))
        geometry = _varint(9) + _varint(_zigzag(px)) + _varint(_zigzag(py))  # 9: MoveTo, once
        feature = _bytes(2, bytes(tags)) + b"\x18\x01" + _bytes(4, geometry)  # type 1: point
        body += _bytes(2, feature)
    for key in keys:
        body += _text(3, key)
    for value in values:
        body += _bytes(4, _text(1, value) if isinstance(value, str) else b"\x28" + _varint(int(value)))
    body += b"\x28" + _varint(EXTENT) + b"\x78\x02"  # extent, version 2
    return _bytes(3, bytes(body))


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())
