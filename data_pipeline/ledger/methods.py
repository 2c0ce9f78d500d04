"""Ways to carry a monthly path on (standards.md 9.2): straight line, Holt's trend, drift, season, logistic curve.

Pure formulas; which one a target's forecast uses, and how sure it is, says `forecast.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, mean, stdev

import numpy as np

from data_pipeline.statistics import students_tail

LEVEL = 0.8
WINDOW = 12  # months the straight line is drawn through, and the drift is a mean over
ALPHA, BETA, PHI = 0.5, 0.3, 0.9
SEASON_FROM = 25  # values: two full years of changes
LEVELS_FROM = 24  # values a curve that levels off is looked for in; a year of them where its capacity is known
PACE_MONTHS = 6  # a pace is the mean change of so many months where it is held against the level


@dataclass(frozen=True)
class Line:
    """A straight line through points by least squares. `s`: standard deviation about it (n - 2), None for two points."""

    slope: float
    intercept: float
    s: float | None
    n: int
    mean_t: float
    sum_tt: float

    def at(self, t: float) -> float:
        """Value of the line at `t`."""
        return self.intercept + self.slope * t

    def half_width(self, t: float, level: float = LEVEL) -> float | None:
        """Half of the prediction interval of one new observation at `t`; None with fewer than three points."""
        if self.s is None:
            return None
        spread = self.s * math.sqrt(1 + 1 / self.n + (t - self.mean_t) ** 2 / self.sum_tt)
        return student_t(0.5 + level / 2, self.n - 2) * spread


def ols(points: Sequence[tuple[float, float]]) -> Line | None:
    """Least squares through (t, y); None with fewer than two different t."""
    n = len(points)
    if n < 2:
        return None
    mean_t = sum(t for t, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    sum_tt = sum((t - mean_t) ** 2 for t, _ in points)
    if sum_tt == 0:
        return None
    slope = sum((t - mean_t) * (y - mean_y) for t, y in points) / sum_tt
    intercept = mean_y - slope * mean_t
    s = None
    if n > 2:
        s = math.sqrt(sum((y - intercept - slope * t) ** 2 for t, y in points) / (n - 2))
    return Line(slope, intercept, s, n, mean_t, sum_tt)


@lru_cache(maxsize=512)
def student_t(p: float, df: int) -> float:
    """Quantile of Student's t with `df` degrees of freedom.

    Exact for 1 and 2, else by bisection of `students_tail`; above 200 the normal quantile with its first correction.
    """
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -student_t(1 - p, df)
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    if df == 2:
        return (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p)))
    z = NormalDist().inv_cdf(p)
    if df > 200:
        return z + (z**3 + z) / (4 * df)
    low, high = z, 10 * z + 10
    for _ in range(60):
        middle = (low + high) / 2
        if students_tail(np.array([df]), np.array([middle]))[0] > 2 * (1 - p):
            low = middle
        else:
            high = middle
    return (low + high) / 2


@dataclass(frozen=True)
class Holt:
    """Level and trend after the last value, and the one-step errors on the way. `phi` < 1 damps the trend."""

    level: float
    trend: float
    alpha: float
    beta: float
    phi: float
    errors: tuple[float, ...]

    def at(self, steps: int) -> float:
        """Forecast `steps` ahead: level + trend × (φ + φ² + … + φ^steps)."""
        return self.level + self.trend * sum(self.phi**j for j in range(1, steps + 1))

    def half_width(self, steps: int, level: float = LEVEL) -> float | None:
        """Half of the interval `steps` ahead from the one-step errors; None with fewer than three of them.

        Variance σ² (1 + Σ c_j²), j = 1 … steps - 1, c_j = α + αβ (φ + … + φ^j): the additive-error
        state-space form of the method (Hyndman et al., Forecasting with Exponential Smoothing, table 6.1).
        """
        if len(self.errors) < 3:
            return None
        variance = sum(e * e for e in self.errors) / len(self.errors)
        damp = [sum(self.phi**i for i in range(1, j + 1)) for j in range(1, steps)]
        spread = math.sqrt(variance * (1 + sum((self.alpha * (1 + self.beta * d)) ** 2 for d in damp)))
        return NormalDist().inv_cdf(0.5 + level / 2) * spread


def holt(
    values: Sequence[float],
    *,
    alpha: float = ALPHA,
    beta: float = BETA,
    phi: float = 1.0,
    level: float | None = None,
    trend: float | None = None,
) -> Holt | None:
    """Holt's linear trend over equally spaced values; `phi` below 1 damps it. None with fewer than two.

    Without a start the level is the first value and the trend the first difference. The start takes
    the first value's place: the first update is made from the second value.
    """
    if len(values) < 2:
        return None
    now = values[0] if level is None else level
    drift = values[1] - values[0] if trend is None else trend
    errors = []
    for y in values[1:]:
        forecast = now + phi * drift
        errors.append(y - forecast)
        following = alpha * y + (1 - alpha) * forecast
        drift = beta * (following - now) + (1 - beta) * phi * drift
        now = following
    # the first error is 0 by construction where the trend was taken from the first difference
    return Holt(now, drift, alpha, beta, phi, tuple(errors[1:] if trend is None else errors))


def logistic(t: float, capacity: float, rate: float, middle: float) -> float:
    """K / (1 + e^(-r (t - t0))): growth towards a capacity known from elsewhere."""
    return capacity / (1 + math.exp(-rate * (t - middle)))


def logistic_through(points: Sequence[tuple[float, float]], capacity: float) -> tuple[float, float] | None:
    """(r, t0) of the logistic curve of a known capacity: a line through ln(N / (K - N)) by least squares.

    None where fewer than two points lie strictly between 0 and the capacity, or the curve is flat.
    """
    line = ols([(t, math.log(n / (capacity - n))) for t, n in points if 0 < n < capacity])
    return None if line is None or line.slope == 0 else (line.slope, -line.intercept / line.slope)


def logistic_when(value: float, capacity: float, rate: float, middle: float) -> float | None:
    """The time at which the curve reaches a value; None outside (0, capacity)."""
    return middle + math.log(value / (capacity - value)) / rate if 0 < value < capacity and rate else None


@dataclass(frozen=True)
class Drift:
    """The newest value and the mean change `mean` of the last `n` months going on. `s`: standard deviation of changes."""

    last: float
    mean: float
    s: float
    n: int

    def at(self, steps: float) -> float:
        """Forecast so many months ahead."""
        return self.last + self.mean * steps

    def half_width(self, steps: float, level: float = LEVEL) -> float | None:
        """Half of the interval: changes add up, and their mean is itself uncertain; None with a single change.

        t(n - 1) × s × sqrt(h (1 + h / n)), the random walk with drift (Hyndman and Athanasopoulos,
        Forecasting: Principles and Practice, 5.5).
        """
        if self.n < 2:
            return None
        return student_t(0.5 + level / 2, self.n - 1) * self.s * math.sqrt(steps * (1 + steps / self.n))


def drift(values: Sequence[float]) -> Drift | None:
    """Mean change over the last 12 of equally spaced values; None with fewer than two.

    The deviation is that of all changes where it is larger: a path that has stood still for a year
    has not become certain.
    """
    changes = [after - before for before, after in zip(values, values[1:], strict=False)]
    if not changes:
        return None
    last = changes[-WINDOW:]
    s = max(stdev(last), stdev(changes)) if len(last) > 1 else 0.0
    return Drift(values[-1], mean(last), s, len(last))


def seasonal(values: Sequence[float], first_month: int, steps: int) -> float | None:
    """Forecast so many months ahead: the last 12 months' change again, spread over the year as all full years were.

    standards.md 9.2: forecast = A / p_m, here from month to month. None with fewer than two full years of
    monthly changes, or where nothing has changed in them.

    Parameters
    ----------
    values : equally spaced monthly values
    first_month : number (year × 12 + month − 1) of the first of them
    """
    if len(values) < SEASON_FROM:
        return None
    years = (len(values) - 1) // 12
    begin = len(values) - 1 - 12 * years  # the value before the first change that is counted
    total = values[-1] - values[begin]
    if total == 0:
        return None
    by_month = [0.0] * 12
    for k in range(begin + 1, len(values)):
        by_month[(first_month + k) % 12] += values[k] - values[k - 1]
    year = values[-1] - values[-13]
    following = first_month + len(values)
    return values[-1] + year * sum(by_month[(following + k) % 12] for k in range(steps)) / total


def levelling(values: Sequence[float], capacity: float | None = None) -> tuple[float, float] | None:
    """Floor and capacity between which a path runs as a logistic curve; None where it shows none.

    A known `capacity` (100 for a percentage) is taken as it is, the floor is then 0. Else both come from the path
    itself, and only past its inflection: the pace held against the level is a parabola of a logistic curve
    (Verhulst; so fitted by Bass, A new product growth model, 1969), its roots are floor and capacity.
    """
    if len(values) < (LEVELS_FROM if capacity is None else WINDOW):
        return None
    if capacity is not None:
        return (0.0, capacity) if min(values) > 0 and max(values) < capacity else None
    path = np.asarray(values, dtype=float)
    low, span = float(path.min()), float(np.ptp(path))
    if span == 0:
        return None
    level = ((path[:-PACE_MONTHS] + path[PACE_MONTHS:]) / 2 - low) / span
    pace = (path[PACE_MONTHS:] - path[:-PACE_MONTHS]) / span
    terms = np.stack([level * level, level, np.ones_like(level)])
    normal = terms @ terms.T
    if np.linalg.cond(normal) > 1e10:  # few different levels: no parabola to be told from a line
        return None
    c, b, a = (float(x) for x in np.linalg.solve(normal, terms @ pace))
    inside = b * b - 4 * a * c
    if c >= 0 or inside <= 0:
        return None
    root = math.sqrt(inside)
    floor, top, middle = (-b + root) / (2 * c), (-b - root) / (2 * c), -b / (2 * c)
    now = (values[-1] - low) / span
    # roots far outside what was seen: the bend is too slight to say where it ends
    if now <= middle or top <= now or floor < -1:
        return None
    return min(low + floor * span, low - 1e-6 * span), low + top * span


def logistic_ahead(values: Sequence[float], floor: float, capacity: float, steps: int) -> float | None:
    """The newest value and what the logistic curve through the last 24 values still adds so many months ahead."""
    last = values[-24:]
    fitted = logistic_through([(k - len(last) + 1, value - floor) for k, value in enumerate(last)], capacity - floor)
    if fitted is None or fitted[0] <= 0:
        return None
    height, rate, middle = capacity - floor, *fitted
    return values[-1] + _curve(steps, height, rate, middle) - _curve(0, height, rate, middle)


def _curve(t: float, height: float, rate: float, middle: float) -> float:
    """`logistic` without overflow far before the middle."""
    return logistic(t, height, rate, middle) if rate * (middle - t) < 700 else 0.0
