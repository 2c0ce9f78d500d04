"""Power on the grid, who serves, incremental updates, shares, weak patches, against independent computations."""

import numpy as np
import pytest
import shapely
from shapely import LineString, Point, box

from geo.coverage.antenna import horizontal_loss_db, pattern_loss_db, vertical_loss_db
from geo.coverage.budget import noise_dbm
from geo.coverage.cells import SCENARIOS, Cells
from geo.coverage.grid import Grid, grid_over, projected
from geo.coverage.patches import outline, patches, weak_labels
from geo.coverage.pathloss import expected_path_loss_db, indoor_loss_db
from geo.coverage.power import PowerMap
from geo.coverage.serving import Served, Terms, serve
from geo.coverage.shares import line_samples, sums
from geo.crs import from_wgs84, to_wgs84

GRID = Grid("EPSG:4547", 500_000, 3_360_000, 50, 150, 180)
FC = np.array([2.565, 0.773])
TERMS = Terms(-105, -3, 0.5, noise_dbm([30e3, 15e3]), indoor_loss_db(FC, 5))


def network(n, seed=3, **more):
    rng = np.random.default_rng(seed)
    channel = rng.integers(0, 2, n)
    given = {
        "height_m": rng.integers(18, 46, n), "fc_ghz": FC[channel], "eirp_dbm": np.array([35.9, 31.2])[channel],
        "floor_dbm": -117.0, "scenario": rng.integers(0, 3, n), "channel": channel,
    }  # fmt: skip
    return Cells.of(rng.uniform(500_000, 509_000, n), rng.uniform(3_360_000, 3_367_500, n), **(given | more))


def slow_power(cells):
    """The same map by the plain formulas, cell by cell, in double precision."""
    best, total = np.zeros((2, *GRID.shape)), np.zeros((2, *GRID.shape))
    for i in range(len(cells)):
        dx, dy = np.meshgrid(GRID.x_m - cells.x_m[i], GRID.y_m - cells.y_m[i])
        d = np.hypot(dx, dy)
        level = cells.eirp_dbm[i] - expected_path_loss_db(SCENARIOS[cells.scenario[i]], d, cells.fc_ghz[i], cells.height_m[i])
        level = np.where(level >= cells.floor_dbm[i], level, -np.inf)
        flat = 0 * d
        if np.isfinite(cells.azimuth_deg[i]):
            flat = horizontal_loss_db(np.degrees(np.arctan2(dx, dy)) - cells.azimuth_deg[i], cells.beam_deg[i])
        steep = 0 * d
        if np.isfinite(cells.downtilt_deg[i]):
            steep = vertical_loss_db(np.degrees(np.arctan2(cells.height_m[i] - 1.5, d)), cells.downtilt_deg[i])
        mw = np.nan_to_num(10 ** ((level - pattern_loss_db(flat, steep)) / 10))
        best[cells.channel[i]] = np.maximum(best[cells.channel[i]], mw)
        total[cells.channel[i]] += mw
    return best, total


def close(found, expected, db=0.2, beside=0.002):
    """Equal to `db`, but for a few places at the reach of a cell, where a rounded metre decides whether it counts."""
    assert np.count_nonzero((found > 0) & (expected > 0)) > 1000
    off = np.abs(10 * np.log10(np.maximum(found, 1e-20) / np.maximum(expected, 1e-20))) > db
    assert np.count_nonzero(off) <= beside * found.size
    assert np.abs(found - expected)[off].max(initial=0) <= 10 ** (-11.7 + 0.02)  # one cell at its floor


@pytest.mark.parametrize(
    "more",
    [{}, {"azimuth_deg": np.arange(60) * 47.0, "beam_deg": np.where(np.arange(60) % 2, 65, 33)}, {"downtilt_deg": 6.0},
     {"azimuth_deg": np.arange(60) * 31.0, "downtilt_deg": np.where(np.arange(60) % 3, 9.0, np.nan)}],
    ids=["all round", "sectors", "tilted", "sectors, some tilted"],
)  # fmt: skip
def test_the_power_map_is_the_sum_of_the_plain_formulas(more):
    cells = network(60, **more)
    power = PowerMap.empty(GRID, 2)
    power.add(cells)
    best, total = slow_power(cells)
    # whole metres: at 15 m from a mast half a metre is 0.6 dB, from 60 m on below 0.12 dB
    near = np.zeros(GRID.shape, dtype=bool)
    for x, y in zip(cells.x_m, cells.y_m, strict=True):
        near |= np.hypot(*np.meshgrid(GRID.x_m - x, GRID.y_m - y)) < 60
    far = np.broadcast_to(~near, best.shape)
    assert far.any(), "nothing would be compared"
    close(power.best[far], best[far])
    close(power.total[far], total[far])


