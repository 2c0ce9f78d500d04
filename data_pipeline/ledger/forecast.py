"""Forecast of a target at a later month, always with its 80 % interval and the name of its method.

Which method (docs/decisions/0006): fewer than 3 monthly values: none; up to 23: `drift`, the mean change of the last
12 months going on. From 24 on the one of `drift`, `seasonal`, `ols`, `holt_damped` and `logistic` that was nearest in
the past: each is asked at up to 24 past months what it would have said, and `drift` gives way only to one whose mean
error is at least a twentieth smaller.

How sure: the interval holds what the method itself got wrong in those trials, and is at least the one its formula
gives. A trial's error counts twice: in the target's unit, and in proportion to the change that was forecast then,
because a path that begins slowly errs little while it is slow. Whichever gives more is taken, and grows with the
distance where the past is too short to be asked as far ahead. A count that has never moved says only how rarely
something comes (`unseen`), not that nothing will.

All assume that what has slowed or quickened lately goes on; none knows of projects to come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from data_pipeline.ledger.methods import (
    LEVEL,
    PHI,
    WINDOW,
    drift,
    holt,
    levelling,
    logistic_ahead,
    ols,
    seasonal,
)

MIN_VALUES, COMPARED_FROM = 3, 24
ORIGINS, FARTHEST_TRIED = 24, 12
TRIED_SHARE = 1 / 3  # of the path's length: no trial looks farther ahead
BETTER_BY = 0.05  # by so much of its error a method must be nearer than drift
MOST_IN_PROPORTION = 2.0  # an error counts at most as twice the change that was forecast
Method = Literal["drift", "seasonal", "ols", "holt_damped", "logistic"]
METHODS: tuple[Method, ...] = ("drift", "seasonal", "ols", "holt_damped", "logistic")
Series = Sequence[tuple[int, float]]  # (month number, value), in order


@dataclass(frozen=True)
class Outlook:
    """A forecast value and the interval it lies in with probability 0.8; `trials`: past months it was tried at."""

    value: float
    low: float
    high: float
    method: Method
    n: int
    trials: int = 0


@dataclass(frozen=True)
class Trial:
    """What a method would have said at a past month: its error, and the change it forecast, both in the target's unit."""

    error: float
    forecast_change: float


def outlook(series: Series, month: float, capacity: float | None = None, step: float | None = None) -> Outlook | None:
    """The forecast at a month by the rule of this module; None with fewer than three values or months.

    Parameters
    ----------
    series : (year × 12 + month − 1, value), in order
    month : the month asked for, in the same numbers; fractions allowed
    capacity : the largest value that can be (100 for a percentage), None where nothing says
    step : the least that can come at a time (1 for what is counted in whole ones), None where nothing says
    """
    return _outlook(tuple(series), month, capacity, step)


@lru_cache(maxsize=4096)  # a commit to one target leaves all others as they were
def _outlook(
    series: tuple[tuple[int, float], ...], month: float, capacity: float | None, step: float | None
) -> Outlook | None:
    if len(series) < MIN_VALUES or series[-1][0] - series[0][0] < 2:
        return None
    path = _Path(_even(series), series[0][0], capacity)
    ahead = max(month - series[-1][0], 1 / 31)
    steps = max(1, math.ceil(ahead))
    tried = max(1, min(steps, FARTHEST_TRIED, int(len(path.values) * TRIED_SHARE)))
    method: Method = "drift"
    trials = path.trials("drift", tried)
    if len(series) >= COMPARED_FROM:
        method, trials = _nearest(path, tried, steps, trials)
    value = path.at(method, len(path.values), steps, ahead)
    formula = path.half_width(method, steps, ahead)
    if value is None or formula is None:
        return None
    half = max(formula, tried_half_width(tuple(trials.values()), abs(value - path.values[-1]), max(ahead / tried, 1.0)))
    if step is not None and len(set(path.values)) == 1:
        half = max(half, step * unseen(len(path.values) - 1) * ahead)
    return Outlook(value, value - half, value + half, method, len(series), len(trials))


def unseen(months: int, level: float = LEVEL) -> float:
    """How many a month may still come where none came in so many months: the upper end of the two-sided interval.

    None in n months: the exact Poisson limit of the rate is −ln((1 − level) / 2) / n (Garwood 1936; at 95 % the "rule of three").
    """
    return -math.log((1 - level) / 2) / months


