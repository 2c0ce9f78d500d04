"""Public holidays and worked weekends: the kind of each day, for whoever compares days with their like."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from data_pipeline.declare import Declared, read_toml, validate

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