def test_adding_ten_cells_gives_what_all_at_once_gives():
    cells = network(70)
    once, stepwise = PowerMap.empty(GRID, 2), PowerMap.empty(GRID, 2)
    once.add(cells)
    stepwise.add(cells.take(np.arange(60)))
    stepwise.add(cells.take(np.arange(60, 70)))
    assert np.array_equal(once.best, stepwise.best)
    np.testing.assert_allclose(stepwise.total, once.total, rtol=1e-5)


def test_removed_cells_leave_nothing_behind():
    cells = network(70)
    kept = cells.take(np.arange(10, 70))
    once, reduced = PowerMap.empty(GRID, 2), PowerMap.empty(GRID, 2)
    once.add(kept)
    reduced.add(cells)
    reduced.replace(cells.take(np.arange(10)), kept)
    assert np.array_equal(once.best, reduced.best)
    np.testing.assert_allclose(reduced.total, once.total, rtol=1e-5)


def test_only_the_tiles_that_new_cells_reach_are_served_anew():
    cells = network(30, seed=5, eirp_dbm=5.0)  # weak cells with a short reach
    first, new = cells.take(np.arange(29)), cells.take(np.arange(29, 30))
    everywhere = np.ones(GRID.shape, dtype=bool)
    power, served = PowerMap.empty(GRID, 2), Served.nothing(GRID.shape)
    power.add(first)
    serve(power, TERMS, everywhere, served)
    power.add(new)
    touched = power.rects(power.touched(new))
    assert 0 < len(touched) < 12  # of 9 tiles a channel-independent few
    serve(power, TERMS, everywhere, served, touched)
    whole = Served.nothing(GRID.shape)
    serve(power, TERMS, everywhere, whole)
    np.testing.assert_array_equal(served.rsrp_dbm, whole.rsrp_dbm)
    np.testing.assert_array_equal(served.sinr_db, whole.sinr_db)


def test_who_serves_and_how_well_is_what_one_place_computed_by_hand_gives():
    # a place 1 km from an n41 cell, with another of the same carrier at 2 km and one of another carrier at 3 km
    x, y = GRID.x_m[90], GRID.y_m[75]
    cells = Cells.of([x + 1000, x - 2000, x], [y, y, y - 3000], height_m=25, fc_ghz=FC[[0, 0, 1]],
                     eirp_dbm=[35.9, 35.9, 31.2], floor_dbm=-130, scenario=0, channel=[0, 0, 1])  # fmt: skip
    power, served = PowerMap.empty(GRID, 2), Served.nothing(GRID.shape)
    power.add(cells)
    serve(power, TERMS, np.ones(GRID.shape, dtype=bool), served)
    level = [float(e - expected_path_loss_db("UMa", d, f, 25)) for e, d, f in ((35.9, 1000, 2.565), (35.9, 2000, 2.565), (31.2, 3000, 0.773))]
    noise = 10 ** (TERMS.noise_dbm / 10)
    sinr = [level[0] - 10 * np.log10(0.5 * 10 ** (level[1] / 10) + noise[0]), level[2] - 10 * np.log10(noise[1])]
    margin = [min(level[0] + 105, sinr[0] + 3), min(level[2] + 105, sinr[1] + 3)]
    best = int(np.argmax(margin))
    assert served.channel[75, 90] == best
    assert served.rsrp_dbm[75, 90] == pytest.approx(level[2 * best], abs=0.05)
    assert served.sinr_db[75, 90] == pytest.approx(sinr[best], abs=0.05)
    wall = TERMS.indoor_loss_db
    inside = [
        min(level[0] - wall[0] + 105, level[0] - wall[0] - 10 * np.log10(0.5 * 10 ** ((level[1] - wall[0]) / 10) + noise[0]) + 3),
        min(level[2] - wall[1] + 105, level[2] - wall[1] - 10 * np.log10(noise[1]) + 3),
    ]
    assert served.indoor_margin_db[75, 90] == pytest.approx(max(inside), abs=0.05)


def test_a_level_on_the_threshold_is_covered_and_silence_is_not():
    served = Served.nothing((1, 3))
    served.rsrp_dbm[:] = [[-105, -105, np.nan]]
    served.sinr_db[:] = [[-3, -3.01, np.nan]]
    assert served.covered(TERMS).tolist() == [[True, False, False]]
    assert not served.covered_indoors().any()


def test_cells_without_a_position_are_refused():
    with pytest.raises(ValueError, match="x_m holds 1 values"):
        Cells.of([np.nan], [0], height_m=25, fc_ghz=2.6, eirp_dbm=30, floor_dbm=-117)


def test_cell_centres_in_degrees_are_those_of_the_projection():
    lon, lat = GRID.lonlat()
    x, y = from_wgs84(lon, lat, GRID.crs)
    assert np.abs(x - GRID.x_m[None, :]).max() < 0.05
    assert np.abs(y - GRID.y_m[:, None]).max() < 0.05


