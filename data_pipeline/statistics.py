"""Formulas of statistics, as pure functions on numbers: intervals, robust deviations, false-alarm control, disclosure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import sqrt

import numpy as np

Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution
MAD_TO_SIGMA, MEAN_AD_TO_SIGMA = 1.4826, 1.253314
FEWEST_COMPARABLE = 8


def wilson(successes: float, n: float, z: float = Z_95) -> tuple[float, float] | None:
    """Wilson's interval of a share of `n` independent cases, both ends 0–1; None without cases.

    Source: E. B. Wilson, JASA 22 (1927); 178 of 200 → 0.8391..0.9262, 0 of 12 → 0..0.2425.
    """
    if n <= 0 or not 0 <= successes <= n:
        return None
    share, zz = successes / n, z * z
    middle = (share + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * sqrt(share * (1 - share) / n + zz / (4 * n * n))
    # at the ends the formula gives the bound itself, but for rounding
    low = 0.0 if successes == 0 else max(middle - half, 0.0)
    return low, 1.0 if successes == n else min(middle + half, 1.0)


def anscombe(counts: np.ndarray) -> np.ndarray:
    """Counts on a scale where a Poisson count has standard deviation 1: 2·√(x + 3/8)."""
    return 2 * np.sqrt(np.maximum(counts, 0) + 0.375)


def robust_centre(past: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, robust standard deviation and number of the values of each row; NaN are left out.

    The deviation is 1.4826·MAD; where that is 0, 1.253314 times the mean absolute deviation; 0
    where all values are the same. Rows without values give NaN, NaN, 0.
    """
    n = np.isfinite(past).sum(axis=1)
    centre, spread = np.full(len(past), np.nan), np.full(len(past), np.nan)
    some = n > 0
    if some.any():
        rows = past[some]
        centre[some] = _medians(rows)
        away = np.abs(rows - centre[some][:, None])
        mad = MAD_TO_SIGMA * _medians(away)
        spread[some] = np.where(mad > 0, mad, MEAN_AD_TO_SIGMA * np.nanmean(away, axis=1))
    return centre, spread, n


