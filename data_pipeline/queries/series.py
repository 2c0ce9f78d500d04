"""Readings in memory: one sorted array a (metric, area, grain), never changed, only replaced."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

EPOCH = datetime(1970, 1, 1)
# columns of `Series.data`, NaN for null; times as microseconds since 1970 UTC (exact in a double)
COLUMNS = (
    "numerator", "denominator", "value", "n", "reported_n", "expected_n", "simulated_n",
    "data_as_of_us", "known_from_us", "from_figures",
)  # fmt: skip
NUMERATOR, DENOMINATOR, VALUE, N, REPORTED, EXPECTED, SIMULATED, AS_OF, KNOWN, FROM_FIGURES = range(len(COLUMNS))
SELECT = (
    "SELECT metric, area_id, grain, epoch_us(period_start_utc) AS start_us, numerator, denominator, value, n, reported_n,"
    " expected_n, simulated_n, epoch_us(data_as_of_utc) AS data_as_of_us, epoch_us(known_from_utc) AS known_from_us,"
    " CASE WHEN origin = 'figures' THEN 1 ELSE 0 END AS from_figures"
)

Key = tuple[str, str, str]


class Series(NamedTuple):
    """Readings of one metric, area and grain: starts (µs, ascending) and their values row by row."""

    starts: np.ndarray
    data: np.ndarray

    def find(self, start_us: int) -> np.ndarray | None:
        """The row of the period that starts at a moment; None where there is none."""
        i = int(np.searchsorted(self.starts, start_us))
        return self.data[i] if i < len(self.starts) and self.starts[i] == start_us else None

    def between(self, from_us: int, to_us: int) -> Series:
        """The part whose periods start in [from, to)."""
        a, b = np.searchsorted(self.starts, (from_us, to_us))
        return Series(self.starts[a:b], self.data[a:b])

    def last_before(self, moment_us: int) -> tuple[int, np.ndarray] | None:
        """The newest row with records behind it that starts before a moment: (start, row)."""
        i = int(np.searchsorted(self.starts, moment_us)) - 1
        while i >= 0 and not self.data[i, N] > 0:
            i -= 1
        return (int(self.starts[i]), self.data[i]) if i >= 0 else None

    def newest_value(self, before_us: int) -> int | None:
        """Start of the newest period before a moment that has a value."""
        i = int(np.searchsorted(self.starts, before_us)) - 1
        while i >= 0 and np.isnan(self.data[i, VALUE]):
            i -= 1
        return int(self.starts[i]) if i >= 0 else None

    def merged(self, starts: np.ndarray, data: np.ndarray) -> Series:
        """With newer rows: they replace those of the same period."""
        if len(self.starts) and starts[0] > self.starts[-1]:
            return Series(np.concatenate([self.starts, starts]), np.concatenate([self.data, data]))
        kept = ~np.isin(self.starts, starts)
        all_starts = np.concatenate([self.starts[kept], starts])
        order = np.argsort(all_starts, kind="stable")
        return Series(all_starts[order], np.concatenate([self.data[kept], data])[order])

    def since(self, from_us: int) -> Series:
        """Without the rows that start before a moment; copied, so that the old array can go."""
        a = int(np.searchsorted(self.starts, from_us))
        return self if a == 0 else Series(self.starts[a:].copy(), self.data[a:].copy())


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a naive UTC moment."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(us: float) -> datetime:
    """Naive UTC moment of microseconds since 1970."""
    return datetime.fromtimestamp(int(us) // 1_000_000, UTC).replace(tzinfo=None, microsecond=int(us) % 1_000_000)


def split(frame: pl.DataFrame) -> Iterable[tuple[Key, Series]]:
    """Rows of a `SELECT` above as series, one for each key; of doubled periods the last row counts."""
    if frame.is_empty():
        return
    frame = frame.sort("metric", "area_id", "grain", "start_us", maintain_order=True)
    starts = frame["start_us"].to_numpy()
    data = np.ascontiguousarray(frame.select(pl.col(list(COLUMNS)).cast(pl.Float64).fill_null(float("nan"))).to_numpy())
    keys = frame.select("metric", "area_id", "grain")
    first = (
        (keys != keys.shift(1)).select(pl.any_horizontal(pl.all().fill_null(True)).alias("first"))["first"].to_numpy()
    )
    edges = np.flatnonzero(first)
    names = keys[edges.tolist()].rows()
    for (metric, area, grain), a, b in zip(names, edges, [*edges[1:], len(starts)], strict=True):
        # copies: a slice would keep the rows of every other key in memory as long as it lives
        part = Series(starts[a:b].copy(), data[a:b].copy())
        if len(part.starts) > 1 and (part.starts[1:] == part.starts[:-1]).any():
            last = np.append(part.starts[1:] != part.starts[:-1], True)
            part = Series(part.starts[last], part.data[last])
        yield (metric, area, grain), part