def tried_half_width(trials: Sequence[Trial], change: float, farther: float, level: float = LEVEL) -> float:
    """Half of the interval that holds a share `level` of past errors; 0 without trials.

    Parameters
    ----------
    change : size of the change that is forecast now, in the target's unit
    farther : how many times as far ahead as the trials is asked now; errors in the unit grow with it
    """
    plain = [abs(trial.error) for trial in trials]
    moved = [trial for trial in trials if trial.forecast_change]
    shares = [min(abs(t.error / t.forecast_change), MOST_IN_PROPORTION) for t in moved]
    return max(_quantile(plain, level) * farther, _quantile(shares, level) * change)


def _quantile(values: Sequence[float], level: float) -> float:
    """The value that a share `level` of as many future ones is not expected to pass: rank ⌈level (n + 1)⌉, at most the largest."""
    if not values:
        return 0.0
    return sorted(values)[min(math.ceil(level * (len(values) + 1)), len(values)) - 1]


class _Path:
    """Equally spaced monthly values, asked at any of their months what a method says of later ones."""

    def __init__(self, values: list[float], first_month: int, capacity: float | None) -> None:
        self.values, self.first_month, self.capacity = values, first_month, capacity

    def at(self, method: Method, n: int, steps: int, ahead: float) -> float | None:
        """What a method says from the first `n` values, `ahead` (or whole `steps`) months on; None where it does not apply."""
        past = self.values[:n]
        if method == "drift":
            window = min(WINDOW, n - 1)
            return past[-1] + (past[-1] - past[-1 - window]) / window * ahead
        if method == "ols":
            recent = past[-WINDOW:]
            line = ols(list(enumerate(recent)))
            return None if line is None else line.at(len(recent) - 1 + ahead)
        if method == "holt_damped":
            fitted = holt(past, phi=PHI)
            return None if fitted is None else fitted.at(steps)
        if method == "seasonal":
            return seasonal(past, self.first_month, steps)
        ends = levelling(past, self.capacity)
        return None if ends is None else logistic_ahead(past, *ends, steps)

    def trials(self, method: Method, tried: int) -> dict[int, Trial]:
        """Number of values known → what the method would have got wrong `tried` months ahead, newest first."""
        found = {}
        newest = len(self.values) - tried
        for n in range(newest, max(newest - ORIGINS, MIN_VALUES - 1), -1):
            value = self.at(method, n, tried, tried)
            if value is not None:
                found[n] = Trial(self.values[n - 1 + tried] - value, value - self.values[n - 1])
        return found

    def half_width(self, method: Method, steps: int, ahead: float) -> float | None:
        """Half of the interval the formulas give: the method's own where it has one, never narrower than drift's.

        The errors of a cumulated count are not independent of each other, as the straight line's interval assumes.
        """
        own = drift(self.values)
        least = None if own is None else own.half_width(ahead)
        if least is None:
            return None
        wide: float | None = None
        if method == "ols":
            recent = self.values[-WINDOW:]
            line = ols(list(enumerate(recent)))
            wide = None if line is None else line.half_width(len(recent) - 1 + ahead)
        elif method == "holt_damped":
            fitted = holt(self.values, phi=PHI)
            wide = None if fitted is None else fitted.half_width(steps)
        return max(least, wide or 0.0)


def _nearest(path: _Path, tried: int, steps: int, own: dict[int, Trial]) -> tuple[Method, dict[int, Trial]]:
    """The method with the smallest mean error at the months it could be tried at, drift where none is clearly nearer."""
    best: Method = "drift"
    best_trials, best_ratio = own, 1.0 - BETTER_BY
    for method in METHODS[1:]:
        # what cannot be asked now need not be tried
        if path.at(method, len(path.values), steps, steps) is None:
            continue
        trials = path.trials(method, tried)
        if len(trials) < len(own) / 2:
            continue
        drifted = sum(abs(own[n].error) for n in trials)
        if drifted == 0:
            continue
        ratio = sum(abs(trial.error) for trial in trials.values()) / drifted
        if ratio < best_ratio:
            best, best_trials, best_ratio = method, trials, ratio
    return best, best_trials


def _even(series: Series) -> list[float]:
    """Values of every month between first and last; those of silent months lie on the straight line between."""
    values = [series[0][1]]
    for (before, low), (after, high) in zip(series, series[1:], strict=False):
        values += [low + (high - low) * k / (after - before) for k in range(1, after - before + 1)]
    return values
