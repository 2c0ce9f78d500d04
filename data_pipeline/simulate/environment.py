"""Air, weather and water stations, all answering to the one weather of the city."""

from __future__ import annotations

import numpy as np
import polars as pl

from data_pipeline.holidays import SPRING_FESTIVAL
from data_pipeline.simulate.clock import Clock, bumps
from data_pipeline.simulate.feed import Dirt, Feed
from data_pipeline.simulate.rng import normal, smooth, uniform
from data_pipeline.simulate.sites import Sites

HOUR, DAY = 3600, 86400
REVIEW_S = 26 * HOUR  # the day after, the air stations' suspicious hours come back corrected
REVIEWED_SHARE = 0.004


class _Stations(Feed):
    """Monitoring stations of one kind."""

    register = "monitoring_stations"
    station_kind: str
    cadence_s = HOUR

    @property
    def sites(self) -> Sites:
        if not hasattr(self, "_own"):
            every = self.world.sites[self.register]
            self._own = every.where(every.of["kind"] == self.station_kind)
        return self._own


class AirQuality(_Stations):
    """`air_quality`: six pollutants by the hour; dirty winters, ozone summers, rain washes the air."""

    dataset = "air_quality"
    station_kind = "air"
    delay_s = 900
    dirt = Dirt(repeated=0.0025, unknown_site=0.001, old_clock=0.0005, impossible=0.0004)

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        world, t = self.world, clock.t_s
        sky = world.weather.at(clock)
        washed = np.exp(-0.05 * np.minimum(world.weather.soaked_mm(t.ravel()).reshape(t.shape), 25.0))
        season = 1.0 + 0.55 * np.cos((clock.year_part - 0.03) * 2 * np.pi)
        stale = np.exp(0.42 * smooth(world.key("air", "stale"), 4 * DAY, t) + 0.15 * smooth(world.key("air", "stale2"), 9 * HOUR, t))
        stale = stale * np.clip(1.25 - 0.11 * sky.wind_m_s, 0.5, 1.3)
        rhythm = 0.92 + bumps(clock.hour, (8.5, 1.8, 0.16), (21.5, 2.5, 0.2), (15.0, 2.5, -0.12))
        crackers = 1.0 + 1.2 * (clock.kind == SPRING_FESTIVAL) * bumps(clock.hour, (0.5, 2.0, 1.0)) * uniform(world.key("air", "eve"), clock.day)
        better = 0.965 ** (clock.years - 1.0)
        place = (0.86 + 0.26 * self.sites.urban[i]) * np.exp(0.06 * normal(self.key("place"), i))
        noise = np.exp(0.09 * normal(self.key("now"), i, t // HOUR))
        pm25 = world.climate.pm25_ug_m3 * season * stale * rhythm * crackers * better * washed * place * noise
        dust = 1.0 + 2.2 * np.maximum(0.0, smooth(world.key("air", "dust"), 3 * DAY, t) - 1.15) * (clock.year_part > 0.15) * (clock.year_part < 0.40)
        pm10 = pm25 * (1.35 + 0.25 * uniform(self.key("coarse"), i, t // HOUR)) * dust + 6.0
        cars = bumps(clock.hour, (8.2, 1.5, 0.5), (20.5, 2.8, 0.65)) + 0.55
        no2 = 21.0 * (0.75 + 0.35 * season) * stale * cars * place * better * noise
        sun = np.maximum(0.0, np.cos((clock.hour - 14.5) / 9.0 * np.pi / 2 * 1.25)) * (np.abs(clock.hour - 14.5) < 7.2) * (1.1 - sky.cloud)
        o3 = 34.0 + 62.0 * np.clip(sky.temperature_c / 28.0, 0.15, 1.35) * sun * np.clip(stale, 0.6, 1.4) - 0.35 * no2 + 8.0 * normal(self.key("o3"), i, t // HOUR)
        so2 = 6.0 * (0.8 + 0.3 * season) * stale * place * noise
        co = 0.55 * (0.7 + 0.35 * season) * stale * noise
        return {
            "pm25_ug_m3": np.rint(np.clip(pm25, 2, 480)), "pm10_ug_m3": np.rint(np.clip(pm10, 5, 900)),
            "so2_ug_m3": np.rint(np.clip(so2, 2, 200)), "no2_ug_m3": np.rint(np.clip(no2, 3, 180)),
            "co_mg_m3": np.round(np.clip(co, 0.2, 4.0), 1), "o3_ug_m3": np.rint(np.clip(o3, 4, 320)),
        }  # fmt: skip

    def reviewed(self, after_s: int, until_s: int, floor_s: int = 0) -> pl.DataFrame:
        """Corrected hours that come back in (after, until]: what `batch` had given too high, put right."""
        site, times = self._to_review(after_s, until_s, floor_s)
        if site.size == 0:
            return self.empty().drop("_pick")
        clock = self.world.clock(times)
        return self._frame(site, times, self.values(site, clock)).drop("_pick")

    def review_times(self, after_s: int, until_s: int, floor_s: int = 0) -> np.ndarray:
        """Seconds in (after, until] at which corrected hours fall due."""
        return np.unique(self._to_review(after_s, until_s, floor_s)[1]) + self.wait_s + REVIEW_S

    def _to_review(self, after_s: int, until_s: int, floor_s: int) -> tuple[np.ndarray, np.ndarray]:
        t_s = self.slots(after_s, until_s, REVIEW_S)
        t_s = t_s[t_s >= floor_s]
        at, site = np.nonzero(self._suspicious(np.arange(len(self.sites))[None, :], t_s[:, None]))
        times = t_s[at]
        keep = ~self._is_late(site, times)
        return site[keep], times[keep]

    def _suspicious(self, i: np.ndarray, t_s: np.ndarray) -> np.ndarray:
        return uniform(self.key("review"), i, t_s // HOUR) < REVIEWED_SHARE

    def _grid(self, t_s: np.ndarray) -> pl.DataFrame:
        frame = super()._grid(t_s)
        if frame.height == 0:
            return frame
        order = {s: k for k, s in enumerate(self.sites.ids)}
        site = frame["site_id"].replace_strict(order, return_dtype=pl.Int64).to_numpy()
        wrong = pl.Series(self._suspicious(site, frame["start_at"].dt.epoch("s").to_numpy()))
        return frame.with_columns(
            pm25_ug_m3=pl.when(wrong).then((pl.col("pm25_ug_m3") * 1.6 + 25).round()).otherwise("pm25_ug_m3"),
            pm10_ug_m3=pl.when(wrong).then((pl.col("pm10_ug_m3") * 1.5 + 30).round()).otherwise("pm10_ug_m3"),
        )

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(pm25_ug_m3=pl.when(pick).then(-999.0).otherwise("pm25_ug_m3"))


class WeatherObservations(_Stations):
    """`weather_observations`: the hour that ends at the time of observation."""

    dataset = "weather_observations"
    station_kind = "weather"
    time_column = "at"
    delay_s = 300 - HOUR  # observed on the hour, due five minutes later

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        world, t = self.world, clock.t_s
        now, past = world.weather.at(clock), world.weather.at(world.clock(t - 1800))
        local = np.clip(1.0 + 0.45 * smooth(self.key("shower"), 3 * HOUR, t, i), 0.0, 2.2)
        high = 0.6 * normal(self.key("height"), i)
        heat_island = 0.7 * self.sites.urban[i] * np.clip(np.cos((clock.hour - 1) / 24 * 2 * np.pi), -0.2, 1)
        noise = normal(self.key("now"), i, t // HOUR)
        return {
            "temperature_c": np.round(now.temperature_c + high + heat_island + 0.25 * noise, 1),
            "humidity_pct": np.round(np.clip(now.humidity_pct - 1.5 * noise, 12, 100), 0),
            "rain_mm": np.round(past.rain_mm_h * local, 1),
            "pressure_hpa": np.round(now.pressure_hpa - 2.0 * normal(self.key("ground"), i), 1),
            "wind_m_s": np.round(np.clip(now.wind_m_s * (0.8 + 0.4 * uniform(self.key("open"), i)) + 0.3 * noise, 0, 40), 1),
            "wind_deg": np.round((now.wind_deg + 14 * noise) % 360, 0),
            "interval_s": np.full(np.broadcast_shapes(np.shape(i), t.shape), HOUR),
        }  # fmt: skip

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(temperature_c=pl.when(pick).then(999.9).otherwise("temperature_c"))


class WaterObservations(_Stations):
    """`water_observations`: stage and flow on the hour; the season, slow noise, and rain with its lag."""

    dataset = "water_observations"
    station_kind = "water"
    time_column = "at"
    delay_s = 480 - HOUR

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        world, of, t = self.world, self.sites.of, clock.t_s
        low, high = of["low_m"][i], of["high_m"][i]
        north = world.ground.centre[1] >= 0
        turn = clock.year_part if north else (clock.year_part + 0.5) % 1.0
        season = np.exp(-0.5 * ((turn - 0.54) / 0.14) ** 2)
        slow = 0.10 * smooth(world.key("water", "slow"), 12 * DAY, t) + 0.02 * smooth(self.key("own"), 2 * DAY, t, i)
        soaked = world.weather.soaked_mm(t.ravel()).reshape(t.shape)
        rise = of["rain_m_per_100mm"][i] * soaked / 16.0
        level = low + (high - low) * np.clip(season + slow, -0.05, 1.4) + rise + 0.008 * normal(self.key("wave"), i, t // HOUR)
        share = np.clip((level - low) / np.maximum(high - low, 0.3), 0, 4)
        flow = np.where(of["flow_m3_s"][i] > 0, np.round(of["flow_m3_s"][i] * (0.35 + 1.1 * share), 1), np.nan)
        warm = world.weather.monthly(world.climate.temperature_c, clock.year_part)
        water_c = np.round(np.clip(0.85 * warm + 2.5 + 0.4 * smooth(self.key("warm"), 5 * DAY, t, i), 1, 33), 1)
        return {"level_m": np.round(level, 2), "flow_m3_s": flow, "temperature_c": water_c + np.zeros(np.shape(level))}

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(level_m=pl.when(pick).then(-9999.0).otherwise("level_m"))
