"""Road sections and car parks: rush hours, Fridays, holidays, school breaks, rain and accidents."""

from __future__ import annotations

import numpy as np
import polars as pl

from data_pipeline.holidays import HOLIDAY, SPRING_FESTIVAL, WORKDAY
from data_pipeline.simulate.clock import Clock, bumps
from data_pipeline.simulate.feed import Dirt, Feed
from data_pipeline.simulate.rng import normal, smooth

DAY = 86400
MOOD = 0.11  # spread of the city's traffic from one day to another
CAPACITY_VEH = {"expressway": 150.0, "arterial": 110.0, "secondary": 70.0, "rural": 40.0}  # in five minutes, both ways


def demand(clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """How full roads are in town and in the country (0 at night to about 1 in the rush), over time alone."""
    hour = clock.hour
    rush = bumps(hour, (7.75, 0.65, 0.95), (12.0, 0.9, 0.35), (17.8, 0.9, 1.0), (14.5, 1.6, 0.28)) + bumps(hour, (20.0, 1.5, 0.25))
    leisure = bumps(hour, (10.5, 1.7, 0.55), (16.5, 2.2, 0.65), (20.0, 1.6, 0.35))
    working = clock.kind == WORKDAY
    town = np.where(working, rush, leisure)
    town = town * np.where(working & (clock.weekday == 4), 1.06, 1.0)
    summer_break = (clock.year_part > 0.50) & (clock.year_part < 0.66)
    winter_break = (clock.year_part > 0.05) & (clock.year_part < 0.125)
    town = town * np.where(working & (summer_break | winter_break) & (hour < 9.5), 0.72, 1.0)
    town = town * np.where(clock.kind == SPRING_FESTIVAL, 0.72, 1.0)
    country = 0.55 * rush + 0.25 * leisure
    country = country * np.where(clock.kind >= HOLIDAY, 1.55, np.where(working, 1.0, 1.1))
    return town, country


class RoadSpeeds(Feed):
    """`road_speeds`: mean travel speed and flow of each section every five minutes."""

    dataset = "road_speeds"
    register = "road_sections"
    cadence_s = 300
    delay_s = 45
    late_share = 0.001
    dirt = Dirt(repeated=0.0012, unknown_site=0.0010, old_clock=0.0005, impossible=0.0001)

    def __init__(self, world) -> None:  # noqa: ANN001 - World, see Feed
        super().__init__(world)
        capacity = [CAPACITY_VEH[c] for c in self.sites.frame["road_class"]]
        self._capacity = np.array(capacity) * np.exp(0.25 * normal(self.key("size"), np.arange(len(self.sites))))
        self._tight = np.exp(0.5 * normal(self.key("tight"), np.arange(len(self.sites))))

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        sites, t = self.sites, clock.t_s
        urban = np.clip(sites.urban[i], 0, 1)
        town, country = demand(clock)
        load = (urban * town + (1 - urban) * country) * (1.035 ** (clock.years - 2.5))
        load = load * (1 + 0.10 * smooth(self.key("load"), 2700, t, i))
        # some days the whole town is on the road, others it stays at home
        load = load * np.exp(MOOD * smooth(self.key("mood"), DAY, t))
        rain = self.world.weather.at(clock).rain_mm_h
        wet = 0.10 * np.sqrt(np.minimum(rain, 25.0)) * (0.4 + 0.6 * urban)
        jam = np.maximum(0.0, (0.18 + 0.75 * urban) * self._tight[i] * load**1.7) + wet * (0.35 + load)
        jam = jam + np.maximum(0.0, self.world.effect("traffic", sites.x_km[i], sites.y_km[i], t)) * (0.3 + load)
        speed = sites.of["free_kmh"][i] * 1.02 / (1.0 + jam) * (1 + 0.035 * normal(self.key("speed"), i, t // 300))
        speed = np.round(np.clip(speed, 3.0, 120.0), 1)
        flow = np.rint(self._capacity[i] * (0.05 + 0.85 * load) * (1 + 0.12 * normal(self.key("flow"), i, t // 300)))
        flow = np.maximum(flow, 0.0)
        return {"interval_s": np.full(np.shape(speed), 300), "speed_kmh": speed, "flow_veh": flow, "sample_n": np.rint(flow * 0.14 + 1.0)}

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(speed_kmh=pl.when(pick).then(-1.0).otherwise("speed_kmh"))


class ParkingCounts(Feed):
    """`parking_counts`: free spaces of each car park every quarter of an hour."""

    dataset = "parking_counts"
    register = "car_parks"
    time_column = "at"
    cadence_s = 900
    delay_s = 30

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        sites, t = self.sites, clock.t_s
        kind, capacity = sites.of["kind"][i], sites.of["capacity"][i]
        free = clock.kind != WORKDAY
        offices = np.where(free, 0.30, 0.16) + np.where(free, 0.25, 0.68) * np.minimum(1.0, bumps(clock.hour, (10.0, 1.6, 1.0), (15.3, 1.7, 0.95)))
        shops = 0.14 + np.where(free, 0.72, 0.52) * np.minimum(1.0, bumps(clock.hour, (11.5, 1.9, 0.75), (16.0, 2.0, 0.6), (19.6, 1.7, 1.0)))
        coach = 0.30 + np.where(clock.kind >= HOLIDAY, 0.5, 0.3) * np.minimum(1.0, bumps(clock.hour, (9.0, 2.5, 1.0), (16.0, 3.0, 0.9)))
        homes = 0.88 - np.where(free, 0.22, 0.42) * np.minimum(1.0, bumps(clock.hour, (10.5, 2.4, 1.0), (15.5, 2.4, 1.0)))
        tables = np.stack([offices, shops, coach, homes])
        shape = np.choose(np.broadcast_to(kind, np.broadcast_shapes(kind.shape, t.shape)), tables)
        level = 0.82 + 0.16 * normal(self.key("level"), i) + 0.05 * smooth(self.key("mood"), 10800, t, i)
        extra = self.world.effect("parking", sites.x_km[i], sites.y_km[i], t)
        use = np.clip(shape * level * 1.02 ** (clock.years - 2.5) + extra + 0.012 * normal(self.key("now"), i, t // 900), 0.0, 1.0)
        return {"free_spaces": np.rint(capacity * (1 - use)), "capacity": capacity + np.zeros(np.shape(use))}

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(free_spaces=pl.when(pick).then(pl.col("capacity") + 37).otherwise("free_spaces"))
