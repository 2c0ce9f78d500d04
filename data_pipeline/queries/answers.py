"""Readings out of one state: periods composed, statuses judged at the moment of asking."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from data_pipeline.aggregate.status import due_n, status_of
from data_pipeline.cities import Area, Pack
from data_pipeline.contracts import contract
from data_pipeline.metrics import Metric
from data_pipeline.queries.hidden import also_hidden, is_protected
from data_pipeline.queries.lateness import late_s
from data_pipeline.queries.mirror import State
from data_pipeline.queries.series import (
    AS_OF,
    COLUMNS,
    DENOMINATOR,
    EXPECTED,
    FROM_FIGURES,
    KNOWN,
    NUMERATOR,
    REPORTED,
    SIMULATED,
    VALUE,
    Key,
    N,
    Series,
    microseconds,
    moment_of,
)
from data_pipeline.queries.types import Reading
from data_pipeline.statistics import wilson
from data_pipeline.times import (
    SUB_DAY_SECONDS,
    Grain,
    local_day,
    midnight_utc,
    period_end,
    period_start,
)

EMPTY = Series(np.empty(0, dtype=np.int64), np.empty((0, len(COLUMNS))))
CHILD_GRAIN: dict[str, Grain] = {"week": "day", "month": "day", "quarter": "month", "year": "month"}
_ACTIVE = {"5min": 3, "15min": 3, "hour": 3, "day": 40, "week": 60, "month": 100, "quarter": 300, "year": 800}  # days


@lru_cache(maxsize=200_000)
def end_of(start_utc: datetime, grain: Grain, tz: ZoneInfo) -> datetime:
    """`times.period_end`, remembered."""
    return period_end(start_utc, grain, tz)


@lru_cache(maxsize=4096)
def starts_between(from_utc: datetime, to_utc: datetime, grain: Grain, tz: ZoneInfo) -> tuple[datetime, ...]:
    """Starts of the periods of `grain` that start in [from, to), each once, in order."""
    start = period_start(from_utc, grain, tz)
    if start < from_utc:
        start = end_of(start, grain, tz)
    found = []
    while start < to_utc:
        found.append(start)
        start = end_of(start, grain, tz)
    return tuple(found)


@lru_cache(maxsize=20_000)
def step_back(start_utc: datetime, grain: Grain, tz: ZoneInfo) -> datetime:
    """Start of the period before."""
    if grain in SUB_DAY_SECONDS:
        return start_utc - timedelta(seconds=SUB_DAY_SECONDS[grain])
    return period_start(start_utc - timedelta(hours=1), grain, tz)


@lru_cache(maxsize=4096)
def starts_back(last_utc: datetime, grain: Grain, n: int, tz: ZoneInfo) -> tuple[datetime, ...]:
    """Starts of the `n` periods that end with the one starting at `last_utc`, in order."""
    found = [last_utc]
    for _ in range(n - 1):
        found.append(step_back(found[-1], grain, tz))
    return tuple(reversed(found))


def year_before(start_utc: datetime, grain: Grain, tz: ZoneInfo) -> datetime | None:
    """Start of the same period a year earlier; None below a day. A week a year before is 52 weeks before."""
    if grain in SUB_DAY_SECONDS:
        return None
    day = local_day(start_utc, tz)
    if grain == "week":
        return midnight_utc(day - timedelta(weeks=52), tz)
    return midnight_utc(date(day.year - 1, day.month, 28 if (day.month, day.day) == (2, 29) else day.day), tz)


def breaks_between(metric: Metric, after_utc: datetime, until_utc: datetime, tz: ZoneInfo) -> bool:
    """Whether the definition of a figure changed in (after, until]."""
    return any(after_utc < midnight_utc(one.on, tz) <= until_utc for one in metric.breaks)


class Answers:
    """Answers from one state at one moment.

    Parameters
    ----------
    state : State
    pack : Pack
        The city the areas belong to.
    now : datetime
        Naive UTC.
    recomputed : callable, optional
        `recomputed(metric, area, grain, start)` → row of `series.COLUMNS` or None, for figures that
        have to be computed anew from the records over longer periods.
    """

    def __init__(
        self,
        state: State,
        pack: Pack,
        now: datetime,
        recomputed: Callable[[Metric, str, Grain, datetime], np.ndarray | None] | None = None,
    ) -> None:
        self.state, self.pack, self.now, self.tz = state, pack, now, pack.tz
        self.now_us = microseconds(now)
        self._recomputed = recomputed
        self._late: dict[str, int | None] = {}

    def over(self, series: Mapping[Key, Series]) -> Answers:
        """The same answers from other series."""
        return Answers(replace(self.state, series=series), self.pack, self.now, self._recomputed)  # type: ignore[arg-type]

    def series_of(self, metric: str, area: str, grain: str) -> Series:
        """The held series; an empty one where there is none."""
        return self.state.series.get((metric, area, grain), EMPTY)

    def lateness(self, metric: Metric) -> int | None:
        """Seconds past due of the metric's source (see `late_s`)."""
        dataset = metric.dataset
        if dataset not in self._late:
            source = self.pack.sources.get(dataset)
            event, received = self.state.sources.get((self.pack.id, dataset), (None, None))
            self._late[dataset] = None if source is None else late_s(source, event, received, self.now)
        return self._late[dataset]

    # ------------------------------------------------------------------ rows

    def row(self, metric: Metric, area: str, grain: Grain, start_utc: datetime) -> np.ndarray | None:
        """The parts of one period, put together where its grain is not kept; None where there are none."""
        if metric.is_stock:
            until = min(microseconds(end_of(start_utc, grain, self.tz)), self.now_us + 1)
            if microseconds(start_utc) > self.now_us:
                return None
            found = self.series_of(metric.id, area, "day").last_before(until)
            return None if found is None else found[1]
        held = self.series_of(metric.id, area, grain).find(microseconds(start_utc))
        begun_only = self._has_days_to_come(metric, start_utc, grain)
        if grain == "month" and (metric.whole_periods_only or begun_only) and metric.over_time != "recompute":
            # the stored month may hold days that are not over yet, or have not begun
            composed = self._composed(metric, area, grain, start_utc)
            return held if composed is None else composed
        if held is not None or grain in ("5min", "15min", "hour", "day", "month"):
            return held
        if metric.over_time == "recompute":
            return self._recomputed(metric, area, grain, start_utc) if self._recomputed else None
        return self._composed(metric, area, grain, start_utc)

    def _composed(self, metric: Metric, area: str, grain: Grain, start_utc: datetime) -> np.ndarray | None:
        """Parts of a longer period from held shorter ones: sums of parts, means with equal weights.

        Of what a timetable tells of days to come, only the days that have begun.
        """
        begun_only = self._has_days_to_come(metric, start_utc, grain)
        finer: Grain = "day" if begun_only else CHILD_GRAIN[grain]
        end_utc = end_of(start_utc, grain, self.tz)
        until = min(end_utc, self.now) if metric.whole_periods_only else end_utc
        last_us = min(microseconds(end_utc), self.now_us + 1) if begun_only else microseconds(end_utc)
        part = self.series_of(metric.id, area, finer).between(microseconds(start_utc), last_us)
        if metric.whole_periods_only and len(part.starts):
            over = [microseconds(end_of(moment_of(s), finer, self.tz)) <= microseconds(until) for s in part.starts]
            part = Series(part.starts[over], part.data[over])
        counted = part.data[:, N] > 0
        part = Series(part.starts[counted], part.data[counted])
        if not len(part.starts):
            return None
        data = part.data
        row = np.full(len(COLUMNS), np.nan)
        if metric.over_time == "mean" and finer == "day":
            row[NUMERATOR], row[DENOMINATOR] = _total(data[:, VALUE]), float(np.isfinite(data[:, VALUE]).sum())
        else:
            row[NUMERATOR], row[DENOMINATOR] = _total(data[:, NUMERATOR]), _total(data[:, DENOMINATOR])
        if metric.over_time == "mean":
            row[VALUE] = row[NUMERATOR] / row[DENOMINATOR] if row[DENOMINATOR] else np.nan
        else:
            value = metric.value_of(_none(row[NUMERATOR]), _none(row[DENOMINATOR]))
            row[VALUE] = np.nan if value is None else value
        row[N], row[SIMULATED] = data[:, N].sum(), np.nansum(data[:, SIMULATED])
        row[AS_OF], row[KNOWN] = np.nanmax(data[:, AS_OF]), np.nanmax(data[:, KNOWN])
        row[-1] = data[:, -1].min()
        periods = starts_between(start_utc, end_utc, finer, self.tz)
        if np.isfinite(data[:, EXPECTED]).all():
            due = data[:, EXPECTED]
            row[REPORTED] = np.nansum(data[:, REPORTED])
            # a shorter period without any reading owed as much as the others did on average
            row[EXPECTED] = round(due.sum() + (len(periods) - len(part.starts)) * due.mean())
        else:
            city = self.series_of(metric.id, self.pack.city_area.id, finer).between(
                microseconds(start_utc), microseconds(end_utc)
            )
            row[REPORTED], row[EXPECTED] = float((city.data[:, N] > 0).sum()), float(len(periods))
        return row

    def _has_days_to_come(self, metric: Metric, start_utc: datetime, grain: Grain) -> bool:
        """Whether a period longer than a day is not over and its records may speak of days that have not begun."""
        longer = grain not in SUB_DAY_SECONDS and grain != "day"
        return longer and contract(metric.dataset).foretells and end_of(start_utc, grain, self.tz) > self.now

    # ------------------------------------------------------------------ readings

    def reading(self, metric: Metric, area: Area, grain: Grain, start_utc: datetime, children: bool = False) -> Reading:
        """The reading of one period; status `missing` where there is none."""
        row = self.row(metric, area.id, grain, start_utc)
        found = self.made(metric, area, grain, start_utc, row)
        return self.with_children(metric, area, found) if children else found

    def made(self, metric: Metric, area: Area, grain: Grain, start_utc: datetime, row: np.ndarray | None) -> Reading:
        """A row as a reading, judged now."""
        end_utc = end_of(start_utc, grain, self.tz)
        is_open = start_utc <= self.now < end_utc
        future = start_utc > self.now
        if row is not None and (future or (is_open and metric.whole_periods_only)):
            row = None
        if row is not None and not row[N] > 0:
            row = None
        if row is None and not future:
            row = self._zero(metric, area, grain, start_utc)
        late, source = self.lateness(metric), self.pack.sources.get(metric.dataset)
        if row is None:
            return Reading(
                city=self.pack.id, metric=metric.id, area=area.id, grain=grain, period_start_utc=start_utc,
                period_end_utc=end_utc, numerator=None, denominator=None, value=None, n=0, reported_n=None,
                expected_n=None, children_reported=None, children_expected=None, status="missing", simulated_share=None,
                data_as_of_utc=None, known_from_utc=None, late_s=late, is_open=is_open, place_approximate=area.approximate,
                is_due=not future and source is not None and source.state != "off",
                is_being_built=self.state.is_coming(self.pack, metric),
            )  # fmt: skip
        value, n = _none(row[VALUE]), int(row[N])
        reported, expected = _whole(row[REPORTED]), _whole(row[EXPECTED])
        grace = (source.grace_s or 0) if source else 0
        due = due_n(expected, start_utc, end_utc, metric.dataset, grace, self.now)
        if due is not None and reported is not None and expected is not None:
            due = min(max(due, reported), expected)  # what came early was due as well
        status = status_of(metric, value, n, reported, due)
        numerator, denominator = _none(row[NUMERATOR]), _none(row[DENOMINATOR])
        if status not in ("suppressed", "missing") and self.is_hidden(metric, area, grain, start_utc):
            status = "suppressed"
        if status == "suppressed":
            value = numerator = denominator = None
        if late and status in ("ok", "partial") and self._is_newest(metric, area.id, grain, start_utc):
            status = "stale"
        simulated = row[SIMULATED] if np.isfinite(row[SIMULATED]) else 0.0
        return Reading(
            city=self.pack.id, metric=metric.id, area=area.id, grain=grain, period_start_utc=start_utc, period_end_utc=end_utc,
            numerator=numerator, denominator=denominator, value=value, n=n, reported_n=reported, expected_n=due,
            children_reported=None, children_expected=None, status=status,
            simulated_share=min(float(simulated) / n, 1.0) if n else float(bool(simulated)),
            data_as_of_utc=_moment(min(row[AS_OF], self.now_us)), known_from_utc=_moment(row[KNOWN]), late_s=late, is_open=is_open,
            place_approximate=area.approximate,
            interval=wilson(numerator, denominator) if metric.interval and numerator is not None and denominator else None,
            is_estimated=metric.kind == "modelled" or area.approximate or self._short_history(metric, start_utc),
            is_unreliable=bool(due) and reported is not None and reported < metric.min_completeness * (due or 0),
            is_break=breaks_between(metric, start_utc - timedelta(microseconds=1), end_utc - timedelta(microseconds=1), self.tz),
        )  # fmt: skip

    def is_hidden(self, metric: Metric, area: Area, grain: Grain, start_utc: datetime) -> bool:
        """Whether a figure with enough cases is withheld because it would give away another area's few cases."""
        if not is_protected(metric) or area.level == "city":
            return False

        def cases(other: str) -> float:
            row = self.row(metric, other, grain, start_utc)
            return 0.0 if row is None else float(row[N])

        return area.id in also_hidden(self.pack, metric, cases)

    def _short_history(self, metric: Metric, start_utc: datetime) -> bool:
        """Whether fewer days of records than the figure needs lie before a period."""
        if not metric.estimate_days:
            return False
        days = self.series_of(metric.id, self.pack.city_area.id, "day")
        own = days.starts[(days.data[:, FROM_FIGURES] == 0) & (days.data[:, N] > 0)]
        return not len(own) or microseconds(start_utc) - int(own[0]) < metric.estimate_days * 86_400_000_000

    def _zero(self, metric: Metric, area: Area, grain: Grain, start_utc: datetime) -> np.ndarray | None:
        """A count of nothing where the city's source reports: 0, with the city's dates; else None."""
        if not metric.zero_where_city_reports or area.level == "city":
            return None
        city = self.row(metric, self.pack.city_area.id, grain, start_utc)
        if city is None or not city[N] > 0:
            return None
        row = city.copy()
        row[[NUMERATOR, VALUE]] = 0.0
        # no record of its own: what is simulated is the city's report that there was none
        row[SIMULATED], row[N] = (1.0 if city[SIMULATED] > 0 else 0.0), 0.0
        return row

    def _is_newest(self, metric: Metric, area: str, grain: Grain, start_utc: datetime) -> bool:
        if metric.is_stock:
            return end_of(start_utc, grain, self.tz) > self.now
        held = self.series_of(metric.id, area, grain if grain in ("5min", "15min", "hour", "day", "month") else "day")
        newest = held.newest_value(self.now_us + 1)
        return newest is not None and microseconds(end_of(start_utc, grain, self.tz)) > newest

    def with_children(self, metric: Metric, area: Area, found: Reading) -> Reading:
        """With the count of areas below that have a value, of those that usually have one."""
        children = self.pack.children(area.id)
        if metric.zero_where_city_reports:
            return found  # an area nothing is reported of has had nothing: none is lacking
        below = [a.id for a in children]
        start_us = microseconds(found.period_start_utc)
        since = start_us - _ACTIVE[found.grain] * 86_400_000_000
        expected = reported = 0
        for child in below:
            if metric.is_stock:
                there = self.series_of(metric.id, child, "day").last_before(self.now_us + 1) is not None
                expected, reported = expected + there, reported + there
                continue
            held = self.series_of(metric.id, child, found.grain)
            newest = held.newest_value(start_us + 1)
            if newest is not None and newest >= since:
                expected += 1
                reported += newest == start_us
        if not expected:
            return found
        return replace(found, children_reported=reported, children_expected=expected, children_level=children[0].level)

    # ------------------------------------------------------------------ newest

    def default_grain(self, metric: Metric, area: Area) -> Grain:
        """The base grain; for townships not below an hour, which is not kept for them."""
        return "hour" if area.level == "township" and metric.base_grain in ("5min", "15min") else metric.base_grain

    def newest_start(self, metric: Metric, area: str, grain: Grain) -> datetime:
        """Start of the newest period with a value; where there is none, of the period that holds now."""
        present = period_start(self.now, grain, self.tz)
        if metric.is_stock:
            return present
        whole = metric.whole_periods_only
        kept = grain in ("5min", "15min", "hour", "day", "month")
        held = self.series_of(metric.id, area, grain if kept else "day")
        newest = held.newest_value(self.now_us + 1)
        if newest is None and metric.zero_where_city_reports and area != self.pack.city_area.id:
            return self.newest_start(metric, self.pack.city_area.id, grain)
        if newest is None:
            return present
        start = period_start(moment_of(newest), grain, self.tz)
        if whole and end_of(start, grain, self.tz) > self.now:
            return step_back(start, grain, self.tz)
        return start

    def values(
        self, metric: Metric, area: str, grain: Grain, starts: tuple[datetime, ...]
    ) -> list[tuple[datetime, float | None]]:
        """Values of periods for a chart, None where missing or suppressed; fast where the grain is held."""
        if not starts:
            return []
        if metric.is_stock:
            return self._stock_values(metric, area, grain, starts)
        counts_zero = metric.zero_where_city_reports and area != self.pack.city_area.id
        if counts_zero or grain not in ("5min", "15min", "hour", "day", "month"):
            place = self.pack.areas[area]
            return [(s, self.reading(metric, place, grain, s).value) for s in starts]
        wanted = np.array([microseconds(s) for s in starts])
        rows, there = self.series_of(metric.id, area, grain).rows(wanted)
        good = there & (rows[:, N] >= max(metric.suppress_below_n, 1)) & np.isfinite(rows[:, VALUE])
        good &= wanted <= self.now_us
        if metric.whole_periods_only:
            good[-1] &= end_of(starts[-1], grain, self.tz) <= self.now
        for i, start in enumerate(starts if contract(metric.dataset).foretells else ()):
            if good[i] and self._has_days_to_come(metric, start, grain) and (row := self.row(metric, area, grain, start)) is not None:
                rows = rows.copy()
                rows[i, VALUE] = row[VALUE]
        if is_protected(metric):
            place = self.pack.areas[area]
            good &= [not (ok and self.is_hidden(metric, place, grain, s)) for s, ok in zip(starts, good, strict=True)]
        return [(s, float(v) if ok else None) for s, v, ok in zip(starts, rows[:, VALUE], good, strict=True)]

    def _stock_values(
        self, metric: Metric, area: str, grain: Grain, starts: tuple[datetime, ...]
    ) -> list[tuple[datetime, float | None]]:
        held = self.series_of(metric.id, area, "day")
        found: list[tuple[datetime, float | None]] = []
        for start in starts:
            until = min(microseconds(end_of(start, grain, self.tz)), self.now_us + 1)
            last = held.last_before(until) if start <= self.now else None
            found.append((start, None if last is None else _none(last[1][VALUE])))
        return found


def _none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _whole(value: float) -> int | None:
    return None if math.isnan(value) else int(value)


def _moment(us: float) -> datetime | None:
    return None if math.isnan(us) else moment_of(us)


def _total(values: np.ndarray) -> float:
    good = values[np.isfinite(values)]
    return float(good.sum()) if len(good) else math.nan
