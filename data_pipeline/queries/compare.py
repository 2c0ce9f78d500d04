"""Two periods of one figure side by side: their readings, their courses step by step, and the change between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from data_pipeline.metrics import Metric
from data_pipeline.queries.answers import step_back
from data_pipeline.queries.types import Change, Reading
from data_pipeline.times import Grain, midnight_utc, period_end, period_start

if TYPE_CHECKING:
    from data_pipeline.queries.door import Queries

# length of a period that may be compared → grain of its course
FINER: dict[Grain, Grain] = {"day": "hour", "week": "day", "month": "day", "quarter": "month", "year": "month"}


@dataclass(frozen=True)
class Pair:
    """The same figure of one area in two periods. `change` is the second against the first; None where either has no value."""

    first: Reading
    second: Reading
    change: Change | None


def grains_of(metric: Metric) -> list[Grain]:
    """Lengths of periods of a metric that can be compared: days and longer."""
    return [grain for grain in metric.grains if grain in FINER]


def start_of(day: date, grain: Grain, tz: ZoneInfo) -> datetime:
    """Start (UTC) of the period of `grain` that holds a local calendar day."""
    return period_start(midnight_utc(day, tz), grain, tz)


def last_whole(queries: Queries, metric: Metric, area: str, grain: Grain, tz: ZoneInfo) -> datetime:
    """Start of the newest period that is over and has data."""
    newest = queries.latest(metric.id, area, grain)
    return step_back(newest.period_start_utc, grain, tz) if newest.is_open else newest.period_start_utc


def pair(queries: Queries, metric: Metric, area: str, grain: Grain, first_utc: datetime, second_utc: datetime) -> Pair:
    """The readings of two periods and the change from the first to the second."""
    first, second = (queries.reading(metric.id, area, grain, start) for start in (first_utc, second_utc))
    return Pair(first, second, change_between(metric, first, second))


def change_between(metric: Metric, before: Reading, now: Reading) -> Change | None:
    """Change from `before` to `now`: relative to |before|, and as plain difference (percentage points of shares).

    None where either has no value, or where one is a sum over a period that is not over: such a
    sum would always seem to have fallen. `relative` is None where `before` is 0.
    """
    if before.value is None or now.value is None:
        return None
    if metric.is_additive and before.is_open != now.is_open:
        return None
    points = now.value - before.value
    return Change(before.value, points / abs(before.value) if before.value else None, points, before.period_start_utc)


def steps(queries: Queries, metric: Metric, area: str, grain: Grain, start_utc: datetime, tz: ZoneInfo) -> list[float | None]:
    """Values of a period step by step (hours of a day, days of a week or month …); empty where the metric has no such grain."""
    finer = FINER[grain]
    if finer not in metric.grains:
        return []
    return [value for _, value in queries.series(metric.id, area, finer, start_utc, period_end(start_utc, grain, tz))]
