"""The city's clock for arrays of moments: local hour, local day, kind of day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from data_pipeline.declare import Declared, read_toml, validate

EPOCH = datetime(1970, 1, 1)
EPOCH_DAY = date(1970, 1, 1)
WORKDAY, WEEKEND, HOLIDAY, SPRING_FESTIVAL = 0, 1, 2, 3
KINDS = ("workday", "weekend", "holiday", "spring_festival")


class Holiday(Declared):
    """One public holiday: its names, its kind and the first and last day of each year's break."""

    name_zh: str
    name_en: str
    kind: str
    days: tuple[tuple[date, date], ...]


class Worked(Declared):
    """Weekend days that are worked in exchange (调休)."""

    days: tuple[date, ...]


class Holidays(Declared):
    """A country's public holidays, with where they were announced."""

    country: str
    source: str
    holiday: tuple[Holiday, ...]
    worked_weekends: Worked


@cache
def holidays() -> Holidays:
    """The calendar in `holidays.toml` (mainland China, 2024 to 2026)."""
    return validate(Holidays, read_toml(Path(__file__).parent / "holidays.toml"), "holidays.toml")


@cache
def _special_days() -> tuple[int, np.ndarray]:
    """First special day (ordinal), and from there the kind of each day; -1 where nothing is special."""
    found = {day.toordinal(): WORKDAY for day in holidays().worked_weekends.days}
    for holiday in holidays().holiday:
        kind = SPRING_FESTIVAL if holiday.kind == "spring_festival" else HOLIDAY
        for first, last in holiday.days:
            found |= {first.toordinal() + i: kind for i in range((last - first).days + 1)}
    start = min(found)
    table = np.full(max(found) - start + 1, -1)
    table[np.array(list(found)) - start] = list(found.values())
    return start, table


def day_kinds(ordinals: np.ndarray, in_china: bool) -> np.ndarray:
    """Kind of each day (index into `KINDS`), given proleptic ordinals.

    Years without an announced calendar, and cities outside mainland China, know weekends only.
    """
    kinds = np.where((ordinals + 6) % 7 >= 5, WEEKEND, WORKDAY)
    if not in_china:
        return kinds
    start, table = _special_days()
    special = table[np.clip(ordinals - start, 0, table.size - 1)]
    known = (ordinals >= start) & (ordinals < start + table.size) & (special >= 0)
    return np.where(known, special, kinds)


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
