"""Weather of a city as a pure function of time: every other simulated domain answers to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from data_pipeline.declare import Declared, read_toml, validate
from data_pipeline.simulate.clock import Clock
from data_pipeline.simulate.rng import key_of, smooth, uniform

HOUR = 3600
DAY = 86400
STORM_DAY_MM = 50.0  # 暴雨: 50 mm and more in a day
MEMORY_H = 96  # how long water levels remember rain


class Water(Declared):
    """A reach or lake: ordinary low and high stage over the year, its warning stages, its answer to rain."""

    match: str
    low_m: float
    high_m: float
    warning_m: float
    guaranteed_m: float
    rain_m_per_100mm: float
    flow_m3_s: float


class Climate(Declared):
    """Monthly means (January first) and a few figures of the place."""

    temperature_c: tuple[float, ...]
    rain_mm: tuple[float, ...]
    rain_days: tuple[float, ...]
    humidity_pct: float
    daily_range_c: float
    elevation_m: float
    pm25_ug_m3: float
    water: tuple[Water, ...]


class Climates(Declared):
    """Every place of `climate.toml`."""

    place: dict[str, Climate]


@cache
def climates() -> dict[str, Climate]:
    """The places of `climate.toml` by city id; `default` serves every other city."""
    return validate(Climates, read_toml(Path(__file__).parent / "climate.toml"), "climate.toml").place


def climate_of(city: str, latitude: float) -> Climate:
    """Climate of a city; an unlisted one gets the default, moved 0.6 °C a degree of latitude from 32 N.

    South of the equator the year is turned by six months.
    """
    if city in climates():
        return climates()[city]
    base = climates()["default"]
    warmer = (32.0 - abs(latitude)) * 0.6
    turn = 6 if latitude < 0 else 0
    months = [(m + turn) % 12 for m in range(12)]
    return base.model_copy(
        update={
            "temperature_c": tuple(base.temperature_c[m] + warmer for m in months),
            "rain_mm": tuple(base.rain_mm[m] for m in months),
            "rain_days": tuple(base.rain_days[m] for m in months),
        }
    )


@dataclass(frozen=True)
class Sky:
    """Weather at moments: rain in mm per hour, cloud 0–1, the rest in the units of their names."""

    rain_mm_h: np.ndarray
    temperature_c: np.ndarray
    humidity_pct: np.ndarray
    pressure_hpa: np.ndarray
    wind_m_s: np.ndarray
    wind_deg: np.ndarray
    cloud: np.ndarray


@dataclass(frozen=True)
class RainDay:
    """Rain of local days: total (mm), hour of the centre, half width in hours, chance of any rain."""

    total_mm: np.ndarray
    centre_h: np.ndarray
    width_h: np.ndarray
    gloom: np.ndarray


class Weather:
    """Weather of one city, seeded.

    Rain comes by days (chance and amount from the climate, wet and dry spells by slow noise, a heavy
    tail for storms), each with a centre hour and a width; temperature follows the season, spells of
    some days, the hour and the clouds.
    """

    def __init__(self, seed: int, city: str, tz: ZoneInfo, climate: Climate) -> None:
        self.tz, self.climate = tz, climate
        self._keys = {name: key_of(seed, city, "weather", name) for name in (
            "wet", "amount", "centre", "width", "drizzle", "spell", "daily", "wind", "turn", "front",
        )}  # fmt: skip

    def monthly(self, values: tuple[float, ...], year_part: np.ndarray) -> np.ndarray:
        """Smooth course of twelve monthly values, each standing at the middle of its month."""
        at = (year_part * 12.0 - 0.5) % 12.0
        low = np.floor(at).astype(int)
        part = at - low
        part = part * part * (3 - 2 * part)
        table = np.asarray(values, dtype=float)
        return table[low % 12] * (1 - part) + table[(low + 1) % 12] * part

    def rain_day(self, day: np.ndarray, year_part: np.ndarray) -> RainDay:
        """Rain of local days given as proleptic ordinals."""
        days_a_month = self.monthly(self.climate.rain_days, year_part)
        mean_mm = self.monthly(self.climate.rain_mm, year_part) / np.maximum(days_a_month, 0.5)
        spell = smooth(self._keys["spell"], 3 * DAY, day * DAY)
        # the spell moves the chance of rain up and down around the month's share of wet days
        chance = np.clip(days_a_month / 30.4 * (1.0 + 0.75 * spell), 0.02, 0.92)
        wet = uniform(self._keys["wet"], day) < chance
        amount = -np.log(1.0 - uniform(self._keys["amount"], day) * 0.99999)
        total = np.where(wet, mean_mm * amount**1.3 / 1.17, 0.0)
        summer = self.monthly((0, 0, 0.1, 0.3, 0.5, 0.6, 1, 1, 0.6, 0.2, 0, 0), year_part)
        afternoon = uniform(self._keys["centre"], day)
        centre = np.where(afternoon < 0.5 * summer, 16.0, 0.0) + np.where(
            afternoon < 0.5 * summer, 4 * (uniform(self._keys["drizzle"], day) - 0.5), 3 + 18 * uniform(self._keys["drizzle"], day)
        )
        width = np.where(afternoon < 0.5 * summer, 1.2, 2.0 + 3.5 * uniform(self._keys["width"], day))
        return RainDay(total, centre, width, np.clip(chance + 0.5 * wet, 0, 1))

    def at(self, clock: Clock) -> Sky:
        """Weather at the moments of a clock (any shape)."""
        rain = self.rain_day(clock.day, clock.year_part)
        hour = np.floor(clock.hour) + 0.5
        shape = np.exp(-0.5 * ((hour - rain.centre_h) / rain.width_h) ** 2)
        # what of the bell lies inside the day, so that the hours add up to the day's total
        inside = _normal_cdf((24 - rain.centre_h) / rain.width_h) - _normal_cdf(-rain.centre_h / rain.width_h)
        rate = rain.total_mm * shape / (rain.width_h * 2.5066 * np.maximum(inside, 0.05))
        hour_number = (clock.t_s + clock.offset_s) // HOUR
        rate = rate * (0.55 + 0.9 * uniform(self._keys["drizzle"], hour_number, 1))
        rate = np.where(rate < 0.05, 0.0, rate)
        cloud = np.clip(0.25 + 0.65 * rain.gloom * (rain.total_mm > 0) + 0.2 * smooth(self._keys["front"], 6 * HOUR, clock.t_s), 0, 1)
        season = self.monthly(self.climate.temperature_c, clock.year_part)
        swing = 0.5 * self.climate.daily_range_c * (1.15 - 0.8 * cloud)
        daily = -np.cos((clock.hour - 3.0) / 24.0 * 2 * np.pi)
        spell = 3.2 * smooth(self._keys["daily"], 4 * DAY, clock.t_s) + 0.8 * smooth(self._keys["daily"], 8 * HOUR, clock.t_s, 7)
        temperature = season + 0.9 + spell + swing * daily - 1.8 * cloud - 1.2 * np.minimum(rate, 3.0)
        humidity = np.clip(
            self.climate.humidity_pct - 14 * daily * (1 - cloud) + 14 * (cloud - 0.35) + 5 * np.minimum(rate, 3.0), 18, 99
        )
        sea_level = 1016.0 - 10.5 * np.sin((clock.year_part - 0.30) * 2 * np.pi) + 3.5 * smooth(self._keys["front"], 3 * DAY, clock.t_s) - 3 * cloud
        pressure = sea_level * (1 - 2.25577e-5 * self.climate.elevation_m) ** 5.25588
        wind = np.clip(1.6 + 0.5 * daily + 0.8 * smooth(self._keys["wind"], 12 * HOUR, clock.t_s) + 0.25 * np.minimum(rate, 12), 0.1, 30)
        turn = (135 + 90 * smooth(self._keys["turn"], 2 * DAY, clock.t_s) + 40 * smooth(self._keys["turn"], 5 * HOUR, clock.t_s, 3)) % 360
        return Sky(rate, temperature, humidity, pressure, wind, turn, cloud)

    def soaked_mm(self, t_s: np.ndarray) -> np.ndarray:
        """Rain of the last four days, weighted as a catchment remembers it (peak after 9 hours), at hours `t_s`.

        Computed with a fixed window, so that it does not depend on where a batch begins.
        """
        hours = np.asarray(t_s, dtype=np.int64) // HOUR
        first, last = int(hours.min()) - MEMORY_H, int(hours.max())
        grid = np.arange(first, last + 1, dtype=np.int64) * HOUR
        rain = self.at(Clock.at(grid, self.tz)).rain_mm_h
        lag = np.arange(MEMORY_H + 1)
        weight = (lag / 9.0) * np.exp(1 - lag / 9.0)
        return np.convolve(rain, weight / 2.7, mode="full")[: grid.size][hours - first]


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    """Normal distribution by the logistic approximation (to 0.01), enough to share out a day's rain."""
    return 1.0 / (1.0 + np.exp(-1.702 * z))
