"""Natural breaks: the classes of a choropleth where no standard gives any."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np


def natural_breaks(values: Sequence[float], classes: int) -> list[float]:
    """Upper bounds (inclusive, ascending) of the classes with the least sum of squared deviations inside them.

    The exact optimum by dynamic programming (Fisher 1958, "On grouping for maximum homogeneity"; known among
    cartographers as Jenks). No more classes than there are different values; none for no values.

    Parameters
    ----------
    values : finite numbers in any order, up to a few hundred (time grows with their square)
    classes : how many at most, at least 1
    """
    if classes < 1:
        raise ValueError(f"at least 1 class is needed, got {classes}")
    return list(_breaks(tuple(values), classes))


@lru_cache(maxsize=32)  # a replay asks for the breaks of all its frames at every frame
def _breaks(values: tuple[float, ...], classes: int) -> tuple[float, ...]:
    x = np.sort(np.asarray(values, dtype=np.float64))
    if not len(x):
        return ()
    k = min(classes, len(np.unique(x)))
    centred = x - x.mean()  # of squares of large numbers little would be left
    sums, squares = np.concatenate([[0.0], centred.cumsum()]), np.concatenate([[0.0], (centred**2).cumsum()])
    n = len(x)
    best = np.full((k + 1, n + 1), np.inf)  # [j, i]: least deviation of the first i values in j classes
    best[0, 0] = 0.0
    cut = np.zeros((k + 1, n + 1), dtype=int)
    for j in range(1, k + 1):
        for i in range(j, n + 1):
            starts = np.arange(j - 1, i)
            spread = squares[i] - squares[starts] - (sums[i] - sums[starts]) ** 2 / (i - starts)
            cost = best[j - 1, starts] + spread
            at = int(np.argmin(cost))
            best[j, i], cut[j, i] = cost[at], starts[at]
    bounds, i = [], n
    for j in range(k, 0, -1):
        bounds.append(float(x[i - 1]))
        i = int(cut[j, i])
    return tuple(bounds[::-1])
