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
LATE_KEPT = 200  # usual ranges of one figure on a day before the newest
COURSES_KEPT = 500  # usual ranges of courses by the day; they change once a day
# area → low, mid, high and n by local hour and kind of day (0 working day, 1 weekend); NaN where nothing is usual.
# Numbers in arrays: as objects the half million bands of five cities took 90 MB.
_Table = dict[str, np.ndarray]


class Bands:
    """Usual ranges of figures. Days come from memory; hours from the lake, all figures of a city and its newest day in one query.

    A figure that is late is asked for alone, for the day it stands at.
    """

    def __init__(self) -> None:
        self._days: dict[str, dict[date, dict[str, _Table]]] = {}  # city → its newest days → metric
        self._late: OrderedDict[tuple[str, str, date], _Table] = OrderedDict()  # city, metric and day; areas may be late by different days
        self._reading = threading.Lock()  # who comes while a day is read waits for it, and does not read it too
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
        if self.held(answers.pack, metric, day) is not None:
            return False
        self._table(lake, answers.pack, metric, day)
        return True

    def held(self, pack: Pack, metric: Metric, day: date) -> _Table | None:
        """The usual ranges of a figure's hours on a day where they have been fetched."""
        with self._guard:
            days = self._days.get(pack.id, {})
            return days[day].get(metric.id, {}) if day in days else self._late.get((pack.id, metric.id, day))

    def _table(self, lake: Lake, pack: Pack, metric: Metric, day: date) -> _Table:
        held = self.held(pack, metric, day)
        if held is not None:
            return held
        with self._reading:
            held = self.held(pack, metric, day)
            if held is not None:  # somebody else has read it meanwhile
                return held
            days = self._days.get(pack.id, {})
            if days and day < max(days):
                table = hour_tables(lake, pack, day, metric.id).get(metric.id, {})
                with self._guard:
                    self._late[pack.id, metric.id, day] = table
                    while len(self._late) > LATE_KEPT:
                        self._late.popitem(last=False)
                return table
            found = hour_tables(lake, pack, day)
            with self._guard:
                self._days[pack.id] = dict(sorted(days.items())[-1:]) | {day: found}
            return found.get(metric.id, {})


class PastBands(Bands):
    """Usual ranges of past days, all metrics of a city and day read at once; those of the present where it has the day already."""

    def __init__(self, present: Bands) -> None:
        super().__init__()
        self._present = present
        self._past: OrderedDict[tuple[str, date], dict[str, _Table]] = OrderedDict()

    def _table(self, lake: Lake, pack: Pack, metric: Metric, day: date) -> _Table:
        held = self._present.held(pack, metric, day)
        if held is not None:
            return held
        key = (pack.id, day)
        with self._reading:
            if key not in self._past:
                self._past[key] = hour_tables(lake, pack, day)
                while len(self._past) > PAST_DAYS_KEPT:
                    self._past.popitem(last=False)
            self._past.move_to_end(key)
            return self._past[key].get(metric.id, {})


def hour_tables(lake: Lake, pack: Pack, day: date, metric: str = "") -> dict[str, _Table]:
    """Metric → usual range of its hours on a local day, by all areas; of one metric or of all that have any."""
    until = midnight_utc(day, pack.tz)
    one = " AND metric = ?" if metric else ""
    found = lake.frame(
        "SELECT metric, area_id, hour(local) AS hour, isodow(local) >= 6 AS weekend, quantile_cont(value, 0.1) AS low,"
        " quantile_cont(value, 0.5) AS mid, quantile_cont(value, 0.9) AS high, count(*)::DOUBLE AS n"
        " FROM (SELECT metric, area_id, value, timezone(?, timezone('UTC', period_start_utc)) AS local FROM readings"
        f" WHERE city = ?{one} AND grain = 'hour' AND value IS NOT NULL AND period_start_utc >= ? AND period_start_utc < ?)"
        " GROUP BY ALL HAVING count(*) >= ?",
        [pack.timezone, pack.id, *([metric] if metric else []), until - timedelta(weeks=WEEKS), until, FEWEST],
    )
    keys = found.select("metric", "area_id").unique().with_row_index("place")
    found = found.join(keys, on=["metric", "area_id"])
    usual = np.full((keys.height, 24, 2, 4), np.nan)
    at = tuple(found[name].cast(pl.Int64).to_numpy() for name in ("place", "hour", "weekend"))
    usual[at] = found.select("low", "mid", "high", "n").to_numpy()
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
