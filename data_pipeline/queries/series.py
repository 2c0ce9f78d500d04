"""Readings in memory: one sorted array a (metric, area, grain), never changed, only replaced."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pyarrow as pa

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
# Hours, days and months are folded: all but the newest rows compressed, some 6 bytes a row in place of 65. Five cities
# have ten million of them, most of which nobody looks at between two commits.
FOLDED = ("hour", "day", "month")
NEWEST_ROWS = 8
MOST_ROWS = 24  # rows left open before the older ones join the fold
UNFOLDED_KEPT = 128  # folds held open after somebody looked into them, up to 75 KB each
_CODEC = pa.Codec("zstd", compression_level=1)
_RATIOS = (1.0, 100.0, 1000.0)  # a value is mostly its numerator over its denominator, times one of these


class Compressed:
    """Older rows of a series, compressed; `rows` gives exactly what went in, to the bit. What they lie in is the subclass's matter."""

    __slots__ = ()

    n: int
    first_us: int
    last_us: int
    known_us: float  # when the last of them came; NaN where one does not say
    ratio: float
    compressed: bytes | pa.Buffer

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Starts (µs, ascending) and the table of doubles; the newest asked for stay open."""
        return _unfolded(self)

    def whole(self) -> Compressed:
        """Itself: see `FoldPart.whole`."""
        return self

    def unfold(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows anew from the compressed bytes."""
        width, n = len(COLUMNS) + 1, self.n
        raw = np.frombuffer(_CODEC.decompress(self.compressed, width * n * 8, asbytes=True), dtype=np.uint8)
        every = np.ascontiguousarray(raw.reshape(width, 8, n).transpose(0, 2, 1)).view(np.int64)[..., 0]
        starts, bits = np.cumsum(every[0]), every[1:]
        for i in (AS_OF, KNOWN):
            bits[i] = np.cumsum(bits[i]) + starts.astype(np.float64).view(np.int64)
        table = np.empty((n, len(COLUMNS)))
        table[:] = bits.view(np.float64).T
        table[:, VALUE] = (bits[VALUE] ^ _quotient(table, self.ratio)).view(np.float64)
        table.flags.writeable = False  # several readers share it
        return starts, table


class Fold(Compressed):
    """Rows compressed here, in memory of their own. Who changes the way raises `kept.FORMAT`: files hold folds, too."""

    __slots__ = ("compressed", "first_us", "known_us", "last_us", "n", "ratio")

    def __init__(self, starts: np.ndarray, table: np.ndarray) -> None:
        self.n, self.first_us, self.last_us = len(starts), int(starts[0]), int(starts[-1])
        self.known_us = float(table[:, KNOWN].max())
        bits = [np.ascontiguousarray(table[:, i]).view(np.int64) for i in range(len(COLUMNS))]
        # what follows from other columns becomes zeros: the value, the moments beside the period
        self.ratio, bits[VALUE] = _guessed(bits[VALUE], table)
        for i in (AS_OF, KNOWN):
            bits[i] = _steps(bits[i] - np.ascontiguousarray(starts, dtype=np.float64).view(np.int64))
        every = np.array([_steps(starts), *bits])
        # bytes of equal weight together: most of them are equal
        shuffled = every.view(np.uint8).reshape(len(every), self.n, 8).transpose(0, 2, 1)
        self.compressed = _CODEC.compress(np.ascontiguousarray(shuffled), asbytes=True)


class FoldPart:
    """The first rows of a fold, which stays as it is."""

    __slots__ = ("_fold", "first_us", "known_us", "last_us", "n")

    def __init__(self, fold: Compressed | FoldPart, n: int) -> None:
        self._fold, self.n = fold, n
        starts, table = self.rows()
        self.first_us, self.last_us, self.known_us = int(starts[0]), int(starts[-1]), float(table[:, KNOWN].max())

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """As `Compressed.rows`."""
        starts, table = self._fold.rows()
        return starts[: self.n], table[: self.n]

    def whole(self) -> Compressed:
        """A fold of these rows alone."""
        return Fold(*self.rows())


def _steps(values: np.ndarray) -> np.ndarray:
    steps = values.copy()  # np.diff with `prepend` takes five times as long, which counts a hundred thousand times
    steps[1:] -= values[:-1]
    return steps


def _guessed(value_bits: np.ndarray, table: np.ndarray) -> tuple[float, np.ndarray]:
    """The ratio that tells most values from numerator and denominator, and what is left of their bits."""
    best, fewest, left = 0.0, len(value_bits) + 1, value_bits
    for ratio in (1.0, 0.0, *_RATIOS[1:]):
        rest = value_bits ^ _quotient(table, ratio)
        wrong = int(np.count_nonzero(rest))
        if wrong < fewest:
            best, fewest, left = ratio, wrong, rest
        if not wrong:
            break
    return best, left