def _medians(rows: np.ndarray) -> np.ndarray:
    """Median of each row without its NaN, of which no row may be full; numpy's own takes a millisecond for a few short rows."""
    ordered = np.sort(rows, axis=1)  # NaN last
    n, at = np.count_nonzero(~np.isnan(rows), axis=1), np.arange(len(rows))
    return (ordered[at, (n - 1) // 2] + ordered[at, n // 2]) / 2


def tail_p(z: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Chance that a robust deviation of a new value from `n` comparable ones is as large as `z`, either side, by noise alone.

    Median and MAD of few values are themselves uncertain: |z| follows about (1 + 1.7/n) times Student's
    t with 0.39·n + 0.55 degrees of freedom (fitted to 1–2 million draws of the normal distribution for
    n = 8 … 64; right within 15 % down to 1 in 100,000). With the normal tail the flags of n = 8 would
    be false 20 times as often as said. NaN where `z` is.
    """
    n = np.asarray(n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return students_tail(0.39 * n + 0.55, np.abs(z) / (1 + 1.7 / n))


def students_tail(freedom: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Chance that Student's t with so many degrees of freedom is at least `t` ≥ 0 away from 0, either side; NaN where either is.

    It is the regularised incomplete beta function I_x(f/2, 1/2) at x = f/(f + t²), by its continued fraction
    (Abramowitz, Stegun 26.5.8 and 26.7.1). Written out because the library that has it takes 29 MB of every web process.
    """
    freedom, t = np.broadcast_arrays(np.asarray(freedom, dtype=float), np.asarray(t, dtype=float))
    found = np.full(t.shape, np.nan)
    known = np.isfinite(freedom) & (freedom > 0) & ~np.isnan(t)
    a, square = freedom[known] / 2, t[known] ** 2
    # of x and 1 - x the one for which the fraction converges fast; both worked out without loss of digits
    x, rest = 2 * a / (2 * a + square), 1 / (1 + 2 * a / np.maximum(square, 1e-300))
    turned = x > (a + 1) / (a + 2.5)
    p, q = np.where(turned, 0.5, a), np.where(turned, a, 0.5)
    at, other = np.where(turned, rest, x), np.where(turned, x, rest)
    log_beta = np.array([math.lgamma(v) + math.lgamma(0.5) - math.lgamma(v + 0.5) for v in a])
    with np.errstate(divide="ignore"):
        front = np.exp(p * np.log(at) + q * np.log(other) - log_beta) / p
    share = front * _beta_fraction(p, q, at)
    found[known] = np.clip(np.where(turned, 1 - share, share), 0, 1)
    return found


def _beta_fraction(p: np.ndarray, q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The continued fraction of I_x(p, q), forwards (Lentz's method)."""
    tiny = 1e-300
    c, d = np.ones_like(x), 1 / _away_from_0(1 - (p + q) * x / (p + 1), tiny)
    value = d.copy()
    for m in range(1, 200):
        for step in (m * (q - m) * x / ((p + 2 * m - 1) * (p + 2 * m)), -(p + m) * (p + q + m) * x / ((p + 2 * m) * (p + 2 * m + 1))):
            d = 1 / _away_from_0(1 + step * d, tiny)
            c = _away_from_0(1 + step / c, tiny)
            value *= c * d
        if not x.size or np.abs(c * d - 1).max() < 1e-15:
            break
    return value


def _away_from_0(values: np.ndarray, tiny: float) -> np.ndarray:
    return np.where(np.abs(values) < tiny, tiny, values)


def benjamini_hochberg(p: np.ndarray, q: float) -> np.ndarray:
    """Which of many tests to believe so that at most the share `q` of the believed ones is false (on average).

    Where nothing at all is unusual, some test is believed with chance `q`. NaN are never believed.
    Source: Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 57 (1995).
    """
    known = np.isfinite(p)
    order = np.sort(p[known])
    below = np.flatnonzero(order <= q * np.arange(1, len(order) + 1) / max(len(order), 1))
    return known & (p <= order[below[-1]]) if len(below) else np.zeros(len(p), dtype=bool)


def revealed(sums: np.ndarray, hidden: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Hidden cells of `small` that follow exactly from the shown ones and the sums that hold between them.

    Parameters
    ----------
    sums : array (relations, cells)
        Each row a relation that everybody knows: Σ row·cells = 0.
    hidden, small : bool arrays (cells)
        Cells not shown; those among them that must not be known.
    """
    unknown = np.flatnonzero(hidden)
    found = np.zeros(len(hidden), dtype=bool)
    if not len(unknown):
        return found
    reduced = _row_echelon(sums[:, unknown])
    # a row with a single unknown left gives that unknown
    for row in reduced:
        at = np.flatnonzero(np.abs(row) > 1e-9)
        if len(at) == 1:
            found[unknown[at[0]]] = True
    return found & small


def complementary(sums: np.ndarray, n: Sequence[float] | np.ndarray, small: Sequence[bool] | np.ndarray) -> np.ndarray:
    """Cells to hide besides the small ones, so that none of these follows from what is still shown.

    Cells without cases (`n` 0) need no hiding and protect nothing. One at a time the shown cell with the fewest
    cases is hidden among those the disclosure rests on. Only exact disclosure is prevented: how far a hidden
    value can be narrowed down by bounds is not looked at.

    Returns
    -------
    array of bool
        All hidden cells, the small ones among them.
    """
    counts, must = np.asarray(n, dtype=float), np.asarray(small, dtype=bool)
    hidden = must & (counts > 0)
    while (open_now := revealed(sums, hidden, must)).any():
        cell = int(np.flatnonzero(open_now)[0])
        wanted = np.zeros(len(counts))
        wanted[cell] = 1.0
        # the relations whose sum leaves this one cell, and the shown cells that stand in them
        weights = np.linalg.lstsq(sums[:, hidden].T, wanted[hidden], rcond=None)[0]
        used = np.abs(weights) > 1e-9
        choice = np.flatnonzero((np.abs(sums[used]) > 0).any(axis=0) & ~hidden & (counts > 0))
        if not len(choice):
            break
        hidden[choice[np.argmin(counts[choice])]] = True
    return hidden


def _row_echelon(matrix: np.ndarray) -> np.ndarray:
    """Reduced row echelon form (Gauss–Jordan with pivots of greatest size), without rows of zeros."""
    rows = matrix.astype(float).copy()
    at = 0
    for column in range(rows.shape[1]):
        if at >= len(rows):
            break
        pivot = at + int(np.argmax(np.abs(rows[at:, column])))
        if abs(rows[pivot, column]) < 1e-9:
            continue
        rows[[at, pivot]] = rows[[pivot, at]]
        rows[at] /= rows[at, column]
        others = np.arange(len(rows)) != at
        rows[others] -= rows[others, column : column + 1] * rows[at]
        at += 1
    return rows[:at]
