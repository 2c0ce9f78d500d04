"""The forecast's interval holds what later came, on paths no method was made for; which method it takes, and why."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from data_pipeline.ledger.forecast import Trial, outlook, tried_half_width, unseen
from data_pipeline.ledger.methods import levelling, logistic, logistic_ahead, seasonal

MONTHS, JANUARY = 84, 24_000
ORIGINS = (9, 15, 21, 27, 33, 45, 57)  # monthly values known when the forecast is made

# ---------------------------------------------------------------------- paths, made independently of the product's simulator


def noisy(rng: np.random.Generator) -> np.ndarray:
    """Monthly weights around 1: a season and gamma noise of a random shape."""
    season = 1 + 0.4 * np.sin(2 * np.pi * (np.arange(MONTHS) + rng.integers(12)) / 12)
    shape = rng.uniform(3, 12)
    return rng.gamma(shape, 1 / shape, MONTHS) * season


def s_shaped(rng: np.random.Generator) -> np.ndarray:
    """Gompertz or logistic growth with a random middle and steepness, each monthly step disturbed."""
    months, middle, rate = np.arange(MONTHS + 1), rng.uniform(0.3, 0.7) * rng.integers(30, 60), rng.uniform(0.08, 0.25)
    gompertz = np.exp(-np.exp(-rate * (months - middle)))
    curve = gompertz if rng.random() < 0.5 else 1 / (1 + np.exp(-1.3 * rate * (months - middle)))
    return rng.uniform(0, 300) + np.cumsum(np.diff(curve) * noisy(rng)) * rng.uniform(200, 3000)


def linear(rng: np.random.Generator) -> np.ndarray:
    """The same pace all the time, disturbed month by month."""
    return rng.uniform(0, 300) + np.cumsum(noisy(rng)) * rng.uniform(2, 60)


def stepped(rng: np.random.Generator) -> np.ndarray:
    """Nothing in most months, then a whole lot at once (compound Poisson)."""
    arrived = rng.poisson(rng.uniform(0.08, 0.3), MONTHS) * rng.gamma(2, 0.5, MONTHS)
    return rng.uniform(0, 50) + np.cumsum(arrived) * rng.uniform(20, 200)


def stalled(rng: np.random.Generator) -> np.ndarray:
    """One of the others that stops for good at a random month."""
    path = (linear if rng.random() < 0.5 else s_shaped)(rng)
    held = int(rng.integers(10, 50))
    path[held:] = path[held]
    return path


def coverage(make: Callable[[np.random.Generator], np.ndarray], ahead: int, n: int = 25) -> float:
    """Share of later values inside the 80 % interval; a count never falls, so neither does what is forecast of it."""
    inside = []
    for seed in range(n):
        path = np.floor(make(np.random.default_rng([seed, 41])))
        for known in ORIGINS:
            if known + ahead >= MONTHS or path[known - 1] == path[0]:
                continue
            made = outlook([(JANUARY + k, float(v)) for k, v in enumerate(path[:known])], JANUARY + known - 1 + ahead)
            assert made is not None
            low, high = (max(end, path[known - 1]) for end in (made.low, made.high))
            inside.append(low <= path[known - 1 + ahead] <= high)
    assert len(inside) > 100
    return float(np.mean(inside))


@pytest.mark.parametrize("make", [s_shaped, linear, stepped, stalled], ids=lambda make: make.__name__)
def test_the_eighty_percent_interval_holds_what_came_half_a_year_a_year_and_two_years_later(make) -> None:
    shares = {ahead: coverage(make, ahead) for ahead in (6, 12, 24)}
    assert min(shares.values()) >= 0.70, shares
    # a path that really goes on as before is told more narrowly than it need be sure of, yet not without limit
    assert max(shares.values()) <= (0.99 if make is linear else 0.95), shares


# ---------------------------------------------------------------------- which method


def test_a_seasonal_path_is_carried_on_by_its_season() -> None:
    # every year 120: 2 a month from January to June, 18 a month from July to December
    values = [0.0]
    for k in range(42):  # JANUARY is a January: the 42 changes end with a June or begin a second half
        values.append(values[-1] + (2 if k % 12 < 6 else 18))
    series = [(JANUARY - 1 + k, v) for k, v in enumerate(values)]
    made = outlook(series, JANUARY - 1 + 42 + 6)
    assert made is not None and made.method == "seasonal" and made.trials > 0
    assert made.value == pytest.approx(values[-1] + 6 * 18)
    # standards 9.2, forecast = A / p_m: in mid-year 12 of 120 are done, so 120 come in the year
    assert made.value - values[36] == pytest.approx((values[42] - values[36]) / (12 / 120))


def test_a_season_needs_two_full_years() -> None:
    assert seasonal([float(k) for k in range(24)], JANUARY, 3) is None
    assert seasonal([float(k) for k in range(25)], JANUARY, 3) == pytest.approx(27)
    assert seasonal([5.0] * 30, JANUARY, 3) is None


def test_a_path_past_its_middle_finds_its_own_capacity_and_one_before_it_does_not() -> None:
    curve = [logistic(t, 5000, 0.18, 24) for t in range(60)]
    ends = levelling(curve[:40])
    assert ends is not None
    assert ends[1] == pytest.approx(5000, rel=0.05)
    assert logistic_ahead(curve[:40], *ends, 12) == pytest.approx(logistic(51, 5000, 0.18, 24), rel=0.02)
    assert levelling(curve[:24]) is None  # standards 9.2: the capacity is not taken from the fit before the inflection
    assert levelling([float(k) for k in range(40)]) is None


def test_a_percentage_levels_off_below_a_hundred() -> None:
    curve = [logistic(t, 100, 0.12, 20) for t in range(40)]
    assert levelling(curve, 100.0) == (0.0, 100.0)
    made = outlook([(JANUARY + k, v) for k, v in enumerate(curve[:30])], JANUARY + 29 + 12, 100.0)
    assert made is not None and made.method == "logistic"
    assert made.value == pytest.approx(logistic(41, 100, 0.12, 20), abs=0.1)


def test_fewer_than_24_values_are_carried_on_by_drift_whatever_they_look_like() -> None:
    curve = [(JANUARY + k, logistic(k, 100, 0.3, 8)) for k in range(23)]
    made = outlook(curve, JANUARY + 30, 100.0)
    assert made is not None and made.method == "drift"


# ---------------------------------------------------------------------- how sure


def test_the_interval_is_the_error_four_of_five_trials_stayed_below() -> None:
    trials = [Trial(float(k), 0.0) for k in range(1, 11)]
    # rank ceil(0.8 * 11) = 9
    assert tried_half_width(trials, 100.0, 1.0) == 9
    assert tried_half_width(trials, 100.0, 2.0) == 18
    assert tried_half_width([], 100.0, 2.0) == 0


def test_an_error_made_while_the_path_was_slow_counts_in_proportion_to_its_pace_now() -> None:
    # 10 were forecast and 15 came; now 200 are forecast
    trials = [Trial(5.0, 10.0)] * 10
    assert tried_half_width(trials, 200.0, 1.0) == pytest.approx(100)
    # at most twice what is forecast
    assert tried_half_width([Trial(50.0, 10.0)] * 10, 200.0, 1.0) == pytest.approx(400)


def test_the_same_past_told_twice_gives_the_same_forecast_and_says_how_often_it_was_tried() -> None:
    series = [(JANUARY + k, 10.0 * k + (k % 5)) for k in range(48)]
    first, again = outlook(series, JANUARY + 60), outlook(list(series), JANUARY + 60)
    assert first == again and first is not None
    assert first.trials == 24 and first.n == 48
    assert math.isfinite(first.low) and first.low < first.value < first.high


def test_a_count_that_has_never_moved_is_not_certain_to_stay() -> None:
    still = [(JANUARY + k, 0.0) for k in range(17)]
    made = outlook(still, JANUARY + 16 + 19, step=1.0)
    # none in 16 months: with 90 % fewer than ln(10) / 16 a month, so fewer than 2.74 in 19 months
    assert made is not None and made.value == 0
    assert made.high == pytest.approx(math.log(10) / 16 * 19)
    assert unseen(100, 0.90) == pytest.approx(0.03, abs=1e-4)  # at one-sided 95 %: the rule of three
    # of what is not counted in whole ones nothing is known that could come
    assert outlook(still, JANUARY + 35).high == 0  # type: ignore[union-attr]


def test_what_comes_after_months_without_anything_stays_below_the_limit_in_nine_of_ten() -> None:
    # at every rate: a path is looked at where none came in a year, and it is missed where more came in the next than the limit
    rng = np.random.default_rng(5)
    for rate in (0.02, 0.08, 0.2, 0.4):
        first, then = rng.poisson(rate * 12, 20_000), rng.poisson(rate * 12, 20_000)
        assert np.mean((first == 0) & (then > unseen(12) * 12)) <= 0.10
