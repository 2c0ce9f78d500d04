"""Path loss, line of sight, buildings: every worked example of standards.md 1.3."""

import numpy as np
import pytest

from geo.coverage.pathloss import (
    OutOfRange,
    breakpoint_m,
    expected_path_loss_db,
    indoor_loss_db,
    los_probability,
    path_loss_db,
    wall_loss_db,
)

HEIGHT = {"UMa": 25, "UMi": 10, "RMa": 35}


def loss(scenario, fc, d, los):
    return float(path_loss_db(scenario, d, fc, HEIGHT[scenario], los=los))


@pytest.mark.parametrize(
    ("scenario", "fc", "metres"),
    [("UMa", 0.7, 112), ("UMa", 2.6, 416), ("UMa", 3.5, 560), ("UMi", 2.6, 156), ("UMi", 3.5, 210), ("RMa", 0.7, 769.69)],
)
def test_breakpoints_are_those_of_the_worked_examples(scenario, fc, metres):
    assert breakpoint_m(scenario, fc, HEIGHT[scenario]) == pytest.approx(metres, abs=0.005)


@pytest.mark.parametrize(
    ("scenario", "fc", "d", "sight", "hidden"),
    [
        ("UMa", 3.5, 100, 83.14, 103.04), ("UMa", 3.5, 500, 98.27, 129.92), ("UMa", 3.5, 1000, 109.41, 141.67),
        ("UMa", 2.6, 300, 90.83, 118.70), ("UMa", 0.7, 1000, 107.85, 127.69),
        ("UMi", 3.5, 100, 85.31, 104.64), ("UMi", 3.5, 300, 98.24, 121.44), ("UMi", 2.6, 300, 98.11, 118.69),
        ("RMa", 0.7, 500, 84.63, 104.84), ("RMa", 0.7, 1000, 93.38, 116.44), ("RMa", 0.7, 5000, 121.33, 143.44),
    ],
)  # fmt: skip
def test_losses_with_and_without_line_of_sight_are_those_of_the_worked_examples(scenario, fc, d, sight, hidden):
    assert loss(scenario, fc, d, True) == pytest.approx(sight, abs=0.0051)
    assert loss(scenario, fc, d, False) == pytest.approx(hidden, abs=0.0051)


@pytest.mark.parametrize(
    ("scenario", "h_ut", "shares"),
    [
        ("UMa", 1.5, {18: 1, 50: 0.6494, 100: 0.3477, 300: 0.0680}), ("UMa", 20, {100: 0.4783, 300: 0.2500}),
        ("UMi", 1.5, {18: 1, 50: 0.5196, 100: 0.2310, 300: 0.0602}), ("RMa", 1.5, {100: 0.9139, 1000: 0.3716}),
    ],
)  # fmt: skip
def test_line_of_sight_probabilities_are_those_of_the_worked_examples(scenario, h_ut, shares):
    assert los_probability(scenario, list(shares), h_ut) == pytest.approx(list(shares.values()), abs=5.1e-5)


def test_the_expected_loss_weighs_both_with_the_probability_of_sight():
    assert float(expected_path_loss_db("UMa", 300, 3.5, 25)) == pytest.approx(119.38, abs=0.0051)


@pytest.mark.parametrize(
    ("fc", "low", "high"), [(0.7, 10.24, 17.75), (2.6, 12.26, 24.36), (3.5, 12.70, 26.85), (4.9, 13.14, 29.51)]
)
def test_losses_through_walls_are_those_of_the_worked_examples(fc, low, high):
    assert float(wall_loss_db(fc)) == pytest.approx(low, abs=0.0051)
    assert float(wall_loss_db(fc, "high")) == pytest.approx(high, abs=0.0051)


def test_five_metres_behind_the_wall_cost_two_and_a_half_decibel_more():
    assert float(indoor_loss_db(2.6, 5)) == pytest.approx(12.26 + 2.5, abs=0.0051)


@pytest.mark.parametrize("scenario", ["UMa", "UMi", "RMa"])
def test_beyond_the_distances_of_the_standard_there_is_no_figure(scenario):
    found = path_loss_db(scenario, [5000, 5001, 10_001, np.nan], 2.6, HEIGHT[scenario], los=False)
    assert np.isnan(found).tolist() == [False, True, True, True]
    assert np.isnan(path_loss_db("RMa", [10_000, 10_001], 0.7, 35, los=True)).tolist() == [False, True]


@pytest.mark.parametrize("scenario", ["UMa", "UMi", "RMa"])
def test_loss_never_falls_with_distance_and_hidden_is_never_less_than_in_sight(scenario):
    d = np.arange(10, 5001, 1.0)
    sight, hidden = (path_loss_db(scenario, d, 2.6, HEIGHT[scenario], los=los) for los in (True, False))
    assert (np.diff(hidden) >= -1e-9).all()
    assert (hidden >= sight).all()


def test_nearer_than_ten_metres_counts_as_ten():
    assert loss("UMa", 3.5, 0, True) == loss("UMa", 3.5, 10, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("UMA", 100, 3.5, 25), "unknown scenario 'UMA'; allowed: UMa, UMi, RMa"),
        (("UMa", 100, 0.45, 25), "carrier frequency"), (("RMa", 100, 35.0, 35), "0.5 to 30"),
        (("RMa", 100, 0.7, 8), "antenna height (m) 8 is outside 10 to 150"), (("UMa", 100, 3.5, 25, 15), "below 13 m"),
    ],
)  # fmt: skip
def test_what_the_standard_has_no_formula_for_is_refused(arguments, said):
    with pytest.raises(OutOfRange) as refused:
        path_loss_db(*arguments, los=True)
    assert said in str(refused.value)
