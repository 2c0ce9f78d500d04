"""Usual ranges: what a figure was at the same local time on days of the same kind, eight weeks back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from data_pipeline.cities import Pack
from data_pipeline.metrics import Metric
from data_pipeline.queries.answers import Answers, starts_between
from data_pipeline.queries.series import VALUE, microseconds, moment_of
from data_pipeline.queries.types import Band
from data_pipeline.store.lake import Lake
from data_pipeline.times import SUB_DAY_SECONDS, Grain, local_day, midnight_utc, to_local

WEEKS = 8
FEWEST = 8  # fewer past periods than this say nothing about what is usual
PAST_DAYS_KEPT = 4  # cities and days whose usual ranges a replay holds, some 5 MB each
COURSES_KEPT = 500  # usual ranges of courses by the day; they change once a day
# area → low, mid, high and n by local hour and kind of day (0 working day, 1 weekend); NaN where nothing is usual.
# Numbers in arrays: as objects the half million bands of five cities took 90 MB.
_Table = dict[str, np.ndarray]


class Bands:
    """Usual ranges of figures. Hours come from the lake, one query a city, metric and local day; days from memory."""

    def __init__(self) -> None:
        self._hours: dict[tuple[str, str, date], _Table] = {}
        self._courses: dict[tuple[str, str, datetime, datetime], tuple[Band | None, ...]] = {}
        self._guard = threading.Lock()

    def band(
        self, answers: Answers, lake: Lake, metric: Metric, area: str, grain: Grain, start_utc: datetime
    ) -> Band | None:
        """Usual range of a period; None for stocks, for weeks and longer, and where the past is too short.

        Working days (Monday to Friday) are compared with working days, weekends with weekends.
        Periods below an hour are compared with the hour, unless the figure is a sum.
        """
        if metric.is_stock or grain not in (*SUB_DAY_SECONDS, "day"):
            return None
        if grain == "day":
            return _days(answers, metric, area, start_utc)
        if grain != "hour" and metric.is_additive:
            return None
        local = to_local(start_utc, answers.tz)
        table = self._table(lake, answers.pack, metric, local.date())
        return _in_table(table, area, local)

    def along(
        self, answers: Answers, lake: Lake, metric: Metric, area: str, grain: Grain, starts: Sequence[datetime]
    ) -> tuple[Band | None, ...]:
        """Usual range of each of several periods in a row, for a course; as `band` gives it, None where it gives none.

        Hours are compared with the eight weeks before the newest of the periods: one table serves them all.
        """
        if not starts or metric.is_stock or grain not in (*SUB_DAY_SECONDS, "day"):
            return (None,) * len(starts)
        if grain != "day":
            if grain != "hour" and metric.is_additive:
                return (None,) * len(starts)
            clocks = [to_local(start, answers.tz) for start in starts]
            table = self._table(lake, answers.pack, metric, clocks[-1].date())
            return tuple(_in_table(table, area, clock) for clock in clocks)
        key = (metric.id, area, starts[0], starts[-1])
        with self._guard:
            known = self._courses.get(key)
        if known is None:
            known = _along_days(answers, metric, area, starts)
            with self._guard:
                if len(self._courses) >= COURSES_KEPT:
                    self._courses.pop(next(iter(self._courses)))
                self._courses[key] = known
        return known

    def warm(self, answers: Answers, lake: Lake, metric: Metric, start_utc: datetime) -> bool:
        """Fetch the usual ranges of a figure's hours for the day of `start_utc`; False where they are there already."""
        day = local_day(start_utc, answers.tz)
        if (answers.pack.id, metric.id, day) in self._hours:
            return False
        self._table(lake, answers.pack, metric, day)
        return True

    def held(self, pack: Pack, metric: Metric, day: date) -> _Table | None:
        """The usual ranges of a figure's hours on a day where they have been fetched."""
        with self._guard:
            return self._hours.get((pack.id, metric.id, day))

    def _table(self, lake: Lake, pack: Pack, metric: Metric, day: date) -> _Table:
        key = (pack.id, metric.id, day)
        with self._guard:
            if key in self._hours:
                return self._hours[key]
        table = hour_tables(lake, pack, day, metric.id).get(metric.id, {})
        with self._guard:
            for old in [k for k in self._hours if k[:2] == key[:2] and k[2] < day - timedelta(days=2)]:
                del self._hours[old]
            self._hours[key] = table
        return table


class PastBands(Bands):
    """Usual ranges of past days, all metrics of a city and day read at once; those of the present where it has the day already."""

    def __init__(self, present: Bands) -> None:
        super().__init__()
        self._present = present
        self._days: OrderedDict[tuple[str, date], dict[str, _Table]] = OrderedDict()

    def _table(self, lake: Lake, pack: Pack, metric: Metric, day: date) -> _Table:
        held = self._present.held(pack, metric, day)
        if held is not None:
            return held
        key = (pack.id, day)
        with self._guard:
            if key not in self._days:
                self._days[key] = hour_tables(lake, pack, day)
                while len(self._days) > PAST_DAYS_KEPT:
                    self._days.popitem(last=False)
            self._days.move_to_end(key)
            return self._days[key].get(metric.id, {})


