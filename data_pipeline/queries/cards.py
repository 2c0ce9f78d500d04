"""One headline figure with everything beside it: changes, usual range, trend."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from data_pipeline.cities import Area
from data_pipeline.metrics import Metric, metrics
from data_pipeline.queries.answers import (
    Answers,
    breaks_between,
    end_of,
    starts_back,
    starts_between,
    step_back,
    year_before,
)
from data_pipeline.queries.bands import Bands
from data_pipeline.queries.types import Card, Change, Reading
from data_pipeline.store.lake import Lake
from data_pipeline.times import Grain, local_day, midnight_utc, period_start

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
    earlier, year_start = compared_with(metric, reading, tz)
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
        deciders=deciders(answers, metric, area, reading),
    )


def deciders(answers: Answers, metric: Metric, area: Area, reading: Reading) -> tuple[str, ...]:
    """Ids of the figures that reach a figure which is the largest of several; none where it is at most `decided_above`."""
    if reading.value is None or not metric.decided_by or reading.value <= metric.decided_above:
        return ()
    parts = [metrics()[d.metric] for d in metric.decided_by]
    found = {p.id: answers.reading(p, area, reading.grain, reading.period_start_utc).value for p in parts}
    return tuple(name for name, value in found.items() if value == reading.value)


def compared_with(metric: Metric, reading: Reading, tz: ZoneInfo) -> tuple[datetime, datetime | None]:
    """Starts of the period before (环比) and of the same one a year before (同比; None below a day)."""
    start = reading.period_start_utc
    if metric.is_stock and reading.grain == "day":
        # a stock hardly moves in a day: the month before is the period to compare with
        month = (local_day(start, tz).replace(day=1) - timedelta(days=1)).replace(day=1)
        return midnight_utc(month.replace(day=min(local_day(start, tz).day, 28)), tz), year_before(start, reading.grain, tz)
    return step_back(start, reading.grain, tz), year_before(start, reading.grain, tz)


def change(answers: Answers, metric: Metric, area: Area, reading: Reading, earlier: datetime) -> Change | None:
    """The same figure in an earlier period (standards 9.3); None where the two cannot be compared.

    They cannot where either is missing or withheld, has fewer reports than the figure's gate
    (`Metric.min_completeness`), or where the definition changed in between. A period that is not over
    is compared with the same part of the earlier one, where the figure can be put together from parts.
    """
    if reading.value is None or reading.is_unreliable:
        return None
    if breaks_between(metric, earlier, reading.period_start_utc, answers.tz):
        return None
    if reading.is_open and not metric.is_stock:
        return _like_for_like(answers, metric, area, reading, earlier)
    before = answers.reading(metric, area, reading.grain, earlier)
    return None if before.value is None or before.is_unreliable else _change(reading.value, before.value, earlier)


def _like_for_like(answers: Answers, metric: Metric, area: Area, reading: Reading, earlier: datetime) -> Change | None:
    """The whole parts of an open period that are over against as many of the earlier one; every part must be there."""
    finer = _FINER.get(reading.grain)
    if finer is None or finer not in metric.grains or metric.over_time != "sum" or (metric.zero_where_city_reports and area.level != "city"):
        return None
    passed = starts_between(reading.period_start_utc, answers.now, finer, answers.tz)
    # the part that is not over yet is left out on both sides
    whole = [s for s in passed if end_of(s, finer, answers.tz) <= answers.now]
    then = starts_between(earlier, end_of(earlier, reading.grain, answers.tz), finer, answers.tz)[: len(whole)]
    if not whole or len(then) < len(whole):
        return None
    sides = [_together(metric, [answers.reading(metric, area, finer, s) for s in starts]) for starts in (whole, then)]
    return None if sides[0] is None or sides[1] is None else _change(sides[0], sides[1], earlier)


def _together(metric: Metric, readings: list[Reading]) -> float | None:
    """The figure of several periods in a row from their parts; None where one is missing or unreliable."""
    if any(r.numerator is None or r.is_unreliable for r in readings):
        return None
    denominators = [r.denominator for r in readings if r.denominator is not None]
    return metric.value_of(sum(r.numerator or 0.0 for r in readings), sum(denominators) if denominators else None)


def _change(now: float, before: float, start_utc: datetime) -> Change:
    return Change(before, (now - before) / abs(before) if before else None, now - before, start_utc)
