"""The local day of any moment, as SQL: by the city's clock as it stood then."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from data_pipeline.times import midnight_utc, offset_steps


def counted_day(moment: str, tz: ZoneInfo, from_day: date, to_day: date) -> str:
    """The local day of a moment (a timestamp column, naive UTC), as SQL.

    A record carries the offset at its own event; what became of it later may lie on the other side of a change.
    Moments outside the local days from `from_day` to before `to_day` take the offset at the nearer end.
    """
    return f"CAST({moment} + INTERVAL 1 SECOND * {clock_offset(moment, tz, from_day, to_day)} AS DATE)"


def clock_offset(moment: str, tz: ZoneInfo, from_day: date, to_day: date) -> str:
    """Seconds by which the local clock is ahead of UTC at a moment, as SQL: one number where clocks do not change in these days."""
    starts, offsets = offset_steps(tz, midnight_utc(from_day, tz), midnight_utc(to_day, tz))
    if len(offsets) == 1:
        return f"CAST({offsets[0]} AS INTEGER)"
    until = [f"WHEN {moment} < TIMESTAMP '{after}' THEN {s}" for after, s in zip(starts[1:], offsets[:-1], strict=True)]
    return f"CAST(CASE {' '.join(until)} ELSE {offsets[-1]} END AS INTEGER)"


def is_one_number(offset: str) -> bool:
    """Whether an offset as SQL is the same for every record: then nothing need be grouped by it."""
    return offset.startswith("CAST(") and "CASE" not in offset
