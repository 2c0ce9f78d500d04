"""Load of substations and online time of sensing terminals."""

from __future__ import annotations

import numpy as np
import polars as pl

from data_pipeline.holidays import HOLIDAY, SPRING_FESTIVAL, WORKDAY
from data_pipeline.simulate.clock import Clock, bumps
from data_pipeline.simulate.feed import Dirt, Feed
from data_pipeline.simulate.rng import normal, smooth, uniform

DAY = 86400


class PowerLoad(Feed):
    """`power_load`: mean load of each supply area every quarter of an hour.

    Homes and shops follow the clock and the temperature (cooling above 26 °C, heating below 8 °C),
    works run on through the night and stop at Spring Festival.
    """

    dataset = "power_load"
    register = "substations"
    cadence_s = 900
    delay_s = 120
    late_share = 0.0004  # few substations: one that is missing shows in every curve
    dirt = Dirt(repeated=0.0012, unknown_site=0.0012, old_clock=0.0005, impossible=0.0001)

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        sites, t = self.sites, clock.t_s
        works = 0.25 + 0.5 * sites.of["industry"][i] * (1 - 0.6 * sites.urban[i])
        hot = self.world.weather.at(clock).temperature_c
        homes = 0.62 + bumps(clock.hour, (8.0, 1.6, 0.16), (12.2, 1.4, 0.2), (19.8, 2.2, 0.42), (3.5, 2.8, -0.22))
        homes = homes * (1 + 0.05 * (clock.kind != WORKDAY)) + 0.034 * np.maximum(hot - 26.0, 0) + 0.02 * np.maximum(8.0 - hot, 0)
        plant = 0.86 + bumps(clock.hour, (10.0, 2.2, 0.16), (15.5, 2.2, 0.15), (3.0, 3.0, -0.07))
        plant = plant * np.where(clock.kind == SPRING_FESTIVAL, 0.5, np.where(clock.kind == HOLIDAY, 0.86, np.where(clock.kind == WORKDAY, 1.0, 0.95)))
        load = 0.46 * ((1 - works) * homes + works * plant) * 1.055 ** (clock.years - 2.5)
        load = load * (1 + 0.12 * normal(self.key("level"), i) + 0.02 * smooth(self.key("mood"), DAY, t, i) + 0.008 * normal(self.key("now"), i, t // 900))
        load = load * np.clip(1 + self.world.effect("load", sites.x_km[i], sites.y_km[i], t), 0.3, 2)
        return {"load_mw": np.round(sites.of["capacity_mva"][i] * load, 2), "interval_s": np.full(np.shape(load), 900)}

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(load_mw=pl.when(pick).then(-pl.col("load_mw")).otherwise("load_mw"))


class TerminalStatus(Feed):
    """`terminal_status`: seconds online and messages sent of each sensing terminal and hour.

    A terminal without power or line is reported by the platform with 0 s, so that the report itself
    is there; some devices are worn and drop out for hours.
    """

    dataset = "terminal_status"
    register = "sensing_terminals"
    cadence_s = 3600
    delay_s = 180

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        sites, t = self.sites, clock.t_s
        worn = uniform(self.key("worn"), i, t // (20 * DAY)) < 0.022
        out = uniform(self.key("out"), i, t // (4 * 3600)) < np.where(worn, 0.5, 0.011)
        lost = np.where(out, 0.35 + 0.65 * uniform(self.key("part"), i, t // 3600), 0.012 * uniform(self.key("blink"), i, t // 3600))
        cut = self.world.effect("offline", sites.x_km[i], sites.y_km[i], t)
        struck = uniform(self.key("struck"), i, t // DAY) < cut
        rain = self.world.weather.at(clock).rain_mm_h
        lost = np.maximum(lost, np.where(struck, 0.95, 0.0)) + np.where(sites.of["outdoor"][i], 0.004, 0.001) * np.minimum(rain, 20)
        online = np.rint(3600 * np.clip(1 - lost, 0, 1))
        wanted = 12 * (1 + 0.5 * (rain > 4) * sites.of["outdoor"][i])
        return {"online_s": online, "messages_n": np.rint(online / 3600 * wanted)}

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(online_s=pl.when(pick).then(pl.lit(86400)).otherwise("online_s"))
