"""The usual range of a figure at one local time, for rules that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from data_pipeline.alerts.rules import Rule
from data_pipeline.times import SUB_DAY_SECONDS, midnight_utc, to_local, to_utc

if TYPE_CHECKING:
    from data_pipeline.cities import Pack
    from data_pipeline.store.lake import Lake

WEEKS = 8
FEWEST = 8  # fewer past periods than this say nothing about what is usual


def usual_bands(
    lake: Lake, pack: Pack, rule: Rule, wanted: Mapping[str, list[datetime]]
) -> dict[tuple[str, datetime], tuple[float, float]]:
    """(area, period start) → 10th and 90th percentile of the same local time in the eight weeks before.

    Working days are compared with working days (Monday to Friday), the weekend with the weekend;
    figures of a day or longer with all days of the same kind, weeks and longer are not compared.
    Areas with fewer than eight past values have no entry.
    """
    conditions = [c for c in (rule.when, rule.clear) if c is not None]
    if not any(c.band for c in conditions) or rule.grain not in (*SUB_DAY_SECONDS, "day"):
        return {}
    starts = sorted({start for listed in wanted.values() for start in listed})
    found: dict[tuple[str, datetime], tuple[float, float]] = {}
    for start in starts:
        past = past_starts(start, pack, whole_days=rule.grain == "day")
        marks = ", ".join("?" for _ in past)
        rows = lake.frame(
            "SELECT area_id, quantile_cont(value, 0.1), quantile_cont(value, 0.9) FROM readings "
            "WHERE city = ? AND metric = ? AND grain = ? AND value IS NOT NULL "
            f"AND period_start_utc IN ({marks}) GROUP BY area_id HAVING count(*) >= ?",
            [pack.id, rule.metric, rule.grain, *past, FEWEST],
        )
        found |= {(area, start): (low, high) for area, low, high in rows.iter_rows() if start in wanted.get(area, [])}
    return found


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