def test_a_grid_holds_its_region_and_starts_on_whole_steps():
    region = Point(114.8, 30.4).buffer(0.05)
    grid = grid_over(region, "EPSG:4547", 50)
    assert grid.west_m % 50 == 0 and grid.south_m % 50 == 0
    flat = projected(region, "EPSG:4547")
    assert grid.mask(flat).sum() * grid.cell_km2 == pytest.approx(flat.area / 1e6, rel=0.002)
    index, known = grid.find(np.array([114.8, 90.0, np.nan]), np.array([30.4, 30.4, 30.4]))
    assert known.tolist() == [True, False, False]
    lon, lat = grid.lonlat()
    assert (lon.ravel()[index[0]], lat.ravel()[index[0]]) == pytest.approx((114.8, 30.4), abs=4e-4)


def test_a_mask_marks_the_cells_whose_centre_the_polygon_holds():
    ring = Point(504_000, 3_364_000).buffer(2_600) - Point(503_500, 3_364_300).buffer(800)
    shape = shapely.union(ring, box(507_000, 3_360_000, 508_010, 3_361_000))
    x, y = np.meshgrid(GRID.x_m, GRID.y_m)
    assert np.array_equal(GRID.mask(shape), shapely.contains_xy(shape, x, y))


def test_shares_by_area_and_people_are_those_of_the_worked_examples():
    """standards.md 1.4: five cells of 1 km² and four of 0.25 km²."""
    piece, covered = [0, 0, 0, 0, 0, 1, 1, 1, 1, -1], [1, 1, 0, 0, 1, 1, 0, 1, 0, 1]
    people = [12_000, 3_000, 500, 0, 4_500, 800, 0, 1_600, 100, 9_999]
    hit = np.array(covered, dtype=bool)
    area = sums(piece, hit, [1] * 5 + [0.25] * 4 + [1], 3)
    assert area.share().tolist()[:2] == pytest.approx([0.600, 0.50])
    assert sums(piece, hit, people, 3).share()[:2] == pytest.approx([0.975, 0.96])
    assert np.isnan(area.share()[2])  # nothing there: no share, not 0


def test_a_line_is_covered_where_its_cells_are():
    covered = np.zeros(GRID.shape, dtype=bool)
    covered[:, :60] = True  # the western 3 km
    line = LineString([(499_000, 3_363_010), (509_000, 3_363_010)])
    index, metres = line_samples(line, GRID)
    assert metres.sum() == pytest.approx(9_000, abs=26)  # the first kilometre lies outside the grid
    found = sums(np.zeros(len(index), dtype=int), covered.ravel()[index], metres, 1)
    assert found.covered[0] == pytest.approx(3_000, abs=26)
    assert len(line_samples(LineString(), GRID)[0]) == 0


def test_weak_cells_become_patches_with_size_and_people_cut_at_borders():
    weak, piece = np.zeros(GRID.shape, dtype=bool), np.zeros(GRID.shape, dtype=np.int32)
    piece[:, 100:] = 1
    weak[20:40, 90:110] = True  # 1 km² across the border of two pieces
    weak[30:34, 92:96] = False  # with a hole
    weak[60, 10] = True  # 0.0025 km²: too small
    people, level = np.full(GRID.shape, 2.0), np.full(GRID.shape, -110.0)
    level[20:40, 100:] = np.nan
    labels = weak_labels(weak, piece, 0.1, GRID)
    found = patches(labels, piece, GRID, people, level)
    assert [(p.piece, p.area_km2, p.people, p.rsrp_dbm) for p in found] == [
        (1, pytest.approx(0.5), 400, None), (0, pytest.approx(0.46), 368, -110),
    ]  # fmt: skip
    for patch in found:
        assert patch.polygon.is_valid and patch.polygon.area / 1e6 == pytest.approx(patch.area_km2)
        assert patch.polygon.contains(Point(patch.point_m))
    assert len(found[1].polygon.interiors) == 1


def test_an_outline_covers_exactly_its_cells():
    mask = np.random.default_rng(2).random((25, 31)) < 0.6
    shape = outline(mask, GRID, 4, 7)
    assert shape.is_valid and shape.area == pytest.approx(mask.sum() * 2500)
    x, y = np.meshgrid(GRID.x_m[7 : 7 + 31], GRID.y_m[4 : 4 + 25])
    assert np.array_equal(shapely.contains_xy(shape, x, y), mask)


def test_nothing_weak_has_no_patch():
    empty = np.zeros(GRID.shape, dtype=bool)
    labels = weak_labels(empty, np.zeros(GRID.shape, dtype=np.int32), 0.1, GRID)
    assert patches(labels, np.zeros(GRID.shape, dtype=np.int32), GRID, None, np.zeros(GRID.shape)) == []


def test_projected_points_come_back():
    flat = projected(Point(114.8, 30.4), "EPSG:4547")
    assert [float(v[()]) for v in to_wgs84(flat.x, flat.y, "EPSG:4547")] == pytest.approx([114.8, 30.4], abs=1e-9)
