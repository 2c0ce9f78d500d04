"""Readings in memory: one sorted array a (metric, area, grain), never changed, only replaced."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

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


# how rows are held: half of what a table of doubles takes. Counts are exact up to 2**24; a series with larger
# ones keeps the plain table.
_KINDS = ("f8", "f8", "f8", "f4", "f4", "f4", "f4", "f8", "f8", "u1")
HELD = np.dtype(list(zip(COLUMNS, _KINDS, strict=True)))


class Series:
    """Readings of one metric, area and grain: starts (µs, ascending) and their values row by row.

    Parameters
    ----------
    starts : array of int64
    data : array
        Either a table of doubles, one row a period with the columns `COLUMNS`, or the same held in
        little room (`packed`).
    """

    __slots__ = ("_rows", "starts")

    def __init__(self, starts: np.ndarray, data: np.ndarray) -> None:
        self.starts = starts
        self._rows = data

    @property
    def data(self) -> np.ndarray:
        """All rows as a table of doubles with the columns `COLUMNS`; NaN for null."""
        if self._rows.dtype != HELD:
            return self._rows
        return np.column_stack([self._rows[name] for name in COLUMNS])

    def packed(self) -> Series:
        """The same in little room, where that loses nothing; itself where it does."""
        if self._rows.dtype == HELD:
            return self
        rows = np.empty(len(self.starts), dtype=HELD)
        for i, name in enumerate(COLUMNS):
            rows[name] = self._rows[:, i]
            if HELD[name] != np.float64 and not np.array_equal(rows[name], self._rows[:, i], equal_nan=True):
                return self
        return Series(self.starts, rows)

    def _row(self, i: int) -> np.ndarray:
        row = self._rows[i]
        return row if self._rows.dtype != HELD else np.array(row.item(), dtype=np.float64)

    def find(self, start_us: int) -> np.ndarray | None:
        """The row of the period that starts at a moment; None where there is none."""
        i = int(np.searchsorted(self.starts, start_us))
        return self._row(i) if i < len(self.starts) and self.starts[i] == start_us else None

    def rows(self, at: np.ndarray) -> np.ndarray:
        """The rows at some positions as a table of doubles."""
        return Series(self.starts[at], self._rows[at]).data

    def between(self, from_us: int, to_us: int) -> Series:
        """The part whose periods start in [from, to)."""
        a, b = np.searchsorted(self.starts, (from_us, to_us))
        return Series(self.starts[a:b], self._rows[a:b])

    def last_before(self, moment_us: int) -> tuple[int, np.ndarray] | None:
        """The newest row with records behind it that starts before a moment: (start, row)."""
        i = int(np.searchsorted(self.starts, moment_us)) - 1
        while i >= 0 and not self._row(i)[N] > 0:
            i -= 1
        return (int(self.starts[i]), self._row(i)) if i >= 0 else None

    def newest_value(self, before_us: int) -> int | None:
        """Start of the newest period before a moment that has a value."""
        i = int(np.searchsorted(self.starts, before_us)) - 1
        while i >= 0 and np.isnan(self._row(i)[VALUE]):
            i -= 1
        return int(self.starts[i]) if i >= 0 else None

    def merged(self, newer: Series) -> Series:
        """With newer rows: they replace those of the same period."""
        if len(self.starts) and newer.starts[0] > self.starts[-1]:
            return Series(np.concatenate([self.starts, newer.starts]), np.concatenate([self.data, newer.data])).packed()
        kept = ~np.isin(self.starts, newer.starts)
        all_starts = np.concatenate([self.starts[kept], newer.starts])
        order = np.argsort(all_starts, kind="stable")
        return Series(all_starts[order], np.concatenate([self.data[kept], newer.data])[order]).packed()

    def since(self, from_us: int) -> Series:
        """Without the rows that start before a moment; copied, so that the old array can go."""
        a = int(np.searchsorted(self.starts, from_us))
        return self if a == 0 else Series(self.starts[a:].copy(), self._rows[a:].copy())


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
    shared: dict[bytes, np.ndarray] = {}  # the areas of a metric mostly have the same periods
    for (metric, area, grain), a, b in zip(names, edges, [*edges[1:], len(starts)], strict=True):
        # copies: a slice would keep the rows of every other key in memory as long as it lives
        begins, rows = starts[a:b].copy(), data[a:b].copy()
        if (begins[1:] == begins[:-1]).any():
            last = np.append(begins[1:] != begins[:-1], True)
            begins, rows = begins[last], rows[last]
        yield (metric, area, grain), Series(shared.setdefault(begins.tobytes(), begins), rows).packed()
