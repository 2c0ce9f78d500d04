"""Areas whose figure is not shown so that the few cases of another area cannot be found by subtraction."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from data_pipeline.cities import Pack
from data_pipeline.metrics import Metric
from data_pipeline.statistics import complementary

PATTERNS_KEPT = 20_000


def is_protected(metric: Metric) -> bool:
    """Whether small counts of a figure could be found by subtraction: withheld when small, and a sum over areas."""
    return metric.suppress_below_n > 1 and metric.over_area == "sum"


def also_hidden(pack: Pack, metric: Metric, counts: Callable[[str], float]) -> frozenset[str]:
    """Areas with enough cases whose figure must stay hidden beside the small ones.

    A total less its other parts gives the part that is withheld. The sums everybody knows are: the
    city of its districts (or townships), a district of its townships, a zone of the townships it is
    composed of. See `statistics.complementary`; whole numbers of cases are protected against exact
    subtraction, in one period.

    Parameters
    ----------
    counts : callable
        Area id → number of cases in the period, NaN or 0 where there are none.
    """
    ids, _ = _sums(pack)
    n = np.nan_to_num(np.array([counts(area) for area in ids], dtype=float))
    if not ((n > 0) & (n < metric.suppress_below_n)).any():
        return frozenset()
    return _pattern(pack, metric.suppress_below_n, n.tobytes())


@lru_cache(maxsize=PATTERNS_KEPT)
def _pattern(pack: Pack, below: int, counted: bytes) -> frozenset[str]:
    """Remembered by the counts: the past does not change, and its pattern need not be found again."""
    ids, sums = _sums(pack)
    n = np.frombuffer(counted)
    small = (n > 0) & (n < below)
    # cases that are known by their district alone leave its townships empty: nothing follows from these
    known = (sums < 0) @ (n > 0).astype(float) > 0
    hidden = complementary(sums[known], n, small)
    return frozenset(ids[i] for i in np.flatnonzero(hidden & ~small))


@lru_cache(maxsize=64)
def _sums(pack: Pack) -> tuple[tuple[str, ...], np.ndarray]:
    """The areas of a pack and the sums between them: +1 the whole, -1 each part."""
    ids = tuple(pack.areas)
    at = {area: i for i, area in enumerate(ids)}
    rows = []
    for area in ids:
        parts = pack.children(area)
        if parts:
            row = np.zeros(len(ids))
            row[at[area]] = 1
            row[[at[part.id] for part in parts]] = -1
            rows.append(row)
    return ids, np.array(rows).reshape(len(rows), len(ids))