def _quotient(table: np.ndarray, ratio: float) -> np.ndarray:
    """Bits of numerator ÷ denominator × ratio; of the numerator alone for ratio 0."""
    if not ratio:
        return np.ascontiguousarray(table[:, NUMERATOR]).view(np.int64)
    with np.errstate(all="ignore"):
        guess = table[:, NUMERATOR] / table[:, DENOMINATOR]
        return (guess if ratio == 1.0 else guess * ratio).view(np.int64)


@lru_cache(maxsize=UNFOLDED_KEPT)
def _unfolded(fold: Compressed) -> tuple[np.ndarray, np.ndarray]:
    return fold.unfold()


class Series:
    """Readings of one metric, area and grain: starts (µs, ascending) and their values row by row.

    Parameters
    ----------
    starts : array of int64
    data : array
        Either a table of doubles, one row a period with the columns `COLUMNS`, or the same held in
        little room (`packed`).
    fold : Fold, optional
        Older rows, all before `starts`.
    """

    __slots__ = ("_fold", "_rows", "_starts")

    def __init__(self, starts: np.ndarray, data: np.ndarray, fold: Compressed | FoldPart | None = None) -> None:
        self._starts, self._rows, self._fold = starts, data, fold

    @classmethod
    def after(cls, fold: Compressed | FoldPart | None, starts: np.ndarray, data: np.ndarray) -> Series:
        """Rows after a fold; where there are none the last of the fold stand open, as every series has some."""
        if len(starts) or fold is None:
            return cls(starts, data, fold)
        starts, data = fold.rows()
        kept = max(len(starts) - NEWEST_ROWS, 0)
        return cls(starts[kept:].copy(), data[kept:].copy(), FoldPart(fold, kept) if kept else None)

    def __len__(self) -> int:
        """Number of periods."""
        return len(self._starts) + (self._fold.n if self._fold else 0)

    @property
    def first_us(self) -> int:
        """Start of the oldest period; there must be one."""
        return self._fold.first_us if self._fold else int(self._starts[0])

    @property
    def last_us(self) -> int:
        """Start of the newest period; there must be one."""
        return int(self._starts[-1])

    @property
    def starts(self) -> np.ndarray:
        """Starts of all periods (µs, ascending)."""
        return self._starts if self._fold is None else np.concatenate([self._fold.rows()[0], self._starts])

    @property
    def data(self) -> np.ndarray:
        """All rows as a table of doubles with the columns `COLUMNS`; NaN for null."""
        mine = self._rows
        if mine.dtype == HELD:
            mine = np.column_stack([mine[name] for name in COLUMNS])
        return mine if self._fold is None else np.concatenate([self._fold.rows()[1], mine])

    def packed(self) -> Series:
        """The same in little room, where that loses nothing; itself where it does."""
        if self._rows.dtype == HELD:
            return self
        counts, flags = self._rows[:, N:AS_OF], self._rows[:, FROM_FIGURES]
        if not ((counts.astype(np.float32) == counts) | np.isnan(counts)).all() or not ((flags == 0) | (flags == 1)).all():
            return self
        rows = np.empty(len(self._starts), dtype=HELD)
        for i, name in enumerate(COLUMNS):
            rows[name] = self._rows[:, i]
        return Series(self._starts, rows, self._fold)

    def folded(self) -> Series:
        """The same with all but the newest rows compressed; itself where few are open."""
        if len(self._starts) <= MOST_ROWS:
            return self
        starts, data = self.starts, self.data
        cut = len(starts) - NEWEST_ROWS
        return Series(starts[cut:].copy(), data[cut:].copy(), Fold(starts[:cut], data[:cut])).packed()

    def _row(self, i: int) -> np.ndarray:
        row = self._rows[i]
        return row if self._rows.dtype != HELD else np.array(row.item(), dtype=np.float64)

    def find(self, start_us: int) -> np.ndarray | None:
        """The row of the period that starts at a moment; None where there is none."""
        if self._fold is not None and start_us <= self._fold.last_us:
            starts, table = self._fold.rows()
            i = int(np.searchsorted(starts, start_us))
            return table[i] if starts[i] == start_us else None
        i = int(np.searchsorted(self._starts, start_us))
        return self._row(i) if i < len(self._starts) and self._starts[i] == start_us else None

    def rows(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the periods that start at some moments (µs), and for which of them there is one; there must be any."""
        held = self.between(int(wanted.min()), int(wanted.max()) + 1)
        if not len(held):
            return np.full((len(wanted), len(COLUMNS)), np.nan), np.zeros(len(wanted), dtype=bool)
        at = np.minimum(np.searchsorted(held._starts, wanted), len(held._starts) - 1)
        return Series(held._starts[at], held._rows[at]).data, held._starts[at] == wanted

    def between(self, from_us: int, to_us: int) -> Series:
        """The part whose periods start in [from, to)."""
        if self._fold is not None and from_us <= self._fold.last_us:
            starts, rows = self.starts, self.data
        else:
            starts, rows = self._starts, self._rows
        a, b = np.searchsorted(starts, (from_us, to_us))
        return Series(starts[a:b], rows[a:b])

    def before(self, moment_us: int) -> Series:
        """The part whose periods start before a moment, in little room: what is folded stays so."""
        a = int(np.searchsorted(self._starts, moment_us))
        if a == len(self._starts):
            return self
        if a or self._fold is None or moment_us > self._fold.last_us:
            return Series.after(self._fold, self._starts[:a], self._rows[:a])
        kept = int(np.searchsorted(self._fold.rows()[0], moment_us))
        return Series.after(FoldPart(self._fold, kept), self._starts[:0], self._rows[:0]) if kept else Series(self._starts[:0], self._rows[:0])

    @property
    def held(self) -> tuple[np.ndarray, np.ndarray, Compressed | FoldPart | None]:
        """As it lies in memory: starts and rows that are not folded, and the fold before them."""
        return self._starts, self._rows, self._fold

    @property
    def last(self) -> np.ndarray:
        """The row of the newest period; there must be one."""
        return self._row(-1)

    @property
    def open(self) -> tuple[np.ndarray, np.ndarray, Compressed | FoldPart | None]:
        """Starts and table of the rows that are not folded, and the fold before them."""
        return self._starts, Series(self._starts, self._rows).data, self._fold

    def last_before(self, moment_us: int) -> tuple[int, np.ndarray] | None:
        """The newest row with records behind it that starts before a moment: (start, row)."""
        i = int(np.searchsorted(self._starts, moment_us)) - 1
        while i >= 0 and not self._row(i)[N] > 0:
            i -= 1
        if i >= 0:
            return int(self._starts[i]), self._row(i)
        if self._fold is None:
            return None
        return Series(*self._fold.rows()).last_before(moment_us)

    def newest_value(self, before_us: int) -> int | None:
        """Start of the newest period before a moment that has a value."""
        i = int(np.searchsorted(self._starts, before_us)) - 1
        while i >= 0 and np.isnan(self._row(i)[VALUE]):
            i -= 1
        if i >= 0:
            return int(self._starts[i])
        return None if self._fold is None else Series(*self._fold.rows()).newest_value(before_us)

    def merged(self, newer: Series) -> Series:
        """With newer rows: they replace those of the same period. What was folded stays so."""
        if not len(newer):
            return self
        fold = self._fold
        if fold is not None and newer.first_us <= fold.last_us:  # late data: the fold is made anew
            return Series(self.starts, self.data).merged(newer).folded()
        old = Series(self._starts, self._rows)
        if newer._fold is not None:
            newer = Series(newer.starts, newer.data)
        kept = ~np.isin(self._starts, newer._starts)
        starts = np.concatenate([self._starts[kept], newer._starts])
        data = np.concatenate([old.data[kept], newer.data])
        order = np.argsort(starts, kind="stable")
        made = Series(starts[order], data[order], fold).packed()
        return made if fold is None else made.folded()

    def since(self, from_us: int) -> Series:
        """Without the rows that start before a moment; copied, so that the old array can go. What was folded stays so."""
        if self._fold is not None:
            late = self.between(from_us, self.last_us + 1)
            return self if len(late) == len(self) else Series(late._starts, late._rows).packed().folded()
        a = int(np.searchsorted(self._starts, from_us))
        return self if a == 0 else Series(self._starts[a:].copy(), self._rows[a:].copy())


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of a naive UTC moment."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(us: float) -> datetime:
    """Naive UTC moment of microseconds since 1970."""
    return datetime.fromtimestamp(int(us) // 1_000_000, UTC).replace(tzinfo=None, microsecond=int(us) % 1_000_000)


def split(frame: pl.DataFrame, *, to_hold: bool = True) -> Iterable[tuple[Key, Series]]:
    """Rows of a `SELECT` above as series, one for each key; of doubled periods the last row counts.

    `to_hold`: in the little room of what is held for long; else as plain tables, which are quicker made.
    """
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
        begins, rows = starts[a:b], data[a:b]
        if (begins[1:] == begins[:-1]).any():
            last = np.append(begins[1:] != begins[:-1], True)
            begins, rows = begins[last], rows[last]
        series = Series(begins, rows)
        if not to_hold:
            yield (sys.intern(metric), sys.intern(area), sys.intern(grain)), series
            continue
        if grain in FOLDED:
            series = series.folded()
        # copies: a slice would keep the rows of every other key in memory as long as it lives
        open_starts = series._starts
        kept = shared.setdefault(open_starts.tobytes(), open_starts if series._fold else open_starts.copy())
        yield (sys.intern(metric), sys.intern(area), sys.intern(grain)), Series(kept, series._rows.copy(), series._fold).packed()