def hour_tables(lake: Lake, pack: Pack, day: date, metric: str = "") -> dict[str, _Table]:
    """Metric → usual range of its hours on a local day, by all areas; of one metric or of all that have any."""
    until = midnight_utc(day, pack.tz)
    one = " AND metric = ?" if metric else ""
    rows = lake.frame(
        f"SELECT metric, area_id, period_start_utc, value FROM readings WHERE city = ?{one} AND grain = 'hour'"
        " AND value IS NOT NULL AND period_start_utc >= ? AND period_start_utc < ?",
        [pack.id, *([metric] if metric else []), until - timedelta(weeks=WEEKS), until],
    )
    local = pl.col("period_start_utc").dt.replace_time_zone("UTC").dt.convert_time_zone(pack.timezone)
    grouped = (
        rows.group_by("metric", "area_id", local.dt.hour().alias("hour"), (local.dt.weekday() >= 6).alias("weekend"))
        .agg(
            pl.col("value").quantile(0.1, "linear").alias("low"), pl.col("value").median().alias("mid"),
            pl.col("value").quantile(0.9, "linear").alias("high"), pl.len().alias("n"),
        )
        .filter(pl.col("n") >= FEWEST)
    )  # fmt: skip
    keys = grouped.select("metric", "area_id").unique(maintain_order=True).with_row_index("place")
    grouped = grouped.join(keys, on=["metric", "area_id"])
    usual = np.full((keys.height, 24, 2, 4), np.nan)
    at = tuple(grouped[name].cast(pl.Int64).to_numpy() for name in ("place", "hour", "weekend"))
    usual[at] = grouped.select(pl.col("low", "mid", "high", "n").cast(pl.Float64)).to_numpy()
    tables: dict[str, _Table] = {}
    for place, name, area in keys.iter_rows():
        tables.setdefault(name, {})[area] = usual[place]
    return tables


def _low_mid_high(values: np.ndarray) -> tuple[float, float, float]:
    """The 10th, 50th and 90th percentile between the order statistics (numpy's `linear`), at a tenth of its price."""
    ordered = np.sort(values)
    found = []
    for share in (0.1, 0.5, 0.9):
        place = share * (len(ordered) - 1)
        below = int(place)
        left, right = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
        part = place - below
        found.append(left + (right - left) * part if part < 0.5 else right - (right - left) * (1 - part))
    return found[0], found[1], found[2]


def _in_table(table: _Table, area: str, local: datetime) -> Band | None:
    """The usual range of an area at a local hour."""
    found = table.get(area)
    if found is None or np.isnan(found[local.hour, int(local.weekday() >= 5), 0]):
        return None
    low, mid, high, n = found[local.hour, int(local.weekday() >= 5)].tolist()
    return Band(low, mid, high, int(n))


def _along_days(answers: Answers, metric: Metric, area: str, starts: Sequence[datetime]) -> tuple[Band | None, ...]:
    """Usual range of each of several days, from the days held in memory."""
    tz = answers.tz
    every = starts_between(starts[0] - timedelta(weeks=WEEKS, hours=2), starts[-1], "day", tz)
    held = answers.values(metric, area, "day", every)
    moments = np.array([microseconds(start) for start, _ in held], dtype=np.int64)
    values = np.array([np.nan if value is None else value for _, value in held])
    weekend = np.array([local_day(start, tz).weekday() >= 5 for start, _ in held], dtype=bool)
    found: list[Band | None] = []
    for start in starts:
        end = microseconds(start)
        past = slice(*np.searchsorted(moments, [end - WEEKS * 7 * 86_400_000_000, end]))
        same = values[past][weekend[past] == (local_day(start, tz).weekday() >= 5)]
        same = same[np.isfinite(same)]
        if len(same) < FEWEST:
            found.append(None)
            continue
        found.append(Band(*_low_mid_high(same), len(same)))
    return tuple(found)


def _days(answers: Answers, metric: Metric, area: str, start_utc: datetime) -> Band | None:
    """Usual range of a day from the days held in memory."""
    held = answers.series_of(metric.id, area, "day")
    end = microseconds(start_utc)
    past = held.between(end - WEEKS * 7 * 86_400_000_000, end)
    weekend = local_day(start_utc, answers.tz).weekday() >= 5
    keep = np.array([(local_day(moment_of(s), answers.tz).weekday() >= 5) == weekend for s in past.starts], dtype=bool)
    if not keep.any():
        return None
    values = past.data[keep][:, VALUE]
    values = values[np.isfinite(values)]
    if len(values) < FEWEST:
        return None
    return Band(*_low_mid_high(values), len(values))
