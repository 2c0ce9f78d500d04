"""Link budget, margins, radius, antenna pattern: every worked example of standards.md 1.4."""

import math

import numpy as np
import pytest

from geo.coverage.antenna import horizontal_loss_db, pattern_loss_db, vertical_loss_db
from geo.coverage.budget import (
    area_share,
    epre_dbm,
    fade_margin_db,
    noise_dbm,
    radius_m,
    reported_rsrp_dbm,
    reported_sinr_db,
    sinr_db,
    site_area_m2,
)
from geo.coverage.pathloss import indoor_loss_db, path_loss_db


@pytest.mark.parametrize(("watt", "blocks", "dbm"), [(200, 273, 17.86), (320, 273, 19.90), (80, 160, 16.20)])
def test_power_per_resource_element_is_that_of_the_worked_examples(watt, blocks, dbm):
    assert float(epre_dbm(watt, blocks)) == pytest.approx(dbm, abs=0.0051)


def received(watt, blocks, gain, fc, less=0.0):
    level = float(epre_dbm(watt, blocks)) + gain - less
    return lambda d: level - float(path_loss_db("UMa", d, fc, 25, los=False))


@pytest.mark.parametrize(("d", "outdoors", "indoors"), [(300, -82.84, -97.60), (500, -91.48, -106.23), (800, -99.44, -114.20)])
def test_levels_of_an_n41_cell_are_those_of_the_worked_examples(d, outdoors, indoors):
    assert received(200, 273, 18, 2.6)(d) == pytest.approx(outdoors, abs=0.0051)
    assert received(200, 273, 18, 2.6, float(indoor_loss_db(2.6, 5)))(d) == pytest.approx(indoors, abs=0.0101)


@pytest.mark.parametrize(
    ("cell", "plain", "edge95", "indoors"),
    [((200, 273, 18, 2.6), 1110, 620, 465), ((200, 273, 18, 3.5), 953, 533, 389), ((80, 160, 15, 0.7), 1651, 923, 779)],
)
def test_radii_to_minus_105_dbm_are_those_of_the_worked_examples(cell, plain, edge95, indoors):
    margin = fade_margin_db(6, 0.95)
    wall = float(indoor_loss_db(cell[3], 5))
    found = [radius_m(received(*cell, less), -105, 10, 5000) for less in (0, margin, wall)]
    assert found == pytest.approx([plain, edge95, indoors], abs=0.6)


def test_a_target_no_distance_meets_gives_no_radius():
    assert radius_m(received(200, 273, 18, 2.6), 30, 10, 5000) == 0
    assert radius_m(received(200, 273, 18, 2.6), -300, 10, 5000) == 5000


@pytest.mark.parametrize(("sigma", "share", "margin"), [(8, 0.75, 5.40), (8, 0.90, 10.25), (8, 0.95, 13.16), (6, 0.95, 9.87)])
def test_fade_margins_are_those_of_the_worked_examples(sigma, share, margin):
    assert fade_margin_db(sigma, share) == pytest.approx(margin, abs=0.0051)


@pytest.mark.parametrize(("edge", "sigma", "area"), [(0.75, 8, 0.9059), (0.90, 6, 0.9743), (0.95, 6, 0.9884)])
def test_area_probability_is_that_of_the_worked_examples_and_of_an_integral(edge, sigma, area):
    assert area_share(edge, sigma, 3.908) == pytest.approx(area, abs=5.1e-5)
    # independent: share of a disc whose points, 39.08 dB a decade nearer, are above the threshold
    r = (np.arange(100_000) + 0.5) / 100_000
    z = (fade_margin_db(sigma, edge) - 39.08 * np.log10(r)) / sigma
    share = 0.5 * (1 + np.array([math.erf(v / math.sqrt(2)) for v in z]))
    assert area_share(edge, sigma, 3.908) == pytest.approx(float((2 * r * share).mean()), abs=1e-4)


def test_noise_per_resource_element_is_that_of_the_worked_examples():
    assert noise_dbm([30e3, 15e3]) == pytest.approx([-122.23, -125.24], abs=0.0051)


@pytest.mark.parametrize(("s", "others", "db"), [(-95, [-100, -105], 3.79), (-105, [-108], 2.84), (-85, [-86, -88], -1.13)])
def test_sinr_is_that_of_the_worked_examples(s, others, db):
    assert sinr_db(s, others, float(noise_dbm(30e3))) == pytest.approx(db, abs=0.0051)


def test_a_phones_report_index_is_a_level_and_a_ratio():
    assert reported_rsrp_dbm([16, 113]).tolist() == [-140, -43]
    assert reported_sinr_db([0, 46, 127]).tolist() == [-23, 0, 40.5]


def test_a_three_sector_site_serves_three_hexagons():
    # three regular hexagons whose long diagonal is the cell radius: 3 · (3√3/2)(R/2)²
    assert site_area_m2(500) == pytest.approx(3 * 1.5 * math.sqrt(3) * 250**2)


def test_half_the_beam_width_off_the_axis_costs_three_decibel():
    assert float(horizontal_loss_db(32.5, 65)) == pytest.approx(3)
    assert float(vertical_loss_db(6 + 32.5, 6)) == pytest.approx(3)


def test_the_back_of_an_antenna_is_thirty_decibel_down_whichever_way_it_is_counted():
    assert horizontal_loss_db([180, -180, 540, 110]).tolist() == [30, 30, 30, 30]
    assert float(horizontal_loss_db(350)) == float(horizontal_loss_db(-10))
    assert float(pattern_loss_db(30, 12)) == 30
