"""Forecast of a target at a later month, always with its 80 % interval and the name of its method.

Which method (docs/decisions/0006):

1. fewer than 3 monthly values: none;
2. up to 23 values: `drift`, the newest value and the mean monthly change of the last 12 months going on.
   Its interval grows with the distance, as the errors of single months add up;
3. 24 values and more: `drift`, `ols` (a straight line through the last 12 months) or `holt_damped`,
   whichever would have been nearest in the past 12 months when asked as far ahead (at most 12 months);
   `drift` where others were only as near. The interval is the method's own, but never narrower than that
   of `drift`: the errors of a cumulated count are not independent of each other, as the line's interval assumes.

All assume that what has slowed or quickened lately goes on; none knows of projects to come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, mean, stdev
from typing import Literal

LEVEL = 0.8
WINDOW = 12  # months the straight line is drawn through
MIN_VALUES, COMPARED_FROM = 3, 24
ORIGINS, FARTHEST_TRIED = 12, 12
ALPHA, BETA, PHI = 0.5, 0.3, 0.9
Method = Literal["drift", "ols", "holt_damped"]
Series = Sequence[tuple[int, float]]  # (month number, value), in order


@dataclass(frozen=True)
class Outlook:
    """A forecast value and the interval it lies in with probability 0.8."""

    value: float
    low: float
    high: float
    method: Method
    n: int


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

    Exact for 1 and 2, else by bisection of the distribution function for whole degrees of freedom
    (Abramowitz and Stegun 26.7.3 and 26.7.4); above 200 the normal quantile with its first correction.
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
        if _student_share(middle, df) < 2 * p - 1:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _student_share(t: float, df: int) -> float:
    """Probability that |T| < t."""
    theta = math.atan(t / math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    if df % 2:
        term = total = cosine
        for k in range(3, df - 1, 2):
            term *= cosine * cosine * (k - 1) / k
            total += term
        return 2 / math.pi * (theta + sine * total)
    term = total = 1.0
    for k in range(2, df - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return sine * total


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


def outlook(series: Series, month: float) -> Outlook | None:
    """The forecast at a month (year × 12 + month − 1; fractions allowed) by the rule of this module."""
    if len(series) < MIN_VALUES or series[-1][0] - series[0][0] < 2:
        return None
    ahead = max(month - series[-1][0], 1 / 31)
    own = drift(_even(series))
    least = None if own is None else own.half_width(ahead)
    if own is None or least is None:
        return None
    method: Method = "drift"
    value, half = own.at(ahead), least
    if len(series) >= COMPARED_FROM:
        method = _nearest_lately(series, max(1, math.ceil(ahead)))
    if method == "ols":
        line = ols(_window(series))
        wide = None if line is None else line.half_width(month)
        if line is not None and wide is not None:
            value, half = line.at(month), max(wide, least)
    elif method == "holt_damped":
        fitted = holt(_even(series), phi=PHI)
        wide = None if fitted is None else fitted.half_width(max(1, math.ceil(ahead)))
        if fitted is not None and wide is not None:
            value, half = fitted.at(max(1, math.ceil(ahead))), max(wide, least)
    return Outlook(value, value - half, value + half, method, len(series))


def _window(series: Series) -> list[tuple[int, float]]:
    """The points of the last 12 months; at least three."""
    last = [point for point in series if point[0] > series[-1][0] - WINDOW]
    return last if len(last) >= MIN_VALUES else list(series)[-MIN_VALUES:]


def _even(series: Series) -> list[float]:
    """Values of every month between first and last; those of silent months lie on the straight line between."""
    values = [series[0][1]]
    for (before, low), (after, high) in zip(series, series[1:], strict=False):
        values += [low + (high - low) * k / (after - before) for k in range(1, after - before + 1)]
    return values


def _nearest_lately(series: Series, steps: int) -> Method:
    """The method with the smallest mean absolute error at the past 12 months' origins, as far ahead as asked now."""
    ahead = min(steps, FARTHEST_TRIED)
    values = _even(series)
    errors: dict[Method, float] = {"drift": 0.0, "ols": 0.0, "holt_damped": 0.0}
    for back in range(ahead, ahead + ORIGINS):
        past = values[: len(values) - back]
        if len(past) < MIN_VALUES:
            break
        actual = values[len(past) - 1 + ahead]
        recent = past[-WINDOW:]
        line, own, fitted = ols(list(enumerate(recent))), drift(past), holt(past, phi=PHI)
        assert line is not None and own is not None and fitted is not None  # three values and more
        errors["drift"] += abs(own.at(ahead) - actual)
        errors["ols"] += abs(line.at(len(recent) - 1 + ahead) - actual)
        errors["holt_damped"] += abs(fitted.at(ahead) - actual)
    # the first of the smallest: drift where others are only as near
    return min(errors, key=lambda name: errors[name])
