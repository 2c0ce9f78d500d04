"""Pace to target: the worked examples of the standards (section 9.2), and laws every number must keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.ledger import forecast, methods, pace

MONTH = pace.DAYS_A_MONTH


# ---------------------------------------------------------------------- the published examples


@pytest.mark.parametrize(
    ("base", "goal", "actual", "elapsed", "total", "expected", "gap", "progress", "at_end", "need"),
    [
        (0, 10_000, 6_200, 7, 12, 5_833.3, 366.7, 0.62, 10_628.6, 760),
        (1_500, 10_000, 6_200, 7, 12, 6_458.3, -258.3, 0.5529, 9_557.1, 760),
    ],
)
def test_linear_pace_of_a_yearly_count(
    base, goal, actual, elapsed, total, expected, gap, progress, at_end, need
) -> None:
    made = pace.expected_linear(base, goal, elapsed, total)
    assert made == pytest.approx(expected, abs=0.05)
    assert actual - made == pytest.approx(gap, abs=0.05)
    assert pace.progress_share(base, goal, actual) == pytest.approx(progress, abs=5e-5)
    assert pace.run_rate(base, actual, elapsed, total) == pytest.approx(at_end, abs=0.05)
    assert pace.needed_pace(goal, actual, total - elapsed) == pytest.approx(need)


def test_linear_pace_where_lower_is_better() -> None:
    expected = pace.expected_linear(0.125, 0.105, 2, 4)
    assert expected == pytest.approx(0.115)
    assert 0.118 - expected == pytest.approx(0.003)
    assert pace.progress_share(0.125, 0.105, 0.118) == pytest.approx(0.35)
    assert pace.run_rate(0.125, 0.118, 2, 4) == pytest.approx(0.111)


def test_seasonal_expectation_and_forecast() -> None:
    assert pace.seasonal_expected(10_000, 0.53) == pytest.approx(5_300)
    assert pace.seasonal_forecast(6_200, 0.53) == pytest.approx(11_698.1, abs=0.05)


def test_holt_and_damped_holt() -> None:
    fitted = methods.holt([100, 108, 115, 125, 131, 140], alpha=0.5, beta=0.3, level=100, trend=8)
    assert fitted is not None
    assert (fitted.level, fitted.trend) == (pytest.approx(139.7714, abs=5e-5), pytest.approx(7.9752, abs=5e-5))
    assert [fitted.at(h) for h in (1, 2, 3)] == pytest.approx([147.747, 155.722, 163.697], abs=5e-4)
    damped = replace(fitted, phi=0.9)
    assert [damped.at(h) for h in (1, 2, 3)] == pytest.approx([146.949, 153.409, 159.223], abs=5e-4)


def test_logistic_curve_and_the_time_it_reaches_a_share() -> None:
    values = [methods.logistic(t, 5000, 0.18, 24) for t in (0, 12, 24, 36, 48)]
    assert values == pytest.approx([65.6, 517.0, 2500.0, 4483.0, 4934.4], abs=0.05)
    assert methods.logistic_when(4500, 5000, 0.18, 24) == pytest.approx(36.21, abs=0.005)


def test_logistic_curve_through_two_points_of_a_known_capacity() -> None:
    fitted = methods.logistic_through([(6, 800), (24, 2600)], 5000)
    assert fitted is not None
    assert fitted == (pytest.approx(0.09657, abs=5e-6), pytest.approx(23.171, abs=5e-4))
    assert methods.logistic_when(4500, 5000, *fitted) == pytest.approx(45.92, abs=0.005)


def test_straight_line_with_its_prediction_interval() -> None:
    y = [810, 1640, 2500, 3310, 4200, 4990, 5850]
    line = methods.ols([(t, v) for t, v in enumerate(y, start=1)])
    assert line is not None
    assert line.slope == pytest.approx(840.0, abs=0.05)
    assert line.at(12) == pytest.approx(10_048.6, abs=0.05)
    assert line.s == pytest.approx(19.42, abs=0.005)
    assert line.half_width(12, 0.8) == pytest.approx(53.1, abs=0.05)


# Student's t, upper 10 % points: any printed table
@pytest.mark.parametrize(
    ("df", "value"),
    [(1, 3.078), (2, 1.886), (3, 1.638), (4, 1.533), (5, 1.476), (10, 1.372), (30, 1.310), (400, 1.2837)],
)
def test_student_quantiles_equal_the_printed_table(df: int, value: float) -> None:
    assert methods.student_t(0.9, df) == pytest.approx(value, abs=6e-4)
    assert methods.student_t(0.1, df) == pytest.approx(-value, abs=6e-4)


def test_a_young_path_is_forecast_by_its_mean_change_with_errors_that_add_up() -> None:
    y = [810, 1640, 2500, 3310, 4200, 4990, 5850]
    made = forecast.outlook([(24_000 + k, v) for k, v in enumerate(y)], 24_000 + 11)
    assert made is not None and made.method == "drift" and made.n == 7
    # by hand: changes 830 860 810 890 790 860, mean 840, s = sqrt(6800 / 5) = 36.878, t(0.9; 5) = 1.4759
    assert made.value == pytest.approx(5850 + 5 * 840)
    assert made.high - made.value == pytest.approx(1.47588 * 36.8782 * (5 * (1 + 5 / 6)) ** 0.5, rel=1e-4)


def test_two_values_give_no_forecast_and_three_a_wide_one() -> None:
    assert forecast.outlook([(10, 1.0), (11, 2.0)], 20) is None
    made = forecast.outlook([(10, 1.0), (11, 2.0), (12, 2.6)], 20)
    assert made is not None
    # by hand: changes 1 and 0.6, mean 0.8, s = 0.28284, t(0.9; 1) = 3.0777, sqrt(8 (1 + 8 / 2))
    assert made.value == pytest.approx(2.6 + 8 * 0.8)
    assert made.high - made.value == pytest.approx(3.0777 * 0.282843 * 40**0.5, rel=1e-4)


def test_a_path_that_has_stood_still_for_a_year_is_not_certain() -> None:
    made = methods.drift([0, 0, 4, 8] + [8] * 12)
    # by hand: 15 changes, two of 4 and the rest 0: mean 8 / 15, variance (32 - 64 / 15) / 14
    assert made is not None and (made.mean, made.n) == (0, 12)
    assert made.s == pytest.approx(((32 - 64 / 15) / 14) ** 0.5)


def test_a_path_that_levels_off_is_forecast_by_the_damped_trend() -> None:
    levelling = [(k, 100 * (1 - 0.9**k)) for k in range(30)]
    made = forecast.outlook(levelling, 41)
    assert made is not None and made.method == "holt_damped"
    assert made.low <= 100 * (1 - 0.9**41) <= made.high


# ---------------------------------------------------------------------- best pace, dates, seasons


def monthly_points(values: list[float], start: int = 2020 * 12) -> list[tuple[date, float]]:
    return [(pace.add_month_end(date((start + k) // 12, (start + k) % 12 + 1, 1)), v) for k, v in enumerate(values)]


def test_best_pace_is_the_best_twelve_months_of_a_long_path() -> None:
    slow, fast = [float(k) for k in range(13)], [12 + 5.0 * k for k in range(1, 13)]
    assert pace.best_pace(monthly_points(slow + fast), "higher") == (pytest.approx(5.0), 12)


def test_best_pace_of_a_young_path_is_over_three_months() -> None:
    assert pace.best_pace(monthly_points([0, 1, 2, 3, 13, 23, 33, 34]), "higher") == (pytest.approx(10.0), 3)
    assert pace.best_pace(monthly_points([9, 8, 5, 4, 4]), "lower") == (pytest.approx(-5 / 3), 3)


def test_a_path_that_never_got_better_has_no_best_pace() -> None:
    assert pace.best_pace(monthly_points([5, 5, 5, 5, 5]), "higher") is None
    assert pace.best_pace(monthly_points([1, 2, 3, 4, 5]), "lower") is None


def test_silent_months_keep_the_value_before_them() -> None:
    points = [(date(2020, 1, 31), 10.0), (date(2020, 4, 30), 16.0)]
    assert pace.filled(pace.monthly(points)) == [10.0, 10.0, 10.0, 16.0]
    assert pace.recent_pace(points) == pytest.approx(2.0)


def test_seasonal_expectation_spreads_a_year_as_past_years_did() -> None:
    # every year brings 120: 5 a month in the first half, 15 a month in the second
    values = [0.0]
    for k in range(24):
        values.append(values[-1] + (5 if k % 12 < 6 else 15))
    points = monthly_points(values, 2018 * 12 - 1)
    shares = pace.season_shares(points, date(2020, 3, 1))
    assert shares is not None and shares[5] == pytest.approx(0.25) and shares[11] == pytest.approx(1)
    made = pace.expected_seasonal(240, 600, date(2020, 1, 1), date(2022, 12, 31), date(2021, 6, 30), shares)
    assert made == pytest.approx(240 + 360 * 1.25 / 3)


def test_seasons_need_a_complete_year_and_a_plan_of_whole_calendar_years() -> None:
    # the year's result cannot be told without the value at the end of the year before
    assert pace.season_shares(monthly_points([float(k) for k in range(12)], 2019 * 12), date(2020, 5, 1)) is None
    assert pace.season_shares(monthly_points([float(k) for k in range(13)], 2019 * 12 - 1), date(2019, 12, 31)) is None
    shares = [k / 12 for k in range(1, 13)]
    assert pace.expected_seasonal(0, 1, date(2020, 5, 6), date(2022, 12, 31), date(2021, 1, 1), shares) is None


@pytest.mark.parametrize(
    ("value", "goal", "comparator", "better", "kept"),
    [
        (2000, 2000, ">=", "higher", True), (2000, 2000, ">", "higher", False), (2001, 2000, ">", "higher", True),
        (44, 46, "about", "higher", True), (43, 46, "about", "higher", False), (180, 180, "=", "higher", True),
        (7, 7, "<=", "lower", True), (8, 7, "<=", "lower", False), (0, 0, "=", "lower", True), (2.5, 2.5, "=", "lower", True),
    ],
)  # fmt: skip
def test_a_promise_is_kept_as_its_comparator_says(value, goal, comparator, better, kept) -> None:
    assert pace.is_reached(value, goal, comparator, better) is kept


def test_a_promise_counts_as_kept_since_the_unbroken_run_began() -> None:
    points = monthly_points([8, 10, 9, 10, 11])
    assert pace.reached_on(points, 10, ">=", "higher") == date(2020, 4, 30)
    assert pace.reached_on(monthly_points([8, 10, 9]), 10, ">=", "higher") is None


# ---------------------------------------------------------------------- laws

figures = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
steps = st.floats(0.001, 1e4).map(lambda x: round(x, 3))
paths = st.lists(st.floats(0, 100).map(lambda x: round(x, 2)), min_size=5, max_size=40)


@given(figures, steps, st.floats(-2, 3), st.floats(0.001, 1))
def test_progress_grows_with_the_actual_value_and_mirrors_for_lower_is_better(base, span, share, more) -> None:
    for goal in (base + span, base - span):
        here = pace.progress_share(base, goal, base + (goal - base) * share)
        further = pace.progress_share(base, goal, base + (goal - base) * (share + more))
        assert here == pytest.approx(share, abs=1e-5)
        assert further > here - 1e-5
    up = pace.progress_share(base, base + span, base + span * share)
    down = pace.progress_share(-base, -base - span, -base - span * share)
    assert up == pytest.approx(down, abs=1e-6)


@given(figures, steps, st.floats(-1, 2), st.floats(0.5, 120), st.sampled_from([1.0, -1.0]))
def test_needed_pace_times_what_is_left_of_time_closes_the_gap(base, span, share, months, sign) -> None:
    goal, actual = base + sign * span, base + sign * span * share
    needed = pace.needed_pace(goal, actual, months)
    assert needed * months == pytest.approx(goal - actual, rel=1e-9, abs=1e-9)
    assert pace.needed_pace(goal, actual, 0) is None


@given(st.floats(0.01, 500), st.floats(0.01, 2000), st.integers(0, 3000), st.sampled_from([1.0, -1.0]))
def test_the_latest_start_leaves_exactly_the_time_the_earliest_reach_takes(rate, gap, offset, sign) -> None:
    months = pace.months_at(sign * rate, sign * gap)
    assert months * rate == pytest.approx(gap)
    on, deadline = date(2021, 1, 1), date.fromordinal(date(2021, 1, 1).toordinal() + offset)
    reach, start = pace.add_months(on, months), pace.add_months(deadline, -months)
    if reach is not None and start is not None:
        # the same number of days lies between now and reaching as between starting and the deadline
        assert (reach - on).days == (deadline - start).days
        assert (reach <= deadline) == (start >= on)


@given(st.floats(0.01, 500), st.floats(0.01, 2000))
def test_a_pace_that_leads_away_never_reaches(rate, gap) -> None:
    assert pace.months_at(-rate, gap) is None
    assert pace.months_at(None, gap) is None
    assert pace.months_at(-rate, 0) == 0


@given(paths, st.floats(0.1, 50).map(lambda x: round(x, 2)), st.floats(-1000, 1000).map(lambda x: round(x, 2)))
def test_best_pace_and_forecast_scale_with_the_unit_and_ignore_the_origin(values, scale, shift) -> None:
    changed = [scale * v + shift for v in values]
    plain, other = pace.best_pace(monthly_points(values), "higher"), pace.best_pace(monthly_points(changed), "higher")
    if plain is not None and plain[0] > 1e-6:
        assert other is not None and other[0] == pytest.approx(scale * plain[0], rel=1e-6, abs=1e-6)
    series = list(enumerate(values))
    a, b = forecast.outlook(series, len(values) + 5), forecast.outlook(list(enumerate(changed)), len(values) + 5)
    assert (a is None) == (b is None)
    if a is not None and b is not None and a.method == b.method:
        assert b.value == pytest.approx(scale * a.value + shift, rel=1e-6, abs=1e-4)
        assert b.high - b.low == pytest.approx(scale * (a.high - a.low), rel=1e-5, abs=1e-4)


@given(paths)
def test_lower_is_better_is_the_mirror_of_higher_is_better(values) -> None:
    up = pace.best_pace(monthly_points(values), "higher")
    down = pace.best_pace(monthly_points([-v for v in values]), "lower")
    assert (up is None) == (down is None)
    if up is not None and down is not None:
        assert down == (pytest.approx(-up[0]), up[1])


@given(paths, st.integers(1, 60))
def test_an_interval_holds_its_own_value_and_widens_with_distance(values, ahead) -> None:
    series = list(enumerate(values))
    near, far = forecast.outlook(series, len(values)), forecast.outlook(series, len(values) + ahead)
    assert near is not None and far is not None
    assert far.low <= far.value <= far.high
    if near.method == far.method:
        assert far.high - far.low >= near.high - near.low - 1e-9
