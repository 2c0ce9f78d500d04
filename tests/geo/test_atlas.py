"""The drawing around a city, on shapes whose sizes can be worked out by hand (UTM 50N, metres)."""

import numpy as np
import pytest
import shapely

from geo.areas import geodesic_area_km2
from geo.atlas import atlas, fade, ribbon, ruled, shore, ticks

SQUARE = shapely.box(0, 0, 10_000, 10_000)


def test_the_ribbon_of_a_square_is_the_square_less_the_square_inside_it():
    assert ribbon(SQUARE, 500).area == pytest.approx(10_000**2 - 9_000**2)


def test_a_city_narrower_than_twice_the_width_is_all_ribbon():
    assert ribbon(shapely.box(0, 0, 10_000, 800), 500).area == pytest.approx(8_000_000)


def test_the_shore_line_of_a_square_lake_runs_inside_at_the_given_distance():
    line = shore(SQUARE, 100)
    assert line.length == pytest.approx(4 * 9_800)
    assert line.distance(SQUARE.boundary) == pytest.approx(100)


def test_a_pond_too_small_for_an_inner_line_has_none():
    assert shore(shapely.box(0, 0, 150, 150), 100).is_empty


def test_ticks_stand_square_to_the_line_and_are_spread_evenly():
    strokes = ticks(shapely.LineString([(0, 0), (10_000, 0)]), 2_000, 600)
    middles = sorted(s.interpolate(0.5, normalized=True).x for s in strokes.geoms)
    assert np.allclose(middles, [1_000, 3_000, 5_000, 7_000, 9_000])
    assert all(s.length == pytest.approx(600) and s.coords[0][0] == pytest.approx(s.coords[1][0]) for s in strokes.geoms)


def test_a_line_shorter_than_one_step_has_no_ticks():
    assert ticks(shapely.LineString([(0, 0), (1_000, 0)]), 2_000, 600).is_empty


def test_an_old_lake_bed_is_ruled_from_shore_to_shore():
    lines = ruled(shapely.box(0, 50, 1_000, 950), 100)
    assert len(lines.geoms) == 9
    assert lines.length == pytest.approx(9 * 1_000)


def test_every_ring_of_the_fade_begins_further_out_and_leaves_the_city_alone():
    rings = fade(SQUARE, 10_000)
    assert all(shapely.intersection(r, SQUARE).area == 0 for r in rings)
    begins = [r.distance(SQUARE) for r in rings]
    assert begins == sorted(begins) and begins[-1] == pytest.approx(9_700, rel=0.01)


def test_a_whole_sheet_comes_back_in_degrees_with_what_there_is_to_draw():
    city = shapely.box(117.0, 30.0, 117.5, 30.5)
    found = atlas(city, [shapely.box(117.1, 30.1, 117.3, 30.3)], [shapely.LineString([(117.0, 30.2), (117.5, 30.2)])], "EPSG:32650")
    kinds = {(kind, step) for kind, step, _ in found}
    assert kinds == {("ribbon", 0), ("ribbon", 1), ("ribbon", 2), ("shore", 0), ("shore", 1), ("tick", 0), *(("fade", i) for i in range(6))}
    bands = [shape for kind, _, shape in found if kind == "ribbon"]
    widest, whole = geodesic_area_km2(bands[0])[0], geodesic_area_km2(city)[0]
    assert 0.05 < widest / whole < 0.12, "a soft band, not a second city"
    assert all(shapely.is_valid(shape) for kind, _, shape in found if kind in ("ribbon", "fade"))


def test_a_city_without_water_and_railways_gets_ribbon_and_fade_only():
    found = atlas(shapely.box(117.0, 30.0, 117.5, 30.5), [], [], "EPSG:32650")
    assert {kind for kind, _, _ in found} == {"ribbon", "fade"}
