"""Areas, distances, point in polygon, nearest polygon, H3 cells."""

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Point, Polygon, box

from geo.areas import GRID_FROM_POINTS, AreaIndex, BadGeometry, geodesic_area_km2, label_point, polygonal
from geo.distance import geodesic_m
from geo.h3cells import cells


def test_distances_are_those_of_section_7_3():
    assert geodesic_m(120.1551, 30.2741, 120.2551, 30.3741) == pytest.approx(14675.96, abs=0.01)


def test_an_unknown_coordinate_has_no_distance():
    assert np.isnan(geodesic_m([np.nan, 0.0], 0.0, 1.0, 0.0)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("west", "south", "km2"), [(120.0, 30.0, 2667.3005), (106.0, 29.0, 2693.4986), (102.5, 24.8, 2794.5108)]
)
def test_half_degree_boxes_have_the_geodesic_areas_of_section_7_3(west, south, km2):
    square = box(west, south, west + 0.5, south + 0.5)
    # the table follows the parallels, a geodesic box is a hair larger
    fine = shapely.segmentize(square, 0.001)
    assert geodesic_area_km2(fine)[0] == pytest.approx(km2, rel=2e-5)


def test_holes_and_the_direction_of_rings_do_not_change_an_area():
    ring = [(0, 0), (1, 0), (1, 1), (0, 1)]
    hole = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
    whole, cut = geodesic_area_km2([Polygon(ring), Polygon(ring[::-1], [hole])])
    assert cut == pytest.approx(whole - geodesic_area_km2(Polygon(hole))[0])


def test_a_self_crossing_polygon_is_repaired_with_a_note_and_a_line_is_refused():
    bow = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    repaired, note = polygonal(bow)
    assert repaired.is_valid and isinstance(repaired, MultiPolygon) and "Self-intersection" in note
    assert polygonal(box(0, 0, 1, 1))[1] == ""
    for bad in (Polygon(), Point(1, 1), Polygon([(0, 0), (1, 1), (0, 0)])):
        with pytest.raises(BadGeometry):
            polygonal(bad)


def test_the_label_point_lies_inside_even_where_the_centroid_does_not():
    horseshoe = box(0, 0, 3, 3).difference(box(1, 1, 3, 2))
    assert horseshoe.contains(Point(label_point(horseshoe)))


def _quilt() -> list[Polygon]:
    rng = np.random.default_rng(7)
    cells_ = shapely.voronoi_polygons(shapely.MultiPoint(rng.uniform(0, 1, (40, 2)) + (114, 30)))
    return [cell.intersection(Point(114.5, 30.5).buffer(0.45)) for cell in cells_.geoms]


def test_the_fast_lookup_agrees_with_testing_every_polygon():
    polygons = [p for p in _quilt() if not p.is_empty]
    rng = np.random.default_rng(8)
    lon, lat = rng.uniform(113.9, 115.1, GRID_FROM_POINTS), rng.uniform(29.9, 31.1, GRID_FROM_POINTS)
    fast = AreaIndex(polygons).find(lon, lat)
    slow = np.full(len(lon), -1)
    for k, polygon in enumerate(polygons):
        slow[shapely.contains_xy(polygon, lon, lat)] = k
    assert (fast == slow).all()
    assert (AreaIndex(polygons).find(lon[:500], lat[:500]) == slow[:500]).all()


def test_where_polygons_overlap_the_first_one_wins_and_find_all_names_both():
    index = AreaIndex([box(0, 0, 2, 2), box(1, 1, 3, 3)])
    assert index.find([0.5, 1.5, 2.5, 9.0, np.nan], [0.5, 1.5, 2.5, 9.0, 1.0]).tolist() == [0, 0, 1, -1, -1]
    assert sorted(zip(*(a.tolist() for a in index.find_all([1.5], [1.5])), strict=True)) == [(0, 0), (0, 1)]


def test_a_point_on_the_border_belongs_to_one_polygon_only():
    index = AreaIndex([box(0, 0, 1, 1), box(1, 0, 2, 1)])
    assert index.find([1.0, 0.0, 2.0], [0.5, 0.0, 1.0]).tolist() == [0, 0, 1]


def test_the_nearest_polygon_and_its_geodesic_distance_are_found():
    index = AreaIndex([box(114, 30, 115, 31), box(116, 30, 117, 31)])
    nearest, metres = index.nearest([115.2, 114.5, np.nan], [30.5, 30.5, 30.5])
    assert nearest.tolist() == [0, 0, -1]
    assert metres[0] == pytest.approx(float(geodesic_m(115.0, 30.5, 115.2, 30.5)), rel=1e-4)
    assert metres[1] == 0 and np.isnan(metres[2])


def test_the_nearest_border_agrees_with_shapely_on_random_points():
    polygons = [p for p in _quilt() if not p.is_empty]
    rng = np.random.default_rng(9)
    lon, lat = rng.uniform(113, 116, 300), rng.uniform(29, 32, 300)
    _, metres = AreaIndex(polygons).nearest(lon, lat)
    whole = shapely.union_all(polygons)
    lines = shapely.shortest_line(whole, shapely.points(lon, lat))
    ends = shapely.get_coordinates(lines).reshape(-1, 2, 2)
    upper = geodesic_m(ends[:, 0, 0], ends[:, 0, 1], ends[:, 1, 0], ends[:, 1, 1])
    # the planar nearest point in degrees is never nearer than ours, and ours is no guess
    assert (metres <= upper * 1.0005 + 0.01).all() and (metres >= upper * 0.8 - 0.01).all()


def test_an_index_of_nothing_finds_nothing():
    empty = AreaIndex([])
    assert empty.find([1.0], [1.0]).tolist() == [-1]
    assert empty.nearest([1.0], [1.0])[0].tolist() == [-1]


@pytest.mark.parametrize(
    ("resolution", "text"),
    [(7, "87309a42dffffff"), (8, "88309a42c3fffff"), (9, "89309a42d5bffff"), (10, "8a309a42c2cffff")],
)
def test_h3_cells_are_those_of_section_7_3(resolution, text):
    cell, known = cells([120.17], [30.25], resolution)
    assert cell.dtype == np.uint64 and known.all()
    assert cell[0] == int(text, 16)


def test_repeated_and_unknown_points_get_the_same_cells_as_single_ones():
    lon = np.array([120.17, np.nan, 114.9, np.inf, 114.9] * 50)
    lat = np.array([30.25, 30.0, 30.4, 30.0, 99.0] * 50)
    cell, known = cells(lon, lat)
    assert known.tolist() == [True, False, True, False, False] * 50
    assert cell[0] == cells([120.17], [30.25])[0][0] and cell[2] == cells([114.9], [30.4])[0][0]
    assert (cell[~known] == 0).all() and cells([], [])[0].shape == (0,)
