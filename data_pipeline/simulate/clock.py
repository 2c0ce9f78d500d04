"""The city's clock for arrays of moments: local hour, local day, kind of day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from data_pipeline.holidays import day_kinds

EPOCH = datetime(1970, 1, 1)
EPOCH_DAY = date(1970, 1, 1)


def seconds(moment: datetime) -> int:
    """Whole seconds of a naive UTC moment since 1970."""
    return int((moment - EPOCH).total_seconds())


def moment(second: int | float) -> datetime:
    """Naive UTC moment of seconds since 1970."""
    return EPOCH + timedelta(seconds=float(second))


def datetimes(second: np.ndarray) -> np.ndarray:
    """Seconds since 1970 as datetime64[us], the type Polars takes as naive UTC."""
    return (np.asarray(second).astype(np.int64) * 1_000_000).astype("datetime64[us]")


@dataclass(frozen=True)
class Clock:
    """Arrays about moments, all of one shape.

    `t_s`: UTC seconds since 1970; `offset_s`: of the local clock; `hour`: local time of day in
    hours (0 to 24); `day`: local day as a proleptic ordinal; `kind`: index into `KINDS`;
    `weekday`: 0 = Monday; `year_part`: 0 at New Year to 1; `years`: years since 2024-01-01.
    """

    t_s: np.ndarray
    offset_s: np.ndarray
    hour: np.ndarray
    day: np.ndarray
    kind: np.ndarray
    weekday: np.ndarray
    year_part: np.ndarray
    years: np.ndarray

    @classmethod
    def at(cls, t_s: np.ndarray, tz: ZoneInfo) -> Clock:
        """The clock of a city for UTC seconds of any shape."""
        t_s = np.asarray(t_s, dtype=np.int64)
        offset = _offsets(t_s, tz)
        local = t_s + offset
        ordinal = local // 86400 + EPOCH_DAY.toordinal()
        day_number = ordinal - date(2024, 1, 1).toordinal()
        return cls(
            t_s=t_s,
            offset_s=offset,
            hour=(local % 86400) / 3600.0,
            day=ordinal,
            kind=day_kinds(ordinal, tz.key in ("Asia/Shanghai", "Asia/Urumqi", "Asia/Chongqing")),
            weekday=(ordinal + 6) % 7,
            year_part=(day_number % 365.2425) / 365.2425,
            years=day_number / 365.2425,
        )


def _offsets(t_s: np.ndarray, tz: ZoneInfo) -> np.ndarray:
    """Offset of the local clock in seconds, exact through daylight-saving changes."""
    if t_s.size == 0:
        return np.zeros(t_s.shape, dtype=np.int64)
    first, last = int(t_s.min()) // 86400, int(t_s.max()) // 86400
    by_day = [_day_offset(tz.key, day) for day in range(first, last + 1)]
    if all(offset == by_day[0] and offset is not None for offset in by_day):
        return np.full(t_s.shape, by_day[0], dtype=np.int64)
    steps, back = np.unique(t_s // 900, return_inverse=True)  # clocks change on quarter hours only
    utc = pl.Series(datetimes(steps * 900)).dt.replace_time_zone("UTC").dt.convert_time_zone(tz.key)
    local = utc.dt.replace_time_zone(None).dt.epoch("s").to_numpy()
    return (local - steps * 900)[back].reshape(t_s.shape).astype(np.int64)


@lru_cache(maxsize=65536)
def _day_offset(zone: str, day: int) -> int | None:
    """Offset all through a UTC day (days since 1970); None on a day on which the clock changes."""
    tz = ZoneInfo(zone)
    ends = (EPOCH.replace(tzinfo=UTC) + timedelta(days=day + n) for n in (0, 1))
    first, second = (int(end.astimezone(tz).utcoffset().total_seconds()) for end in ends)  # type: ignore[union-attr]
    return first if first == second else None


def bumps(hour: np.ndarray, *peaks: tuple[float, float, float]) -> np.ndarray:
    """Sum of daily peaks (centre hour, width in hours, height), periodic over 24 hours."""
    total = np.zeros(np.shape(hour))
    for centre, width, height in peaks:
        away = np.abs((np.asarray(hour) - centre + 12.0) % 24.0 - 12.0)
        total += height * np.exp(-0.5 * (away / width) ** 2)
    return total
