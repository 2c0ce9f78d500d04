"""The usual range of a figure at one local time, for rules that ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from data_pipeline.alerts.rules import Rule
from data_pipeline.metrics import metrics
from data_pipeline.times import SUB_DAY_SECONDS, midnight_utc, period_start, to_local, to_utc

if TYPE_CHECKING:
    from data_pipeline.cities import Pack
    from data_pipeline.store.lake import Lake

WEEKS = 8
FEWEST = 8  # fewer past periods than this say nothing about what is usual


def usual_bands(
    lake: Lake, pack: Pack, rule: Rule, wanted: Mapping[str, list[datetime]]
) -> dict[tuple[str, datetime], tuple[float, float]]:
    """(area, period start) → 10th and 90th percentile of the same local time in the eight weeks before.

    Working days are compared with working days (Monday to Friday), the weekend with the weekend.
    Periods below an hour are compared with the hour they lie in (sums are not: half a period holds
    half of it); weeks and longer are not compared. Areas with fewer than eight past values have no
    entry. The usual range on the screen is made in the same way.
    """
    if not wants_band(rule):
        return {}
    starts = sorted({start for listed in wanted.values() for start in listed})
    grain = "day" if rule.grain == "day" else "hour"
    found: dict[tuple[str, datetime], tuple[float, float]] = {}
    by_hour: dict[datetime, list[datetime]] = {}
    for start in starts:
        by_hour.setdefault(start if grain == "day" else period_start(start, "hour", pack.tz), []).append(start)
    for hour, inside in by_hour.items():
        past = past_starts(hour, pack, whole_days=grain == "day")
        marks = ", ".join("?" for _ in past)
        rows = lake.frame(
            "SELECT area_id, quantile_cont(value, 0.1), quantile_cont(value, 0.9) FROM readings "
            "WHERE city = ? AND metric = ? AND grain = ? AND value IS NOT NULL "
            f"AND period_start_utc IN ({marks}) GROUP BY area_id HAVING count(*) >= ?",
            [pack.id, rule.metric, grain, *past, FEWEST],
        )
        for area, low, high in rows.iter_rows():
            found |= {(area, start): (low, high) for start in inside if start in wanted.get(area, [])}
    return found


def bands_among(
    values: Mapping[datetime, float], pack: Pack, rule: Rule, starts: Sequence[datetime]
) -> dict[datetime, tuple[float, float]]:
    """Period start → usual range, as `usual_bands` gives it, out of the area's own values held in memory.

    `values`: start → value of the hours (of the days, for a rule by the day) of the area.
    """
    if not wants_band(rule):
        return {}
    found: dict[datetime, tuple[float, float]] = {}
    for start in starts:
        begin = start if rule.grain == "day" else period_start(start, "hour", pack.tz)
        past = [values[at] for at in past_starts(begin, pack, whole_days=rule.grain == "day") if at in values]
        if len(past) >= FEWEST:
            low, high = np.quantile(past, (0.1, 0.9))
            found[start] = (float(low), float(high))
    return found


def wants_band(rule: Rule) -> bool:
    """Whether a rule asks for a usual range that there can be one of."""
    if not any(c.band for c in (rule.when, rule.clear) if c is not None) or rule.grain not in (*SUB_DAY_SECONDS, "day"):
        return False
    return not (rule.grain in ("5min", "15min") and metrics()[rule.metric].is_additive)


def past_starts(start: datetime, pack: Pack, *, whole_days: bool) -> list[datetime]:
    """The same local time on the days of the same kind of the eight weeks before, naive UTC, newest first."""
    local = to_local(start, pack.tz)
    weekend = local.weekday() >= 5
    found = []
    for days in range(1, WEEKS * 7 + 1):
        day = local.date() - timedelta(days=days)
        if (day.weekday() >= 5) != weekend:
            continue
        clock = datetime.combine(day, local.time())
        found.append(midnight_utc(day, pack.tz) if whole_days else to_utc(clock, pack.tz))
    return found
