"""Service radius in the plane: circles counted once where they overlap (standards 3.2)."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geo.service import union_km2, within_radius

CIRCLE_KM2 = np.pi * 0.9**2


def test_one_circle_of_900_m_is_2_5447_km2() -> None:
    assert union_km2([0], [0], 900) == pytest.approx(2.5447, rel=5e-4)


def test_two_circles_a_kilometre_apart_are_4_2473_km2_not_twice_one() -> None:
    assert union_km2([0, 1000], [0, 0], 900) == pytest.approx(4.2473, rel=5e-4)
    # the lens of two circles, by its closed form
    lens = 2 * 0.81 * np.arccos(1 / 1.8) - 0.5 * np.sqrt(4 * 0.81 - 1)
    assert union_km2([0, 1000], [0, 0], 900) == pytest.approx(2 * CIRCLE_KM2 - lens, rel=5e-4)


def test_their_share_of_10_km2_is_42_47_per_cent() -> None:
    town = shapely.box(-2000, -1250, 2000, 1250)
    assert union_km2([-500, 500], [0, 0], 900, within=town) / (town.area / 1e6) == pytest.approx(0.4247, abs=3e-4)


def test_the_same_site_twice_and_a_site_outside_add_nothing() -> None:
    town = shapely.box(0, 0, 1000, 1000)
    once = union_km2([500], [500], 300, within=town)
    assert union_km2([500, 500, 9000], [500, 500, 9000], 300, within=town) == pytest.approx(once)
    assert union_km2([], [], 300) == 0.0


def test_points_within_the_radius_of_any_site_and_the_edge_belongs_to_it() -> None:
    got = within_radius([0, 900, 900.01, 2000, np.nan], [0, 0, 0, 0, 0], [0, 1_800], [0, 0], 900)
    assert got.tolist() == [True, True, True, True, False]
    assert within_radius([900.01], [0], [0], [0], 900).tolist() == [False]
    assert within_radius([0, 1], [0, 1], [], [], 900).tolist() == [False, False]
    assert within_radius([0], [0], [np.nan], [0], 900).tolist() == [False]


def test_cells_within_a_radius_add_up_to_the_circle() -> None:
    x, y = np.meshgrid(np.arange(-1975, 2000, 50.0), np.arange(-1975, 2000, 50.0))
    hit = within_radius(x.ravel(), y.ravel(), [0, 1000], [0, 0], 900).sum() * 0.0025
    assert hit == pytest.approx(4.2473, rel=0.01)
