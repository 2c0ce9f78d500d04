"""Vector tiles of points, read back by an independent reader of the wire format (duckdb's and GDAL's are not at hand)."""

import numpy as np
import pytest

from geo.mvt import EXTENT, encode_points, mercator, tile_points


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        yield tag >> 3, value


def packed(data):
    at, found = 0, []
    while at < len(data):
        value, at = varint(data, at)
        found.append(value)
    return found


def read(tile):
    (_, layer), = fields(tile)
    keys, values, features, head = [], [], [], {}
    for number, value in fields(layer):
        if number == 2:
            features.append(dict(fields(value)))
        elif number == 3:
            keys.append(value.decode())
        elif number == 4:
            (kind, inner), = fields(value)
            values.append(inner.decode() if kind == 1 else inner)
        else:
            head[number] = value
    out = []
    for f in features:
        tags, geometry = packed(f[2]), packed(f[4])
        assert f[3] == 1 and geometry[0] == 9, "a point: one MoveTo"
        point = tuple((v >> 1) ^ -(v & 1) for v in geometry[1:])
        out.append((point, {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}))
    return head, out


def test_the_middle_of_the_world_is_the_middle_of_its_one_tile():
    x, y = mercator(np.array([0.0]), np.array([0.0]))
    index, counts, points = tile_points(x, y, (0, 0, 0))
    head, (feature,) = read(encode_points("sites", points, {"id": ["a"], "n": counts.tolist()}))
    assert head == {1: b"sites", 5: EXTENT, 15: 2}
    assert feature == ((2048, 2048), {"id": "a", "n": 1})
    assert index.tolist() == [0]


def test_mercator_follows_the_published_formula():
    # OGC WebMercatorQuad: 85.0511287798066° N is the upper edge; 66.51326044311186° N lies a quarter below it
    _, y = mercator(np.zeros(2), np.array([85.0511287798066, 66.51326044311186]))
    assert y == pytest.approx([0.0, 0.25], abs=1e-12)


def test_a_point_of_ezhou_is_in_the_tile_every_slippy_map_puts_it_in():
    # 114.8878 E, 30.3912 N at zoom 10: x = ⌊(114.8878 + 180) / 360 · 1024⌋ = 838, y = 421
    x, y = mercator(np.array([114.8878]), np.array([30.3912]))
    assert len(tile_points(x, y, (10, 838, 421))[0]) == 1
    assert len(tile_points(x, y, (10, 838, 422))[0]) == 0


def test_points_too_near_to_be_told_apart_become_one_that_says_how_many():
    x, y = mercator(np.array([10.0, 10.0001, 40.0]), np.array([10.0, 10.0001, 40.0]))
    index, counts, _ = tile_points(x, y, (1, 1, 0))
    assert sorted(counts.tolist()) == [1, 2] and len(index) == 2


def test_a_place_without_coordinates_is_in_no_tile():
    x, y = mercator(np.array([np.nan, 10.0]), np.array([10.0, 10.0]))
    assert tile_points(x, y, (0, 0, 0))[0].tolist() == [1]


def test_names_in_chinese_and_numbers_above_127_come_through():
    _, ((_, said),) = read(encode_points("sites", np.array([[1, -3]]), {"name": ["鄂州站"], "n": [300]}))
    assert said == {"name": "鄂州站", "n": 300}


def test_nothing_to_draw_is_an_empty_tile():
    assert encode_points("sites", np.empty((0, 2), dtype=np.int64), {"id": []}) == b""
