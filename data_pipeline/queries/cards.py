"""One headline figure with everything beside it: changes, usual range, trend."""

from __future__ import annotations

from datetime import datetime, timedelta

from data_pipeline.cities import Area
from data_pipeline.metrics import Metric
from data_pipeline.queries.answers import Answers, end_of, starts_back, starts_between, step_back, year_before
from data_pipeline.queries.bands import Bands
from data_pipeline.queries.types import Card, Change, Reading
from data_pipeline.store.lake import Lake
from data_pipeline.times import SUB_DAY_SECONDS, Grain, local_day, midnight_utc, period_start

# grain of the figure → grain and number of the points of its trend
_TREND: dict[str, tuple[Grain, int]] = {
    "5min": ("hour", 24), "15min": ("hour", 24), "hour": ("hour", 24), "day": ("day", 30), "week": ("week", 12),
    "month": ("month", 12), "quarter": ("quarter", 8), "year": ("year", 5),
}  # fmt: skip
_FINER: dict[str, Grain] = {"day": "hour", "week": "day", "month": "day"}


def card(
    answers: Answers, bands: Bands, lake: Lake | None, metric: Metric, area: Area, grain: Grain | None = None
) -> Card:
    """The newest figure of an area with changes, usual range and trend."""
    grain = grain or answers.default_grain(metric, area)
    start = answers.newest_start(metric, area.id, grain)
    reading = answers.reading(metric, area, grain, start, children=True)
    tz = answers.tz
    if metric.is_stock:
        # a stock hardly moves in a day: the month before is the period to compare with
        month = (local_day(start, tz).replace(day=1) - timedelta(days=1)).replace(day=1)
        earlier = midnight_utc(month.replace(day=min(local_day(start, tz).day, 28)), tz)
    else:
        earlier = step_back(start, grain, tz)
    year_start = year_before(start, grain, tz)
    trend_grain, points = _TREND[grain]
    starts = starts_back(period_start(start, trend_grain, tz), trend_grain, points, tz)
    band = None
    if lake is not None and reading.value is not None and not (reading.is_open and metric.is_additive):
        band = bands.band(answers, lake, metric, area.id, grain, start)
    return Card(
        reading=reading,
        previous=change(answers, metric, area, reading, earlier),
        year_ago=change(answers, metric, area, reading, year_start) if year_start else None,
        band=band,
        trend=tuple(answers.values(metric, area.id, trend_grain, starts)),
        trend_grain=trend_grain,
        trend_bands=bands.along(answers, lake, metric, area.id, trend_grain, starts) if lake is not None and band is not None else (),
    )


def change(answers: Answers, metric: Metric, area: Area, reading: Reading, earlier: datetime) -> Change | None:
    """The same figure in an earlier period; None where either is missing.

    A sum over a period that is not over is compared with the same part of the earlier period.
    """
    if reading.value is None:
        return None
    if reading.is_open and metric.is_additive:
        return _like_for_like(answers, metric, area, reading, earlier)
    before = answers.reading(metric, area, reading.grain, earlier).value
    return None if before is None else _change(reading.value, before, earlier)


def _like_for_like(answers: Answers, metric: Metric, area: Area, reading: Reading, earlier: datetime) -> Change | None:
    finer = _FINER.get(reading.grain)
    if finer is None or reading.grain in SUB_DAY_SECONDS or metric.zero_where_city_reports and area.level != "city":
        return None
    passed = starts_between(reading.period_start_utc, answers.now, finer, answers.tz)
    # the part that is not over yet is left out on both sides
    whole = [s for s in passed if end_of(s, finer, answers.tz) <= answers.now]
    then = starts_between(earlier, end_of(earlier, reading.grain, answers.tz), finer, answers.tz)[: len(whole)]
    now_values = [v for _, v in answers.values(metric, area.id, finer, tuple(whole))]
    then_values = [v for _, v in answers.values(metric, area.id, finer, then)]
    if not whole or len(then) < len(whole) or None in now_values or None in then_values:
        return None
    return _change(sum(v for v in now_values if v), sum(v for v in then_values if v), earlier)


def _change(now: float, before: float, start_utc: datetime) -> Change:
    return Change(before, (now - before) / abs(before) if before else None, now - before, start_utc)
