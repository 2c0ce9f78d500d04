"""Time: UTC in the store, the city's clock on screen, periods by the local calendar.

Every time inside the product is a naive `datetime` in UTC unless its name says `local`.
A period is named by its grain and the UTC moment at which it starts; days and longer
periods start at local midnight, shorter ones at whole multiples of the local clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data_pipeline.errors import UsageError

Grain = Literal["5min", "15min", "hour", "day", "week", "month", "quarter", "year"]
GRAINS: tuple[Grain, ...] = ("5min", "15min", "hour", "day", "week", "month", "quarter", "year")
SUB_DAY_SECONDS: dict[str, int] = {"5min": 300, "15min": 900, "hour": 3600}
EPOCH = datetime(1970, 1, 1)


def now_utc() -> datetime:
    """The present moment, naive UTC, microseconds."""
    return datetime.now(UTC).replace(tzinfo=None)


def zone(name: str) -> ZoneInfo:
    """The IANA time zone `name`; `UsageError` where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(f"unknown time zone {name!r}", hint="use an IANA name such as Asia/Shanghai") from None


def to_utc(moment: datetime, tz: ZoneInfo) -> datetime:
    """Naive UTC of `moment`; a naive `moment` is read as the city's local time (fold=0)."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=tz)
    return aware.astimezone(UTC).replace(tzinfo=None)


def to_local(moment_utc: datetime, tz: ZoneInfo) -> datetime:
    """Aware local time of a naive UTC moment."""
    return moment_utc.replace(tzinfo=UTC).astimezone(tz)


def parse_time(text: str, tz: ZoneInfo, name: str = "time") -> datetime:
    """An ISO 8601 date or time as naive UTC; without an offset it is local time.

    Raises
    ------
    UsageError
        `text` is not ISO 8601; the message names the parameter `name`.
    """
    try:
        return to_utc(datetime.fromisoformat(text), tz)
    except ValueError:
        raise UsageError(
            f"{name}: {text!r} is not an ISO 8601 time",
            hint="for example 2026-11-22, 2026-11-22T08:15 or 2026-11-22T08:15:00+08:00",
        ) from None


def local_day(moment_utc: datetime, tz: ZoneInfo) -> date:
    """The local calendar day a UTC moment falls on."""
    return to_local(moment_utc, tz).date()


def period_start(moment_utc: datetime, grain: Grain, tz: ZoneInfo) -> datetime:
    """Start (naive UTC) of the period of `grain` that holds `moment_utc`.

    Below a day the local clock is cut with the offset in force, so that a repeated local
    hour stays two hours. Weeks start on Monday (ISO 8601).
    """
    local = to_local(moment_utc, tz)
    if grain in SUB_DAY_SECONDS:
        step = SUB_DAY_SECONDS[grain]
        offset = int(local.utcoffset().total_seconds())  # type: ignore[union-attr]
        epoch = int((moment_utc - EPOCH).total_seconds())
        return EPOCH + timedelta(seconds=(epoch + offset) // step * step - offset)
    return midnight_utc(day_floor(local.date(), grain), tz)


def period_end(start_utc: datetime, grain: Grain, tz: ZoneInfo) -> datetime:
    """End (exclusive, naive UTC) of the period of `grain` that starts at `start_utc`."""
    if grain in SUB_DAY_SECONDS:
        return start_utc + timedelta(seconds=SUB_DAY_SECONDS[grain])
    return midnight_utc(next_day_floor(local_day(start_utc, tz), grain), tz)


def midnight_utc(day: date, tz: ZoneInfo) -> datetime:
    """Naive UTC of local midnight at the start of `day`."""
    return to_utc(datetime(day.year, day.month, day.day), tz)


def offset_steps(tz: ZoneInfo, first_utc: datetime, last_utc: datetime) -> tuple[list[datetime], list[int]]:
    """Moments (naive UTC) from which an offset of the local clock (seconds) holds, covering `first_utc` … `last_utc`.

    Looks at every day and halves it where the offset differs; two changes within one day have
    never been decreed.
    """
    step = timedelta(days=1)
    here = EPOCH + (first_utc - EPOCH) // step * step
    starts, offsets = [here], [_offset_s(here, tz)]
    while here <= last_utc:
        after = here + step
        if _offset_s(after, tz) != offsets[-1]:
            low, high = here, after
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                middle = middle.replace(microsecond=0)
                low, high = (middle, high) if _offset_s(middle, tz) == offsets[-1] else (low, middle)
            starts.append(high)
            offsets.append(_offset_s(after, tz))
        here = after
    return starts, offsets


@lru_cache(maxsize=65_536)
def _offset_s(moment_utc: datetime, tz: ZoneInfo) -> int:
    return int(to_local(moment_utc, tz).utcoffset().total_seconds())  # type: ignore[union-attr]


def service_start_utc(day: date, tz: ZoneInfo) -> datetime:
    """Naive UTC of the moment from which the times of a service day count: local noon minus 12 hours.

    This is the rule of GTFS. It is local midnight but on the two days a year on which clocks change, when it is an
    hour off, so that a train at 08:00 leaves when station clocks show eight.
    """
    return to_utc(datetime(day.year, day.month, day.day, 12), tz) - timedelta(hours=12)


def day_floor(day: date, grain: Grain) -> date:
    """First local day of the day, week, month, quarter or year that holds `day`."""
    if grain == "week":
        return day - timedelta(days=day.weekday())
    if grain == "month":
        return day.replace(day=1)
    if grain == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if grain == "year":
        return day.replace(month=1, day=1)
    return day


def next_day_floor(day: date, grain: Grain) -> date:
    """First local day of the next period of `grain`, given any day of this one."""
    first = day_floor(day, grain)
    if grain == "week":
        return first + timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}.get(grain)
    if months is None:
        return first + timedelta(days=1)
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def iso_local(moment_utc: datetime | None, tz: ZoneInfo) -> str | None:
    """ISO 8601 with the city's offset, as every output carries it; None stays None."""
    return None if moment_utc is None else to_local(moment_utc, tz).isoformat()
