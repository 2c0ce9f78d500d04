"""Map matching on a small grid of streets with a known truth, and the densities of standards 2.3."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geo.matching import BETA_M, SIGMA_M, Roads, emission, make_roads, match, section_times, transition

BLOCK_M = 200.0


def grid(n: int = 6) -> Roads:
    """Streets of n × n crossings, every block a section."""
    east = [shapely.LineString([(i * BLOCK_M, j * BLOCK_M), ((i + 1) * BLOCK_M, j * BLOCK_M)]) for j in range(n) for i in range(n - 1)]
    north = [shapely.LineString([(i * BLOCK_M, j * BLOCK_M), (i * BLOCK_M, (j + 1) * BLOCK_M)]) for i in range(n) for j in range(n - 1)]
    return make_roads(east + north)


def drive(roads: Roads, seed: int, sections: int = 14, speed_m_s: float = 10.0, every_s: float = 5.0, noise_m: float = 5.0):
    """A drive over random blocks: noisy fixes (x, y, t) and the section each truly was on."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(len(roads.lines)))
    node, path, truth = roads.ends[n][1], list(roads.lines[n].coords), [n]
    for _ in range(sections - 1):
        options = [(m, o) for m, o in roads.leaving[node] if m != truth[-1]]
        m, other = options[int(rng.integers(len(options)))]
        line = list(roads.lines[m].coords)
        path += (line if roads.ends[m][0] == node else line[::-1])[1:]
        truth.append(m)
        node = other
    way = shapely.LineString(path)
    t = np.arange(0, way.length / speed_m_s, every_s)
    points = shapely.line_interpolate_point(way, t * speed_m_s)
    x, y = shapely.get_x(points) + rng.normal(0, noise_m, t.size), shapely.get_y(points) + rng.normal(0, noise_m, t.size)
    on = np.array(truth)[np.minimum((t * speed_m_s // BLOCK_M).astype(int), len(truth) - 1)]
    clear = np.abs((t * speed_m_s) % BLOCK_M - BLOCK_M / 2) < BLOCK_M / 2 - 15  # at a crossing either street is right
    return x, y, t, on, clear, truth


@pytest.mark.parametrize(("distance", "density"), [(0, 0.09802), (5, 0.04609), (10, 0.00479)])
def test_emission_is_the_normal_density_of_the_standards(distance: float, density: float) -> None:
    assert emission(distance, 4.07) == pytest.approx(density, abs=5e-6)


@pytest.mark.parametrize(("difference", "density"), [(0, 0.3333), (3, 0.1226), (10, 0.01189)])
def test_transition_is_the_exponential_density_of_the_standards(difference: float, density: float) -> None:
    assert transition(difference, 3) == pytest.approx(density, abs=5e-5)
    assert (SIGMA_M, BETA_M) == (4.07, 3.0)


@pytest.mark.parametrize(("noise_m", "share"), [(4.0, 0.99), (8.0, 0.98), (15.0, 0.95)])
def test_noisy_fixes_on_a_grid_are_put_on_the_streets_they_came_from(noise_m: float, share: float) -> None:
    roads = grid()
    right = total = 0
    for seed in range(12):
        x, y, t, on, clear, _ = drive(roads, seed, noise_m=noise_m)
        found = match(roads, x, y, t, sigma_m=noise_m, beta_m=3 + noise_m)
        right += int((found.section[clear] == on[clear]).sum())
        total += int(clear.sum())
    assert total > 400
    assert right / total >= share


def test_the_nearest_street_alone_is_worse_than_the_matcher() -> None:
    roads = grid()
    ours = nearest = 0
    for seed in range(8):
        x, y, t, on, clear, _ = drive(roads, seed, noise_m=25.0)
        found = match(roads, x, y, t, sigma_m=25.0, beta_m=30.0)
        near = roads.tree.nearest(shapely.points(x, y))
        ours += int((found.section[clear] == on[clear]).sum())
        nearest += int((near[clear] == on[clear]).sum())
    assert ours > nearest


def test_sparse_fixes_still_find_every_street_between_them() -> None:
    roads = grid()
    kept = driven = 0
    for seed in range(10):
        x, y, t, _, _, truth = drive(roads, seed, every_s=30.0, noise_m=5.0)  # a fix every 300 m, a block and a half
        found = match(roads, x, y, t, sigma_m=5.0, beta_m=30.0)
        passed = {n for way in found.routes for n, _, _ in way}
        kept += len(passed & set(truth[1:-1]))
        driven += len(set(truth[1:-1]))
    assert kept / driven >= 0.85


def test_time_on_a_section_is_its_length_over_the_speed_driven() -> None:
    roads = grid()
    x, y, t, _, _, truth = drive(roads, 3, noise_m=0.0, speed_m_s=10.0, every_s=4.0)
    found = match(roads, x, y, t)
    passed = section_times(found, t, roads.lengths_m)
    inner = [p for p in passed if p[0] in truth[1:-1] and p[1] > 0.95 * BLOCK_M]
    assert len(inner) >= 8
    for _, metres, seconds, _ in inner:
        assert metres / seconds == pytest.approx(10.0, rel=0.02)
    assert sum(p[2] for p in passed) == pytest.approx(t[-1] - t[0], rel=1e-6)


def test_a_one_way_street_is_not_driven_against_its_direction() -> None:
    lines = [shapely.LineString([(0, 0), (200, 0)]), shapely.LineString([(0, 12), (200, 12)])]
    roads = make_roads(lines, one_way=[True, False])
    x = np.linspace(190, 10, 10)
    against = match(roads, x, np.full(10, 5.0), np.arange(10) * 2.0, sigma_m=5.0)
    along = match(roads, x[::-1], np.full(10, 5.0), np.arange(10) * 2.0, sigma_m=5.0)
    assert set(against.section) == {1}
    assert set(along.section) == {0}


def test_fixes_without_a_road_in_reach_are_told_apart_and_not_guessed() -> None:
    roads = grid()
    found = match(roads, [10, 60, 90, 90, 150], [0, 1, 95, 99, 0], [0, 5, 8, 9, 14], sigma_m=5.0)
    assert found.section.tolist()[2:4] == [-1, -1]
    assert np.isnan(found.off_m[2])
    assert found.section[0] == found.section[4] == 0 and found.piece[0] == found.piece[4]


def test_a_leap_breaks_the_track_and_no_time_is_made_up_across_it() -> None:
    roads = grid()
    x, y, t = [20, 60, 100, 20, 60, 100], [0, 0, 0, 1000, 1000, 1000], [0, 4, 8, 9, 13, 17]
    found = match(roads, x, y, t)
    assert found.piece.tolist() == [0, 0, 0, 1, 1, 1]
    assert sum(p[2] for p in section_times(found, t, roads.lengths_m)) == pytest.approx(16.0)


def test_an_empty_track_and_a_track_of_lost_fixes_match_nothing() -> None:
    roads = grid()
    assert match(roads, [], []).section.size == 0
    lost = match(roads, [np.nan, np.nan], [np.nan, 0.0])
    assert lost.section.tolist() == [-1, -1]


def test_a_standing_vehicle_spends_its_time_on_its_section() -> None:
    roads = grid()
    found = match(roads, [100.0] * 4, [1.0, -1.0, 0.5, 0.0], [0, 30, 60, 90])
    passed = section_times(found, [0, 30, 60, 90], roads.lengths_m)
    assert {p[0] for p in passed} == {0}
    assert sum(p[2] for p in passed) == pytest.approx(90.0)


def test_a_line_without_length_is_refused_with_its_number() -> None:
    with pytest.raises(ValueError, match="section 1 is no line"):
        make_roads([shapely.LineString([(0, 0), (1, 0)]), shapely.LineString([(2, 2), (2, 2)])])
