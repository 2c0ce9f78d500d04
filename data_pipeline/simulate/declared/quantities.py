"""Values of declared columns: level × rhythm × noise, each a pure function of unit and period."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data_pipeline.holidays import HOLIDAY, SPRING_FESTIVAL, WEEKEND
from data_pipeline.simulate.clock import Clock, bumps
from data_pipeline.simulate.declared import Quantity, Rhythm
from data_pipeline.simulate.rng import bits, normal, smooth
from data_pipeline.simulate.world import World

DAY = 86400
REFERENCE_YEARS = 2.5  # levels are stated for mid-2026; clocks count years from 2024-01-01
HOT_C, COLD_C = 30.0, 5.0
MOST_PUSH = 1.6  # weather multiplies a rate by five at most
ELSEWHERE_KM = 1e6  # far from every local incident: only what touches the whole city


def rhythm(kind: Rhythm, clock: Clock, world: World, key: int, x_km: np.ndarray, y_km: np.ndarray, hourly: bool) -> np.ndarray:
    """Factor about 1 for each unit and moment; shape of `x_km` (n, 1) against the clock's (1, m)."""
    factor = (1.0 + kind.growth) ** (clock.years - REFERENCE_YEARS)
    if kind.week is not None:
        factor = factor * np.array(kind.week)[np.where(clock.kind == WEEKEND, np.maximum(clock.weekday, 5), np.minimum(clock.weekday, 4))]
    factor = factor * np.where(clock.kind == SPRING_FESTIVAL, kind.spring_festival, np.where(clock.kind == HOLIDAY, kind.holiday, 1.0))
    if kind.season:
        factor = factor * (1 + kind.season * np.cos(2 * np.pi * (clock.year_part - (kind.peak_month - 0.5) / 12)))
    if hourly and kind.hours:
        factor = factor * daily_shape(kind, clock.hour)
    if kind.rain or kind.heat or kind.cold:
        sky = world.weather.at(clock)
        push = (
            kind.rain * world.weather.rain_day(clock.day, clock.year_part).total_mm
            + kind.heat * np.maximum(sky.temperature_c - HOT_C, 0) + kind.cold * np.maximum(COLD_C - sky.temperature_c, 0)
        )  # fmt: skip
        factor = factor * np.exp(np.clip(push, -MOST_PUSH, MOST_PUSH))
    if kind.mood:
        factor = factor * np.exp(kind.mood * smooth(key, 3 * DAY, clock.t_s))
    if kind.incident:
        factor = factor * np.maximum(1 + world.effect(kind.incident, x_km, y_km, clock.t_s), 0.05)
    return factor


def daily_shape(kind: Rhythm, hour: np.ndarray) -> np.ndarray:
    """The peaks of a day as a factor with mean 1 over its hours."""
    mean = float(bumps(np.arange(24) + 0.5, *kind.hours).mean())
    return bumps(hour, *kind.hours) / mean


class Columns:
    """All columns of a return for the same units.

    Parameters
    ----------
    world : World
    dataset : str
        Part of the random keys.
    people : array (n,)
        Residents each unit stands for.
    attributes : mapping
        Attribute of the units → array (n,).
    x_km, y_km : array (n,)
    period_s : float
        Length of a period: levels are stated for a day (an hour's return gets 1/24, a month's as many as it has days).
    """

    def __init__(
        self, world: World, dataset: str, people: np.ndarray, attributes: Mapping[str, np.ndarray], x_km: np.ndarray,
        y_km: np.ndarray, cadence: str,
    ) -> None:  # fmt: skip
        self.world, self.dataset, self.people, self.attributes = world, dataset, people, attributes
        self.x_km, self.y_km, self.cadence = x_km[:, None], y_km[:, None], cadence

    def values(self, declared: Mapping[str, Quantity], clock: Clock, days: np.ndarray) -> dict[str, np.ndarray]:
        """Column → array (n, m) for period starts `clock` of shape (1, m) that last `days` days each."""
        made: dict[str, np.ndarray] = {}
        for name, quantity in declared.items():
            made[name] = self._column(name, quantity, clock, days, made)
        return made

    def _column(self, name: str, quantity: Quantity, clock: Clock, days: np.ndarray, made: dict[str, np.ndarray]) -> np.ndarray:
        key = self.world.key(self.dataset, name)
        i = np.arange(self.people.size)[:, None]
        shape = (self.people.size, clock.t_s.shape[1])
        if quantity.word:
            index = (bits(key, i) % np.uint64(len(quantity.word))).astype(int)
            return np.broadcast_to(np.array(quantity.word, dtype=object)[index], shape)
        if quantity.copy_of:
            return np.broadcast_to(self._known(quantity.copy_of, made), shape)
        period = clock.t_s // 3600
        unit = quantity.spread * normal(self.world.key(self.dataset, name, "unit"), i)
        noise = quantity.noise * normal(key, i, period)
        if quantity.of:
            whole = np.broadcast_to(self._known(quantity.of, made).astype(float), shape)
            share = quantity.share or 0.5
            push = rhythm(quantity, clock, self.world, key, self.x_km, self.y_km, self.cadence == "hour")
            logit = np.log(share / (1 - share)) + quantity.trend * (clock.years - REFERENCE_YEARS) + unit + noise + np.log(push)
            value = whole / (1 + np.exp(-logit))
            if quantity.whole:
                # whole things of a whole: the rest of a thing goes either way, as the noise says
                value = np.minimum(np.floor(value + 0.5 + 0.35 * normal(self.world.key(self.dataset, name, "round"), i, period)), whole)
        else:
            level = self._level(quantity, clock, made)
            value = level * np.exp(unit + noise) * rhythm(quantity, clock, self.world, key, self.x_km, self.y_km, self.cadence == "hour")
            if not quantity.running and not quantity.per:
                value = value * days
            if quantity.whole and quantity.running is None:
                # what is counted anew each period scatters as counts do
                value = np.floor(value + 0.5 + 0.3 * np.sqrt(np.maximum(value, 0)) * normal(self.world.key(self.dataset, name, "count"), i, period))
        value = np.clip(value, 0.0 if quantity.low is None else quantity.low, quantity.high)
        return np.broadcast_to(np.rint(value) if quantity.whole else np.round(value, quantity.decimals), shape)

    def _level(self, quantity: Quantity, clock: Clock, made: dict[str, np.ndarray]) -> np.ndarray:
        if quantity.per:
            return self._known(quantity.per, made).astype(float) * quantity.per_unit
        units = self.people[:, None] / 10_000.0
        if quantity.per_10k is not None:
            level, start = quantity.per_10k * units, quantity.start * units
        else:
            level, start = np.full_like(units, quantity.base or 0.0), np.full_like(units, quantity.start)
        if quantity.running is None:
            return level * np.ones_like(clock.years)
        first, last = (day.toordinal() for day in quantity.running)
        part = np.clip((clock.day - first) / (last - first), 0, 1)
        return start + (level - start) * part * part * (3 - 2 * part)

    def _known(self, name: str, made: dict[str, np.ndarray]) -> np.ndarray:
        if name in made:
            return made[name]
        if name in self.attributes:
            return self.attributes[name][:, None]
        raise ValueError(f"{self.dataset}: {name!r} is neither an earlier column nor an attribute of the units")
