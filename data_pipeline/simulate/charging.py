"""Charging stations by the hour, and the state of each connector once a day: kinds of stations, seasons, growth, faults, power cuts."""

from __future__ import annotations

import numpy as np
import polars as pl

from data_pipeline.holidays import HOLIDAY, SPRING_FESTIVAL, WEEKEND
from data_pipeline.simulate.clock import Clock, bumps
from data_pipeline.simulate.feed import Dirt, Feed
from data_pipeline.simulate.rng import normal, smooth, uniform
from data_pipeline.simulate.sites import Sites

DAY = 86400
# busy hours by kind of station: bus depot, hospital and offices, shops and squares, logistics and roads, housing
_PEAKS = (
    ((0.5, 2.2, 1.5), (12.5, 1.6, 0.8), (22.5, 1.5, 1.2)),
    ((10.5, 2.0, 0.9), (15.5, 2.0, 0.9)),
    ((13.0, 1.6, 0.9), (19.5, 2.0, 1.1), (1.0, 2.0, 0.5)),
    ((12.8, 1.5, 1.1), (0.5, 2.5, 1.0), (17.5, 1.5, 0.6)),
    ((23.0, 2.4, 1.4), (13.0, 1.5, 0.4)),
)
GROWTH_A_YEAR = 1.13


class ChargingHourly(Feed):
    """`charging_hourly`: gun-hours, faults and energy of each station and hour."""

    dataset = "charging_hourly"
    register = "charging_stations"
    cadence_s = 3600
    delay_s = 240

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        sites, t = self.sites, clock.t_s
        kind, guns, rated = sites.of["kind"][i], sites.of["guns"][i], sites.of["rated_kw"][i]
        profile = np.stack([0.10 + bumps(clock.hour, *peaks) for peaks in _PEAKS])
        shape = np.choose(kind, profile) if clock.hour.ndim == 1 else np.choose(np.broadcast_to(kind, (kind.shape[0], t.shape[-1])), profile)
        free = clock.kind >= WEEKEND
        festive = clock.kind >= HOLIDAY
        by_day = 1.0 + np.where(kind == 1, -0.45, np.where(kind == 2, 0.18, np.where(kind == 4, 0.05, -0.04))) * free
        by_day = by_day * np.where(festive & (kind == 3), 1.35, 1.0) * np.where((clock.kind == SPRING_FESTIVAL) & (kind == 0), 0.75, 1.0)
        season = 1.0 + 0.10 * np.cos((clock.year_part - 0.04) * 2 * np.pi) + 0.07 * np.exp(-0.5 * ((clock.year_part - 0.57) / 0.08) ** 2)
        growth = GROWTH_A_YEAR ** (clock.years - 2.5)
        level = 0.11 * np.exp(0.45 * normal(self.key("level"), i)) * (0.75 + 0.6 * sites.urban[i])
        mood = np.exp(0.22 * smooth(self.key("mood"), 2 * DAY, t, i) + 0.28 * normal(self.key("hour"), i, t // 3600))
        cut = self.world.effect("charging", sites.x_km[i], sites.y_km[i], t)
        use = np.clip(level * shape * by_day * season * growth * mood * np.clip(1 + cut, 0.05, 2), 0.0, 0.96)
        ill = uniform(self.key("ill"), i, (t // DAY + i) // 3) < 0.05
        fault = np.clip(0.012 + 0.02 * smooth(self.key("wear"), 3 * DAY, t, i) + np.where(ill, 0.22, 0.0), 0.0, 0.6)
        fault_h = np.round(guns * fault, 2)
        idle = uniform(self.key("kept out"), i, (t // DAY + 3 * i) // 5) < 0.03  # some days of maintenance
        inoperative_h = np.round(np.minimum(guns * np.where(idle, 0.3, 0.004), guns - fault_h), 2)
        busy_h = np.round(np.minimum(guns * use, guns - fault_h - inoperative_h), 3)
        per_gun_kw = rated / guns * (0.56 + 0.06 * normal(self.key("power"), i, t // 3600))
        return {
            "guns": guns + np.zeros(np.shape(use)), "charging_gun_hours": busy_h, "fault_gun_hours": fault_h, "inoperative_gun_hours": inoperative_h,
            "energy_kwh": np.round(busy_h * np.maximum(per_gun_kw, 1.5), 2), "rated_power_kw": rated + np.zeros(np.shape(use)),
        }  # fmt: skip

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        # half of them negative energy, half more gun-hours than guns
        negative = pick & (pl.col("energy_kwh").floor() % 2 == 0)
        return frame.with_columns(
            energy_kwh=pl.when(negative).then(-pl.col("energy_kwh") - 1).otherwise("energy_kwh"),
            charging_gun_hours=pl.when(pick & ~negative).then(pl.col("guns") * 1.4).otherwise("charging_gun_hours"),
        )


class ConnectorStates(Feed):
    """`connector_states`: one state a connector at 8 o'clock (T/CEC 102 codes), in the proportions of the hour's gun-hours."""

    dataset = "connector_states"
    register = "charging_stations"
    time_column = "at"
    cadence_s = DAY
    delay_s = 300 - DAY  # as it stands at the moment, due five minutes later
    late_share = 0.0
    dirt = Dirt(repeated=0.0004, unknown_site=0.0002, old_clock=0.0001, impossible=0.0002)

    @property
    def sites(self) -> Sites:
        """The connectors: each station as often as it has some."""
        if not hasattr(self, "_own"):
            stations = self.world.sites[self.register]
            row = np.repeat(np.arange(len(stations)), stations.of["guns"].astype(int))
            number = np.arange(row.size) - np.searchsorted(row, row)
            ids = [f"{site}-{k + 1:02d}" for site, k in zip(stations.ids[row], number, strict=True)]
            self._own = Sites(
                self.dataset, stations.frame[row].with_columns(connector_id=pl.Series(ids, dtype=pl.String)), stations.x_km[row], stations.y_km[row],
                stations.patch[row], stations.urban[row], stations.opened[row], stations.closed[row], {"station": row},
            )  # fmt: skip
            self._hourly = ChargingHourly(self.world)
        return self._own

    def values(self, i: np.ndarray, clock: Clock) -> dict[str, np.ndarray]:
        sites = self.sites
        hour = self._hourly.values(sites.of["station"][i], clock)
        part = {name: hour[f"{name}_gun_hours"] / hour["guns"] for name in ("fault", "inoperative", "charging")}
        u = uniform(self.key("state"), i, clock.t_s)
        # the rest of the line: taken without charging, reserved, offline, free
        edges = np.cumsum(np.stack([part["fault"], part["inoperative"], part["charging"], 0.12 * part["charging"], 0.01 + 0 * u, 0.012 + 0 * u]), axis=0)
        # T/CEC 102 has no word for "taken out of service": such a connector is reported as offline
        codes = np.array(["255", "0", "3", "2", "4", "0", "1"], dtype=object)
        state = codes[(u[None, ...] >= edges).sum(axis=0)]
        return {"connector_id": np.broadcast_to(sites.frame["connector_id"].to_numpy()[i], np.shape(state)), "native_status": state}

    def spoil(self, frame: pl.DataFrame, pick: pl.Expr) -> pl.DataFrame:
        return frame.with_columns(native_status=pl.when(pick).then(pl.lit("7")).otherwise("native_status"))
